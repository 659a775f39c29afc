"""Random numbers that are the same on every machine and with every NumPy, and smooth fields made of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]
"""One number for each point of a grid."""

WAVES = 24
"""Plane waves in a smooth field: enough that no single direction is seen in it."""


def stream(*key: int) -> np.random.RandomState:
    """A random stream of its own for each key of non-negative numbers.

    `RandomState` is the one NumPy generator whose numbers are promised never to change.
    """
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence(key)))


@dataclass(frozen=True)
class SmoothField:
    """A random function of the plane with standard deviation one: a sum of plane waves.

    Being a formula, it has the same values at every resolution.
    """

    wave_x: Field
    wave_y: Field
    phase: Field

    @classmethod
    def draw(cls, random: np.random.RandomState, length: float) -> "SmoothField":
        """A field whose waves are about `length` long (mm), from half of it to twice."""
        direction = random.uniform(0, 2 * np.pi, WAVES)
        number = 2 * np.pi / (length * np.exp2(random.uniform(-1, 1, WAVES)))
        phase = random.uniform(0, 2 * np.pi, WAVES)
        return cls(number * np.cos(direction), number * np.sin(direction), phase)

    def at(self, x: Field, y: Field) -> Field:
        """The field's values at points (mm), in the shape of `x` and `y` broadcast together."""
        total = np.zeros(np.broadcast_shapes(x.shape, y.shape))
        for wave_x, wave_y, phase in zip(self.wave_x, self.wave_y, self.phase, strict=True):
            total += np.cos(wave_x * x + wave_y * y + phase)
        return np.asarray(total * np.sqrt(2 / WAVES))
