"""What a paired phone and a kiosk say to each other inside a session: each message one CBOR map.

Key 0 is the version, key 1 the kind, the fields follow from key 2 in the order in which they stand here. The
kiosk is the one that acts; a phone is told, carries, and asks. `contracts/phone.cddl` is the specification.
"""

from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar

from contracts import cbor
from contracts.acts import ActKind
from contracts.cose import OVERHEAD
from contracts.eip712 import MAX_ENVIRONMENT
from contracts.errors import MalformedError
from contracts.hexes import ADDRESS_LENGTH, HASH_LENGTH
from contracts.labels import clean
from contracts.messages import MAX_KIOSK_MESSAGE, MAX_RECEIPT, MAX_REQUEST_NOTICE, MAX_SIGNED_REQUEST
from contracts.pairing import MAX_DATA

VERSION = 1

MAX_NAME = 60
"""Characters of a requester's name, as in the kiosk's directory."""

MAX_WORD = 60
"""Characters of a kind of record, or of how a request stands."""

MAX_TEXT = 200
"""Characters of an answer: a sentence or two."""

MAX_URL = 200

MAX_SEALED_RECORD = 48 * 1024
"""Bytes of what a kiosk keeps of a person's fingers, sealed; one finger takes under 1 KB, ten under 48."""


NOBODY = bytes(ADDRESS_LENGTH)
"""Stands where no person is meant."""


def _octets(least: int, most: int | None = None) -> Any:
    return field(metadata={"octets": (least, least if most is None else most)})


def _text(most: int) -> Any:
    return field(metadata={"text": most})


def _number(most: int = cbor.UINT64_MAX) -> Any:
    return field(metadata={"number": most})


def _truth() -> Any:
    return field(metadata={"truth": True})


@dataclass(frozen=True, slots=True)
class PhoneMessage:
    """What all of them share. Texts are cleaned as they come in, so that a screen can show them."""

    KIND: ClassVar[int]

    def encode(self) -> bytes:
        """The message as bytes."""
        values = {key: getattr(self, member.name) for key, member in enumerate(fields(self), start=2)}
        return cbor.encode({0: VERSION, 1: self.KIND, **values})


@dataclass(frozen=True, slots=True)
class Paired(PhoneMessage):
    """Kiosk: the person's finger has confirmed the pairing; this is what the phone must know.

    Attributes:
        subject: 20 bytes, whose phone it is now.
        environment, chain_id, contract: where signatures count, so that the phone can check a request itself.
        gateway_key: 32 bytes, Ed25519: signs receipts.
        gateway_url: of the gateway's HTTP, for carrying messages; empty if the kiosk names none.
        record_follows: whether the phone is to carry the person's sealed record: `RecordHanded` comes next.
    """

    KIND = 1
    subject: bytes = _octets(ADDRESS_LENGTH)
    environment: str = _text(MAX_ENVIRONMENT)
    chain_id: int = _number()
    contract: bytes = _octets(ADDRESS_LENGTH)
    gateway_key: bytes = _octets(32)
    gateway_url: str = _text(MAX_URL)
    record_follows: bool = _truth()


@dataclass(frozen=True, slots=True)
class News(PhoneMessage):
    """Kiosk: a request, or one that stands otherwise than before.

    Attributes:
        signed_request: as its requester signed it, an encoded `SignedRequest`; the phone checks it itself.
        requester_name: by the kiosk's own directory.
        kind: of the record.
        state: how the request stands, as far as the kiosk knows.
    """

    KIND = 2
    signed_request: bytes = _octets(1, MAX_SIGNED_REQUEST)
    requester_name: str = _text(MAX_NAME)
    kind: str = _text(MAX_WORD)
    state: str = _text(MAX_WORD)


@dataclass(frozen=True, slots=True)
class ReceiptCopy(PhoneMessage):
    """Kiosk: the gateway's receipt for an act of this person, signed by the gateway.

    Attributes:
        act: number of the act's kind.
        about: the subject, record or request that it is about.
        receipt: COSE bytes.
    """

    KIND = 3
    act: int = _number(255)
    about: bytes = _octets(ADDRESS_LENGTH, HASH_LENGTH)
    receipt: bytes = _octets(1, MAX_RECEIPT + OVERHEAD)

    @property
    def act_name(self) -> str:
        """Name of the act; a number for one that this release does not know."""
        try:
            return ActKind(self.act).name.lower()
        except ValueError:
            return f"act {self.act}"


@dataclass(frozen=True, slots=True)
class CaughtUp(PhoneMessage):
    """Kiosk: that was all there is; what follows is new."""

    KIND = 4


@dataclass(frozen=True, slots=True)
class RecordWanted(PhoneMessage):
    """Kiosk: the person is here with their finger; lend their protected record.

    In a pairing, before the finger, the kiosk asks for `NOBODY`'s: whatever record the phone has brought.
    """

    KIND = 5
    subject: bytes = _octets(ADDRESS_LENGTH)


@dataclass(frozen=True, slots=True)
class RecordHanded(PhoneMessage):
    """Kiosk: keep this protected record from now on; the kiosk forgets it once `RecordKept` is here."""

    KIND = 6
    subject: bytes = _octets(ADDRESS_LENGTH)
    sealed: bytes = _octets(1, MAX_SEALED_RECORD)


@dataclass(frozen=True, slots=True)
class Parcel(PhoneMessage):
    """Kiosk: carry this message to the gateway, POST /messages/{kiosk}."""

    KIND = 7
    message: bytes = _octets(1, MAX_KIOSK_MESSAGE + OVERHEAD)


@dataclass(frozen=True, slots=True)
class Answer(PhoneMessage):
    """Kiosk: how the phone's wish was taken; and why a pairing came to nothing."""

    KIND = 8
    taken: bool = _truth()
    text: str = _text(MAX_TEXT)


@dataclass(frozen=True, slots=True)
class Follow(PhoneMessage):
    """Phone: tell me the requests and receipts of my person, and what is new as it comes."""

    KIND = 32


@dataclass(frozen=True, slots=True)
class RecordLent(PhoneMessage):
    """Phone: the sealed record, for this visit; the kiosk keeps it in memory as long as the journey lasts."""

    KIND = 33
    subject: bytes = _octets(ADDRESS_LENGTH)
    sealed: bytes = _octets(1, MAX_SEALED_RECORD)


@dataclass(frozen=True, slots=True)
class RecordAbsent(PhoneMessage):
    """Phone: I carry no record of this person."""

    KIND = 34
    subject: bytes = _octets(ADDRESS_LENGTH)


@dataclass(frozen=True, slots=True)
class RecordKept(PhoneMessage):
    """Phone: the record is on my disk; `digest` is the SHA-256 of its sealed bytes."""

    KIND = 35
    subject: bytes = _octets(ADDRESS_LENGTH)
    digest: bytes = _octets(HASH_LENGTH)


@dataclass(frozen=True, slots=True)
class WithdrawalWish(PhoneMessage):
    """Phone: this consent is to be withdrawn; the person is about to give the finger.

    `signed_request` says what it is about, also at a kiosk that never heard of it.
    """

    KIND = 36
    signed_request: bytes = _octets(1, MAX_SIGNED_REQUEST)


@dataclass(frozen=True, slots=True)
class ReadyToCarry(PhoneMessage):
    """Phone: I have a network; give me messages for the gateway."""

    KIND = 37


@dataclass(frozen=True, slots=True)
class ParcelPosted(PhoneMessage):
    """Phone: the gateway has taken the message whose SHA-256 is `parcel`; its receipt may come later."""

    KIND = 38
    parcel: bytes = _octets(HASH_LENGTH)


@dataclass(frozen=True, slots=True)
class ParcelRefused(PhoneMessage):
    """Phone: the gateway has not taken it, or does not answer."""

    KIND = 39
    parcel: bytes = _octets(HASH_LENGTH)
    reason: str = _text(MAX_TEXT)


@dataclass(frozen=True, slots=True)
class Delivery(PhoneMessage):
    """Phone: from the gateway, a receipt signed by it."""

    KIND = 40
    message: bytes = _octets(1, MAX_REQUEST_NOTICE + OVERHEAD)


@dataclass(frozen=True, slots=True)
class Farewell(PhoneMessage):
    """Phone: forget me."""

    KIND = 41


@dataclass(frozen=True, slots=True)
class Remembered(PhoneMessage):
    """Phone: the pairing is on my disk; a kiosk that does not hear this forgets it."""

    KIND = 42


FROM_KIOSK = (Paired, News, ReceiptCopy, CaughtUp, RecordWanted, RecordHanded, Parcel, Answer)
FROM_PHONE = (
    Follow,
    RecordLent,
    RecordAbsent,
    RecordKept,
    WithdrawalWish,
    ReadyToCarry,
    ParcelPosted,
    ParcelRefused,
    Delivery,
    Farewell,
    Remembered,
)

_BY_KIND: dict[int, type[PhoneMessage]] = {each.KIND: each for each in FROM_KIOSK + FROM_PHONE}
_FIELDS: dict[type[PhoneMessage], tuple["Field[Any]", ...]] = {
    each: fields(each) for each in FROM_KIOSK + FROM_PHONE
}


def decode(data: bytes, senders: tuple[type[PhoneMessage], ...]) -> PhoneMessage:
    """The message in `data`.

    Args:
        data: what came out of the channel.
        senders: `FROM_KIOSK` or `FROM_PHONE`: what the other end may say.

    Raises:
        MalformedError, UnsupportedVersionError: it is nothing that the other end may say.
    """
    what = "a message between phone and kiosk"
    item = cbor.decode(data, MAX_DATA, what)
    number = item.get(1) if isinstance(item, dict) else None
    kind = _BY_KIND.get(number) if type(number) is int else None
    if kind is None or kind not in senders:
        raise MalformedError(
            f"{what} is of a kind that is not expected from there; update the older of the two"
        )
    members = _FIELDS[kind]
    reader = cbor.Fields(item, what, set(range(len(members) + 2)), version=VERSION)
    return kind(*(_read(reader, key, member) for key, member in enumerate(members, start=2)))


def _read(reader: cbor.Fields, key: int, member: "Field[Any]") -> bytes | str | int | bool:
    match dict(member.metadata):
        case {"octets": (least, most)}:
            return reader.octets(key, least, most)
        case {"text": most}:
            return clean(reader.text(key, most), most)
        case {"number": most}:
            return reader.unsigned(key, most)
    return reader.truth(key)
