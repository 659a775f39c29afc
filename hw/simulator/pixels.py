"""Images as the sensor holds them and as they leave it."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""An image, shape (height, width), 8-bit grey, dark ridges on light."""

BLOCK = 16
"""Side in pixels of the squares in which contrast is judged: nearly two ridge periods at 500 dpi."""

CONTRAST = 24.0
"""Standard deviation in grey levels above which a square shows ridges; noise alone stays below ten."""

COVERED_SHARE = 0.25
"""Share of the window that ridges must cover: less gives a matcher nothing to hold on to."""


def pack(pixels: Pixels) -> bytes:
    """Upper four bits of each pixel, two pixels a byte: left in the high nibble, right in the low one."""
    high, low = pixels[:, 0::2] & 0xF0, pixels[:, 1::2] >> 4
    return np.asarray(high | low, dtype=np.uint8).tobytes()


def unpack(data: bytes, width: int, height: int) -> Pixels:
    """The image that `data` fills from the top; each level in steps of 17, the rest of the window black."""
    packed = np.zeros(width * height // 2, dtype=np.uint8)
    received = np.frombuffer(data[: packed.size], dtype=np.uint8)
    packed[: received.size] = received
    nibbles = np.stack([packed >> 4, packed & 0x0F], axis=1)
    return np.asarray(nibbles * 17, dtype=np.uint8).reshape(height, width)


def is_poor(pixels: Pixels) -> bool:
    """Whether ridges cover too little of the window, as GetImageEx judges it."""
    height, width = (side - side % BLOCK for side in pixels.shape)
    blocks = pixels[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return bool((blocks.std(axis=(1, 3)) > CONTRAST).mean() < COVERED_SHARE)
