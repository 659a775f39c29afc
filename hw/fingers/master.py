"""The skin of one finger: its relief, and what interrupts it wherever it is pressed."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from hw.fingers.growth import grow
from hw.fingers.pattern import draw_pattern
from hw.fingers.randomness import Field, stream
from hw.fingers.spacing import widening

WIDTH_MM, ABOVE_MM, BELOW_MM = 18.0, 11.0, 12.0
"""The skin that is grown: across, and from the pattern's middle to the tip and to the joint."""

POINTS_PER_MM = 500 / 25.4
"""Resolution of the finished skin (500 dpi); ridges grow at half of it."""

PASSES = 30
"""By then ridges have settled everywhere and a sensor's window shows some 38 minutiae, as of real fingers;
further passes would remove more of them, pair by pair."""

START_STRENGTH = 0.3
"""Standard deviation of the noise that ridges grow out of: weak enough for the filters to choose from it."""

POINTS_PER_PORE = 150
"""One pore to so many points (0.39 mm²) is tried, and kept where it falls on a ridge."""

SCARS = 4
"""Fine creases on a finger, on average."""


@dataclass(frozen=True)
class Skin:
    """A finger, at `POINTS_PER_MM`; the pattern's middle is `ABOVE_MM` below the first row.

    Attributes:
        relief: height of the skin, +1 on a ridge, -1 in a furrow.
        gaps: 0 where the skin is whole, up to 1 in the middle of a pore or of a scar.
    """

    relief: Field
    gaps: Field


def grow_skin(seed: int) -> Skin:
    """The finger that `seed` stands for."""
    random = stream(seed, 0)
    step = 2 / POINTS_PER_MM
    x = np.arange(-WIDTH_MM / 2, WIDTH_MM / 2, step)[None, :]
    y = np.arange(-ABOVE_MM, BELOW_MM, step)[:, None]
    pattern = draw_pattern(random)
    direction = pattern.direction(x, y)
    period = pattern.period(x, y) * np.exp(pattern.give * widening(direction, step))
    start = random.normal(0, START_STRENGTH, direction.shape)
    ridges = grow(direction, period / step, start, PASSES)
    relief = np.tanh(2 * ndimage.zoom(ridges, 2, order=3))
    return Skin(relief, np.maximum(_pores(random, relief), _scars(random, relief.shape)))


def _pores(random: np.random.RandomState, relief: Field) -> Field:
    """Sweat pores: small holes on the crests of ridges, some wider open than others."""
    count = relief.size // POINTS_PER_PORE
    rows = random.randint(0, relief.shape[0], count)
    columns = random.randint(0, relief.shape[1], count)
    size = random.uniform(0.3, 1.0, count) * (relief[rows, columns] > 0.4)
    holes = np.zeros(relief.shape)
    np.maximum.at(holes, (rows, columns), size)
    return np.clip(ndimage.gaussian_filter(holes, 1.0) * 2 * np.pi, 0, 1)


def _scars(random: np.random.RandomState, shape: tuple[int, int]) -> Field:
    """A few fine creases across the ridges, as most fingers have them."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(float)
    scars = np.zeros(shape)
    for _ in range(random.poisson(SCARS)):
        angle = random.normal(0, 0.5)
        row, column = random.uniform(0, shape[0]), random.uniform(0, shape[1])
        length, width = random.uniform(15, 50), random.uniform(0.6, 1.6)
        along = (columns - column) * np.cos(angle) + (rows - row) * np.sin(angle)
        across = (rows - row) * np.cos(angle) - (columns - column) * np.sin(angle)
        across += random.normal(0, 0.0015) * along * along
        scars = np.maximum(scars, np.exp(-((across / width) ** 2) / 2 - (along / length) ** 4))
    return scars
