"""How far a minutia of a press can be trusted to be in the record, in the cell where it was found.

The decoder draws reliable minutiae more often. Its gain is large, because k of them must be right at the same
time: where half of the minutiae are right, raising each draw's chance to two thirds finds the polynomial ten
times sooner.

The odds are a logistic regression on what was right and wrong in the right frames of other fingers' presses
(the odd-numbered fingers of two public optical sets), rounded. Two other sensors gave the same weights within
a third.
"""

import numpy as np
import numpy.typing as npt

from edge.biometrics.quantisation import Lattice

Array = npt.NDArray[np.float64]

QUALITY_WEIGHT = 2.7
"""For the network's quality, 0..1."""

BORDER_WEIGHT = 1.45
"""For the distance from the nearest border along x, and along y, up to a third of a cell, where it stops to
matter."""

SECTOR_WEIGHT = 1.3
"""The same for the distance from the sector's nearest border, up to a quarter of the sector."""

DISTANCE_WEIGHT = -0.8
"""For the squared distance from the reference, in units of 100 px: skin stretches, and the print may end
before."""


def odds(lattice: Lattice, relative: Array, quality: Array) -> Array:
    """Odds, up to a common factor, that each minutia of a frame is in the vault.

    Args:
        lattice: the vault's.
        relative: (..., n, 3) minutiae in the frame of a reference.
        quality: (..., n) the network's quality of each.

    Returns:
        (..., n) positive numbers.
    """
    position = np.mod(lattice.positions(relative), 1)
    border = np.minimum(position, 1 - position)
    inside = np.minimum(border[..., :2] * 3, 1).sum(axis=-1)
    distance = (relative[..., 0] ** 2 + relative[..., 1] ** 2) / 100**2
    return np.asarray(
        np.exp(
            QUALITY_WEIGHT * quality
            + BORDER_WEIGHT * inside
            + SECTOR_WEIGHT * np.minimum(border[..., 2] * 4, 1)
            + DISTANCE_WEIGHT * distance
        )
    )
