"""How a ledger lets us in: its secrets stay secret, and what cannot work is said before anything is sent."""

from pathlib import Path

import pytest

from gateway.config import ConfigError, parse_config
from gateway.ledger.access import LedgerAccess, parse_access, parse_headers, secret, shown
from gateway.ledger.errors import LedgerConfigurationError

TOKEN = "eyJhbGciOiJub25lIn0.secret"
LEAST = {"state": "s", "environment": "e", "broker": "mqtt://localhost"}


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_url_is_enough(tmp_path: Path) -> None:
    assert parse_access("http://node:8545", tmp_path) == LedgerAccess(("http://node:8545",))


def test_a_table_with_everything(tmp_path: Path) -> None:
    private(tmp_path / "headers", f"# of the provider\n\nAuthorization: Bearer {TOKEN}\r\nX-Team:  a b \n")
    table = {
        "url": ["https://one.example", "https://two.example/v3/KEY"],
        "headers": "file:headers",
        "authorities": "ca.pem",
    }
    access = parse_access(table, tmp_path)
    assert access.urls == ("https://one.example", "https://two.example/v3/KEY")
    assert access.headers == {"Authorization": f"Bearer {TOKEN}", "X-Team": "a b"}
    assert access.authorities == tmp_path / "ca.pem"
    assert "KEY" not in repr(access)
    assert TOKEN not in repr(access)


def test_a_url_may_be_secret_itself(tmp_path: Path) -> None:
    private(tmp_path / "url", "https://node.example/v3/KEY\n")
    assert parse_access("file:url", tmp_path).urls == ("https://node.example/v3/KEY",)


def test_a_credential_of_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ledger-headers").write_text(f"Authorization: Bearer {TOKEN}\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    access = parse_access({"url": "https://n", "headers": "credential:ledger-headers"}, Path("/nowhere"))
    assert access.headers == {"Authorization": f"Bearer {TOKEN}"}
    for name in ("../ledger-headers", "", ".."):
        with pytest.raises(LedgerConfigurationError, match="is no name of a credential"):
            secret(f"credential:{name}")


def test_a_credential_without_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(LedgerConfigurationError, match="LoadCredential="):
        secret("credential:ledger-headers")


def test_a_file_that_others_can_read(tmp_path: Path) -> None:
    private(tmp_path / "headers", "A: b").chmod(0o640)
    with pytest.raises(LedgerConfigurationError, match="chmod 600") as raised:
        secret("file:headers", tmp_path)
    assert raised.value.exit_code == 78


@pytest.mark.parametrize("content", [None, b"\xff", b"x" * 20_000])
def test_a_file_that_cannot_be_used(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "headers").write_bytes(content)
        (tmp_path / "headers").chmod(0o600)
    with pytest.raises(LedgerConfigurationError) as raised:
        secret("file:headers", tmp_path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "line", ["Bearer", ": x", "A:", "A B: c", "A: \x07", "A: é", "Host: x", "content-type: text/plain"]
)
def test_a_line_that_is_no_header_is_not_shown(line: str) -> None:
    with pytest.raises(LedgerConfigurationError, match="line 2") as raised:
        parse_headers(f"A: {TOKEN}\n{line}\n")
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize(
    "setting",
    [
        5, [], {}, {"url": []}, {"url": 5}, {"url": ["http://a", 5]}, {"url": "http://a", "headers": 5},
        {"url": "http://a", "authorities": 5}, {"url": "http://a", "token": "x"}, {"url": ["http://a"] * 17},
        "localhost:8545", "http://", "http://[",
    ],
)  # fmt: skip
def test_a_setting_that_is_none(tmp_path: Path, setting: object) -> None:
    with pytest.raises(LedgerConfigurationError) as raised:
        parse_access(setting, tmp_path)
    assert "\n" not in str(raised.value)
    with pytest.raises(ConfigError):
        parse_config({**LEAST, "ledger": setting}, tmp_path)


def test_credentials_do_not_travel_in_the_clear(tmp_path: Path) -> None:
    headers = {"A": "b"}
    with pytest.raises(LedgerConfigurationError, match="unencrypted"):
        LedgerAccess(("http://10.0.0.5:8545",), headers)
    with pytest.raises(LedgerConfigurationError, match="unencrypted") as raised:
        LedgerAccess(("http://user:password@10.0.0.5:8545",))
    assert "password" not in str(raised.value)
    LedgerAccess(("http://127.0.0.1:8545", "http://[::1]:1", "https://node.example"), headers)


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("http://127.0.0.1:8545/", "http://127.0.0.1:8545"),
        ("https://mainnet.example/v3/KEY", "https://mainnet.example/…"),
        ("https://user:KEY@node.example:1", "https://node.example:1"),
        ("https://node.example?apikey=KEY", "https://node.example/…"),
        ("http://[::1]:8545", "http://[::1]:8545"),
        ("http://[", "an ill-formed URL"),
    ],
)
def test_what_is_shown_of_a_url(url: str, seen: str) -> None:
    assert shown(url) == seen
