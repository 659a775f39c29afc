"""What an image tells of *how* it was presented: printed, exchanged in light and dark, seen before.

These are simple checks, and no liveness detection (ISO/IEC 30107 calls that presentation attack detection,
and neither sensor of ours has it): a good cast of a finger passes every one of them. They stop what costs an
attacker nothing: yesterday's image played into the wire again, the print that the last person left on the
glass, a page from an office printer.

What is kept for it: of every capture a keyed digest of its exact pixels, under a key that lives and dies with
the process (equal pixels show as equal, and nothing else shows); of the last capture of the same errand a
smoothed copy of half the resolution, which `Likeness.wipe` overwrites when the errand ends. Neither goes to
the disk.

Limits are set beyond the most extreme of all captures of five public sets, in both sensors' windows; what
they stop of made-up attacks is measured beside (docs/biometrics.md).
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from typing import Self

import numpy as np
import numpy.typing as npt

from drivers.image import STEP, FingerImage
from edge.biometrics.wiping import wiped

Array = npt.NDArray[np.float64]

SCREEN_BAND = 0.2
"""Cycles per pixel above which no ridge is: five pixels from dot to dot, a screen of 100 lines an inch."""

SCREEN_PEAK = 1.5
"""Decimal logarithm of the strongest frequency of that band over the level that one in 200 exceeds. Skin has
many strong ones and gives 0.2 to 1.4; a screen has the same few all over the page, which stand out."""

SCREEN_LEVEL = 99.5
"""Per cent of the band's frequencies that are weaker than that level."""

EXTREME_SHARE = 0.9
"""Of the contact's pixels in pure black and pure white; real captures reach 0.79, line art has all."""

LIGHTER_GROUND = 30.0
"""Grey levels by which the ground around an exchanged print is darker than the print. The ground of real
captures is lighter, or on noisy sensors darker by at most 20."""

LEAST_GROUND = 0.1
"""Share of the image that must be ground to tell."""

SAME_PLACE = 0.8
"""Correlation of two captures without turning either. Presses of one finger reach 0.78 where a finger comes
down on the very same spot; what stayed on the glass does not move at all."""

REACH = 2
"""Pixels of the reduced image by which one may be shifted: the readout jitters."""

REMEMBERED = 10_000
"""Digests kept: the presses of weeks; 16 bytes each."""

DIGEST_BYTES = 16


def is_printed(grey: Array, contact: npt.NDArray[np.bool_]) -> bool:
    """Whether the image shows a printer's screen, or nothing between black and white.

    Args:
        grey: (height, width), 0..255.
        contact: (height, width) pixels that belong to the print.
    """
    return screen_peak(grey) > SCREEN_PEAK or extreme_share(grey, contact) > EXTREME_SHARE


def screen_peak(grey: Array) -> float:
    """How far the strongest frequency finer than ridges stands out, as a decimal logarithm."""
    height, width = grey.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    windowed = grey - grey.mean()
    with wiped(windowed):
        windowed *= window
        spectrum = np.fft.rfft2(windowed)
    with wiped(spectrum):
        power = np.abs(spectrum)
    frequency = np.hypot(np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width))
    with wiped(power):
        band = power[frequency > SCREEN_BAND] ** 2
    with wiped(band):
        return float(np.log10((band.max() + 1e-9) / (np.percentile(band, SCREEN_LEVEL) + 1e-9)))


def extreme_share(grey: Array, contact: npt.NDArray[np.bool_]) -> float:
    """Share of the print's pixels that are pure black or pure white."""
    inside = grey[contact]
    with wiped(inside):
        return float(((inside < STEP) | (inside > 255 - STEP)).mean()) if inside.size else 0.0


def is_inverted(grey: Array, contact: npt.NDArray[np.bool_]) -> bool:
    """Whether light and dark are exchanged; it shows where some of the ground is in the image."""
    if not contact.any() or (~contact).mean() < LEAST_GROUND:
        return False
    ground, inside = grey[~contact], grey[contact]
    with wiped(ground, inside):
        return bool(ground.mean() < inside.mean() - LIGHTER_GROUND)


@dataclass(frozen=True, slots=True)
class Likeness:
    """A capture, reduced to compare another with it; biometric, wiped when the errand ends.

    Attributes:
        detail: (height / 2, width / 2) smoothed grey without its local mean.
    """

    detail: Array

    @classmethod
    def of(cls, image: FingerImage) -> Self:
        """Reduce a capture."""
        grey = np.frombuffer(image.pixels, dtype=np.uint8).reshape(image.height, image.width)
        exact = grey.astype(np.float64)
        with wiped(exact):
            smooth = box(exact, 1)
        with wiped(smooth):
            smoother = box(smooth, 1)
        with wiped(smoother):
            even = smoother[: image.height // 2 * 2, : image.width // 2 * 2]
            half = even.reshape(image.height // 2, 2, image.width // 2, 2).mean(axis=(1, 3))
        local = box(half, 4)
        with wiped(half, local):
            return cls(half - local)

    def __repr__(self) -> str:
        return "<likeness>"

    def correlation(self, other: "Likeness") -> float:
        """How much two captures are one picture: 1 the same, 0 nothing in common."""
        if self.detail.shape != other.detail.shape:
            return 0.0
        shifts = range(-REACH, REACH + 1)
        return max(
            _correlation(self.detail, other.detail, down, right) for down in shifts for right in shifts
        )

    def wipe(self) -> None:
        """Overwrite it."""
        self.detail.fill(0)


def _correlation(first: Array, second: Array, down: int, right: int) -> float:
    a, b = (
        each[max(0, sign * down) : (sign * down if sign * down < 0 else None)][
            :, max(0, sign * right) : (sign * right if sign * right < 0 else None)
        ]
        for each, sign in ((first, 1), (second, -1))
    )
    scale = float((a * a).sum() * (b * b).sum())
    return float((a * b).sum()) / scale**0.5 if scale > 0 else 0.0


def box(values: Array, reach: int) -> Array:
    """Mean over squares of 2 reach + 1; at the border over what there is."""
    down = _means_along(values, reach, 0)
    with wiped(down):
        return _means_along(down, reach, 1)


def _means_along(values: Array, reach: int, axis: int) -> Array:
    framed = np.insert(values, 0, 0, axis=axis)
    with wiped(framed):
        total = np.cumsum(framed, axis=axis)
    index = np.arange(values.shape[axis])
    high = np.minimum(index + reach + 1, len(index))
    low = np.maximum(index - reach, 0)
    count = (high - low).reshape((-1, 1) if axis == 0 else (1, -1))
    with wiped(total):
        means, before = total.take(high, axis=axis), total.take(low, axis=axis)
    with wiped(before):
        means -= before
    means /= count
    return means


class Seen:
    """The exact images of this process's captures, as keyed digests; knows an image that comes twice."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._digests: OrderedDict[bytes, None] = OrderedDict()

    def __repr__(self) -> str:
        return f"<{len(self._digests)} captures seen>"

    def again(self, image: FingerImage) -> bool:
        """Whether these very pixels were captured before; remembers them.

        A sensor never gives the same 70,000 pixels twice: its noise alone changes hundreds.
        """
        digest = blake2b(image.pixels, key=self._key, digest_size=DIGEST_BYTES).digest()
        known = digest in self._digests
        self._digests[digest] = None
        self._digests.move_to_end(digest)
        while len(self._digests) > REMEMBERED:
            self._digests.popitem(last=False)
        return known
