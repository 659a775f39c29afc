"""Absolute pre-alignment: a finger's own coordinates out of its ridge flow alone (TARP).

The plan is that of Tams ("Absolute fingerprint pre-alignment in minutiae-based cryptosystems", BIOSIG 2013),
as THIMBLE's documentation describes it: the flow of a tented arch, a quadratic differential with one core and
one delta on its axis (Huckemann, Hotz and Munk, IEEE TPAMI 30(9), 2008), is moved and turned until it fits
the finger's orientations on a ring around the core. The core is the origin and the axis gives the direction.

The model and its numbers are the published ones. The fitting is our own: as the model moves without
changing, its fit at *all* places is one correlation of the orientations with the ring, and a search over the
turns finds the best. A place counts if most of its ring lies on the print.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage, signal

from drivers.image import FingerImage
from edge.biometrics.alignment import turning
from edge.biometrics.quality import BLOCK_PX, LEAST_COHERENCE, LEAST_DEVIATION, agreement

Array = npt.NDArray[np.float64]
Field = npt.NDArray[np.complex128]

PER_569_DPI = 500 / 569
"""THIMBLE's lengths are pixels at 569 dpi."""

POLES, CORE, DELTA = 175 * PER_569_DPI, 160 * PER_569_DPI, 22 * PER_569_DPI
STRETCH = 1.81
RING, RING_WIDTH = 45 * PER_569_DPI, 12 * PER_569_DPI
"""The tented arch, and the weight exp(-(r - RING)² / 2 RING_WIDTH²) of orientations around its core."""

STRIDE = 3
"""Pixels between orientations; THIMBLE takes 7."""

SMOOTHING_PX = 6.0
TURNS = np.radians(np.arange(-44, 45, 4))
FINE_TURNS = np.radians(np.arange(-3, 4))
LEAST_RING = 0.75
"""Share of the ring, by weight, that must lie on the print."""


@dataclass(frozen=True)
class Reference:
    """A finger's own coordinates.

    Attributes:
        origin: (2,) x and y of the core, pixels at 500 dpi.
        direction: radians by which the finger is turned.
        fit: 1 where every orientation is the model's, 0 for chance.
    """

    origin: Array
    direction: float
    fit: float

    def prealigned(self, table: npt.NDArray[np.float32]) -> Array:
        """Minutiae (n, 4) in these coordinates."""
        moved = table.astype(np.float64)
        moved[:, :2] = (moved[:, :2] - self.origin) @ turning(self.direction)
        moved[:, 2] = np.mod(moved[:, 2] - self.direction, 2 * np.pi)
        return moved


def reference(image: FingerImage) -> Reference | None:
    """A finger's coordinates, or None where no place fits: too little of the print around its core."""
    flow = orientations(image)
    seen = np.abs(flow) > 0
    if not seen.any():
        return None
    best = max((fit_of(flow, seen, turn) for turn in TURNS), key=lambda found: found.fit)
    if best.fit <= 0:
        return None
    near = [fit_of(flow, seen, best.direction + turn) for turn in FINE_TURNS]
    best = max(near, key=lambda found: found.fit)
    return Reference(best.origin * 500 / image.dpi, best.direction, best.fit)


def orientations(image: FingerImage) -> Field:
    """Unit numbers exp(2iθ) of the ridges' direction θ, every `STRIDE` pixels; zero off the print."""
    grey = np.frombuffer(image.pixels, dtype=np.uint8).reshape(image.height, image.width).astype(np.float64)
    down, across = (
        ndimage.gaussian_filter(grey, 1, order=(1, 0)),
        ndimage.gaussian_filter(grey, 1, order=(0, 1)),
    )
    xx, yy, xy = (
        ndimage.gaussian_filter(each, SMOOTHING_PX)[::STRIDE, ::STRIDE]
        for each in (across**2, down**2, across * down)
    )
    mean = ndimage.uniform_filter(grey, BLOCK_PX)
    deviation = np.sqrt(np.maximum(ndimage.uniform_filter(grey**2, BLOCK_PX) - mean**2, 0))
    inside = (deviation[::STRIDE, ::STRIDE] > LEAST_DEVIATION) & (agreement(xx, yy, xy) > LEAST_COHERENCE)
    # Gradients run across the ridges: a quarter turn, which is a change of sign in the doubled angle.
    doubled = -((xx - yy) + 2j * xy)
    return np.where(inside, doubled / np.maximum(np.abs(doubled), 1e-9), 0)


def fit_of(flow: Field, seen: npt.NDArray[np.bool_], turn: float) -> Reference:
    """Where the model under one turn fits best."""
    ring, weight = model_ring(turn)
    coverage = signal.fftconvolve(seen.astype(np.float64), weight[::-1, ::-1], mode="same") / weight.sum()
    likeness = signal.fftconvolve(flow, np.conj(ring)[::-1, ::-1], mode="same").real / weight.sum()
    fit = np.where((coverage >= LEAST_RING) & seen, likeness / np.maximum(coverage, LEAST_RING), -1.0)
    row, column = np.unravel_index(int(fit.argmax()), fit.shape)
    origin = np.array([column, row], dtype=np.float64) * STRIDE
    return Reference(origin, float(turn), float(fit[row, column]))


def model_ring(turn: float) -> tuple[Field, Array]:
    """The model's weighted orientations around its core, on the stride's lattice, and the weights."""
    reach = int((RING + 2 * RING_WIDTH) // STRIDE)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1] * float(STRIDE)
    z = x + 1j * y
    weight = np.exp(-((np.abs(z) - RING) ** 2) / (2 * RING_WIDTH**2))
    return weight * tented_arch(z * np.exp(-1j * turn) - 1j * CORE) * np.exp(2j * turn), weight


def tented_arch(z: Field) -> Field:
    """Unit numbers exp(2iθ) of the upright model's flow at z = x + iy, y downwards; its core is -i CORE."""
    squared = z * z
    arch = (squared - POLES**2) ** 2
    arch = arch.real + 1j * STRETCH**2 * arch.imag
    differential = arch * (squared + CORE**2) / (squared + DELTA**2)
    differential = np.where(z.imag >= 0, np.abs(differential), differential)
    # The doubled direction is Q's own: it turns once around Q's zero, as ridges do around a core.
    return np.asarray(differential / np.maximum(np.abs(differential), 1e-9))
