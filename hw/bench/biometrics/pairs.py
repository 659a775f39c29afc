"""The policy of two fingers, measured: neighbours in a set stand for two fingers of one person.

FAS is counted as for one finger (`counting`), with one step more. Whoever guesses draws i of the k features
from the first finger's frame and k - i from the second's; the two are independent, so the mean chance of a
trial over all pairs of strangers' presses and frames is the product of the means, exactly, with no need to go
through the pairs. The best i is the attacker's. With the presses of the finger itself in one factor's place
comes out what somebody needs who has that finger, the record and the pepper, and lacks the other finger.

At the kiosk that somebody is stopped by the points that each press must have of its own. A press of a
stranger that has so many in some frame is counted as let in, whatever else the decoder would need.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from random import Random
from time import perf_counter

import numpy as np
import numpy.typing as npt

from edge.biometrics import EnrolmentError, Minutiae
from edge.biometrics.enrolment import Frame, frames_of_presses
from edge.biometrics.joint import (
    COEFFICIENTS,
    LEAST_SHARE,
    POINTS,
    REFERENCES,
    JointEnrolment,
    Locked,
    Side,
    bind_two,
    tagged,
    universe,
    unlock_two,
)
from edge.biometrics.parameters import Parameters
from hw.bench.biometrics import statistics
from hw.bench.biometrics.fingers import FingerResult, Press
from hw.bench.biometrics.processes import in_processes
from hw.bench.biometrics.protocol import SetResult
from hw.bench.biometrics.summary import Figures

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """Two fingers as one person.

    Attributes:
        accepted: whether each pair of later presses opened; None if the two were not enrolled.
        seconds: of each unlocking.
        one_alone: whether a press of one, with a stranger's for the other, opened.
        strangers: whether presses of two strangers opened.
        coefficients: of the record.
    """

    accepted: list[bool] | None
    seconds: list[float]
    one_alone: list[bool]
    strangers: list[bool]
    coefficients: int = 0


@dataclass(frozen=True)
class Drawn:
    """Mean chance, over frames and presses, that i drawn points are all right, for i = 0 to k.

    Attributes:
        own: with the finger's own later presses.
        strange: with all presses of all other fingers.
        strangers: how many presses those are.
        enough: how many of them have `LEAST_SHARE` right points in some frame.
    """

    own: Array
    strange: Array
    strangers: int
    enough: int


def figures_of(result: SetResult, progress: Callable[[str, int, int], None], workers: int) -> Figures:
    """Measure all pairs of a set."""
    name = result.job.images.name
    fingers = [finger for finger in result.fingers if finger.enrolled]
    couples = [both for number, both in enumerate(pairwise(fingers)) if number % 2 == 0]
    if len(couples) < 2:
        return {}
    others = [couples[number - 1] for number in range(len(couples))]
    parameters = result.job.parameters
    tasks = [(parameters, both, other) for both, other in zip(couples, others, strict=True)]
    pairs = in_processes(measure_pair, tasks, workers, partial(progress, f"{name}: two fingers"))
    presses = {finger.finger: finger.presses for finger in result.fingers}
    counted = [(parameters, finger, presses) for finger in fingers]
    drawn = [
        each
        for each in in_processes(count, counted, workers, partial(progress, f"{name}: two fingers, counted"))
        if each
    ]
    enrolled = [pair for pair in pairs if pair.accepted is not None]
    if not enrolled or not drawn:
        return {"two_pairs": len(couples), "two_fte": 1.0}
    accepted = [pair.accepted or [] for pair in enrolled]
    tell = partial(progress, f"{name}: two fingers, refused")
    [refusal] = in_processes(refusal_seconds, tasks[:1], 1, tell)
    return {
        "two_pairs": len(couples),
        "two_fte": 1 - len(enrolled) / len(couples),
        "two_fnmr_one_press": statistics.mean_with_interval([1 - sum(a) / len(a) for a in accepted])[0],
        "two_frr_three_presses": statistics.mean_with_interval(
            [statistics.refused_transaction(a) for a in accepted]
        )[0],
        "two_stranger_presses": sum(len(pair.strangers) for pair in enrolled),
        "two_false_accepts": sum(sum(pair.strangers) for pair in enrolled),
        "two_one_alone_presses": sum(len(pair.one_alone) for pair in enrolled),
        "two_one_alone_accepts": sum(sum(pair.one_alone) for pair in enrolled),
        **counted_figures(drawn, enrolled[0].coefficients),
        "two_seconds_median": float(np.median([s for pair in enrolled for s in pair.seconds])),
        "two_refusal_seconds": refusal,
    }


def counted_figures(drawn: Sequence[Drawn], coefficients: int) -> Figures:
    """What strangers' presses can do to records of two fingers, by counting alone."""
    own, strange = (
        np.mean([getattr(each, which)[: coefficients + 1] for each in drawn], axis=0)
        for which in ("own", "strange")
    )
    (fas, bound), (known, _) = best_split(strange, strange), best_split(own, strange)
    strangers, enough = sum(each.strangers for each in drawn), sum(each.enough for each in drawn)
    return {
        "two_coefficients": coefficients,
        "two_one_alone_presses_counted": strangers,
        "two_one_alone_presses_with_share": enough,
        "two_one_alone_far_computed": enough / strangers if strangers else float("nan"),
        "two_one_alone_far_upper_95": statistics.upper_bound(enough, strangers),
        "two_fas_bits": fas,
        "two_fas_is_extrapolated": int(bound),
        "two_fas_bits_one_known": known,
    }


def best_split(first: Array, second: Array) -> tuple[float, bool]:
    """Bits of the attacker's best way to share the draws between the two fingers.

    Each further draw is right less often than the one before it, as the right points are used up. So where so
    many were never seen, the last step seen is taken once more for each, which errs on the attacker's side.

    Returns:
        The bits, and whether they rest on such a step.
    """
    k = len(first) - 1
    logs = [_continued(np.log2(np.maximum(each, 1e-300)), int((each > 0).sum())) for each in (first, second)]
    shares = logs[0] + logs[1][::-1]
    best = int(np.argmax(shares))
    return -float(shares[best]), not (first[best] > 0 and second[k - best] > 0)


def _continued(logs: Array, seen: int) -> Array:
    step = logs[seen - 1] - logs[seen - 2] if seen > 1 else 0.0
    logs[seen:] = logs[seen - 1] + step * np.arange(1, len(logs) - seen + 1)
    return logs


def measure_pair(
    parameters: Parameters,
    both: tuple[FingerResult, FingerResult],
    others: tuple[FingerResult, FingerResult],
) -> Pair:
    """Enrol two fingers, press both, then one of them with a stranger's, then two strangers'."""
    made = _enrol(parameters, both)
    if made is None:
        return Pair(None, [], [], [])

    def opened(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> bool:
        found = unlock_two(made.record, Minutiae(first), Minutiae(second))
        return found is not None and found == made.secret

    accepted, seconds = [], []
    for a, b in zip(*(finger.tried for finger in both), strict=False):
        start = perf_counter()
        accepted.append(a.fit and b.fit and opened(a.table, b.table))
        seconds.append(perf_counter() - start)
    mine, theirs = ([finger.tried[0].table for finger in each] for each in (both, others))
    return Pair(
        accepted,
        seconds,
        [opened(mine[0], theirs[1]), opened(theirs[0], mine[1])],
        [opened(theirs[0], theirs[1]), opened(theirs[1], theirs[0])],
        made.record.parameters.coefficients,
    )


def refusal_seconds(
    parameters: Parameters,
    both: tuple[FingerResult, FingerResult],
    others: tuple[FingerResult, FingerResult],
) -> float:
    """Time of unlocking with two strangers' presses, which runs all trials; not-a-number if it opens."""
    made, (first, second) = _enrol(parameters, both), (Minutiae(each.tried[0].table) for each in others)
    start = perf_counter()
    refused = made is not None and unlock_two(made.record, first, second) is None
    return perf_counter() - start if refused else float("nan")


def _enrol(parameters: Parameters, both: tuple[FingerResult, FingerResult]) -> JointEnrolment | None:
    locked = [_lockable(parameters, finger) for finger in both]
    if locked[0] is None or locked[1] is None:
        return None
    return bind_two(locked[0], locked[1], _seeded(*both))


def _lockable(parameters: Parameters, finger: FingerResult) -> Locked | None:
    """What enrolment makes of the presses that it took."""
    presses = [Minutiae(press.table) for press in finger.presses[: finger.used] if press.fit]
    try:
        return frames_of_presses(presses, parameters, _seeded(finger)) if len(presses) > 1 else None
    except EnrolmentError:
        return None


def _seeded(*fingers: FingerResult) -> Random:
    """For a record of these fingers."""
    return Random(f"two {[finger.finger for finger in fingers]}")  # noqa: S311  # repeatable, protects nobody


def count(parameters: Parameters, finger: FingerResult, everyone: dict[int, list[Press]]) -> Drawn | None:
    """Count one finger's frames, as a half of a joint record, against its own and all strangers' presses."""
    locked = _lockable(parameters, finger)
    if locked is None:
        return None
    _, frames = locked
    own = [chances(frames, press.table)[0] for press in finger.tried]
    strange = [
        chances(frames, press.table)
        for other, presses in everyone.items()
        if other != finger.finger
        for press in presses
    ]
    return Drawn(
        np.mean(own, axis=0),
        np.mean([each for each, _ in strange], axis=0),
        len(strange),
        sum(most >= LEAST_SHARE for _, most in strange),
    )


def chances(frames: Sequence[Frame], table: npt.NDArray[np.float32]) -> tuple[Array, int]:
    """What a press can do to a finger's half of a joint record.

    Returns:
        Mean over vaults and frames of the chance that i points, drawn by their odds, are all right; and the
        most right points of any frame.
    """
    total, most = np.zeros(COEFFICIENTS + 1), 0
    if len(table) < 2:
        return total, most
    side = Side.of(Minutiae(table))
    for lattice, features in frames[:REFERENCES]:
        member = np.zeros(universe(lattice.sectors), dtype=np.uint16)
        member[tagged(features, lattice, 0)] = 1
        # `member` in the permutation's place: instead of a point's x comes whether it is right.
        right, weight = side.points(lattice, 0, member)
        most = max(most, int((right * (weight > 0)).sum(axis=1).max()))
        right, weight = right[:, :POINTS], weight[:, :POINTS] / weight[:, :POINTS].mean()
        total += (sums(weight * right) / np.maximum(sums(weight), 1e-300)).mean(axis=0)
    return total / len(frames[:REFERENCES]), most


def sums(weight: Array) -> Array:
    """Elementary symmetric polynomials e_0 to e_k of each row."""
    e = np.zeros((len(weight), COEFFICIENTS + 1))
    e[:, 0] = 1
    for column in weight.T:
        e[:, 1:] += column[:, np.newaxis] * e[:, :-1]
    return e
