"""Kiosks as they are, but for sensor and screen: database, outbox, courier and link, many in one process."""

import time
from collections import Counter
from itertools import count
from pathlib import Path

from contracts.messages import Presence
from edge.errors import EdgeError
from edge.links import opening
from edge.links.courier import Courier
from edge.links.inbox import Inbox
from edge.links.link import Announcement, Link, LinkState, LinkStatus
from edge.links.opening import Ends
from edge.links.outbox import Outbox
from edge.links.schedule import Route
from edge.state.database import FILE_NAME, Database
from hw.bench.crowd.kiosk import Kiosk
from hw.bench.crowd.ledger import Signed
from hw.bench.crowd.premises import Running

LIMIT = 100_000
"""Messages that may wait; what a full queue does is for the tests to show."""

SIGNATURE = 64
"""The last bytes of a message, the device's signature: they tell messages apart."""


class Counted:
    """A link, and how often each message was handed to it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.sends: Counter[bytes] = Counter()

    @property
    def status(self) -> LinkStatus:
        """As the link's."""
        return self._link.status

    def start(self) -> None:
        """As the link's."""
        self._link.start()

    def stop(self) -> None:
        """As the link's."""
        self._link.stop()

    def send(self, message: bytes, *, again: bool) -> None:
        """As the link's, but counted."""
        self.sends[message[-SIGNATURE:]] += 1
        self._link.send(message, again=again)


class Member:
    """One kiosk of the crew; used in a `with`.

    Args:
        kiosk: its key.
        state: its state directory, made here.
        url: of its link.
        gateway: whose kiosk it is.

    Attributes:
        outbox: its queue.
        skew: seconds by which its clock is wrong.
    """

    def __init__(self, kiosk: Kiosk, state: Path, url: str, gateway: Running) -> None:
        state.mkdir()
        self._kiosk, self._domain = kiosk, gateway.domain
        self.skew = 0.0
        self._database = Database(state / FILE_NAME)
        self.outbox = Outbox(self._database, limit=LIMIT, clock=lambda: time.time() + self.skew)
        inbox = Inbox(self._database, self.outbox, gateway_key=gateway.key, domain=gateway.domain)
        ends = Ends(
            kiosk_id=kiosk.id,
            device_key=kiosk.key,
            gateway_key=gateway.key,
            environment=gateway.domain.environment,
            hear=inbox.hear,
            changed=self.outbox.wake,
            announce=self._announce,
        )
        self._boots = count(1)
        (route,) = opening.check([url], state)(ends)
        self._link = Counted(route.link)
        self._courier = Courier(self.outbox, [Route(url, self._link)])

    @property
    def is_up(self) -> bool:
        """Whether its link is."""
        return self._link.status.state is LinkState.UP

    @property
    def sends(self) -> Counter[bytes]:
        """How often each message was handed to the link."""
        return self._link.sends

    def capture(self, signed: Signed) -> bytes | None:
        """A person signs: the act's digest, once it is safe in the outbox; None if the kiosk has no room."""
        digest = signed.act.digest(self._domain)
        message = self._kiosk.message(signed.signer, signed.act, self._domain)
        try:
            self.outbox.check_room()
            self.outbox.put(
                digest, signed.act.KIND, signed.signer.address, digest, message, deadline=signed.act.deadline
            )
        except EdgeError:
            return None
        return digest

    def fill_disk(self) -> None:
        """From now on nothing more can be written."""
        self._database.rows("PRAGMA max_page_count = 1")

    def free_disk(self) -> None:
        """There is room again."""
        self._database.rows("PRAGMA max_page_count = 1073741823")

    def __enter__(self) -> "Member":
        self._link.start()
        self._courier.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._courier.stop()
        self._link.stop()
        self._database.close()

    def _announce(self) -> Announcement:
        number, at = next(self._boots), int(time.time())
        birth, death = (
            Presence(self._domain.environment, number, online, at).sign(self._kiosk.key)
            for online in (True, False)
        )
        return Announcement(birth, death)
