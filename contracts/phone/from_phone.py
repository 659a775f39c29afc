"""What a phone says to a kiosk; rule `from-phone` of `contracts/phone.cddl`."""

from dataclasses import dataclass

from contracts.cose import OVERHEAD
from contracts.hexes import ADDRESS_LENGTH, HASH_LENGTH
from contracts.messages import MAX_REQUEST_NOTICE, MAX_SIGNED_REQUEST
from contracts.phone.message import MAX_SEALED_RECORD, MAX_TEXT, PhoneMessage, octets_field, text_field


@dataclass(frozen=True, slots=True)
class Follow(PhoneMessage):
    """Phone: tell me the requests and receipts of my person, and what is new as it comes."""

    KIND = 32


@dataclass(frozen=True, slots=True)
class RecordLent(PhoneMessage):
    """Phone: the sealed record, for this visit; the kiosk keeps it in memory as long as the journey lasts."""

    KIND = 33
    subject: bytes = octets_field(ADDRESS_LENGTH)
    sealed: bytes = octets_field(1, MAX_SEALED_RECORD)


@dataclass(frozen=True, slots=True)
class RecordAbsent(PhoneMessage):
    """Phone: I carry no record of this person."""

    KIND = 34
    subject: bytes = octets_field(ADDRESS_LENGTH)


@dataclass(frozen=True, slots=True)
class RecordKept(PhoneMessage):
    """Phone: the record is on my disk; `digest` is the SHA-256 of its sealed bytes."""

    KIND = 35
    subject: bytes = octets_field(ADDRESS_LENGTH)
    digest: bytes = octets_field(HASH_LENGTH)


@dataclass(frozen=True, slots=True)
class WithdrawalWish(PhoneMessage):
    """Phone: this consent is to be withdrawn; the person is about to give the finger.

    `signed_request` says what it is about, also at a kiosk that never heard of it.
    """

    KIND = 36
    signed_request: bytes = octets_field(1, MAX_SIGNED_REQUEST)


@dataclass(frozen=True, slots=True)
class ReadyToCarry(PhoneMessage):
    """Phone: I have a network; give me messages for the gateway."""

    KIND = 37


@dataclass(frozen=True, slots=True)
class ParcelPosted(PhoneMessage):
    """Phone: the gateway has taken the message whose SHA-256 is `parcel`; its receipt may come later."""

    KIND = 38
    parcel: bytes = octets_field(HASH_LENGTH)


@dataclass(frozen=True, slots=True)
class ParcelRefused(PhoneMessage):
    """Phone: the gateway has not taken it, or does not answer."""

    KIND = 39
    parcel: bytes = octets_field(HASH_LENGTH)
    reason: str = text_field(MAX_TEXT)


@dataclass(frozen=True, slots=True)
class Delivery(PhoneMessage):
    """Phone: from the gateway, a receipt signed by it."""

    KIND = 40
    message: bytes = octets_field(1, MAX_REQUEST_NOTICE + OVERHEAD)


@dataclass(frozen=True, slots=True)
class Farewell(PhoneMessage):
    """Phone: forget me."""

    KIND = 41


@dataclass(frozen=True, slots=True)
class Remembered(PhoneMessage):
    """Phone: the pairing is on my disk; a kiosk that does not hear this forgets it."""

    KIND = 42
