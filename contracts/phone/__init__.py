"""What a paired phone and a kiosk say to each other inside a session: each message one CBOR map.

Key 0 is the version, key 1 the kind, the fields follow from key 2 in the order in which they stand here. The
kiosk is the one that acts; a phone is told, carries, and asks. `contracts/phone.cddl` is the specification.
"""

from contracts import cbor
from contracts.errors import MalformedError
from contracts.pairing import MAX_DATA
from contracts.phone.from_kiosk import (
    Answer,
    CaughtUp,
    News,
    Paired,
    Parcel,
    ReceiptCopy,
    RecordHanded,
    RecordWanted,
)
from contracts.phone.from_phone import (
    Delivery,
    Farewell,
    Follow,
    ParcelPosted,
    ParcelRefused,
    ReadyToCarry,
    RecordAbsent,
    RecordKept,
    RecordLent,
    Remembered,
    WithdrawalWish,
)
from contracts.phone.message import MAX_NAME, MAX_TEXT, MAX_URL, MAX_WORD, NOBODY, PhoneMessage

__all__ = [
    "FROM_KIOSK",
    "FROM_PHONE",
    "MAX_NAME",
    "MAX_TEXT",
    "MAX_URL",
    "MAX_WORD",
    "NOBODY",
    "Answer",
    "CaughtUp",
    "Delivery",
    "Farewell",
    "Follow",
    "News",
    "Paired",
    "Parcel",
    "ParcelPosted",
    "ParcelRefused",
    "PhoneMessage",
    "ReadyToCarry",
    "ReceiptCopy",
    "RecordAbsent",
    "RecordHanded",
    "RecordKept",
    "RecordLent",
    "RecordWanted",
    "Remembered",
    "WithdrawalWish",
    "decode",
]

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
    return kind.read(item, what)
