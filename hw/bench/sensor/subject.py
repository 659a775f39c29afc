"""A driver in a process of its own, so that one that hangs can be ended.

`python -m hw.bench.sensor.subject NAME PORT BAUD` reads one word a line and answers each with a line of JSON:
`open`, `capture` (the SHA-256 of the packed image as the driver handed it out, and the seconds of the upload
alone where the driver tells), `look` (whether it sees a finger). Each answer tells the wall and processor
seconds that it took; an error is answered with its type and text. The peers are used as in their own
examples.
"""

import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import serial

OURS = "ridgekey"
FINGER_SECONDS = 5.0


class PeerError(Exception):
    """A peer said by a return value that something went wrong."""


class Subject(Protocol):
    """A driver at work."""

    def capture(self) -> bytes:
        """The image of the finger that lies there, two pixels a byte."""

    def look(self) -> bool:
        """Whether a finger lies there."""


class Ridgekey:
    """Our driver."""

    def __init__(self, port: str, baud: int) -> None:
        from drivers.opening import open_sensor

        self._sensor = open_sensor(f"serial:{port}{'&' if '?' in port else '?'}baud={baud}")
        self.upload_seconds: float | None = None

    def capture(self) -> bytes:
        """One image."""
        with self._sensor.capture(finger_timeout=FINGER_SECONDS) as image:
            self.upload_seconds = image.transfer.seconds if image.transfer else None
            pixels = np.frombuffer(image.pixels, np.uint8)
            return packed(pixels)

    def look(self) -> bool:
        """Whether a finger lies there."""
        return not self._sensor.wait_lifted(0)


class Adafruit:
    """adafruit-circuitpython-fingerprint on pyserial, as in its examples for Linux."""

    def __init__(self, port: str, baud: int) -> None:
        import adafruit_fingerprint  # type: ignore[import-untyped]  # ships no types

        self._names = adafruit_fingerprint
        self._sensor = adafruit_fingerprint.Adafruit_Fingerprint(serial.Serial(port, baud, timeout=1))

    def capture(self) -> bytes:
        """One image."""
        until = time.monotonic() + FINGER_SECONDS
        while (code := self._sensor.get_image()) != self._names.OK:
            if code != self._names.NOFINGER:
                raise PeerError(f"get_image returned 0x{code:02X}")
            if time.monotonic() > until:
                raise PeerError("no finger")
        return bytes(self._sensor.get_fpdata(sensorbuffer="image"))

    def look(self) -> bool:
        """Whether a finger lies there."""
        return bool(self._sensor.get_image() == self._names.OK)


class PyFingerprint:
    """pyfingerprint, as in its examples."""

    def __init__(self, port: str, baud: int) -> None:
        from pyfingerprint.pyfingerprint import (  # type: ignore[import-untyped]  # ships no types
            PyFingerprint as Peer,
        )

        self._sensor = Peer(port, baud)
        if not self._sensor.verifyPassword():
            raise PeerError("wrong password")

    def capture(self) -> bytes:
        """One image."""
        from PIL import Image

        until = time.monotonic() + FINGER_SECONDS
        while not self._sensor.readImage():
            if time.monotonic() > until:
                raise PeerError("no finger")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "image.bmp")
            self._sensor.downloadImage(str(path))
            with Image.open(path) as image:
                return packed(np.asarray(image.convert("L")).ravel())

    def look(self) -> bool:
        """Whether a finger lies there."""
        return bool(self._sensor.readImage())


SUBJECTS: dict[str, tuple[Callable[[str, int], Subject], str]] = {
    "ridgekey": (Ridgekey, "ridgekey"),
    "adafruit": (Adafruit, "adafruit-circuitpython-fingerprint"),
    "pyfingerprint": (PyFingerprint, "pyfingerprint"),
}
"""Name: the class, and the distribution that it comes from. Only our driver tells its uploads' seconds."""


def title(name: str) -> str:
    """A driver's distribution and version, or that it is not installed."""
    distribution = SUBJECTS[name][1]
    try:
        return f"{distribution} {version(distribution)}"
    except PackageNotFoundError:
        return f"{distribution} (not installed)"


def installed(name: str) -> bool:
    """Whether a driver is here to be measured."""
    return "not installed" not in title(name)


def packed(pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> bytes:
    """The upper four bits of each pixel, two a byte, left one first."""
    return np.asarray((pixels[0::2] & 0xF0) | (pixels[1::2] >> 4), dtype=np.uint8).tobytes()


def main(name: str, port: str, baud: str) -> None:
    """Answer the lines of standard input until they end."""
    make = SUBJECTS[name][0]
    subject: Subject | None = None
    for line in sys.stdin:
        word = line.strip()
        wall, cpu = time.monotonic(), time.process_time()
        answer: dict[str, Any] = {}
        try:
            if word == "open":
                subject = None  # gives the port back first
                subject = make(port, int(baud))
            elif subject is None:
                answer = {"error": "NotOpen", "text": ""}
            elif word == "capture":
                answer = {"sha256": hashlib.sha256(subject.capture()).hexdigest()}
            else:
                answer = {"finger": subject.look()}
        except Exception as error:  # noqa: BLE001 whatever a driver raises is its answer
            answer = {"error": type(error).__name__, "text": " ".join(str(error).split())[:200]}
        answer |= {"wall": time.monotonic() - wall, "cpu": time.process_time() - cpu}
        answer |= {"upload": getattr(subject, "upload_seconds", None)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
