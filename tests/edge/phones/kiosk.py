"""A whole kiosk in this process: state, biometrics, journeys and reception; only the sensor is a stand-in."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from queue import Queue
from types import SimpleNamespace
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.acts import act_from_map
from contracts.cose import kid_of
from contracts.hexes import to_hex
from contracts.messages import KioskMessage, Receipt, ReceiptStatus, RequestNotice, SignedRequest
from contracts.pairing import Offer
from drivers.image import FingerImage
from edge.biometrics.minutiae import MinutiaExtractor
from edge.events import Event, PairingCode
from edge.identity import files
from edge.journeys.handing_in import SignedAct
from edge.journeys.pair import Pairing, Terms, pair
from edge.journeys.visit import Desk, Visit
from edge.links.inbox import Inbox
from edge.links.outbox import Outbox
from edge.phone.companion import Carrier, Companion
from edge.phone.happening import Happened
from edge.phone.meeting import pair as pair_phone
from edge.phone.state import PhoneState
from edge.phones.duplex import Duplex
from edge.phones.reception import Reception
from edge.phones.room import Room
from edge.state.database import FILE_NAME, Database
from hw.fingers import SyntheticFingers
from tests.edge.phones.memory import MemoryDuplex, radio
from tests.edge.standin import DOMAIN, Requester

OWNER, OTHER = 7, 8
WIDTH, HEIGHT = 256, 288
GATEWAY = Ed25519PrivateKey.generate()


class Glass:
    """A sensor on which `finger` lies whenever one is wanted.

    It lies as it did at some enrolment press, so that it is recognised at once: these tests are not about
    fingers that are not.
    """

    def __init__(self) -> None:
        self.finger = OWNER
        self.info = SimpleNamespace(width=WIDTH, height=HEIGHT, dpi=500)
        self.free = threading.Event()  # cleared while the person is still reading
        self.free.set()
        self.stuck = False
        self._source = SyntheticFingers()
        self._impressions = cycle(range(1, 4))

    def capture(self, **_: Any) -> FingerImage:
        pixels = self._source.press(self.finger, next(self._impressions), WIDTH, HEIGHT)
        return FingerImage(bytearray(pixels.tobytes()), WIDTH, HEIGHT, 500)

    def wait_lifted(self, timeout: float, _cancelled: Callable[[], bool]) -> bool:
        return self.free.wait(timeout) and not self.stuck


@dataclass
class Phone:
    """A phone in somebody's hand."""

    state: PhoneState
    happened: list[Happened] = field(default_factory=list)

    def tell(self, happened: Happened) -> None:
        self.happened.append(happened)

    def scan(self, duplex: Duplex, code: str, bring: bytes | None = None) -> Companion:
        return pair_phone(
            duplex, Offer.parse(code), "Erika's phone", self.state, self.tell, now=time.time(), bring=bring
        )

    def told(self, what: str) -> list[dict[str, object]]:
        return [each.detail for each in self.happened if each.what == what]


class Kiosk:
    """One kiosk, without a link of its own to the gateway."""

    def __init__(self, directory: Path, like: "Kiosk | None" = None) -> None:
        """Set one up; `like` another of the same operator, whose pepper it shares."""
        self.state = directory
        files.initialise(directory)
        if like is not None:
            (directory / files.PEPPER).write_bytes((like.state / files.PEPPER).read_bytes())
        self.glass = Glass()
        self.clock: Callable[[], float] = time.time
        self.database = Database(directory / FILE_NAME)
        self.outbox = Outbox(self.database, limit=100)
        self.known = Requester()
        self.desk = Desk(
            sensor=self.glass,  # type: ignore[arg-type]  # the stand-in
            extractor=MinutiaExtractor(),
            database=self.database,
            outbox=self.outbox,
            state=directory,
            device_key=files.device_key(directory),
            domain=DOMAIN,
            on_ledger=False,
            requesters={self.known.address: "City hospital"},
            room=Room(self.outbox.wake),
            seen=None,
            clock=lambda: self.clock(),
        )
        self.inbox = Inbox(self.database, self.outbox, gateway_key=GATEWAY.public_key(), domain=DOMAIN)
        self.reception = Reception(self.desk, files.phone_key(directory), self.inbox.hear)
        self.terms = Terms(GATEWAY.public_key().public_bytes_raw(), "http://gateway.test")
        self.events: list[Event] = []

    @property
    def id(self) -> bytes:
        return kid_of(self.desk.device_key.public_key())

    def visit(self, cancelled: Callable[[], bool] = lambda: False) -> Visit:
        return Visit(self.desk, self.events.append, cancelled)

    def connect(self, **meddle: Any) -> MemoryDuplex:
        return radio(self.reception.arrived, **meddle)

    def notify(self, signed: SignedRequest) -> str:
        self.inbox.hear(RequestNotice("test", signed).sign(GATEWAY))
        return to_hex(signed.request.hash_struct())

    def settle(self, signed: SignedAct, reason: str = "") -> None:
        """The gateway's receipt for an act arrives."""
        self.inbox.hear(receipt_for(signed.message, reason))

    # A pairing, with the person at the kiosk and the phone in their hand

    def begin(self, *, cancelled: Callable[[], bool] = lambda: False, **how: Any) -> "Beginning":
        """The person has asked for a code; the screen shows it."""
        codes: Queue[str] = Queue()

        def report(event: Event) -> None:
            self.events.append(event)
            if isinstance(event, PairingCode):
                codes.put(event.text)

        at_kiosk = InBackground(lambda: pair(Visit(self.desk, report, cancelled), self.terms, **how))
        return Beginning(at_kiosk, codes.get(timeout=30))

    def pair(self, phone: Phone, *, bring: bytes | None = None, **how: Any) -> tuple[Pairing, Companion]:
        """The whole of it."""
        beginning = self.begin(**how)
        companion = phone.scan(self.connect(), beginning.code, bring)
        return beginning.at_kiosk.result(), companion

    def meet(self, phone: Phone, carrier: Carrier | None = None) -> Companion:
        """A paired phone comes back."""
        return Companion.connect(
            self.connect(), phone.state.kiosk(self.id.hex()), phone.state, phone.tell, carrier
        )


@dataclass
class Beginning:
    """A pairing under way at the kiosk, and the code on its screen."""

    at_kiosk: "InBackground"
    code: str


class InBackground:
    """Something on a thread, and how it ended."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._outcome: list[Any] = []
        self._error: list[BaseException] = []
        self._work = work
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._outcome.append(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            self._error.append(error)

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def check(self) -> None:
        if self._error:
            raise self._error[0]

    def result(self) -> Any:
        self._thread.join(60)
        self.check()
        assert self._outcome, "it never ended"
        return self._outcome[0]


def opened(message: bytes) -> KioskMessage:
    """What a kiosk's message says, whoever's it is."""
    payload = cbor2.loads(cbor2.loads(message)[2])
    return KioskMessage(payload[1], act_from_map(payload[2]), payload[3], payload[4])


def receipt_for(message: bytes, reason: str = "") -> bytes:
    """The gateway's signed receipt for a kiosk's message."""
    act = opened(message).act
    digest = act.digest(DOMAIN)
    now = int(time.time())
    if reason:
        return Receipt("test", digest, ReceiptStatus.REJECTED, None, None, reason, now).sign(GATEWAY)
    return Receipt("test", digest, ReceiptStatus.FINAL, b"\x11" * 32, 7, "", now).sign(GATEWAY)
