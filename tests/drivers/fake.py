"""A small scripted module on a pseudo-terminal, for tests that say byte by byte what the module does.

It encodes packets by itself, not with the driver's code, so that no error is mirrored in both.
The full simulator is in `hw/simulator`.
"""

import os
import pty
import select
import termios
import threading
import time
import tty
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Self

MARK = bytes.fromhex("EF01FFFFFFFF")
COMMAND, DATA, ACK, LAST = 1, 2, 7, 8
IMAGE_HELD = 8

Handler = Callable[["FakeModule", bytes], None]
"""Called with the module and the command's arguments; what it sends is the answer."""


def frame(kind: int, payload: bytes, mark: bytes = MARK) -> bytes:
    """One packet, encoded by hand."""
    covered = bytes([kind]) + (len(payload) + 2).to_bytes(2, "big") + payload
    return mark + covered + (sum(covered) % 65536).to_bytes(2, "big")


def ack(code: int, results: bytes = b"") -> bytes:
    return frame(ACK, bytes([code]) + results)


def parameters(
    status: int = 4, system_id: int = 0, library: int = 200, packet_code: int = 2, baud: int = 6
) -> bytes:
    """ReadSysPara's 16 bytes."""
    fields = (status, system_id, library, 3, 0xFFFF, 0xFFFF, packet_code, baud)
    return b"".join(value.to_bytes(2, "big") for value in fields)


def product(width: int = 192, height: int = 192, model: bytes = b"R503") -> bytes:
    """ReadProdInfo's 46 bytes."""
    return (
        model.ljust(16, b"\0")
        + b"B123"
        + b"00042\0\0\0"
        + b"\x01\x04"
        + b"GR192RGB"
        + width.to_bytes(2, "big")
        + height.to_bytes(2, "big")
        + (1536).to_bytes(2, "big")
        + (200).to_bytes(2, "big")
    )


def data_packets(image: bytes, size: int = 128, closed: bool = True) -> list[bytes]:
    """An image as data packets."""
    pieces = [image[at : at + size] for at in range(0, len(image), size)]
    kinds = [DATA] * (len(pieces) - 1) + [LAST if closed else DATA]
    return [frame(kind, piece) for kind, piece in zip(kinds, pieces, strict=True)]


def random_image(size: int, seed: int = 1) -> bytes:
    return Random(seed).randbytes(size)


@dataclass
class FakeModule:
    """One module.

    Attributes:
        width, height: Its image.
        templates: What TempleteNum tells.
        image: The packed image that UpImage sends.
        fingers: What GenImg answers, in turn; the last one for ever.
        once: Handlers for the next commands of an opcode, used up in turn before the usual one.
        handlers: The usual answer to each opcode; an opcode without one is answered by silence.
        seen: Opcodes received so far.
        baud: The rate it speaks; at another one it answers garbage. None speaks any.
        must_verify: Answers nothing but VfyPwd, as after a reboot.
        password: What it is verified with.
        notepad: Its pages.
        lights: What its light was told.
        next_baud: The rate that counts from its next start.
        rate_counts_at_once: Or at once.
    """

    width: int = 192
    height: int = 192
    templates: int = 0
    system_id: int = 0
    packet_code: int = 2
    image: bytes = b""
    fingers: deque[int] = field(default_factory=lambda: deque([0]))
    once: dict[int, deque[Handler]] = field(default_factory=dict)
    handlers: dict[int, Handler] = field(default_factory=dict)
    seen: list[int] = field(default_factory=list)
    received: bytearray = field(default_factory=bytearray)
    status: int = 4
    baud: int | None = None
    must_verify: bool = False
    password: bytes = bytes(4)
    notepad: dict[int, bytes] = field(default_factory=lambda: {page: bytes(32) for page in range(16)})
    lights: list[bytes] = field(default_factory=list)
    next_baud: int | None = None
    rate_counts_at_once: bool = False

    def __post_init__(self) -> None:
        self.image = self.image or random_image(self.width * self.height // 2)
        modern = self.system_id == 0
        self.handlers = {
            0x01: lambda me, _: me.look(),
            0x0A: lambda me, _: me.send(ack(0), *data_packets(me.image, 32 << me.packet_code)),
            0x0F: lambda me, _: me.send(
                ack(0, parameters(me.status, me.system_id, packet_code=me.packet_code))
            ),
            0x13: lambda me, arguments: me.verified() if arguments == me.password else me.send(ack(0x13)),
            0x1D: lambda me, _: me.send(ack(0, me.templates.to_bytes(2, "big"))),
            0x36: lambda me, _: me.send(ack(0 if modern else 1)),
            0x0E: lambda me, arguments: me.set_up(*arguments),
            0x12: lambda me, arguments: me.keep_password(arguments),
            0x18: lambda me, arguments: me.write_page(arguments),
            0x19: lambda me, arguments: me.send(ack(0, me.notepad[arguments[0]])),
            0x35: lambda me, arguments: me.show(arguments) if modern else me.send(ack(1)),
            0x3D: lambda me, _: me.reset() if modern else me.send(ack(1)),
            0x3C: lambda me, _: me.send(ack(0, product(me.width, me.height)) if modern else ack(1)),
            0x40: lambda me, _: me.send(ack(0 if modern else 1)),
            0x53: lambda me, _: me.send(ack(0xFC if modern else 0x55)),
        } | self.handlers
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def then(self, opcode: int, *handlers: Handler) -> Self:
        """Answer the next commands of an opcode so."""
        self.once.setdefault(opcode, deque()).extend(handlers)
        return self

    def send(self, *pieces: bytes) -> None:
        """Write to the host; gives up when the host is gone."""
        view = memoryview(b"".join(pieces))
        while view and not self._stop.is_set():
            select.select([], [self._master], [], 0.05)
            try:
                view = view[os.write(self._master, view) :]
            except BlockingIOError:
                continue
            except OSError:
                return

    def verified(self) -> None:
        """Accept the password."""
        self.must_verify, self.status = False, self.status | 4
        self.send(ack(0))

    def set_up(self, parameter: int, value: int) -> None:
        """Keep a setting; a new rate counts from the next start, unless it counts at once."""
        if parameter == 6:
            self.packet_code = value
        if parameter == 4:
            self.next_baud = value * 9600
        self.send(ack(0))
        if parameter == 4 and self.rate_counts_at_once:
            self.baud = self.next_baud

    def keep_password(self, password: bytes) -> None:
        self.password, self.must_verify = password, True
        self.send(ack(0))

    def write_page(self, arguments: bytes) -> None:
        self.notepad[arguments[0]] = arguments[1:]
        self.send(ack(0))

    def show(self, arguments: bytes) -> None:
        self.lights.append(arguments)
        self.send(ack(0))

    def look(self) -> None:
        """Take an image if a finger is there."""
        code = self.fingers.popleft() if len(self.fingers) > 1 else self.fingers[0]
        self.status |= IMAGE_HELD * (code == 0)
        self.send(ack(code))

    def reset(self) -> None:
        """Start anew as told."""
        self.status = 0
        self.send(ack(0))
        self.baud = self.next_baud or self.baud
        self.send(b"\x55")

    def reboot(self) -> None:
        """Start anew by itself: tell it by a bare byte, and want the password again."""
        self.must_verify, self.status = True, 0
        self.send(b"\x55")

    def unplug(self) -> None:
        """Both ends of the line are gone, as when the adapter is pulled out."""
        self._stop.set()
        os.close(self._master)
        self._master = -1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)
        assert not self._thread.is_alive()
        if self._master >= 0:
            os.close(self._master)
        os.close(self._slave)

    def _serve(self) -> None:
        while not self._stop.is_set():
            readable, _, _ = select.select([self._master], [], [], 0.02)
            if not readable:
                continue
            try:
                self.received += os.read(self._master, 4096)
            except (BlockingIOError, OSError):
                continue
            if self.baud and termios.tcgetattr(self._slave)[5] != getattr(termios, f"B{self.baud}"):
                self.received.clear()
                self.send(b"\x00\xf8\x80")
                continue
            for payload in self._commands():
                opcode = payload[0]
                self.seen.append(opcode)
                if self.must_verify and opcode != 0x13:
                    self.send(ack(0x21))
                    continue
                waiting = self.once.get(opcode)
                handler = waiting.popleft() if waiting else self.handlers.get(opcode)
                if handler:
                    handler(self, payload[1:])

    def _commands(self) -> Iterator[bytes]:
        """Whole command packets, checked; leaves the rest."""
        while (at := self.received.find(MARK)) >= 0:
            del self.received[:at]
            if len(self.received) < 9:
                return
            length = int.from_bytes(self.received[7:9], "big")
            if len(self.received) < 9 + length:
                return
            body = bytes(self.received[6 : 9 + length])
            del self.received[: 9 + length]
            assert sum(body[:-2]) % 65536 == int.from_bytes(body[-2:], "big"), "the host's checksum is wrong"
            yield body[3:-2]


def silent(_me: FakeModule, _arguments: bytes) -> None:
    """No answer."""


def answers(*pieces: bytes) -> Handler:
    """An answer of exactly these bytes."""
    return lambda me, _: me.send(*pieces)


def late(seconds: float, *pieces: bytes) -> Handler:
    """The same, too late."""

    def handler(me: FakeModule, _arguments: bytes) -> None:
        time.sleep(seconds)
        me.send(*pieces)

    return handler


def r307(**changes: object) -> FakeModule:
    """A module of the optical generation."""
    return FakeModule(**({"width": 256, "height": 288, "system_id": 9} | changes))  # type: ignore[arg-type]  # fields


def unpacked(image: bytes) -> bytes:
    """The pixels of a packed image, the slow and plain way."""
    return bytes(value * 17 for byte in image for value in (byte >> 4, byte & 15))


def flip(packet: bytes, at: int, bit: int = 0) -> bytes:
    """A packet with one bit turned over."""
    changed = bytearray(packet)
    changed[at] ^= 1 << bit
    return bytes(changed)
