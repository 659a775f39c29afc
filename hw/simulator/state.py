"""What a module remembers: in flash for good, in memory until it loses power."""

from dataclasses import dataclass, field
from typing import Protocol

from hw.simulator.pixels import Pixels
from hw.simulator.profiles import BAUD_UNIT, Profile

NOTEPAD_PAGES = 16
NOTEPAD_PAGE_LENGTH = 32
SMALLEST_PACKET = 32
NO_PASSWORD = bytes(4)

VERIFIED_BIT = 1 << 2
IMAGE_BIT = 1 << 3


class Window(Protocol):
    """The glass above the sensing part."""

    def look(self) -> Pixels | None:
        """What touches it at this moment, shape (height, width); None without a finger."""

    def touched(self) -> bool:
        """Whether a finger lies there."""

    def lift(self) -> None:
        """Take the finger away."""


@dataclass
class Flash:
    """Settings that survive a reset; the values here are the factory's, except where a bench sets others.

    Attributes:
        baud_factor: baud rate in multiples of 9600, in use from the next start.
        packet_code: payload of a data packet, 32 << code bytes.
        security: level of the matcher, 1 to 5.
        address: 4 bytes that every frame carries.
        password: 4 bytes; zeros stand for none.
        notepad: 16 pages of 32 bytes.
        templates: numbers of the occupied slots of the library.
    """

    baud_factor: int = 6
    packet_code: int = 2
    security: int = 3
    address: bytes = b"\xff\xff\xff\xff"
    password: bytes = NO_PASSWORD
    notepad: list[bytes] = field(default_factory=lambda: [bytes(NOTEPAD_PAGE_LENGTH)] * NOTEPAD_PAGES)
    templates: set[int] = field(default_factory=set)

    def forget(self) -> None:
        """Fall back to the factory's baud rate and packet size."""
        self.baud_factor, self.packet_code = 6, 2


@dataclass
class ModuleState:
    """One module under power.

    Attributes:
        profile: the model.
        flash: what it keeps without power.
        window: its glass.
        baud: the rate it talks at, fixed when it starts.
        verified: whether the right password has come since then.
        insists: whether it wants even the factory's password, as some modules do after a reset.
        image: the image buffer.
        uploaded: SHA-256 of the packed image that was asked for last, in hexadecimal; a bench's knowledge, no
            module's, so no reset takes it away.
        led: arguments of the last AuraLedConfig.
        download: bytes of an image that the host is sending; None when it sends none.
    """

    profile: Profile
    flash: Flash
    window: Window
    baud: int = 0
    verified: bool = False
    insists: bool = False
    image: Pixels | None = None
    uploaded: str | None = None
    led: bytes = b""
    download: bytearray | None = None

    def start(self) -> None:
        """Power-up or reset: flash stays, everything else is as new."""
        self.baud = self.flash.baud_factor * BAUD_UNIT
        self.verified = False
        self.insists = False
        self.image = None
        self.led = b""
        self.download = None

    @property
    def locked(self) -> bool:
        """Whether the module waits for its password."""
        return (self.insists or self.flash.password != NO_PASSWORD) and not self.verified

    @property
    def packet_size(self) -> int:
        """Payload bytes of one data packet."""
        return SMALLEST_PACKET << self.flash.packet_code

    @property
    def status(self) -> int:
        """The status register of ReadSysPara. Busy never shows: the module answers one command at a time."""
        return VERIFIED_BIT * self.verified | IMAGE_BIT * (self.image is not None)
