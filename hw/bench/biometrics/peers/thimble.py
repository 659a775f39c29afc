"""The improved fuzzy vault with the parameters of THIMBLE (Tams, Mihailescu and Munk, IEEE TIFS 10(5), 2015).

Minutiae in absolute coordinates, rounded to a hexagonal grid of 29 px at 569 dpi and six directions; at most
44 of them, the clearest first; ten coefficients; 2^16 trials of the randomised decoder. The vault and the
decoder are ours: the construction is the same (V = f + prod(X - a)), and so is uniform drawing.
"""

from dataclasses import dataclass
from math import comb, sqrt

import numpy as np
import numpy.typing as npt

from edge.biometrics import decoder, galois
from edge.biometrics.decoder import Frames, fill_urns
from edge.biometrics.decoder_reference import siphash
from edge.biometrics.vault import field_elements

Array = npt.NDArray[np.float64]
Features = npt.NDArray[np.int64]

GRID_PX = round(29 * 500 / 569)
DIRECTIONS = 6
MOST_FEATURES = 44
COEFFICIENTS = 10
TRIALS = 2**16
REACH = 20
"""Cells from the origin along each axis of the grid: 500 px, more than a sensor sees."""

UNIVERSE = (2 * REACH + 1) ** 2 * DIRECTIONS
SALT = bytes(32)
KEY = bytes(16)


@dataclass(frozen=True)
class Vault:
    """A finger's vault.

    Attributes:
        features: what is locked; the bench knows it, a thief does not.
        polynomial: V, lowest degree first, its leading one included.
        tag: SipHash of f.
    """

    features: frozenset[int]
    polynomial: galois.Elements
    tag: int


def quantise(prealigned: Array) -> Features:
    """Features of minutiae (n, 4) in absolute coordinates, strongest first: distinct, at most 44."""
    columns, rows = nearest_cell(prealigned[:, 0] / GRID_PX, prealigned[:, 1] / GRID_PX)
    columns, rows = (np.clip(each, -REACH, REACH) + REACH for each in (columns, rows))
    direction = np.floor(np.mod(prealigned[:, 2], 2 * np.pi) * DIRECTIONS / (2 * np.pi)).astype(np.int64)
    features = (rows * (2 * REACH + 1) + columns) * DIRECTIONS + np.minimum(direction, DIRECTIONS - 1)
    _, first = np.unique(features, return_index=True)
    return np.asarray(features[np.sort(first)][:MOST_FEATURES])


def nearest_cell(x: Array, y: Array) -> tuple[Features, Features]:
    """Axial coordinates of the nearest point of a hexagonal grid of distance one.

    Rounded in three coordinates that sum to zero; the one with the largest rounding error follows from the
    others.
    """
    row = y * 2 / sqrt(3)
    column = x - row / 2
    exact = np.stack((column, row, -column - row))
    whole = np.rint(exact)
    worst = np.abs(whole - exact).argmax(axis=0)
    spare = -whole.sum(axis=0)
    for axis in range(3):
        whole[axis] += np.where(worst == axis, spare, 0)
    return whole[0].astype(np.int64), whole[1].astype(np.int64)


def lock(features: Features, rng: np.random.Generator) -> Vault | None:
    """A vault of these features; None if there are too few."""
    if len(features) <= COEFFICIENTS:
        return None
    f = rng.integers(0, 2**16, COEFFICIENTS).astype(np.uint16)
    polynomial = galois.product_of_roots(field_elements(UNIVERSE, SALT, 0)[features])
    polynomial[:COEFFICIENTS] ^= f
    return Vault(frozenset(features.tolist()), polynomial, int(siphash(f[np.newaxis], KEY)[0]))


def opens(vault: Vault, features: Features) -> bool:
    """Whether the decoder finds f with a press's features, drawn uniformly."""
    if overlap(vault, features) < COEFFICIENTS:
        return False  # no k of them are right, so no draw can be
    x = field_elements(UNIVERSE, SALT, 0)[features]
    frames = Frames(
        np.stack((x, galois.evaluate(vault.polynomial, x)), axis=-1),
        np.array([0, len(x)], dtype=np.uint32),
        fill_urns(np.ones((1, len(x)))).astype(np.uint8),
        np.array([vault.tag], dtype=np.uint64),
    )
    return decoder.search(frames, KEY, COEFFICIENTS, TRIALS, bytearray(1)) is not None


def overlap(vault: Vault, features: Features) -> int:
    """Right features of a press."""
    return len(vault.features.intersection(features.tolist()))


def chance(vault: Vault, features: Features) -> float:
    """Chance that one trial draws k right features."""
    if len(features) < COEFFICIENTS:
        return 0.0
    return comb(overlap(vault, features), COEFFICIENTS) / comb(len(features), COEFFICIENTS)
