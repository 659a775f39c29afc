"""From what was seen on a set to its figures and curves: aggregates only.

What is counted is counted over all enrolments of each finger; what is run, on one of them.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import comb

import numpy as np
import numpy.typing as npt

from hw.bench.biometrics import statistics
from hw.bench.biometrics.counting import KS
from hw.bench.biometrics.fingers import ENROLMENTS, Counted, FingerResult
from hw.bench.biometrics.protocol import SetResult, Stranger
from hw.bench.biometrics.statistics import TRANSACTION, bits

Array = npt.NDArray[np.float64]
Figures = dict[str, float | int | str]

EXPONENTS = tuple(range(12, 27))
"""Trials of the curves, as powers of two."""

WORST = 10

NEIGHBOURS = 2
"""Numbers of coefficients below and above those in use that are told of."""

UNSEEN_CHANCE = 1 / comb(40, KS[0]) / 300
"""Of a trial, had one press been seen: one of some 300 frames has just k right points of some 40."""


@dataclass(frozen=True)
class Security:
    """What a stranger's trial is worth.

    Attributes:
        bits: FAS; not-a-number where no press of a stranger was seen.
        low: its 95 % interval's lower end.
        high: and upper end; infinite where some resamples hold no lucky press.
        rests_on: presses, over all enrolments, that had a chance at all.
        bound: whether the bits are a lower bound.
    """

    bits: float
    low: float
    high: float
    rests_on: int
    bound: bool

    def named(self, end: str = "") -> Figures:
        """By the names of the JSON."""
        return {
            f"fas_bits{end}": self.bits,
            f"fas_bits{end}_low": self.low,
            f"fas_bits{end}_high": self.high,
            f"fas_rests_on_presses{end}": self.rests_on,
            f"fas_is_lower_bound{end}": int(self.bound),
        }


@dataclass(frozen=True)
class Curves:
    """What the report draws; over all enrolments.

    Attributes:
        accepted: (len(KS), len(EXPONENTS)) expected share of genuine presses accepted, the mean over fingers.
        false_accepts: (len(KS), len(EXPONENTS)) expected share of strangers' presses accepted.
        fas: (len(KS), 3) bits, and the ends of their 95 % interval; not finite where no press had a chance.
        rests_on: (len(KS),) how many presses had a chance.
        worst: finger's number and its share of refused presses, most refused first.
        not_enrolled: numbers of fingers.
    """

    accepted: Array
    false_accepts: Array
    fas: Array
    rests_on: list[int]
    worst: list[tuple[int, float]]
    not_enrolled: list[int]


def figures_of(result: SetResult) -> Figures:
    """The figures of one set, by the names of the JSON."""
    enrolled = [finger for finger in result.fingers if finger.enrolled]
    accepted = [finger.accepted for finger in enrolled]
    figures: Figures = {
        "set": result.job.images.name,
        "sensor": result.job.images.profile.name,
        "fingers": len(result.fingers),
        "enrolled": len(enrolled),
        "impressions_enrolled": float(np.mean([finger.used for finger in enrolled or result.fingers])),
        "enrolments_counted": _enrolments(result),
        "trials_log2": float(np.log2(result.job.trials)),
        "coefficients": result.job.parameters.coefficients,
        "fte": 1 - len(enrolled) / len(result.fingers),
        "fte_over_enrolments": 1 - _enrolments(result) / (len(result.fingers) * ENROLMENTS),
        "never_opened": sum(not any(own) for own in accepted),
        "genuine_presses": sum(map(len, accepted)),
        **_rate("fnmr_one_press", [1 - sum(own) / len(own) for own in accepted]),
        **_rate("frr_three_presses", [statistics.refused_transaction(own) for own in accepted]),
        "fingers_of_fewer_than_three_presses": sum(len(own) < TRANSACTION for own in accepted),
        "fnmr_impression_1_to_2": one_to_two(result.fingers),
        **false_accept_figures(result),
        **fas_of(result).named(),
        **fas_of(result.as_run).named("_one_enrolment"),
        "fas_bits_preferred_frames": preferred_bits(result),
    }
    for k in neighbours(result):
        figures |= figures_of_k(result, k)
    in_use = f"_of_k_{figures['coefficients']}"
    for name in ("fnmr_one_press", "frr_three_presses"):
        figures[f"{name}_computed"] = figures[name + in_use]
    for k in sorted({finger.enrolled.k for finger in enrolled if finger.enrolled}):
        figures[f"records_of_k_{k}"] = sum(1 for f in enrolled if f.enrolled and f.enrolled.k == k)
    return figures


def _enrolments(result: SetResult) -> int:
    return sum(len(finger.counted) for finger in result.fingers)


def _rate(name: str, of_fingers: list[float]) -> Figures:
    mean, low, high = statistics.mean_with_interval(of_fingers)
    return {name: mean, f"{name}_low": low, f"{name}_high": high}


def neighbours(result: SetResult) -> list[int]:
    """Numbers of coefficients to tell of: those in use, and some below and above."""
    return [k for k in KS if abs(k - result.job.parameters.coefficients) <= NEIGHBOURS]


def figures_of_k(result: SetResult, k: int) -> Figures:
    """Expected acceptance, and FAS, had all records k coefficients: counted over all enrolments."""
    one, three = [], []
    for own in (finger.counted.values() for finger in result.fingers if finger.counted):
        chances = [genuine_chances(each, result.job.trials)[:, KS.index(k)] for each in own]
        one.append(float(np.mean([1 - each.mean() for each in chances])))
        three.append(float(np.mean([statistics.refused_transaction_computed(each) for each in chances])))
    return {
        **_rate(f"fnmr_one_press_of_k_{k}", one),
        **_rate(f"frr_three_presses_of_k_{k}", three),
        **fas_of(result, k).named(f"_of_k_{k}"),
    }


def genuine_chances(counted: Counted, trials: float) -> Array:
    """(presses, len(KS)) chance of each of a finger's own presses to open."""
    return np.array([press.accepted(trials) for press in counted.genuine])


def one_to_two(fingers: list[FingerResult]) -> float:
    """FNMR of the older papers' protocol; what could not be enrolled counts as refused."""
    return 1 - sum(bool(finger.one_to_two) for finger in fingers) / len(fingers)


def false_accept_figures(result: SetResult) -> Figures:
    """False accepts that were run, with their interval, and those that the count expects."""
    presses = impostor_presses(result)
    accepted = sum(stranger.accepted for stranger in result.strangers)
    low, high = statistics.clopper_pearson(accepted, presses)
    transactions, false_accepts = impostor_transactions(result)
    table, _ = pair_means(result, lambda s: stranger_accepts(result, s))
    computed, computed_interval = _mean_of_pairs(table), statistics.pairs_interval(table, float)
    return {
        "impostor_presses": presses,
        "impostor_transactions": transactions,
        "false_accepts": false_accepts,
        "false_accepts_presses": accepted,
        "far_upper_95": statistics.upper_bound(false_accepts, transactions),
        "fmr_one_press": accepted / presses if presses else math.nan,
        "fmr_one_press_low": low,
        "fmr_one_press_high": high,
        "fmr_one_press_computed": computed,
        "fmr_one_press_computed_low": computed_interval[0],
        "fmr_one_press_computed_high": computed_interval[1],
        "false_accepts_per_transaction_computed": computed * presses / max(transactions, 1),
    }


def impostor_presses(result: SetResult) -> int:
    """Presses of other fingers that were tried on records, in all."""
    presses = {finger.finger: len(finger.presses) for finger in result.fingers}
    return sum(sum(presses.values()) - presses[owner] for owner in result.enrolled)


def impostor_transactions(result: SetResult) -> tuple[int, int]:
    """Transactions of up to three presses of another finger, and how many of them were accepted."""
    each = {finger.finger: -(-len(finger.presses) // TRANSACTION) for finger in result.fingers}
    count = sum(sum(each.values()) - each[owner] for owner in result.enrolled)
    accepted = {(s.record, s.finger, s.press // TRANSACTION) for s in result.strangers if s.accepted}
    return count, len(accepted)


def stranger_accepts(result: SetResult, stranger: Stranger) -> float:
    """Computed chance of a stranger's press to open."""
    return float(stranger.chances.accepted(result.job.trials)[KS.index(result.job.parameters.coefficients)])


def pair_means(result: SetResult, of: Callable[[Stranger], float]) -> tuple[Array, int]:
    """Mean of a number over a finger's enrolments and another's presses, for each pair of fingers.

    Args:
        result: of the set.
        of: the number of a stranger's press that had a chance; that of any other is zero.

    Returns:
        (owners, fingers), not-a-number where they are the same; and how many presses had more than zero.
    """
    rows = {finger: i for i, finger in enumerate(result.counted)}
    columns = {finger.finger: i for i, finger in enumerate(result.fingers)}
    presses = {finger.finger: len(finger.presses) for finger in result.fingers}
    table = np.zeros((len(rows), len(columns)))
    for finger, row in rows.items():
        table[row, columns[finger]] = np.nan
    rests_on = 0
    for s in result.strangers:
        value = of(s)
        table[rows[s.record], columns[s.finger]] += value / presses[s.finger] / len(result.counted[s.record])
        rests_on += value > 0
    return table, rests_on


def _mean_of_pairs(table: Array) -> float:
    """Not-a-number where there is no pair."""
    return math.nan if np.isnan(table).all() else float(np.nanmean(table))


def fas_of(result: SetResult, k: int | None = None) -> Security:
    """FAS with k coefficients, by default those in use, over all enrolments of a result.

    Where no press had a chance, the FAS of the next smaller k with which one had is a lower bound: a record
    of more coefficients is never easier. Where no press had any with `KS[0]`, the rule of three stands in;
    where there was no press at all, nothing is known.
    """
    k = k or result.job.parameters.coefficients
    for fewer in range(k, KS[0] - 1, -1):
        column = KS.index(fewer)
        table, rests_on = pair_means(result, lambda s, i=column: float(s.chances.one_trial[i]))  # type: ignore[misc]
        if rests_on:
            low, high = statistics.pairs_interval(table, bits)
            return Security(bits(_mean_of_pairs(table)), low, high, rests_on, bound=fewer < k)
    presses = impostor_presses(result)
    if not presses:
        return Security(math.nan, math.nan, math.nan, 0, bound=False)
    least = bits(statistics.rule_of_three(presses) * UNSEEN_CHANCE)
    return Security(least, least, math.inf, 0, bound=True)


def preferred_bits(result: SetResult) -> float:
    """FAS for an attacker who tries the unturned frames of central minutiae and no others."""
    column = KS.index(result.job.parameters.coefficients)
    return bits(_mean_of_pairs(pair_means(result, lambda s: float(s.chances.preferred[column]))[0]))


def curves_of(result: SetResult) -> Curves:
    """Acceptance and security over trials and k, as if all records had that k."""
    accepted, false_accepts = np.zeros((2, len(KS), len(EXPONENTS)))
    own = [list(finger.counted.values()) for finger in result.fingers if finger.counted]
    presses = sum(_presses_counted(result))
    for column, exponent in enumerate(EXPONENTS):
        trials = 2**exponent
        for finger in own:
            mean = np.mean([genuine_chances(each, trials).mean(axis=0) for each in finger], axis=0)
            accepted[:, column] += mean / len(own)
        false_accepts[:, column] = sum(s.chances.accepted(trials) for s in result.strangers) / max(presses, 1)
    fas, rests_on = np.full((len(KS), 3), np.inf), []
    for row, k in enumerate(KS):
        found = fas_of(result, k)
        rests_on.append(0 if found.bound else found.rests_on)
        if not found.bound:
            fas[row] = (found.bits, found.low, found.high)
    refused = [(f.finger, 1 - sum(f.accepted) / len(f.accepted)) for f in result.fingers if f.enrolled]
    worst = sorted((pair for pair in refused if pair[1] > 0), key=lambda pair: (-pair[1], pair[0]))[:WORST]
    missing = [finger.finger for finger in result.fingers if not finger.enrolled]
    return Curves(accepted, false_accepts, fas, rests_on, worst, missing)


def _presses_counted(result: SetResult) -> Iterator[int]:
    """Presses of others that each finger's records were counted against."""
    every = sum(len(finger.presses) for finger in result.fingers)
    for finger in result.fingers:
        yield (every - len(finger.presses)) * len(finger.counted)
