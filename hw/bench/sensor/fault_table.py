"""Each fault, and what comes of it: a right image, a clear error, wrong data unnoticed, or a hang.

For each fault and driver: the port is opened and a first image taken, or the error taken down. Then the fault
is over: the empty glass is looked at, another finger is placed, and its image must come. What a driver says
then shows whether it is still in step.
"""

import hashlib
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import serial

from hw.bench.sensor.stand import Driver, Simulated, images, simulated
from hw.bench.sensor.subject import installed
from hw.simulator.profiles import R307

BAUD = 115200
HANG_SECONDS = 60.0
"""A driver that says nothing for so long counts as hung. pyfingerprint's longest wait is 24 s."""

QUIET_SECONDS = 0.2
"""Of silence after which the line counts as drained."""

Values = dict[str, int | float | str]


class Outcome(StrEnum):
    """What a driver made of it."""

    RIGHT = "right image"
    ERROR = "clear error"
    WRONG = "wrong data unnoticed"
    HANG = "hang"


@dataclass(frozen=True)
class Row:
    """A fault in words, and how the simulated sensor is told to have it.

    Attributes:
        words: what happens.
        fault: its name; None where only the finger makes the difference.
        values: its parameters.
        finger: whose image is taken.
        opened_first: whether the fault begins when the port is open already.
        confirmed: whether our driver asks for each image twice.
        paced: whether the line takes its time, where the fault is one of time.
    """

    words: str
    fault: str | None
    values: Values
    finger: int = 1
    opened_first: bool = True
    confirmed: bool = False
    paced: bool = False


def _rows(*rows: tuple[str, str, Values]) -> tuple[Row, ...]:
    return tuple(Row(*row) for row in rows)


GEN_IMG, UP_IMAGE, READ_SYS_PARA = 0x01, 0x0A, 0x0F
IN_IMAGE: Values = {"after": 50}

ROWS = (
    Row("nothing", None, {}),
    Row("the image holds the bytes of answers", None, {}, finger=3),
    *_rows(
        ("one bit of the image flips", "flip-payload", IN_IMAGE),
        ("one bit of a header flips", "flip-header", IN_IMAGE),
        ("one bit of an address flips", "flip-address", IN_IMAGE),
        ("one bit of a packet's kind flips", "flip-pid", IN_IMAGE),
        ("one bit of a length flips", "flip-length", IN_IMAGE),
        ("one bit of a checksum flips", "flip-checksum", IN_IMAGE),
        ("every answer has a damaged checksum", "flip-checksum", {"packets": "ack", "times": 0}),
        ("a byte is lost", "byte-drop", IN_IMAGE),
        ("a byte comes twice", "byte-duplicate", IN_IMAGE),
        ("a byte is inserted", "byte-insert", IN_IMAGE),
        ("a packet breaks off", "packet-truncated", IN_IMAGE),
        ("a packet is lost", "packet-lost", IN_IMAGE),
        ("a packet comes twice", "packet-repeated", IN_IMAGE),
        ("the last packet never comes", "end-missing", {}),
        ("the last packet is not marked", "end-unmarked", {}),
        ("the image ends early, well marked", "end-early", {}),
        ("a length of 0", "length-field", {"value": 0, **IN_IMAGE}),
        ("a length of 2", "length-field", {"value": 2, **IN_IMAGE}),
        ("a length of 259", "length-field", {"value": 0x103, **IN_IMAGE}),
        ("a length of 65535", "length-field", {"value": 0xFFFF, **IN_IMAGE}),
        ("noise between packets", "noise-between", IN_IMAGE),
        ("a wake-up byte before an answer", "noise-before", {"what": "wake-up"}),
        ("boot junk before an answer", "noise-before", {"what": "junk"}),
        ("console text before an answer", "noise-before", {"what": "console"}),
        ("packets at another rate", "baud-mismatch", {"times": 3, **IN_IMAGE}),
        ("0.3 s of silence between packets", "gap", IN_IMAGE),
        ("0.3 s of silence in a packet", "stall", IN_IMAGE),
        ("5 s of silence in a packet", "stall", {"seconds": 5.0, **IN_IMAGE}),
        ("packets held back, then a burst", "burst", IN_IMAGE),
        ("the module never answers", "half-open", {}),
        ("a command arrives damaged", "command-damaged", {}),
        ("the answer to GenImg is 2.5 s late", "ack-late", {"opcode": GEN_IMG, "seconds": 2.5}),
        ("the answer to UpImage is 2.5 s late", "ack-late", {"opcode": UP_IMAGE, "seconds": 2.5}),
        ("an answer comes twice", "ack-double", {"opcode": GEN_IMG}),
        ("the answer to another command", "ack-other", {"opcode": GEN_IMG}),
        ("GenImg answered with an unknown code", "code-unknown", {"opcode": GEN_IMG}),
        ("UpImage answered with an unknown code", "code-unknown", {"opcode": UP_IMAGE}),
        ("UpImage answered with 0F", "code-unknown", {"opcode": UP_IMAGE, "code": 0x0F}),
        ("a bad packet, says the module, twice", "bad-packet", {}),
        ("an answer from another address", "address-wrong", {}),
        ("a reboot before GenImg", "session-lost", {"opcode": GEN_IMG}),
        ("a reboot before UpImage", "session-lost", {"opcode": UP_IMAGE}),
        ("another packet size than announced", "packet-size", {}),
        ("the image is 128 bytes short", "image-short", {}),
        ("the image is 128 bytes too long", "image-long", {}),
        ("the supply sags during the image", "brown-out", {}),
        ("unplugged during the image", "unplug", {}),
        ("the sensing part is broken", "sensor-fault", {}),
        ("the finger leaves during the capture", "lift-during-capture", {}),
        ("the finger leaves before the upload", "lift-before-upload", {}),
    ),
    Row("the host reads late: 1 KiB of room", "overrun", {"size": 1024}, paced=True),
    Row("a wake-up byte waits at the start", "noise-before", {"what": "wake-up"}, opened_first=False),
    Row("ReadSysPara refused with 21", "session-lost", {"opcode": READ_SYS_PARA}, opened_first=False),
    Row("the baud field lies", "baud-field", {}, opened_first=False),
    Row("the busy bit is stuck", "busy-stuck", {}, opened_first=False),
    Row("the module has a password", "password-set", {}, opened_first=False),
    Row("the module stores templates", "templates-stored", {}, opened_first=False),
    Row("two packets change places", "packets-swapped", IN_IMAGE),
    Row("the same, ridgekey with confirm=yes", "packets-swapped", IN_IMAGE, confirmed=True),
)
"""Faults of the line, the protocol and the module; how a finger lies is a matter for the quality gate."""


@dataclass(frozen=True)
class Cell:
    """What one driver made of one fault.

    Attributes:
        outcome: while the fault was there.
        after: on the faultless line afterwards.
        error: type and text of the error, if there was one.
        seconds: until the driver said something.
    """

    outcome: Outcome
    after: Outcome
    error: str
    seconds: float


Table = list[dict[str, Any]]


def run(names: list[str], progress: Callable[[], None], rows: tuple[Row, ...] = ROWS) -> Table:
    """Give every driver every fault, the drivers beside each other; `progress` is told after each."""
    present = [name for name in names if installed(name)]
    with ThreadPoolExecutor(len(present)) as pool:
        columns = list(pool.map(lambda name: column(name, rows, progress), present))
    return [
        {
            "fault": row.words,
            "drivers": {name: asdict(cell) for name, cell in zip(present, cells, strict=True)},
        }
        for row, cells in zip(rows, zip(*columns, strict=True), strict=True)
    ]


def column(name: str, rows: tuple[Row, ...], progress: Callable[[], None]) -> list[Cell]:
    """All faults for one driver, which is started anew for each."""
    cells = []
    with tempfile.TemporaryDirectory(prefix="ridgekey-bench-") as folder, ExitStack() as stack:
        truth = images(Path(folder), R307)
        sensors: dict[bool, Simulated] = {}
        for row in rows:
            if row.paced not in sensors:
                options = () if row.paced else ("--no-pacing",)
                running = simulated(R307, BAUD, Path(folder), *options)
                sensors[row.paced] = stack.enter_context(running)
            sensor = sensors[row.paced]
            drain(sensor.port)
            with Driver(name, sensor.port, BAUD, confirm=row.confirmed) as driver:
                cells.append(_Attempt(row, truth, sensor, driver).run())
            progress()
    return cells


def drain(port: str) -> None:
    """Read away what the driver before has left on the line, once the port is there."""
    until = time.monotonic() + HANG_SECONDS
    while not Path(port).exists() and time.monotonic() < until:
        time.sleep(QUIET_SECONDS)
    with serial.Serial(port, BAUD, timeout=QUIET_SECONDS) as line:
        while line.read(4096):
            pass


class _Attempt:
    """One driver before one sensor."""

    def __init__(self, row: Row, truth: dict[int, bytes], sensor: Simulated, driver: Driver) -> None:
        self._row, self._truth, self._sensor, self._driver = row, truth, sensor, driver

    def run(self) -> Cell:
        row, remote, driver = self._row, self._sensor.remote, self._driver
        answer: dict[str, Any] | None = {}
        if row.opened_first:
            driver.ask("open", HANG_SECONDS)
        remote.place(row.finger)
        if row.fault:
            remote.fault(row.fault, **row.values)
        if not row.opened_first:
            answer = driver.ask("open", HANG_SECONDS)
        if answer is not None and "error" not in answer:
            answer = driver.ask("capture", HANG_SECONDS)
        outcome = self._judge(answer, row.finger)
        remote.clear()
        wall = answer["wall"] if answer and "wall" in answer else HANG_SECONDS
        error = f"{answer['error']}: {answer['text']}" if answer and "error" in answer else ""
        return Cell(outcome, self._afterwards(), error, round(wall, 2))

    def _afterwards(self) -> Outcome:
        """Whether the driver, opened anew if it must be, sees what is there on a line without a fault."""
        remote, driver = self._sensor.remote, self._driver
        remote.lift()
        looked = driver.ask("look", HANG_SECONDS)
        if looked is not None and looked.get("finger"):
            return Outcome.WRONG
        remote.place(2)
        outcome = self._judge(driver.ask("capture", HANG_SECONDS), 2)
        if outcome is Outcome.ERROR:
            driver.ask("open", HANG_SECONDS)
            outcome = self._judge(driver.ask("capture", HANG_SECONDS), 2)
        return outcome

    def _judge(self, answer: dict[str, Any] | None, finger: int) -> Outcome:
        if answer is None:
            return Outcome.HANG
        if "error" in answer:
            return Outcome.ERROR
        right = hashlib.sha256(self._truth[finger]).hexdigest()
        return Outcome.RIGHT if answer.get("sha256") == right else Outcome.WRONG
