"""The two Bluetooth LE services: a kiosk at its gateway, a phone at a kiosk. `docs/ble.md` tells the whole.

Both have the shape of ISO 18013-5, section 8.3.3.1.1.4: the client writes its messages in chunks, the server
notifies its own, and a State characteristic says when they begin and end. BlueZ sends each notification to
every client that listens, so those of this profile begin with the tag that the client drew for its session.
"""

from dataclasses import dataclass
from enum import IntEnum
from secrets import token_bytes
from typing import ClassVar

from contracts.errors import MalformedError, UnsupportedVersionError
from contracts.messages import MAX_KIOSK_MESSAGE
from contracts.pairing import MAX_FRAME

VERSION = 1
"""Of the profile: the characteristics, what is written to State, and the form of a notification."""


def _uuid(number: int) -> str:
    """The UUIDs of this profile differ in their first group alone."""
    return f"{number:08x}-1dcb-4bda-9dbc-e751de461ebd"


@dataclass(frozen=True)
class Profile:
    """The UUIDs of one service and what its server takes.

    Attributes:
        service: advertised by the server, and what a client scans for.
        version: read: `Limits`.
        state: write with response, notify: `Start`, `END`, `End`.
        inbound: write with response: chunks from the client.
        outbound: notify: tag and chunk from the server.
        longest_message: bytes of a message, in either direction.
    """

    service: str
    version: str
    state: str
    inbound: str
    outbound: str
    longest_message: int

    @classmethod
    def numbered(cls, number: int, longest_message: int) -> "Profile":
        """The profile whose UUIDs begin at `number`."""
        service, version, state, inbound, outbound = (_uuid(number + step) for step in range(5))
        return cls(service, version, state, inbound, outbound, longest_message)


SEALED_OVERHEAD = 1024
"""Bytes that a signature, a seal or both may add around a message."""

KIOSK_TO_GATEWAY = Profile.numbered(0xC8F07700, MAX_KIOSK_MESSAGE + SEALED_OVERHEAD)
"""The kiosk is the central, its gateway the peripheral."""

PHONE_TO_KIOSK = Profile.numbered(0xC8F07710, MAX_FRAME)
"""The phone is the central, the kiosk the peripheral. The longest message is one of the kiosk's outbox, that
the phone carries to the gateway."""

LARGEST_VALUE = 500
"""Bytes of a value on the air. BlueZ 5.66 as a server refuses writes over 510, whatever the MTU."""

ATT_HEADER = 3
"""Bytes that ATT adds to a value: opcode and handle (Core Specification, Vol 3, Part F, 3.4.5.1, 3.4.7.1)."""

SMALLEST_MTU = 23
"""Of ATT on LE (Vol 3, Part G, 5.2.1)."""

TAG_LENGTH = 4
"""Bytes of a session's tag. It keeps sessions apart, it proves nothing: what is in the chunks does."""


def value_size(mtu: int) -> int:
    """Bytes of the largest value that goes into one write or notification."""
    return min(max(mtu, SMALLEST_MTU) - ATT_HEADER, LARGEST_VALUE)


class Refusal(IntEnum):
    """Why a server refused a write or ended a session.

    As the error of a write these are ATT application errors (Vol 3, Part F, 3.4.1.1: 0x80 to 0x9F). A server
    on an old BlueZ makes `UNSPECIFIED` of all of them.
    """

    UNSPECIFIED = 0x80
    NOT_STARTED = 0x81
    """A chunk before Start, or after the end."""
    BAD_CHUNK = 0x82
    TOO_LONG = 0x83
    TOO_SLOW = 0x84
    """The client did not say who it is, or did not finish a message, in the time it has."""
    BUSY = 0x85
    """The server has as many sessions as it serves; come back later."""
    BAD_MESSAGE = 0x86
    """A whole message that is not what it should be here: damaged, repeated, or not allowed."""
    UNKNOWN_PEER = 0x87
    """The server does not know who this is; a matter for the operator or for pairing."""
    WRONG_VERSION = 0x88
    BAD_STATE = 0x89
    """What was written to State is neither Start nor End."""
    CLOSED = 0x8A
    """The server has nothing more to say, or is about to stop."""

    @property
    def words(self) -> str:
        """For a log or a screen."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True)
class Limits:
    """What the Version characteristic reads: eight bytes, room for more behind them.

    Attributes:
        oldest, newest: versions of the profile that the server speaks.
        longest_message: bytes, in either direction.
    """

    oldest: int
    newest: int
    longest_message: int

    LENGTH: ClassVar[int] = 8

    def encode(self) -> bytes:
        """Oldest and newest in a byte each, two bytes zero, the length in four, big-endian."""
        return bytes([self.oldest, self.newest, 0, 0]) + self.longest_message.to_bytes(4, "big")

    @classmethod
    def decode(cls, value: bytes) -> "Limits":
        """The limits in a value; a later version may have put more behind them.

        Raises:
            MalformedError: it is too short, or contradicts itself.
        """
        if len(value) < cls.LENGTH or not 0 < value[0] <= value[1]:
            raise MalformedError(
                f"the Version characteristic reads {bytes(value[:16]).hex()}, not its limits"
            )
        return cls(value[0], value[1], int.from_bytes(value[4:8], "big"))

    def check(self) -> None:
        """Refuse a server that does not speak our version.

        Raises:
            UnsupportedVersionError: it does not.
        """
        if not self.oldest <= VERSION <= self.newest:
            raise UnsupportedVersionError(
                f"the other side speaks versions {self.oldest} to {self.newest} of the Bluetooth profile,"
                f" this release {VERSION}; update the older of the two"
            )


@dataclass(frozen=True)
class Start:
    """What the client writes to State to begin a session: 01, version, tag.

    Attributes:
        tag: 4 bytes, drawn by the client; the server's notifications begin with it.
        version: of the profile.
    """

    tag: bytes
    version: int = VERSION

    CODE: ClassVar[int] = 0x01

    @classmethod
    def fresh(cls) -> "Start":
        """A session of our version with a tag of its own."""
        return cls(token_bytes(TAG_LENGTH))

    def encode(self) -> bytes:
        """The value to write."""
        return bytes([self.CODE, self.version]) + self.tag

    @classmethod
    def decode(cls, value: bytes) -> "Start":
        """The Start in a value, of whatever version.

        Raises:
            MalformedError: it is none.
        """
        if len(value) != 2 + TAG_LENGTH or value[0] != cls.CODE:
            raise MalformedError("what was written to State is neither Start nor End")
        return cls(bytes(value[2:]), value[1])


END = b"\x02"
"""What the client writes to State to end its session."""


@dataclass(frozen=True)
class End:
    """What the server notifies on State when it ends a session: 02, tag, reason.

    Attributes:
        tag: of the session.
        reason: a `Refusal`, or a number that a later release knows.
    """

    tag: bytes
    reason: int

    def encode(self) -> bytes:
        """The value to notify."""
        return END + self.tag + bytes([self.reason])

    @classmethod
    def decode(cls, value: bytes) -> "End":
        """The End in a value.

        Raises:
            MalformedError: it is none.
        """
        if len(value) != 2 + TAG_LENGTH or value[:1] != END:
            raise MalformedError("a notification of State is no End")
        return cls(bytes(value[1:-1]), value[-1])

    @property
    def words(self) -> str:
        """The reason, for a log or a screen."""
        return refusal_words(self.reason)


def refusal_words(code: int) -> str:
    """What an error code of the profile says, also if this release does not know it."""
    try:
        return Refusal(code).words
    except ValueError:
        return f"error 0x{code:02x}"
