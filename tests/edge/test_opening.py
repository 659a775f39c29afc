"""The links of a configuration: by scheme, in order, and wrong ones named before anything is started."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.errors import ConfigError
from edge.links import opening
from edge.links.link import Announcement
from edge.links.opening import Ends

KEY = Ed25519PrivateKey.generate()
ENDS = Ends(
    "0123456789abcdef",
    KEY,
    KEY.public_key(),
    "test",
    lambda _: None,
    lambda: None,
    lambda: Announcement(b"", b""),
)


def test_links_are_made_in_order_and_named_by_their_urls(tmp_path: Path) -> None:
    urls = ["mqtt://one.example", "mqtt://two.example:1884", "ble:hci0"]
    routes = opening.check(urls, tmp_path)(ENDS)
    assert [route.name for route in routes] == urls
    assert not any(route.is_up for route in routes)


@pytest.mark.parametrize(
    ("urls", "words"),
    [
        (["carrier-pigeon://loft"], "does not begin with one of: mqtt"),
        (["mqtt://one", "mqtt://one"], "twice"),
        (["mqtt://"], "not of the form"),
        (["mqtt://one/path"], "not of the form"),
        (["mqtts://one:0x16"], "not of the form"),
        (["ble:/dev/bluetooth"], 'Bluetooth is named "ble:", or "ble:hci0"'),
    ],
)
def test_what_is_wrong_comes_to_light_before_a_link_is_made(
    tmp_path: Path, urls: list[str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        opening.check(urls, tmp_path)
