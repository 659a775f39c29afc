"""What a kiosk says to a phone; rule `from-kiosk` of `contracts/phone.cddl`."""

from dataclasses import dataclass

from contracts.acts import ActKind
from contracts.cose import OVERHEAD
from contracts.eip712 import MAX_ENVIRONMENT
from contracts.hexes import ADDRESS_LENGTH, HASH_LENGTH
from contracts.messages import MAX_KIOSK_MESSAGE, MAX_RECEIPT, MAX_SIGNED_REQUEST
from contracts.phone.message import (
    MAX_NAME,
    MAX_SEALED_RECORD,
    MAX_TEXT,
    MAX_URL,
    MAX_WORD,
    PhoneMessage,
    number_field,
    octets_field,
    text_field,
    truth_field,
)


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
    subject: bytes = octets_field(ADDRESS_LENGTH)
    environment: str = text_field(MAX_ENVIRONMENT)
    chain_id: int = number_field()
    contract: bytes = octets_field(ADDRESS_LENGTH)
    gateway_key: bytes = octets_field(32)
    gateway_url: str = text_field(MAX_URL)
    record_follows: bool = truth_field()


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
    signed_request: bytes = octets_field(1, MAX_SIGNED_REQUEST)
    requester_name: str = text_field(MAX_NAME)
    kind: str = text_field(MAX_WORD)
    state: str = text_field(MAX_WORD)


@dataclass(frozen=True, slots=True)
class ReceiptCopy(PhoneMessage):
    """Kiosk: the gateway's receipt for an act of this person, signed by the gateway.

    The receipt names the act by its digest alone: which act that is, and about what, is the kiosk's word.

    Attributes:
        act: number of the act's kind.
        about: the subject, record or request that it is about.
        receipt: COSE bytes.
    """

    KIND = 3
    act: int = number_field(255)
    about: bytes = octets_field(ADDRESS_LENGTH, HASH_LENGTH)
    receipt: bytes = octets_field(1, MAX_RECEIPT + OVERHEAD)

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
    subject: bytes = octets_field(ADDRESS_LENGTH)


@dataclass(frozen=True, slots=True)
class RecordHanded(PhoneMessage):
    """Kiosk: keep this protected record from now on; the kiosk forgets it once `RecordKept` is here."""

    KIND = 6
    subject: bytes = octets_field(ADDRESS_LENGTH)
    sealed: bytes = octets_field(1, MAX_SEALED_RECORD)


@dataclass(frozen=True, slots=True)
class Parcel(PhoneMessage):
    """Kiosk: carry this message to the gateway, POST /messages/{kiosk}."""

    KIND = 7
    message: bytes = octets_field(1, MAX_KIOSK_MESSAGE + OVERHEAD)


@dataclass(frozen=True, slots=True)
class Answer(PhoneMessage):
    """Kiosk: how the phone's wish was taken; and why a pairing came to nothing."""

    KIND = 8
    taken: bool = truth_field()
    text: str = text_field(MAX_TEXT)
