"""Who is taken out of [kiosks] while the gateway runs is told nothing any more."""

from pathlib import Path
from typing import cast

from gateway.config import load_config
from gateway.links.link import Link
from gateway.service import Gateway
from tests.gateway.actors import KioskKey
from tests.gateway.running import write_config


class Recorder:
    """A link that takes everything."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []

    def send(self, kiosk_id: str, message: bytes) -> bool:
        self.taken.append((kiosk_id, message))
        return True


def test_messages_for_a_kiosk_that_was_taken_out_are_dropped(tmp_path: Path) -> None:
    gone, here = KioskKey(), KioskKey()
    gateway, link = (
        Gateway(load_config(write_config(tmp_path, "", [gone, here], bluetooth="ble:"))),
        Recorder(),
    )
    gateway._links.append(cast("Link", link))
    gateway._send(gone.id, b"while it is listened to")
    gateway.listen_to({here.kid: here.public})
    for kiosk in (gone, here):
        gateway._send(kiosk.id, b"who asks whom for what")
    assert link.taken == [(gone.id, b"while it is listened to"), (here.id, b"who asks whom for what")]
