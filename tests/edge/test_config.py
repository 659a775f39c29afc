"""The configuration: a whole one is read, and each fault in one is named in one line."""

from pathlib import Path

import pytest

from edge import config
from edge.errors import ConfigError
from tests.edge.conftest import write_config

ADDRESS = "0x" + "ab" * 20


def test_a_whole_configuration(tmp_path: Path) -> None:
    loaded = config.load(
        write_config(tmp_path / "edge.toml", state="kiosk", requesters={ADDRESS: "City hospital"})
    )
    assert loaded.state == tmp_path / "kiosk"
    assert loaded.panel == tmp_path / "kiosk" / "agent.sock"
    assert not loaded.on_ledger
    assert loaded.links == ("mqtt://127.0.0.1:1",)
    assert loaded.domain.chain_id == 1337
    assert config.display_name(loaded.requesters, bytes.fromhex("ab" * 20)) == "City hospital"
    assert config.display_name(loaded.requesters, bytes(20)) == "unknown requester 0x" + "00" * 20


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"state": None}, "'state' is missing"),
        ({"sensor": 7}, "'sensor' must be a text"),
        ({"chain_id": "1"}, "'chain_id' must be a whole number"),
        ({"chain_id": True}, "'chain_id' must be a whole number"),
        ({"chain_id": -1}, "chain id"),
        ({"contract": "0x12"}, "'contract'.*20 bytes"),
        ({"gateway_key": "zz" * 32}, "'gateway_key'.*32 bytes"),
        ({"environment": ""}, "environment"),
        ({"storage": "cloud"}, '"store" or "ledger"'),
        ({"outbox_limit": 0}, "at least 1"),
        ({"sensors": "typo"}, "unknown setting 'sensors'"),
        ({"broker": None}, "'links' must be a list of URLs"),
        ({"broker": None, "links": []}, "'links' must be a list of URLs"),
        ({"broker": None, "links": [1]}, "'links' must be a list of URLs"),
        ({"links": ["mqtt://127.0.0.1"]}, "'links' or 'broker'"),
        ({"phones": "usb:"}, "'phones': Bluetooth is named"),
        ({"gateway_url": "gateway.example"}, "'gateway_url' is the gateway's address"),
        ({"gateway_url": "https://" + "x" * 200}, "at most 200"),
        ({"requesters": {"0x12": "short"}}, "20 bytes"),
        ({"requesters": {ADDRESS: "\u202e"}}, "must be a text"),
        ({"requesters": {ADDRESS: 7}}, "must be a text"),
    ],
)
def test_each_fault_is_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        config.load(write_config(tmp_path / "edge.toml", **change))
    assert "\n" not in str(refused.value)
    assert "edge.toml" in str(refused.value)


def test_phones_are_off_until_they_are_wanted(tmp_path: Path) -> None:
    assert config.load(write_config(tmp_path / "edge.toml")).phones is None
    loaded = config.load(
        write_config(tmp_path / "edge.toml", phones="ble:hci1", gateway_url="https://g.test/")
    )
    assert (loaded.phones, loaded.gateway_url) == ("hci1", "https://g.test")


def test_several_links(tmp_path: Path) -> None:
    urls = ["mqtt://one.example", "mqtts://two.example"]
    assert config.load(write_config(tmp_path / "edge.toml", broker=None, links=urls)).links == tuple(urls)


@pytest.mark.parametrize("content", [b"state = ", b"\xff\xfe", b"state = 1\nstate = 2"])
def test_what_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "edge.toml").write_bytes(content)
    with pytest.raises(ConfigError, match="not a TOML file"):
        config.load(tmp_path / "edge.toml")


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--config FILE"):
        config.load(tmp_path / "edge.toml")
    with pytest.raises(ConfigError, match="cannot read"):
        config.load(tmp_path)


def test_names_are_cleaned(tmp_path: Path) -> None:
    loaded = config.load(write_config(tmp_path / "edge.toml", requesters={ADDRESS: "City\u202e\nhospital"}))
    assert loaded.requesters == {bytes.fromhex("ab" * 20): "City hospital"}


def test_the_template_lacks_only_what_nobody_else_can_know(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(config.TEMPLATE.format(state="kiosk"))
    with pytest.raises(ConfigError, match="contract"):
        config.load(path)
    path.write_text(
        path.read_text()
        .replace('contract = ""', f'contract = "{ADDRESS}"')
        .replace('gateway_key = ""', f'gateway_key = "{"00" * 32}"')
    )
    assert config.load(path).environment == "production"
