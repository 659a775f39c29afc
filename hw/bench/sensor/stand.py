"""One simulated sensor and one driver before it, each a process, with a deadline on every word between."""

import contextlib
import json
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hw.bench.sensor.subject import OURS
from hw.errors import UnavailableError
from hw.simulator.pixels import Pixels, unpack
from hw.simulator.profiles import Profile
from hw.simulator.remote import SensorRemote

START_SECONDS = 60.0
"""For a process to be ready on a busy small machine."""


@dataclass(frozen=True)
class Simulated:
    """A running simulated sensor.

    Attributes:
        port: a link to its port, which stays when the port comes back under another name.
        remote: moves its finger and makes its faults.
    """

    port: str
    remote: SensorRemote


@contextmanager
def simulated(profile: Profile, baud: int, images: Path, *options: str) -> Iterator[Simulated]:
    """A simulated sensor whose fingers are the images of a folder.

    Raises:
        UnavailableError: it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="ridgekey-bench-") as folder:
        control, link = Path(folder, "control"), Path(folder, "port")
        words = ["--profile", profile.name, "--baud", str(baud), "--fingers", str(images), "--json"]
        command = [sys.executable, "-m", "ridgekey", "sensor", "simulate", *words, *options]
        with subprocess.Popen(
            [*command, "--control", str(control), "--link", str(link)], stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                _line(process, START_SECONDS)
                yield Simulated(str(link), SensorRemote(control))
            finally:
                process.terminate()


class Driver:
    """A driver in its own process; see `hw.bench.sensor.subject`."""

    def __init__(self, name: str, port: str, baud: int, *, confirm: bool = False) -> None:
        where = f"{port}?confirm=yes" if confirm and name == OURS else port
        self._command = [sys.executable, "-m", "hw.bench.sensor.subject", name, where, str(baud)]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Driver":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def ask(self, word: str, seconds: float) -> dict[str, Any] | None:
        """Its answer; None if it does not answer in time, and is ended."""
        process = self._process or self._start()
        assert process.stdin is not None  # noqa: S101 it is a pipe
        try:
            process.stdin.write(word + "\n")
            process.stdin.flush()
            line = _line(process, seconds)
        except TimeoutError:
            self.end()
            return None
        except (OSError, UnavailableError):
            self.end()
            return {"error": "Died", "text": ""}
        return dict(json.loads(line))

    def end(self) -> None:
        """End the process, whatever it does."""
        if self._process is None:
            return
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self._process.wait()
        self._process = None

    def _start(self) -> "subprocess.Popen[str]":
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        return self._process


def images(folder: Path, profile: Profile) -> dict[int, bytes]:
    """Write images as fingers 1 to 3 into a folder; returns what each must be on the wire.

    Random pixels, so that no byte can be wrong unnoticed; finger 3 holds the bytes of acknowledge packets,
    which is legal.
    """
    generator = np.random.default_rng(20261123)
    packed, rows = {}, ["file,dpi"]
    for finger in (1, 2, 3):
        data = bytearray(generator.bytes(profile.image_bytes))
        if finger == 3:
            for at in range(60, profile.image_bytes - 60, 400):
                data[at : at + 12] = bytes.fromhex("EF01FFFFFFFF07000300000A")
        packed[finger] = bytes(data)
        name = f"{finger:03}_1.png"
        _save(folder / name, unpack(bytes(data), profile.width, profile.height))
        rows.append(f"{name},{profile.dpi}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return packed


def _save(path: Path, pixels: Pixels) -> None:
    Image.fromarray(pixels).save(path)


def _line(process: "subprocess.Popen[str]", seconds: float) -> str:
    """The next line that a process prints.

    Raises:
        TimeoutError: none came in time.
        UnavailableError: the process has ended.
    """
    assert process.stdout is not None  # noqa: S101 it is a pipe
    if not select.select([process.stdout], [], [], seconds)[0]:
        raise TimeoutError
    line = process.stdout.readline()
    if not line:
        raise UnavailableError("a process of the benchmark ended by itself")
    return line
