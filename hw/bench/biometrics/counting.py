"""How likely one trial of the decoder opens a record: counted, where running 2^47 trials is out of reach.

A trial in a frame draws k of the frame's points. It opens the record if all k are right, that is, locked in
the vault. Which points are right is known here, because the bench has kept what enrolment locked. With the
decoder's weights w, a draw of k points of weight product w_1 ... w_k has a chance proportional to it, so

    P(frame) = e_k(weights of the right points) / e_k(weights of all points),

with e_k the elementary symmetric polynomial. (The decoder draws one point after the other from an urn of 256
slots: the same but for a few per cent; `attacks.brute_force` compares.) A frame of fewer than k
right points has no chance at all.

*FAS*, the false-accept security, is -log2 of the mean of P over all frames of all presses of all strangers:
an attacker who has a database of fingers, and nothing better, tries frames of its presses; the mean number of
trials until a record opens is 2^FAS. It rests on the few luckiest presses, so it says on how many.
An attacker may also prefer the frames in which a finger's own press opens most often: of central and clear
minutiae, unturned. What that gives him is counted beside it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.biometrics.enrolment import Frame
from edge.biometrics.joint import central
from edge.biometrics.quantisation import Lattice
from edge.biometrics.reliability import odds
from edge.biometrics.unlocking import STRONGEST, WAYS, all_relative

Array = npt.NDArray[np.float64]

KS = tuple(range(6, 13))
"""Numbers of coefficients that chances are counted for: those in use and their neighbours."""


@dataclass(frozen=True)
class Locked:
    """What a vault holds.

    Attributes:
        lattice: of its frame.
        member: (universe,) bool, whether a feature is locked.
    """

    lattice: Lattice
    member: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, frame: Frame) -> "Locked":
        """Take it from enrolment."""
        lattice, features = frame
        member = np.zeros(lattice.universe, dtype=bool)
        member[features] = True
        return cls(lattice, member)


@dataclass(frozen=True)
class Chances:
    """What one press can do to one record.

    Attributes:
        right: most right points in any frame.
        one_trial: (len(KS),) chance that one trial in a frame drawn at random opens, by k.
        miss: (len(KS),) mean over the frames of log(1 - P): `trials * miss` is the logarithm of the chance
            that nothing opens in so many trials.
        preferred: (len(KS),) as `one_trial`, of the unturned frames of central minutiae alone.
    """

    right: int
    one_trial: Array
    miss: Array
    preferred: Array

    def accepted(self, trials: float) -> Array:
        """(len(KS),) chance that a press of so many trials opens the record."""
        return np.asarray(-np.expm1(trials * self.miss))


NONE = Chances(0, *np.zeros((3, len(KS))))


@dataclass(frozen=True)
class PressFrames:
    """A press in all its frames, ready to be counted against many records.

    Attributes:
        relative: (frames, n, 3) minutiae in each frame.
        quality: (frames, n) their qualities.
        preferred: (frames,) bool, those that an attacker would try first.
    """

    relative: Array
    quality: Array
    preferred: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, table: npt.NDArray[np.float32]) -> "PressFrames":
        """From its minutiae, (n, 4)."""
        strongest = table[:STRONGEST].astype(np.float64)
        relative, quality = all_relative(strongest)
        preferred = np.zeros(len(relative), dtype=bool)
        if len(strongest):
            preferred[central(strongest) * len(WAYS)] = True
        return cls(relative, quality, preferred)


def chances(record: list[Locked], press: PressFrames) -> Chances:
    """Count one press against one record."""
    if press.relative.shape[1] < KS[0]:
        return NONE
    right, (total, miss, preferred) = 0, np.zeros((3, len(KS)))
    for locked in record:
        features = locked.lattice.features(press.relative)
        rows = np.flatnonzero(locked.member[features].sum(axis=1) >= KS[0])
        if not len(rows):
            continue
        counted, chance = frame_chances(locked, features[rows], press.relative[rows], press.quality[rows])
        right = max(right, int(counted.max()))
        total += chance.sum(axis=0)
        preferred += chance[press.preferred[rows]].sum(axis=0)
        miss += np.log1p(-np.minimum(chance, 1 - 1e-12)).sum(axis=0)
    frames = len(record) * len(press.relative)
    return Chances(right, total / frames, miss / frames, preferred / (len(record) * press.preferred.sum()))


def frame_chances(
    locked: Locked, features: npt.NDArray[np.int64], relative: Array, quality: Array
) -> tuple[npt.NDArray[np.intp], Array]:
    """Right points of each frame (rows,), and its chance by k (rows, len(KS))."""
    weight = odds(locked.lattice, relative, quality)
    order = np.lexsort((-weight, features), axis=1)
    features, weight = np.take_along_axis(features, order, 1), np.take_along_axis(weight, order, 1)
    distinct = np.ones(features.shape, dtype=bool)
    distinct[:, 1:] = features[:, 1:] != features[:, :-1]
    weight = weight * distinct / weight.mean(axis=1, keepdims=True)
    hit = locked.member[features] & distinct
    chance = symmetric(weight * hit) / symmetric(weight)
    return hit.sum(axis=1), chance * (hit.sum(axis=1)[:, np.newaxis] >= np.array(KS))


def symmetric(weight: Array) -> Array:
    """Elementary symmetric polynomials e_k of each row, for k in `KS`: (rows, len(KS))."""
    e = np.zeros((len(weight), KS[-1] + 1))
    e[:, 0] = 1
    for column in weight.T:
        e[:, 1:] += column[:, np.newaxis] * e[:, :-1]
    return np.maximum(e[:, KS[0] :], 1e-300)
