"""How near an upload comes to the time of its bytes on the wire, and what the processor does meanwhile."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import serial

from drivers.timing import LineRate
from hw.bench.sensor.stand import Driver, images, simulated
from hw.bench.sensor.subject import installed
from hw.errors import BenchError
from hw.simulator.commands import PARAMETER_PACKET
from hw.simulator.opcodes import Opcode
from hw.simulator.packets import Pid, encode
from hw.simulator.profiles import R307, R503, Profile

SIZES = (128, 256)
BAUDS = (57600, 115200)
SMALLEST = 32
COMMAND_AND_ANSWER = 24  # bytes of UpImage and its acknowledge
CAPTURE_SECONDS = 60.0
ADDRESS = b"\xff\xff\xff\xff"


@dataclass(frozen=True)
class Setting:
    """A sensor and how it is set."""

    profile: Profile
    baud: int
    packet_size: int

    @property
    def minimum(self) -> float:
        """Seconds that the bytes of UpImage, its answer and the image take, back to back."""
        rate = LineRate(self.baud, self.packet_size)
        return rate.seconds(rate.wire_bytes(self.profile.image_bytes) + COMMAND_AND_ANSWER)


SETTINGS = tuple(Setting(profile, baud, size) for profile in (R307, R503) for baud in BAUDS for size in SIZES)


@dataclass(frozen=True)
class Timing:
    """One driver at one setting.

    Attributes:
        sensor: the module.
        baud: its rate.
        packet_size: payload bytes of its packets.
        minimum_seconds: what the line needs.
        seconds: the upload where the driver tells, else the whole capture.
        line_rate_ratio: of the two, where the driver tells its upload's time.
        cpu_seconds: of the driver's process for one capture.
        cpu_share: of one core, over the capture.
    """

    sensor: str
    baud: int
    packet_size: int
    minimum_seconds: float
    seconds: float
    line_rate_ratio: float | None
    cpu_seconds: float
    cpu_share: float


def settings_of(name: str) -> Iterator[Setting]:
    """The settings that a driver can do: pyfingerprint knows only the R307's image."""
    return (setting for setting in SETTINGS if name != "pyfingerprint" or setting.profile is R307)


def run(name: str, runs: int, progress: Callable[[], None]) -> list[dict[str, Any]]:
    """Time a driver at all settings, the best of some runs: what else the machine does can only add to it.

    Raises:
        BenchError: an image did not come.
    """
    if not installed(name):
        return []
    return [asdict(time_one(name, setting, runs, progress)) for setting in settings_of(name)]


def time_one(name: str, setting: Setting, runs: int, progress: Callable[[], None]) -> Timing:
    """Time a driver at one setting."""
    profile = setting.profile
    with tempfile.TemporaryDirectory(prefix="ridgekey-bench-") as folder:
        images(Path(folder), profile)
        with simulated(profile, setting.baud, Path(folder)) as sensor:
            set_packet_size(sensor.port, setting)
            sensor.remote.place(1)
            with Driver(name, sensor.port, setting.baud) as driver:
                driver.ask("open", CAPTURE_SECONDS)
                answers = [_capture(driver, progress) for _ in range(runs)]
    best = min(answers, key=lambda answer: answer["upload"] or answer["wall"])
    ratio = best["upload"] / setting.minimum if best["upload"] else None
    return Timing(
        profile.title,
        setting.baud,
        setting.packet_size,
        round(setting.minimum, 4),
        round(best["upload"] or best["wall"], 4),
        ratio and round(ratio, 4),
        round(best["cpu"], 4),
        round(best["cpu"] / best["wall"], 4),
    )


def set_packet_size(port: str, setting: Setting) -> None:
    """Write the packet size into the module, as a provisioning tool does.

    Raises:
        BenchError: it does not take it.
    """
    code = (setting.packet_size // SMALLEST).bit_length() - 1
    with serial.Serial(port, setting.baud, timeout=2) as line:
        line.write(encode(ADDRESS, Pid.COMMAND, bytes([Opcode.SET_SYS_PARA, PARAMETER_PACKET, code])))
        answer = encode(ADDRESS, Pid.ACK, b"\x00")
        if line.read(len(answer)) != answer:
            raise BenchError("the simulated sensor did not take the packet size")


def _capture(driver: Driver, progress: Callable[[], None]) -> dict[str, Any]:
    answer = driver.ask("capture", CAPTURE_SECONDS)
    progress()
    if answer is None or "error" in answer:
        raise BenchError(f"no image to time: {answer}")
    return answer
