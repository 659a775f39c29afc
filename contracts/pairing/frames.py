"""The frames of pairings and sessions: version, kind and body, each bounded by its kind."""

from enum import IntEnum

from contracts import cbor
from contracts.errors import ContractError, MalformedError, VerificationError
from contracts.messages import MAX_KIOSK_MESSAGE
from contracts.noise import TAG_LENGTH
from contracts.pairing.refusals import OfferOverError, Refusal, RefusedByKioskError

VERSION = 1

MAX_HANDSHAKE = 256
"""Bytes of a handshake message; the longest carries a phone's name."""

MAX_DATA = MAX_KIOSK_MESSAGE + 2048
"""Bytes of one message of a session: what the outbox holds, to be carried to the gateway."""

MAX_FRAME = MAX_DATA + TAG_LENGTH + 16
"""Bytes of one frame, for whoever puts frames together out of chunks."""


class FrameKind(IntEnum):
    """What a frame is, the second item of it."""

    PAIRING_HELLO = 1
    PAIRING_REPLY = 2
    PAIRING_FINISH = 3
    SESSION_HELLO = 4
    SESSION_REPLY = 5
    DATA = 6
    REFUSAL = 7


def encode_frame(kind: FrameKind, body: bytes) -> bytes:
    """A frame: version, kind and body as a CBOR array."""
    return cbor.encode([VERSION, int(kind), body])


def decode_frame(data: bytes) -> tuple[FrameKind, bytes]:
    """Kind and body of a frame.

    Raises:
        MalformedError: it is none, or too long for its kind.
        RefusedByKioskError: it is a refusal.
    """
    match cbor.decode(data, MAX_FRAME, "a frame"):
        case [int(version), int(number), bytes(body)] if type(version) is int and type(number) is int:
            kind = _frame_kind(version, number)
        case _:
            raise MalformedError("a frame is not an array of version, kind and body")
    if kind is not FrameKind.DATA and len(body) > MAX_HANDSHAKE:
        raise MalformedError(f"a handshake message of {len(body)} bytes; the most is {MAX_HANDSHAKE}")
    if kind is FrameKind.REFUSAL:
        raise RefusedByKioskError(_refusal(body))
    return kind, body


def refusal(reason: Refusal) -> bytes:
    """The frame that says why the kiosk ends the talk."""
    return encode_frame(FrameKind.REFUSAL, bytes([reason]))


def _frame_kind(version: int, number: int) -> FrameKind:
    if version != VERSION:
        raise MalformedError(
            f"a frame of version {version}; this release speaks {VERSION}: update the older end"
        )
    try:
        return FrameKind(number)
    except ValueError as error:
        raise MalformedError(f"a frame of kind {number}, which this release does not know") from error


def _refusal(body: bytes) -> Refusal:
    try:
        return Refusal(body[0])
    except (IndexError, ValueError):
        return Refusal.NOT_UNDERSTOOD


def body_of(data: bytes, expected: FrameKind) -> bytes:
    """The body of a frame that must be of this kind.

    Raises:
        MalformedError: it is not.
        RefusedByKioskError: it is a refusal.
    """
    kind, body = decode_frame(data)
    if kind is not expected:
        raise MalformedError(f"a {kind.name} came where a {expected.name} was due")
    return body


def refusal_for(error: ContractError, kind: FrameKind | None) -> Refusal:
    """What a kiosk answers to a first frame that failed.

    Args:
        error: what was raised.
        kind: what the frame was, None if it was none.
    """
    if isinstance(error, OfferOverError):
        return Refusal.NO_OFFER
    if isinstance(error, VerificationError):
        return Refusal.WRONG_CODE if kind is FrameKind.PAIRING_HELLO else Refusal.NOT_PAIRED
    return Refusal.NOT_UNDERSTOOD
