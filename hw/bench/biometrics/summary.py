"""From what was seen on a set to its figures and curves: aggregates only."""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np
import numpy.typing as npt

from hw.bench.biometrics import statistics
from hw.bench.biometrics.counting import KS
from hw.bench.biometrics.fingers import FingerResult
from hw.bench.biometrics.protocol import SetResult
from hw.bench.biometrics.statistics import TRANSACTION, bits

Array = npt.NDArray[np.float64]
Figures = dict[str, float | int | str]

EXPONENTS = tuple(range(12, 27))
"""Trials of the curves, as powers of two."""

WORST = 10

UNSEEN_CHANCE = 1 / comb(40, KS[0]) / 300
"""Of a trial, had one press been seen: one of some 300 frames has just k right points of some 40."""


@dataclass(frozen=True)
class Curves:
    """What the report draws.

    Attributes:
        accepted: (len(KS), len(EXPONENTS)) expected share of genuine presses accepted.
        false_accepts: (len(KS), len(EXPONENTS)) expected share of strangers' presses accepted.
        fas: (len(KS), 3) bits, and the ends of their 95 % interval; infinite where no press had a chance.
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
    fnmr = statistics.mean_with_interval([1 - sum(own) / len(own) for own in accepted])
    frr = statistics.mean_with_interval([statistics.refused_transaction(own) for own in accepted])
    presses = impostor_presses(result)
    transactions, false_accepts = impostor_transactions(result)
    computed = sum(stranger_accepts(result, result.job.trials)) / max(transactions, 1)
    fas, low, high, rests_on, bound = fas_of(result)
    figures: Figures = {
        "set": result.job.images.name,
        "sensor": result.job.images.profile.name,
        "fingers": len(result.fingers),
        "enrolled": len(enrolled),
        "impressions_enrolled": float(np.mean([finger.used for finger in enrolled or result.fingers])),
        "trials_log2": float(np.log2(result.job.trials)),
        "fte": 1 - len(enrolled) / len(result.fingers),
        "genuine_presses": sum(map(len, accepted)),
        "fnmr_one_press": fnmr[0],
        "fnmr_one_press_low": fnmr[1],
        "fnmr_one_press_high": fnmr[2],
        "frr_three_presses": frr[0],
        "frr_three_presses_low": frr[1],
        "frr_three_presses_high": frr[2],
        "fnmr_impression_1_to_2": one_to_two(result.fingers),
        "impostor_presses": presses,
        "impostor_transactions": transactions,
        "false_accepts": false_accepts,
        "far_upper_95": statistics.rule_of_three(transactions) if not false_accepts else float("nan"),
        "false_accepts_per_transaction_computed": computed,
        "fas_bits": fas,
        "fas_bits_low": low,
        "fas_bits_high": high,
        "fas_rests_on_presses": rests_on,
        "fas_is_lower_bound": int(bound),
    }
    for k in sorted({finger.enrolled.k for finger in enrolled if finger.enrolled}):
        figures[f"records_of_k_{k}"] = sum(1 for f in enrolled if f.enrolled and f.enrolled.k == k)
    return figures


def one_to_two(fingers: list[FingerResult]) -> float:
    """FNMR of the older papers' protocol; what could not be enrolled counts as refused."""
    return 1 - sum(bool(finger.one_to_two) for finger in fingers) / len(fingers)


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


def stranger_accepts(result: SetResult, trials: float) -> list[float]:
    """Computed chance of each stranger's press with the record's own k."""
    k = {finger: enrolled.k for finger, enrolled in result.enrolled.items()}
    return [float(s.chances.accepted(trials)[KS.index(k[s.record])]) for s in result.strangers]


def pair_chances(result: SetResult, k_of: Callable[[int], int]) -> tuple[Array, int]:
    """Mean chance of one trial for each pair of a record and another finger, and how many presses had any.

    Args:
        result: of the set.
        k_of: coefficients to count with, for a record's number.
    """
    rows = {finger: i for i, finger in enumerate(result.enrolled)}
    columns = {finger.finger: i for i, finger in enumerate(result.fingers)}
    presses = {finger.finger: len(finger.presses) for finger in result.fingers}
    table = np.zeros((len(rows), len(columns)))
    for finger, row in rows.items():
        table[row, columns[finger]] = np.nan
    rests_on = 0
    for s in result.strangers:
        chance = float(s.chances.one_trial[KS.index(k_of(s.record))])
        table[rows[s.record], columns[s.finger]] += chance / presses[s.finger]
        rests_on += chance > 0
    return table, rests_on


def fas_of(result: SetResult) -> tuple[float, float, float, int, bool]:
    """FAS with each record's own k: bits, 95 % interval, presses it rests on, whether it is a lower bound.

    Where no press had a chance, the FAS of the next smaller k with which one had is a lower bound: a record
    of more coefficients is never easier. Where no press had any with `KS[0]`, the rule of three stands in.
    """
    k = {finger: enrolled.k for finger, enrolled in result.enrolled.items()}
    for fewer in range(KS[-1]):
        table, rests_on = pair_chances(result, lambda f, fewer=fewer: max(KS[0], k[f] - fewer))  # type: ignore[misc]
        if rests_on or all(value - fewer <= KS[0] for value in k.values()):
            break
    if not rests_on:
        least = bits(statistics.rule_of_three(impostor_presses(result)) * UNSEEN_CHANCE)
        return least, least, float("inf"), 0, True
    low, high = statistics.pairs_interval(table, bits)
    return bits(float(np.nanmean(table))), low, high, rests_on, fewer > 0


def curves_of(result: SetResult) -> Curves:
    """Acceptance and security over trials and k, as if all records had that k."""
    genuine = [press for finger in result.fingers for press in finger.counted]
    presses = impostor_presses(result)
    accepted, false_accepts = np.zeros((2, len(KS), len(EXPONENTS)))
    for column, exponent in enumerate(EXPONENTS):
        accepted[:, column] = sum(press.accepted(2**exponent) for press in genuine) / max(len(genuine), 1)
        false_accepts[:, column] = sum(s.chances.accepted(2**exponent) for s in result.strangers) / max(
            presses, 1
        )
    fas, rests_on = np.full((len(KS), 3), np.inf), []
    for row, k in enumerate(KS):
        table, count = pair_chances(result, lambda _, k=k: k)  # type: ignore[misc]
        rests_on.append(count)
        if count:
            fas[row] = (bits(float(np.nanmean(table))), *statistics.pairs_interval(table, bits))
    refused = [(f.finger, 1 - sum(f.accepted) / len(f.accepted)) for f in result.fingers if f.enrolled]
    worst = sorted((pair for pair in refused if pair[1] > 0), key=lambda pair: (-pair[1], pair[0]))[:WORST]
    missing = [finger.finger for finger in result.fingers if not finger.enrolled]
    return Curves(accepted, false_accepts, fas, rests_on, worst, missing)
