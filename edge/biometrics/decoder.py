"""Searches the frames of a press for the polynomial of their vault, on two threads of compiled code."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.biometrics import _decoder, galois
from edge.biometrics.decoder_reference import GOLDEN, splitmix64

THREADS = 2
ROUNDS = 8
"""Every frame gets an eighth of its trials before any gets the second: the right frame of a good press opens early."""


@dataclass(frozen=True, slots=True)
class Frames:
    """What the decoder searches; biometric, wiped after use.

    Attributes:
        points: (n, 2) uint16, x and y of all frames, one frame after the other.
        bounds: (frames + 1,) first point of each frame, and n.
        tags: (frames,) uint64 tag of each frame's vault.
    """

    points: galois.Elements
    bounds: npt.NDArray[np.uint32]
    tags: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.tags)

    def __repr__(self) -> str:
        return f"<{len(self)} frames>"

    def wipe(self) -> None:
        """Overwrite the points and the bounds."""
        self.points.fill(0)
        self.bounds.fill(0)

    def every(self, step: int, start: int) -> "Frames":
        """A copy of each `step`-th frame."""
        sizes = np.diff(self.bounds)
        frame_of_point = np.repeat(np.arange(len(self)), sizes)
        bounds = np.concatenate(([0], np.cumsum(sizes[start::step]))).astype(np.uint32)
        return Frames(self.points[frame_of_point % step == start], bounds, self.tags[start::step].copy())


def search(
    frames: Frames, key: bytes, k: int, trials: int, cancel: bytearray, seed: int = 0
) -> tuple[int, galois.Elements] | None:
    """Search all frames, sharing the trials evenly among them.

    A search that finds nothing always runs all its trials, however close it came: its duration depends only on how
    many frames and points there are.

    Args:
        frames: of one press and all vaults of a record.
        key: 16 bytes of the vaults' SipHash.
        k: number of coefficients.
        trials: over all frames together.
        cancel: one byte; setting it ends the search within a millisecond. A success sets it too.
        seed: the same seed and frames draw the same subsets.

    Returns:
        The number of a frame and its polynomial (k,), or None.
    """
    if not len(frames):
        return None
    each = -(-trials // (len(frames) * ROUNDS))
    with ThreadPoolExecutor(THREADS) as threads:
        halves = list(
            threads.map(
                lambda start: _search_part(frames.every(THREADS, start), key, k, each, cancel, seed + start),
                range(THREADS),
            )
        )
    for start, found in enumerate(halves):
        if found is not None:
            return found[0] * THREADS + start, found[1]
    return None


def _search_part(
    part: Frames, key: bytes, k: int, each: int, cancel: bytearray, seed: int
) -> tuple[int, galois.Elements] | None:
    """Search one thread's frames round by round."""
    streams = splitmix64(np.uint64(seed) + np.arange(1, len(part) + 1, dtype=np.uint64) * GOLDEN)
    coefficients = np.zeros(k, dtype=np.uint16)
    try:
        for number in range(ROUNDS):
            first, last = number * each, (number + 1) * each
            frame = _decoder.search(
                part.points, part.bounds, streams, part.tags, key, k, first, last, cancel, coefficients
            )
            if frame >= 0:
                return frame, coefficients
        return None
    finally:
        part.wipe()
