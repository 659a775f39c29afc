"""A simulated sensor as a process, a folder of known images, and the smallest host that speaks EF01."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import serial
from numpy.typing import NDArray
from PIL import Image

from hw.simulator.profiles import PROFILES
from hw.simulator.remote import SensorRemote

ADDRESS = b"\xff\xff\xff\xff"


def known_images(folder: Path, profile: str, count: int = 2) -> dict[int, NDArray[np.uint8]]:
    """Write images of random pixels, of the profile's size and resolution, as fingers 1 to `count`."""
    size = PROFILES[profile]
    generator = np.random.default_rng(7)
    rows, images = ["file,dpi"], {}
    for finger in range(1, count + 1):
        images[finger] = generator.integers(0, 256, (size.height, size.width), dtype=np.uint8)
        Image.fromarray(images[finger]).save(folder / f"{finger:03}_1.png")
        rows.append(f"{finger:03}_1.png,{size.dpi}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return images


def on_the_wire(pixels: NDArray[np.uint8]) -> bytes:
    """What an upload of `pixels` must be: high nibbles, left pixel first; written out longhand on purpose."""
    levels = [int(value) >> 4 for value in pixels.ravel()]
    return bytes(left << 4 | right for left, right in zip(levels[0::2], levels[1::2], strict=True))


def frame(pid: int, payload: bytes, address: bytes = ADDRESS) -> bytes:
    """One EF01 frame."""
    body = bytes([pid]) + (len(payload) + 2).to_bytes(2, "big") + payload
    return b"\xef\x01" + address + body + sum(body).to_bytes(2, "big")


class Host:
    """Sends a command, reads what comes back, believes nothing."""

    def __init__(self, port: str, baud: int = 57600) -> None:
        self.line = serial.Serial(port, baud, timeout=5)

    def command(self, opcode: int, *arguments: int) -> bytes:
        self.line.write(frame(0x01, bytes([opcode, *arguments])))
        return self.packet(0x07)

    def packet(self, *pids: int) -> bytes:
        start = self.line.read(9)
        assert start[:6] == b"\xef\x01" + ADDRESS, start.hex()
        assert start[6] in pids
        rest = self.line.read(int.from_bytes(start[7:], "big"))
        assert sum(start[6:]) + sum(rest[:-2]) == int.from_bytes(rest[-2:], "big")
        self.last_pid = start[6]
        return rest[:-2]

    def hear(self, opcode: int, *arguments: int, quiet: float = 0.1) -> bytes:
        """All bytes that follow a command, until the line has been quiet for so many seconds."""
        self.line.reset_input_buffer()
        self.line.write(frame(0x01, bytes([opcode, *arguments])))
        return self.rest(quiet)

    def rest(self, quiet: float = 0.1) -> bytes:
        """All bytes that come until the line has been quiet for so many seconds."""
        return b"".join(self.pieces(quiet))

    def pieces(self, quiet: float) -> list[bytes]:
        """As `rest`, cut where nothing came for 0.1 seconds or more."""
        pieces, heard_at = [b""], time.monotonic()
        self.line.timeout = 0.02
        try:
            while time.monotonic() - heard_at < quiet:
                data = self.line.read(4096)
                if data:
                    pieces += [b""] * (time.monotonic() - heard_at > 0.1)
                    pieces[-1] += data
                    heard_at = time.monotonic()
        finally:
            self.line.timeout = 5
        return pieces

    def upload(self) -> bytes:
        assert self.command(0x0A) == b"\x00"
        image = self.packet(0x02, 0x08)
        while self.last_pid == 0x02:
            image += self.packet(0x02, 0x08)
        return image


@dataclass
class Running:
    """One simulated sensor, with random images for fingers 1 and 2."""

    profile: str
    process: subprocess.Popen[str]
    port: str
    remote: SensorRemote
    log: Path
    images: dict[int, NDArray[np.uint8]] = field(default_factory=dict)

    def happened(self, fault: str) -> int:
        return int(self.remote.faults()[fault]["happened"])

    def logged(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@contextmanager
def running(profile: str, folder: Path, *options: str, paced: bool = False) -> Iterator[Running]:
    """A simulated sensor with the images of `folder` for fingers; its log stands there too."""
    log = folder / "log.jsonl"
    process = command(
        *("--profile", profile, "--fingers", str(folder), "--log", str(log), "--json", *options),
        *(() if paced else ("--no-pacing",)),
    )
    with process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            ready = json.loads(line)
            assert ready["profile"] == profile
            yield Running(profile, process, ready["port"], SensorRemote(ready["control"]), log)
        finally:
            if process.poll() is None:
                process.terminate()


def command(*arguments: str) -> subprocess.Popen[str]:
    """`ridgekey sensor simulate` with `arguments`."""
    words: Sequence[str] = (sys.executable, "-m", "ridgekey", "sensor", "simulate", *arguments)
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
