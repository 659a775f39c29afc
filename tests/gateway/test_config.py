from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import ConfigError, load_config, parse_config, parse_listen
from gateway.ledger.access import LedgerAccess
from tests.gateway.actors import KioskKey

KIOSK, OTHER = KioskKey(), KioskKey()
LEAST = {"state": "s", "environment": "e", "broker": "mqtt://localhost"}


def public(kiosk: KioskKey) -> str:
    return kiosk.public.public_bytes_raw().hex()


def test_three_settings_suffice(tmp_path: Path) -> None:
    config = parse_config(LEAST, tmp_path)
    assert (config.state, config.journal) == (tmp_path / "s", tmp_path / "s" / "journal.sqlite")
    assert (config.ledger, config.contract, config.chain_id, config.relay.confirmations) == (
        None,
        None,
        None,
        1,
    )
    assert (config.listen, dict(config.kiosks)) == (("127.0.0.1", 8700), {})


def test_every_setting_arrives(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(
        'state = "/var/lib/x"\nenvironment = "live"\nbroker = "mqtt://broker:1884"\nlisten = "[::1]:0"\n'
        'journal = "postgresql://me@db/x"\n'
        'ledger = "https://node"\nledger_listen = "0.0.0.0:1"\nchain_id = 5\nconfirmations = 3\n'
        f'contract = "0x{"ab" * 20}"\n[kiosks]\n"{KIOSK.id}" = "{public(KIOSK)}"\n'
    )
    config = load_config(path)
    assert config.state == Path("/var/lib/x")
    assert (config.listen, config.ledger_listen) == (("::1", 0), ("0.0.0.0", 1))
    assert (config.ledger, config.chain_id, config.relay.confirmations) == (
        LedgerAccess(("https://node",)),
        5,
        3,
    )
    assert (config.contract, config.journal) == (b"\xab" * 20, "postgresql://me@db/x")
    assert list(config.kiosks) == [KIOSK.kid]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"state": None}, "'state' is missing"),
        ({"environment": None}, "'environment' is missing"),
        ({"environment": ""}, "'environment'"),
        ({"environment": "x" * 65}, "'environment'"),
        ({"broker": None}, "'broker' is missing"),
        ({"broker": "tcp://x"}, "'broker' must be a URL"),
        ({"broker": "mqtt://"}, "'broker' must be a URL"),
        ({"broker": "mqtt://host:99999"}, "'broker' must be a URL"),
        ({"broker": 5}, "'broker' must be a text"),
        ({"journal": "journal.sqlite"}, "'journal' must be a URL"),
        ({"journal": "mysql://db/x"}, "'journal' must be a URL"),
        ({"journal": "postgresql:x"}, "'journal' must be a URL"),
        ({"journal": "postgresql://[db/x"}, "'journal' is not a URL"),
        ({"journal": "postgresql://me:secret@db/x"}, "must not contain a password"),
        ({"journal": "postgresql://db/x?password=secret"}, "must not contain a password"),
        ({"journal": "postgresql://me@db/x"}, "'journal' needs 'ledger' and 'contract'"),
        ({"journal": 5}, "'journal' must be a text"),
        ({"ledger": "localhost:8545"}, "is not the URL of a ledger"),
        ({"listen": "8700"}, "'listen' must be HOST:PORT"),
        ({"listen": "host:port"}, "'listen' must be HOST:PORT"),
        ({"listen": "host:65536"}, "'listen' must be HOST:PORT"),
        ({"contract": "0x12"}, "'contract'"),
        ({"chain_id": 0}, "'chain_id'"),
        ({"chain_id": True}, "'chain_id'"),
        ({"chain_id": "1"}, "'chain_id'"),
        ({"confirmations": 1001}, "'confirmations'"),
        ({"brocker": "mqtt://x"}, "unknown setting 'brocker'"),
        ({"kiosks": []}, "'kiosks' must be a table"),
        ({"kiosks": {KIOSK.id: "12"}}, f"kiosks.{KIOSK.id}"),
        ({"kiosks": {KIOSK.id: public(OTHER)}}, f"belongs to kiosk {OTHER.id}"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",  # no key drawn at import in a name
)
def test_a_setting_that_cannot_be_followed_is_named(change: dict[str, Any], words: str) -> None:
    settings = {name: value for name, value in {**LEAST, **change}.items() if value is not None}
    with pytest.raises(ConfigError) as caught:
        parse_config(settings, Path())
    assert words in str(caught.value)
    assert caught.value.exit_code == 78


@pytest.mark.parametrize("content", [None, b"not = toml = at all", b"\xff\xfe"])
def test_a_file_that_is_none_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "gateway.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"gateway\.toml") as caught:
        load_config(path)
    assert "\n" not in str(caught.value)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_address_is_read_or_refused(text: str) -> None:
    try:
        host, port = parse_listen(text, "listen")
    except ConfigError:
        return
    assert host or text.startswith("[")
    assert 0 <= port < 65536
