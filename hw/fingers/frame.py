"""From a picture of a print to what a sensor delivers of it: its resolution, its window, its grey levels."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Pixels = NDArray[np.uint8]
"""An image, shape (height, width), 8-bit grey, dark ridges on light."""

WHITE = 255

TEXTURE_SIDE = 17
"""Side in pixels of the square in which the variance is taken: about two ridge periods at 500 dpi."""

TEXTURE_SHARE = 0.4
"""A pixel belongs to the print if its local deviation exceeds this share of the image's strongest: ridges
keep well over half of it even where they are faint, plain background keeps less than a fifth."""


def resample(pixels: Pixels, dpi: float, to_dpi: float) -> Pixels:
    """The same image at another resolution (Lanczos, which keeps ridges from aliasing)."""
    if dpi == to_dpi:
        return pixels
    height, width = (max(1, round(side * to_dpi / dpi)) for side in pixels.shape)
    resized = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(resized, dtype=np.uint8)


def print_centre(pixels: Pixels) -> tuple[float, float]:
    """Where the print is: the centroid (x, y) in pixels of the area whose local variance is that of ridges.

    An image without any texture has its centre in the middle.
    """
    grey = pixels.astype(np.float32)
    mean = ndimage.uniform_filter(grey, TEXTURE_SIDE)
    variance = ndimage.uniform_filter(grey * grey, TEXTURE_SIDE) - mean * mean
    deviation = np.sqrt(np.maximum(variance, 0))
    rows, columns = np.nonzero(deviation > TEXTURE_SHARE * np.percentile(deviation, 99))
    if rows.size == 0:
        return (pixels.shape[1] - 1) / 2, (pixels.shape[0] - 1) / 2
    return float(columns.mean()), float(rows.mean())


def window(pixels: Pixels, width: int, height: int) -> Pixels:
    """A `width` x `height` window around the print.

    The window stays inside the image where the image is large enough; where it is not, white fills the rest.
    """
    centre_x, centre_y = print_centre(pixels)
    rows, row_pad = _span(centre_y, height, pixels.shape[0])
    columns, column_pad = _span(centre_x, width, pixels.shape[1])
    return np.pad(pixels[rows, columns], (row_pad, column_pad), constant_values=WHITE)


def quantise(pixels: Pixels) -> Pixels:
    """Keep the upper four bits, as R307 and R503 send them, spread over 0..255."""
    return np.asarray((pixels >> 4) * 17, dtype=np.uint8)


def _span(centre: float, wanted: int, available: int) -> tuple[slice, tuple[int, int]]:
    """Along one axis: which part of the image the window takes, and the padding before and after it."""
    if available <= wanted:
        before = (wanted - available) // 2
        return slice(0, available), (before, wanted - available - before)
    start = min(max(round(centre - (wanted - 1) / 2), 0), available - wanted)
    return slice(start, start + wanted), (0, 0)
