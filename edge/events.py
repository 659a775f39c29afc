"""What the kiosk says while a person is at it: every event, its name on the wire, and its fields.

An event travels as one JSON object on a line: `event` (its name), `step` (the part of the journey it belongs
to), and its fields as below; byte strings as 0x-hex, durations in seconds. Names and fields are stable:
screens, scripts and the demo are driven by them.

Steps: `ask` (who wants what), `capture` (finger to image), `unlock` (image to key), `sign`, `deliver` (outbox
to receipt).
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import ClassVar

from contracts.hexes import to_hex

JsonObject = dict[str, object]


@dataclass(frozen=True)
class Event:
    """Base of the events."""

    name: ClassVar[str]
    step: ClassVar[str]

    def to_json(self) -> JsonObject:
        """The event as it travels."""
        return {"event": self.name, "step": self.step} | plain(asdict(self))


@dataclass(frozen=True)
class Asked(Event):
    """Before a grant or a denial: who asks for what.

    `requester_name` is from the kiosk's own directory, or says that the requester is unknown.
    """

    name, step = "asked", "ask"
    request: bytes
    requester: bytes
    requester_name: str
    purpose: str
    subject: bytes
    record: bytes
    kind: str
    expiry: int


@dataclass(frozen=True)
class PairingCode(Event):
    """The code that a phone is to scan: `text` as a QR code, good until `expires` (Unix seconds), once."""

    name, step = "pairing_code", "ask"
    text: str
    expires: int


@dataclass(frozen=True)
class PhoneMet(Event):
    """A phone has come by the code: its name for itself, and the six digits that it must show, too."""

    name, step = "phone_met", "ask"
    label: str
    number: str


@dataclass(frozen=True)
class PhoneWanted(Event):
    """The record of `subject` is on their phone, which should be beside the kiosk now."""

    name, step = "phone_wanted", "ask"
    subject: bytes


@dataclass(frozen=True)
class RecoveryCode(Event):
    """The code by which the person can recover their identity: `text` is shown once, to be written down."""

    name, step = "recovery_code", "sign"
    text: str


@dataclass(frozen=True)
class RecoveryUnderWay(Event):
    """Somebody recovers the identity of `subject`, who can contest it.

    `new_key` takes over at `ready` (Unix seconds), unless the person contests the `recovery`.
    """

    name, step = "recovery_under_way", "unlock"
    subject: bytes
    recovery: bytes
    new_key: bytes
    ready: int


@dataclass(frozen=True)
class PlaceFinger(Event):
    """The person should put the finger down: press number `press` of at most `of`."""

    name, step = "place_finger", "capture"
    press: int
    of: int


@dataclass(frozen=True)
class NextFinger(Event):
    """Another finger than before: number `finger` of `of`, in the order in which they were named."""

    name, step = "next_finger", "capture"
    finger: int
    of: int


@dataclass(frozen=True)
class Transfer(Event):
    """The image is on the wire: `done` of `total` bytes."""

    name, step = "transfer", "capture"
    done: int
    total: int


@dataclass(frozen=True)
class Captured(Event):
    """The image is here, of `width` × `height` pixels; the transfer took `seconds`."""

    name, step = "captured", "capture"
    width: int
    height: int
    seconds: float


@dataclass(frozen=True)
class LiftFinger(Event):
    """The person should lift the finger; the next press counts only after that."""

    name, step = "lift_finger", "capture"


@dataclass(frozen=True)
class QualityJudged(Event):
    """How good the press was: `score` is 0 to 100.

    `reasons` name what is amiss, and are empty where the press is `acceptable`; `hints` are the same as
    sentences for the person.
    """

    name, step = "quality", "capture"
    score: int
    acceptable: bool
    reasons: tuple[str, ...]
    hints: tuple[str, ...]


@dataclass(frozen=True)
class OneMore(Event):
    """Enrolment needs another press; `reason` and `hint` say why."""

    name, step = "one_more", "capture"
    reason: str
    hint: str


@dataclass(frozen=True)
class NotRecognised(Event):
    """A good press did not open the record: press number `press` of `of`."""

    name, step = "not_recognised", "unlock"
    press: int
    of: int


@dataclass(frozen=True)
class ShowedTooLittle(Event):
    """A press opened no record, but showed too little to tell: press number `press` of `of`.

    `reason` and `hint` say what to change.
    """

    name, step = "showed_too_little", "unlock"
    press: int
    of: int
    reason: str
    hint: str


@dataclass(frozen=True)
class Unlocked(Event):
    """The finger opened the record of `subject`; image to key took `seconds`."""

    name, step = "unlocked", "unlock"
    subject: bytes
    seconds: float


@dataclass(frozen=True)
class EndedBadly(Event):
    """What became of an act that the person signed here earlier, told once at their next visit.

    `outcome` is `late` (its deadline passed and no receipt came: unless it had arrived in time it does not
    count), `rejected` (with the gateway's `reason`), or `final` (told as late before, it had arrived).
    """

    name, step = "ended_badly", "deliver"
    digest: bytes
    act: str
    about: bytes
    signed_at: int
    outcome: str
    reason: str


@dataclass(frozen=True)
class Signed(Event):
    """The person's key signed `act`, whose EIP-712 digest is `digest`."""

    name, step = "signed", "sign"
    act: str
    digest: bytes


@dataclass(frozen=True)
class Queued(Event):
    """The message is safe on disk; `waiting` messages have no receipt yet."""

    name, step = "queued", "deliver"
    digest: bytes
    waiting: int


@dataclass(frozen=True)
class ReceiptCame(Event):
    """The gateway's signed receipt came.

    `status` is `final` (in `block`, by `transaction`) or `rejected` (with `reason`); `seconds` is the time
    since the message was queued.
    """

    name, step = "receipt", "deliver"
    digest: bytes
    status: str
    transaction: bytes | None
    block: int | None
    reason: str
    seconds: float


Report = Callable[[Event], None]
"""Where a journey says its events."""


def plain(value: JsonObject) -> JsonObject:
    """A JSON object with byte strings as 0x-hex, and durations rounded to the millisecond."""
    return {name: _plain(item) for name, item in value.items()}


def _plain(item: object) -> object:
    if isinstance(item, bytes):
        return to_hex(item)
    if isinstance(item, float):
        return round(item, 3)
    if isinstance(item, dict):
        return plain(item)
    if isinstance(item, list | tuple):
        return [_plain(member) for member in item]
    return item
