"""Rates with their intervals, in the words of ISO/IEC 19795-1, and the measure of linkage."""

from collections.abc import Callable, Sequence
from math import comb

import numpy as np
import numpy.typing as npt
from scipy import stats

Array = npt.NDArray[np.float64]

RESAMPLES = 2000
TRANSACTION = 3
"""Presses that a transaction may take."""

SCORES_PER_BIN = 60
"""Mated scores for each bin of a histogram for D_sys: with ten, a few hundred scores that tell nothing give
0.07, which is more than the goal."""


def mean_with_interval(values: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """Mean over fingers, and its 95 % interval by bootstrap over fingers.

    Args:
        values: one for each finger: presses of a finger depend on one another, fingers do not.
        seed: of the resampling.
    """
    table = np.asarray(values, dtype=np.float64)
    if not len(table):
        return float("nan"), float("nan"), float("nan")
    picks = np.random.default_rng(seed).integers(0, len(table), (RESAMPLES, len(table)))
    low, high = np.percentile(table[picks].mean(axis=1), [2.5, 97.5])
    return float(table.mean()), float(low), float(high)


def pairs_interval(table: Array, statistic: Callable[[float], float], seed: int = 0) -> tuple[float, float]:
    """95 % interval of a statistic of the mean over pairs of fingers, by bootstrap over fingers.

    Args:
        table: (records, fingers) one number for each pair, not-a-number where it is the finger's own record.
        statistic: of the mean.
        seed: of the resampling.
    """
    rng, known = np.random.default_rng(seed), ~np.isnan(table)
    if not known.any():
        return float("nan"), float("nan")
    filled, values = np.where(known, table, 0), []
    for _ in range(RESAMPLES):
        of_record = np.bincount(rng.integers(0, len(table), len(table)), minlength=len(table))
        of_press = np.bincount(rng.integers(0, table.shape[1], table.shape[1]), minlength=table.shape[1])
        weight = np.outer(of_record, of_press) * known
        values.append(statistic(float((weight * filled).sum() / max(weight.sum(), 1))))
    low, high = np.percentile(values, [2.5, 97.5], method="nearest")
    return float(low), float(high)


def refused_transaction(accepted: Sequence[bool], presses: int = TRANSACTION) -> float:
    """Share of all choices of `presses` presses of a finger that are refused altogether."""
    presses = min(presses, len(accepted))
    refused = len(accepted) - sum(accepted)
    return comb(refused, presses) / comb(len(accepted), presses)


def refused_transaction_computed(accepted: Array, presses: int = TRANSACTION) -> Array:
    """Chance that `presses` presses of a finger are all refused, the mean over all choices of them.

    Args:
        accepted: (presses of the finger, n) chance of each to be accepted, in n cases.
        presses: of a transaction.

    Returns:
        (n,) the elementary symmetric polynomial of the refusals over the number of choices.
    """
    size = min(presses, len(accepted))
    e = np.zeros((size + 1, *accepted.shape[1:]))
    e[0] = 1
    for refused in 1 - accepted:
        e[1:] += refused * e[:-1]
    return np.asarray(e[size] / comb(len(accepted), size))


def clopper_pearson(seen: int, trials: int) -> tuple[float, float]:
    """95 % interval of a rate that was seen so often in so many independent trials."""
    if not trials:
        return 0.0, 1.0
    low = stats.beta.ppf(0.025, seen, trials - seen + 1) if seen else 0.0
    high = stats.beta.ppf(0.975, seen + 1, trials - seen) if seen < trials else 1.0
    return float(low), float(high)


def upper_bound(seen: int, trials: int) -> float:
    """95 % upper bound of such a rate (Clopper and Pearson); where nothing was seen, the rule of three."""
    return float(stats.beta.ppf(0.95, seen + 1, trials - seen)) if seen < trials else 1.0


def rule_of_three(trials: int) -> float:
    """95 % upper bound of a rate that showed nothing in so many independent trials (Hanley 1983)."""
    return min(1.0, 3 / trials) if trials else 1.0


def bits(chance: float) -> float:
    """-log2 of a chance; infinite where it is zero, not-a-number where it is."""
    with np.errstate(divide="ignore"):
        return float(-np.log2(chance))


def linkage(mated: npt.ArrayLike, strange: npt.ArrayLike, bins: int | None = None) -> float:
    """D_sys of Gomez-Barrero et al. (IEEE TIFS 13(6), 2018), with equal priors.

    D(s) = 2 LR / (1 + LR) - 1 where the likelihood ratio LR of mated to non-mated exceeds one, else 0; D_sys
    is its mean under the mated distribution: 0 where scores tell nothing, 1 where they tell all. Densities
    are histograms, as in the authors' code. From few scores it comes out too large: compare with
    `chance_linkage`.

    Args:
        mated: linkage scores of pairs of records of one finger.
        strange: of records of two fingers.
        bins: of the histogram; by default one for each `SCORES_PER_BIN` mated scores, at least 5, at most
            100; scores of fewer different values have a bin each.
    """
    if not np.size(mated) or not np.size(strange):
        return float("nan")
    p, q = densities(mated, strange, bins)
    ratio = np.divide(p, q, out=np.full(len(p), np.inf), where=q > 0)
    with np.errstate(invalid="ignore"):
        local = np.where(np.isinf(ratio), 1.0, 2 * ratio / (1 + ratio) - 1)
    return float((p * np.where(ratio > 1, local, 0)).sum())


def densities(mated: npt.ArrayLike, strange: npt.ArrayLike, bins: int | None = None) -> tuple[Array, Array]:
    """Shares of mated and of non-mated scores in each bin."""
    first, second = np.asarray(mated, dtype=np.float64), np.asarray(strange, dtype=np.float64)
    values = np.unique(np.concatenate((first, second)))
    count = bins or int(np.clip(len(first) // SCORES_PER_BIN, 5, 100))
    few = len(values) <= count
    edges = np.append(values, np.inf) if few else np.linspace(values[0], values[-1], count + 1)
    p, q = (np.histogram(scores, edges)[0] / len(scores) for scores in (first, second))
    return p, q


def chance_linkage(mated: npt.ArrayLike, strange: npt.ArrayLike, seed: int = 0, rounds: int = 100) -> float:
    """What `linkage` gives on average where nothing is linked: the labels dealt out at random."""
    first = np.asarray(mated, dtype=np.float64)
    pooled = np.concatenate((first, np.asarray(strange, dtype=np.float64)))
    rng, found = np.random.default_rng(seed), []
    for _ in range(rounds):
        rng.shuffle(pooled)
        found.append(linkage(pooled[: len(first)], pooled[len(first) :]))
    return float(np.mean(found))
