"""The decoder in NumPy: the description of `_decoder.c`, which must give the same results.

Decoding is guessing, in the sense of Clancy, Kiyavash and Lin (2003): k points of a frame are drawn at
random, the polynomial through them is interpolated, and its SipHash is compared with the vault's tag. To save
work a draw is of k - 1 points and eight more, and each of the eight completes the k - 1: eight trials for
little more than the price of two. Points are drawn from the frame's urn of 256 slots, in which a reliable
point has more slots than a doubtful one. Every draw is a function of the frame's stream number and the draw's
number alone, so that a search can be split and repeated.

SipHash-2-4 (Aumasson and Bernstein, INDOCRYPT 2012) is keyed by the record's public salt; it is a filter, not
the proof: what passes is tried on the wrapped secret.
"""

import numpy as np
import numpy.typing as npt

from edge.biometrics import galois

Words = npt.NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
SLOTS = 256
"""Slots of an urn: one byte of randomness draws one."""

STRIDE = 101
"""From a slot whose point is already drawn to the next that is tried; odd, so that it visits every slot."""

MOST_POINTS = 64
"""Points of a frame; the compiled decoder keeps those drawn as the bits of one word."""

COMPLETIONS = 8
"""Points that each draw of k - 1 is completed with, one at a time."""

BATCH = 512
"""Draws at a time."""


def search(
    points: galois.Elements,
    bounds: npt.NDArray[np.uint32],
    urns: npt.NDArray[np.uint8],
    streams: Words,
    tags: Words,
    key: bytes,
    k: int,
    first: int,
    last: int,
    cancel: bytearray,
    coefficients: galois.Elements,
) -> int:
    """Try k-subsets of each frame's points until one gives a polynomial with the frame's tag.

    Args:
        points: (n, 2) x (distinct in a frame, not zero) and y.
        bounds: (frames + 1,) first point of each frame, and n; at most 64 points a frame.
        urns: (frames, 256) for each slot the number of a point of the frame; a frame whose urn holds fewer
            than k different points is passed over.
        streams: (frames,) number of each frame's random stream.
        tags: (frames,) SipHash of the polynomial sought in each frame.
        key: 16 bytes, SipHash's key.
        k: number of coefficients, 2 to 16.
        first: number of the first draw in each frame.
        last: number after the last draw.
        cancel: one byte; the search ends soon after it becomes non-zero.
        coefficients: (k,) receives the polynomial found, lowest degree first.

    Returns:
        The number of the frame that opened, or -1.
    """
    for frame in range(len(bounds) - 1):
        own = points[bounds[frame] : bounds[frame + 1]]
        different = len(np.unique(urns[frame]))
        for start in range(first, last if different >= k else first, BATCH):
            if cancel[0]:
                return -1
            numbers = np.arange(start, min(start + BATCH, last), dtype=np.uint64)
            drawn = draws(urns[frame], streams[frame], numbers, min(k - 1 + COMPLETIONS, different), k)
            shared = np.repeat(drawn[:, np.newaxis, : k - 1], drawn.shape[1] - (k - 1), axis=1)
            chosen = own[np.concatenate((shared, drawn[:, k - 1 :, np.newaxis]), axis=2).reshape(-1, k)]
            found = galois.interpolate(chosen[..., 0], chosen[..., 1])
            hits = np.flatnonzero(siphash(found, key) == tags[frame])
            if len(hits):
                coefficients[:] = found[hits[0]]
                return frame
    return -1


def draws(
    urn: npt.NDArray[np.uint8], stream: np.uint64, numbers: Words, count: int, k: int
) -> npt.NDArray[np.intp]:
    """Which points each draw takes, from the bytes of SplitMix64.

    Args:
        urn: (256,) the frame's.
        stream: the frame's.
        numbers: (n,) of the draws.
        count: how many points.
        k: number of coefficients, by which random words are dealt out.

    Returns:
        (n, count) numbers of points, distinct in each row.
    """
    words = np.uint64((k - 1 + COMPLETIONS + 7) // 8)
    counter = numbers[:, np.newaxis] * words + np.arange(1, int(words) + 1, dtype=np.uint64)
    random = splitmix64((stream + counter * GOLDEN).astype(np.uint64))
    drawn = np.zeros((len(numbers), count), dtype=np.intp)
    for i in range(count):
        slot = ((random[:, i // 8] >> np.uint64(8 * (i % 8))) % np.uint64(SLOTS)).astype(np.intp)
        while (taken := (drawn[:, :i] == urn[slot][:, np.newaxis]).any(axis=1)).any():
            slot = np.where(taken, (slot + STRIDE) % SLOTS, slot)
        drawn[:, i] = urn[slot]
    return drawn


def splitmix64(z: Words) -> Words:
    """The output function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def siphash(coefficients: galois.Elements, key: bytes) -> Words:
    """SipHash-2-4 of each row of coefficients, as little-endian bytes, lowest degree first.

    Args:
        coefficients: (..., k) elements.
        key: 16 bytes.
    """
    k0, k1 = np.frombuffer(key, dtype="<u8")
    shape = coefficients.shape[:-1]
    v = [
        np.full(shape, constant, dtype=np.uint64) ^ half
        for constant, half in zip(
            (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573),
            (k0, k1, k0, k1),
            strict=True,
        )
    ]
    k = coefficients.shape[-1]
    padded = np.zeros((*shape, (k // 4 + 1) * 4), dtype="<u2")
    padded[..., :k] = coefficients
    padded[..., -1] |= np.uint16((2 * k % 256) << 8)
    words = padded.view("<u8")
    for i in range(words.shape[-1]):
        v[3] ^= words[..., i]
        _sip_rounds(v, 2)
        v[0] ^= words[..., i]
    v[2] ^= np.uint64(0xFF)
    _sip_rounds(v, 4)
    return np.asarray(v[0] ^ v[1] ^ v[2] ^ v[3], dtype=np.uint64)


def _sip_rounds(v: list[Words], count: int) -> None:
    for _ in range(count):
        v[0] = v[0] + v[1]
        v[1] = _rotated(v[1], 13) ^ v[0]
        v[0] = _rotated(v[0], 32)
        v[2] = v[2] + v[3]
        v[3] = _rotated(v[3], 16) ^ v[2]
        v[0] = v[0] + v[3]
        v[3] = _rotated(v[3], 21) ^ v[0]
        v[2] = v[2] + v[1]
        v[1] = _rotated(v[1], 17) ^ v[2]
        v[2] = _rotated(v[2], 32)


def _rotated(x: Words, bits: int) -> Words:
    return np.asarray((x << np.uint64(bits)) | (x >> np.uint64(64 - bits)), dtype=np.uint64)
