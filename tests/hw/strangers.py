"""How much of one finger's record another finger's press meets by chance, and what that is worth to a thief.

In each frame of a press, count the quantised features that it shares with the enrolled ones; from the count
follows the chance that a random subset of its features is right.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from random import Random

import numpy as np
from numpy.typing import NDArray

from drivers.image import FingerImage
from edge.biometrics.alignment import merge
from edge.biometrics.enrolment import LEAST_PARTNERS, frame_features
from edge.biometrics.minutiae import Minutiae, MinutiaExtractor
from edge.biometrics.parameters import Parameters
from edge.biometrics.quality import assess
from edge.biometrics.quantisation import Lattice, references
from edge.biometrics.unlocking import STRONGEST, UNSTRETCHED, WAYS, all_relative
from hw.fingers import FingerSource

MEASURED_WITH = Parameters(coefficients=8, cell_px=18, sectors=10, kept=44)
"""Fixed, so that figures stay comparable whatever the extractor chooses for its records."""

REFERENCES, REFERENCES_APART_PX = 3, 30.0
"""Fixed as well."""

TRIALS = 2.0**20
"""Decoding trials of one try to unlock, over all its frames together."""

Frame = tuple[Lattice, NDArray[np.int64]]
"""A lattice in one reference minutia's frame, and the features that were enrolled on it."""


@dataclass(frozen=True)
class Overlap:
    """One press against one enrolled finger.

    Attributes:
        best: features shared in the luckiest frame.
        mean: features shared in a frame on average.
        per_trial: chance that one random subset of the press's features, in a random frame, is right.
        per_try: chance that `TRIALS` of them open the record.
    """

    best: int
    mean: float
    per_trial: float
    per_try: float


@dataclass(frozen=True)
class Strangers:
    """A set's presses against other fingers' records; the fields of `Overlap`, over all pairs."""

    pairs: int
    best: float
    best_99: float
    mean: float
    false_accepts: float
    security_bits: float

    def __str__(self) -> str:
        return (
            f"{self.pairs:6d} pairs   shared: {self.mean:.2f} a frame, {self.best:.2f} in the best "
            f"(99 %: {self.best_99:.0f})   false accepts at 2^20: {self.false_accepts:.1e}   "
            f"FAS {self.security_bits:.1f} bits"
        )


class Reader:
    """Presses of a source, as minutiae, for a sensor of a given size."""

    def __init__(self, source: FingerSource, width: int = 256, height: int = 288, dpi: int = 500) -> None:
        self._source, self._size, self._extractor = source, (width, height, dpi), MinutiaExtractor()

    def read(self, finger: int, impression: int) -> Minutiae | None:
        """The minutiae of one impression; None if the quality gate refuses it."""
        width, height, dpi = self._size
        pixels = self._source.press(finger, impression, width, height, dpi)
        with FingerImage(bytearray(pixels.tobytes()), width, height, dpi) as image:
            minutiae = self._extractor.extract(image)
            return minutiae if assess(image, minutiae).acceptable else None

    def presses(self, finger: int, count: int) -> list[Minutiae]:
        """The first `count` impressions, from number 1, that pass the quality gate; tries twice as many."""
        read = (self.read(finger, impression) for impression in range(1, 2 * count + 1))
        return [minutiae for minutiae in read if minutiae is not None][:count]


def enrolled_frames(presses: Sequence[Minutiae]) -> list[Frame]:
    """What enrolment would lock away of these presses."""
    template, randomness = merge(presses, LEAST_PARTNERS), Random(0)
    chosen = references(template, REFERENCES, REFERENCES_APART_PX)
    return [frame_features(template, reference, MEASURED_WITH, randomness)[:2] for reference in chosen]


def overlap(frames: Sequence[Frame], press: Minutiae) -> Overlap:
    """Compare a press with an enrolled finger in every frame that unlocking would try."""
    relative, _ = all_relative(press.table[:STRONGEST].astype(np.float64), WAYS[:UNSTRETCHED])
    shared, points = [], []
    for lattice, enrolled in frames:
        features = np.sort(lattice.features(relative), axis=1)
        distinct = np.diff(features, axis=1, prepend=-1) > 0
        shared.append((np.isin(features, enrolled) & distinct).sum(axis=1))
        points.append(distinct.sum(axis=1))
    counts = np.concatenate(shared)
    chances = np.array([chance(*pair) for pair in zip(counts, np.concatenate(points), strict=True)])
    missed = np.log1p(-np.minimum(chances, 1 - 1e-12)).sum() * TRIALS / len(chances)
    return Overlap(int(counts.max()), float(counts.mean()), float(chances.mean()), float(-np.expm1(missed)))


def chance(shared: int, points: int, k: int = MEASURED_WITH.coefficients) -> float:
    """That k features drawn at random from `points` are all among the `shared` ones."""
    return comb(int(shared), k) / comb(int(points), k) if points >= k else 0.0


def compare_strangers(
    records: Mapping[int, Sequence[Frame]], probes: Mapping[int, Minutiae], pairs: int
) -> Strangers:
    """Presses of each finger against the records of others, at most `pairs` of them, evenly chosen."""
    everyone = [(owner, other) for owner in records for other in probes if owner != other]
    chosen = everyone[:: max(1, -(-len(everyone) // pairs))]
    return summary(overlap(records[owner], probes[other]) for owner, other in chosen)


def summary(overlaps: Iterable[Overlap]) -> Strangers:
    """The figures of a set."""
    each = list(overlaps)
    best = np.array([one.best for one in each])
    per_trial = float(np.mean([one.per_trial for one in each]))
    return Strangers(
        pairs=len(each),
        best=float(best.mean()),
        best_99=float(np.percentile(best, 99)),
        mean=float(np.mean([one.mean for one in each])),
        false_accepts=float(np.mean([one.per_try for one in each])),
        security_bits=float(-np.log2(per_trial)) if per_trial else float("inf"),
    )
