"""Searches the frames of a press for the polynomial of their vault, on two threads of compiled code."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt

from edge.biometrics import _decoder, galois
from edge.biometrics.decoder_reference import COMPLETIONS, GOLDEN, SLOTS, splitmix64
from edge.biometrics.wiping import wiped

THREADS = 2
ROUNDS = 8
"""Every frame gets an eighth of its trials before any gets the second: the right frame of a good press opens
early."""


@dataclass(frozen=True, slots=True)
class Frames:
    """What the decoder searches; biometric, wiped after use.

    Attributes:
        points: (n, 2) uint16, x and y of all frames, one frame after the other.
        bounds: (frames + 1,) first point of each frame, and n.
        urns: (frames, 256) uint8, which points to draw how often.
        tags: (frames,) uint64 tag of each frame's vault.
    """

    points: galois.Elements
    bounds: npt.NDArray[np.uint32]
    urns: npt.NDArray[np.uint8]
    tags: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.tags)

    def __repr__(self) -> str:
        return f"<{len(self)} frames>"

    def wipe(self) -> None:
        """Overwrite everything that comes from the press."""
        for buffer in (self.points, self.bounds, self.urns):
            buffer.fill(0)

    def every(self, step: int, start: int) -> "Frames":
        """A copy of each `step`-th frame."""
        sizes = np.diff(self.bounds)
        frame_of_point = np.repeat(np.arange(len(self)), sizes)
        bounds = np.concatenate(([0], np.cumsum(sizes[start::step]))).astype(np.uint32)
        own = frame_of_point % step == start
        return Frames(self.points[own], bounds, self.urns[start::step].copy(), self.tags[start::step].copy())

    def since(self, first: int) -> "Frames":
        """A view of the frames from number `first` on; its bounds alone are new."""
        start = self.bounds[first]
        return Frames(self.points[start:], self.bounds[first:] - start, self.urns[first:], self.tags[first:])


def join(parts: Sequence[Frames]) -> Frames:
    """The frames of several vaults, one after the other; the parts are wiped."""
    starts = np.cumsum([0] + [len(part.points) for part in parts])
    bounds = [part.bounds[1:] + np.uint32(start) for part, start in zip(parts, starts, strict=False)]
    whole = Frames(
        np.concatenate([part.points for part in parts]),
        np.concatenate([np.zeros(1, dtype=np.uint32), *bounds]),
        np.concatenate([part.urns for part in parts]),
        np.concatenate([part.tags for part in parts]),
    )
    for part in parts:
        part.wipe()
    return whole


def fill_urns(weight: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Give each point of each frame slots in proportion to its weight; a very light one may get none.

    Args:
        weight: (frames, n) not negative, with a positive sum in each row.

    Returns:
        (frames, 256) column numbers of `weight`.
    """
    frames, n = weight.shape
    share = np.cumsum(weight, axis=1) / weight.sum(axis=1, keepdims=True)
    slots = np.diff(np.rint(share * SLOTS).astype(np.intp), axis=1, prepend=0)
    return np.repeat(np.tile(np.arange(n), frames), slots.ravel()).reshape(frames, SLOTS)


Accepts = Callable[[int, galois.Elements], bool]
"""Whether a polynomial (k,) that the frame of that number gave is wanted."""


def search(
    frames: Frames,
    key: bytes,
    k: int,
    trials: int,
    cancel: bytearray,
    seed: int = 0,
    accepts: Accepts = lambda _frame, _polynomial: True,
) -> tuple[int, galois.Elements] | None:
    """Search all frames, sharing the trials evenly among them.

    A search that gives nothing always runs all its trials, however close it came, and also where it found
    something that is not wanted: its duration depends only on how many frames and points there are.

    Args:
        frames: of one press and all vaults of a record.
        key: 16 bytes of the vaults' SipHash.
        k: number of coefficients.
        trials: over all frames together; so many k-subsets, of which eight at a time share k - 1 points.
        cancel: one byte; setting it ends the search within a millisecond. A success sets it too.
        seed: the same seed and frames draw the same subsets.
        accepts: asked once, of the first polynomial found. If it says no, nothing will be given.

    Returns:
        The number of a frame and its polynomial (k,), to be wiped after use; or None.
    """
    if not len(frames):
        return None
    each = -(-trials // (len(frames) * ROUNDS * COMPLETIONS))
    first = _First(accepts)

    def search_part(start: int) -> tuple[int, galois.Elements] | None:
        return _search_part(
            frames.every(THREADS, start),
            key,
            k,
            each,
            cancel,
            seed + start,
            lambda frame, polynomial: first.is_wanted(frame * THREADS + start, polynomial),
        )

    with ThreadPoolExecutor(THREADS) as threads:
        halves = list(threads.map(search_part, range(THREADS)))
    for start, found in enumerate(halves):
        if found is not None:
            return found[0] * THREADS + start, found[1]
    return None


class _First:
    """Only the first of all threads' finds is judged; what comes after it is not wanted."""

    def __init__(self, accepts: Accepts) -> None:
        self._accepts = accepts
        self._untouched = Lock()

    def is_wanted(self, frame: int, polynomial: galois.Elements) -> bool:
        return self._untouched.acquire(blocking=False) and self._accepts(frame, polynomial)


def _search_part(
    part: Frames, key: bytes, k: int, each: int, cancel: bytearray, seed: int, is_wanted: Accepts
) -> tuple[int, galois.Elements] | None:
    """Search one thread's frames round by round."""
    streams = splitmix64(np.uint64(seed) + np.arange(1, len(part) + 1, dtype=np.uint64) * GOLDEN)
    coefficients = np.zeros(k, dtype=np.uint16)

    def search_from(frame: int, number: int) -> int | None:
        """The first frame, from one on, that opens in a round."""
        rest, first = part.since(frame), number * each
        with wiped(rest.bounds):
            found = _decoder.search(
                rest.points,
                rest.bounds,
                rest.urns,
                streams[frame:],
                rest.tags,
                key,
                k,
                first,
                first + each,
                cancel,
                coefficients,
            )
        return None if found < 0 else frame + found

    try:
        for number in range(ROUNDS):
            frame = search_from(0, number)
            while frame is not None:
                if is_wanted(frame, coefficients):
                    cancel[0] = 1
                    return frame, coefficients
                coefficients.fill(0)
                # From here on no tag is right, and the search goes on as if it had never found anything.
                np.invert(part.tags, out=part.tags)
                frame = search_from(frame, number)
        return None
    finally:
        part.wipe()
