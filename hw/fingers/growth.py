"""Ridges grown out of noise by iterated filtering: where growing patches meet out of step, minutiae are left.

The idea is that of SFinGe (R. Cappelli, D. Maio, D. Maltoni, "Synthetic fingerprint-database generation",
ICPR 2002): a Gabor filter tuned to the local direction and period is applied again and again, with clipping
between the passes. Here every point has a filter of its own, instead of the nearest one of a bank.
"""

import numpy as np
from numpy.typing import NDArray

from hw.fingers.randomness import Field

REACH = 5
"""Filters span 2 * REACH + 1 points: 2.8 standard deviations either way where a period is 4.5 points."""

SPREAD = 0.4
"""Standard deviation of a filter in periods: three ridges and furrows are seen by it (SFinGe)."""

GAIN = 2.0
"""How much a pass amplifies a pattern in step with the filter, before clipping."""

GRAIN = 2.0**16
"""Filter weights are rounded to this fraction, so that the last bit of a machine's exp() has no say in the
result: what follows is only multiplication and addition, in a fixed order."""

ROWS_AT_ONCE = 8
"""Filters are made for so many rows of points at a time: what they are made of then fits the caches."""

Filters = NDArray[np.float32]
"""The weights of each point's filter, shape (taps, height, width)."""


def filters(direction: Field, period: Field) -> Filters:
    """A zero-mean Gabor filter for each point, from its direction (rad) and period (points)."""
    weights = np.empty(((2 * REACH + 1) ** 2, *direction.shape), dtype=np.float32)
    for top in range(0, len(direction), ROWS_AT_ONCE):
        rows = slice(top, top + ROWS_AT_ONCE)
        weights[:, rows] = _filters(direction[rows], period[rows])
    return weights


def _filters(direction: Field, period: Field) -> Field:
    dy, dx = (
        offset.reshape(-1, 1, 1) for offset in np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1].astype(float)
    )
    across = dx * np.sin(direction) + dy * np.cos(direction)
    envelope = np.exp(-(dx * dx + dy * dy) / (2 * (SPREAD * period) ** 2))
    wave = np.cos(2 * np.pi * across / period)
    wave -= (envelope * wave).sum(0) / envelope.sum(0)
    weights = envelope * wave
    weights *= GAIN / (weights * wave).sum(0)
    return np.asarray(np.round(weights * GRAIN) / GRAIN)


def apply(weights: Filters, ridges: NDArray[np.float32]) -> NDArray[np.float32]:
    """One pass: each point's filter over its surroundings, zero outside."""
    height, width = ridges.shape
    side = 2 * REACH + 1
    padded = np.pad(ridges, REACH)
    total, seen = np.zeros_like(ridges), np.empty_like(ridges)
    for tap, tap_weights in enumerate(weights):
        row, column = divmod(tap, side)
        total += np.multiply(tap_weights, padded[row : row + height, column : column + width], out=seen)
    return total


def grow(direction: Field, period: Field, start: Field, passes: int) -> Field:
    """Ridges (+1) and furrows (-1), smooth between them, grown out of `start` in `passes` passes.

    Args:
        direction: of the ridges, radians, shape (height, width).
        period: from ridge to ridge in points, same shape.
        start: what the growth begins with, zero where nothing is yet.
        passes: how often the filters are applied.
    """
    weights = filters(direction, period)
    ridges = start.astype(np.float32)
    for _ in range(passes):
        ridges = np.clip(apply(weights, ridges), -1, 1)
    return apply(weights, ridges).astype(np.float64) / GAIN
