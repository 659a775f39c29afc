"""Thousands of images over a line with random faults: is any of them wrong, does any wait have no end?

Each transfer has its own image, one of the usual settings, and one to three faults with random parameters.
The image that the driver hands out is compared with the one on the glass. After each error the fault ends,
and the next image must come right: a driver that stays out of step is found.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from random import Random

import numpy as np

from drivers.errors import LinkLostError, SensorError
from drivers.opening import open_on
from drivers.sensor import Sensor
from hw.bench.sensor.random_faults import Drawn, draw
from hw.bench.sensor.virtual_line import HungError, VirtualLine
from hw.simulator.packets import HEADER
from hw.simulator.pixels import Pixels, pack, unpack
from hw.simulator.profiles import CLONE, R307, R503, Profile

FINGER_SECONDS = 3.0
LIMIT = 120.0
"""Seconds, of the simulated line, after which a capture counts as hung. One that goes wrong in every way it
can, three uploads at 57600 baud with their barriers, and that twice, ends after about 90."""

RECOVERIES = 3
"""Captures on a faultless line within which the driver must be itself again."""

PIECE = 250
"""Transfers that one process does in one go."""

SEEDS_APART = 1_000_003
"""Seeds of pieces that lie between those of two runs."""

COUNTS = ("transfers", "faults", "retried", "wrong", "ghosts", "unscrubbed", "hangs", "stuck")
"""The plain numbers of a tally."""

PER_MODULE = 50
"""Transfers before another module is taken: another model, rate and packet size."""

PROFILES = (R307, R503, CLONE)
BAUDS = (57600, 115200)
PACKET_CODES = (2, 3)


@dataclass
class Tally:
    """What came of the transfers.

    Attributes:
        transfers: how many were hit by a fault; the others count for nothing.
        faults: faults that happened in them.
        outcomes: "right", and each error by its name.
        retried: right ones that took more than one upload.
        wrong: images that were handed out and differ from the one on the glass.
        ghosts: fingers seen where none was.
        unscrubbed: images that were still in the sensor though the driver said that it had removed them.
        hangs: captures beyond the limit.
        stuck: errors after which a faultless line did not help.
        longest: seconds, of the simulated line, that any one took.
    """

    transfers: int = 0
    faults: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    wrong: int = 0
    ghosts: int = 0
    unscrubbed: int = 0
    hangs: int = 0
    stuck: int = 0
    longest: float = 0.0
    troubles: list[str] = field(default_factory=list)


def image(profile: Profile, random: Random) -> Pixels:
    """A new image: noise, bands or white, with bytes in it that look like the header of a packet."""
    size = profile.image_bytes
    packed = random.choice(
        (
            lambda: random.randbytes(size),
            lambda: bytes(random.choice((0x00, 0x0F, 0xFF)) for _ in range(size // 64)) * 64,
            lambda: b"\xff" * size,
        )
    )()
    data = bytearray(packed)
    for _ in range(random.randrange(4)):
        at = random.randrange(size - 16)
        data[at : at + 12] = HEADER + b"\xff\xff\xff\xff\x07\x00\x03\x00\x00\x0a"
    data[:4] = random.randbytes(4)  # no two are alike
    return unpack(bytes(data), profile.width, profile.height)


class Crew:
    """Processes that go through the transfers while something else is done.

    They are cut into pieces with a seed each: the outcome does not depend on how many processes there are.
    """

    def __init__(self, count: int, seed: int, progress: Callable[[int], None]) -> None:
        """Begin; `progress` is told how many transfers were done, piece by piece."""
        self._pool = ProcessPoolExecutor(mp_context=get_context("spawn"))
        sizes = [min(PIECE, count - start) for start in range(0, count, PIECE)]
        self._pieces = [
            self._pool.submit(run, size, seed * SEEDS_APART + number) for number, size in enumerate(sizes)
        ]
        for piece, size in zip(self._pieces, sizes, strict=True):
            piece.add_done_callback(partial(_tell, progress, size))

    def result(self) -> Tally:
        """All together, once they are done."""
        with self._pool:
            return merged(piece.result() for piece in self._pieces)


def _tell(progress: Callable[[int], None], size: int, _piece: "Future[Tally]") -> None:
    progress(size)


def merged(pieces: Iterable[Tally]) -> Tally:
    """The sum of some tallies."""
    total = Tally()
    for piece in pieces:
        total.outcomes.update(piece.outcomes)
        total.troubles += piece.troubles
        total.longest = max(total.longest, piece.longest)
        for name in COUNTS:
            setattr(total, name, getattr(total, name) + getattr(piece, name))
    return total


def run(count: int, seed: int) -> Tally:
    """Transfer `count` images."""
    logging.getLogger("drivers").setLevel(logging.CRITICAL)  # it warns of each fault, thousands of times
    tally, random = Tally(), Random(seed)  # noqa: S311 a repeatable bad day, not a secret
    while tally.transfers < count:
        trial = _Trial(random, tally)
        for _ in range(min(PER_MODULE, count - tally.transfers)):
            trial.transfer()
            if tally.transfers == count:
                break
    return tally


class _Trial:
    """One module and one driver over some transfers."""

    def __init__(self, random: Random, tally: Tally) -> None:
        self._random, self._tally = random, tally
        self._profile = random.choice(PROFILES)
        self._line = VirtualLine(self._profile, random.choice(BAUDS), random.choice(PACKET_CODES))
        self._sensor = self._open()

    def transfer(self) -> None:
        """One image with faults; after an error, one without."""
        tally, line = self._tally, self._line
        faults = draw(self._random)
        for name, values in faults:
            line.faults.set(name, values)
        outcome = self._capture()
        happened = sum(bool(entry["happened"]) for entry in line.faults.counts().values())
        tally.transfers += bool(happened)
        tally.faults += happened
        line.faults.clear()
        tally.outcomes[outcome] += bool(happened)
        line.wear_off()
        if line.unplugged:
            line.plug_in_again()
            self._sensor = self._open()
        if outcome != "right" and not self._recovers():
            tally.stuck += 1
            tally.troubles.append(f"out of step after {outcome} after {faults}")
            line.plug_in_again()
            self._sensor = self._open()
        self._look_at_nothing(faults)

    def _open(self) -> Sensor:
        self._line.begin(LIMIT)
        return open_on(self._line, idle_scrub=None)

    def _recovers(self) -> bool:
        """Whether an image comes now that nothing is wrong."""
        return any(self._capture() == "right" for _ in range(RECOVERIES))

    def _capture(self) -> str:
        tally, line = self._tally, self._line
        line.pad.pixels = pixels = image(self._profile, self._random)
        line.begin(LIMIT)
        since = line.clock.now()
        try:
            with self._sensor.capture(finger_timeout=FINGER_SECONDS) as taken:
                right = pack(np.frombuffer(taken.pixels, np.uint8).reshape(pixels.shape)) == pack(pixels)
                again = taken.transfer is not None and taken.transfer.attempts > 1
                scrubbed = taken.transfer is not None and taken.transfer.scrub is not None
        except SensorError as error:
            return type(error).__name__
        except HungError as error:
            tally.hangs += 1
            tally.troubles.append(f"hung: {error} with {line.faults.counts()}")
            return "hang"
        finally:
            line.clock.limit = float("inf")
            tally.longest = max(tally.longest, line.clock.now() - since)
        tally.retried += right and again
        tally.unscrubbed += scrubbed and line.module.state.image is not None
        if right:
            return "right"
        tally.wrong += 1
        tally.troubles.append(f"wrong image with {line.faults.counts()}")
        return "wrong"

    def _look_at_nothing(self, faults: list[Drawn]) -> None:
        """An answer that came late must not be taken for a finger now."""
        self._line.pad.lift()
        self._line.begin(LIMIT)
        try:
            seen = not self._sensor.wait_lifted(0.0)
        except (LinkLostError, SensorError, HungError) as error:
            self._tally.stuck += 1
            self._tally.troubles.append(f"{error!r} at an empty glass after {faults}")
            return
        if seen:
            self._tally.ghosts += 1
            self._tally.troubles.append(f"a ghost after {faults}")
