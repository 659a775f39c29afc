"""Whether an installed wheel's compiled decoder gives what its description in NumPy gives.

    python -m hw.check_wheel

`make wheels` runs it on every wheel that it builds, aarch64's under emulation.
"""

import sys

import numpy as np

from edge.biometrics import _decoder, decoder_reference, galois

CASES, TRIALS = 40, 800
POINTS, COEFFICIENTS = 30, 9
RIGHT = 0.45
"""Share of the points that lie on the polynomial; so some cases are found, and others not."""

Found = tuple[int, list[int]]


def both(seed: int) -> tuple[Found, Found]:
    """What the compiled decoder finds in one frame of random points, and what the reference does."""
    rng = np.random.default_rng(seed)
    key, f = rng.bytes(16), rng.integers(0, 2**16, COEFFICIENTS).astype(np.uint16)
    x = rng.choice(np.arange(1, 2**16), POINTS, replace=False).astype(np.uint16)
    wrong = rng.integers(0, 2**16, POINTS).astype(np.uint16)
    y = np.where(rng.random(POINTS) < RIGHT, galois.evaluate(f, x), wrong)
    points, bounds = np.column_stack((x, y)), np.array([0, POINTS], dtype=np.uint32)
    urns = rng.integers(0, POINTS, (1, 256)).astype(np.uint8)
    streams = rng.integers(0, 2**64, 1, dtype=np.uint64)
    tags = decoder_reference.siphash(f[np.newaxis], key)
    found = []
    for search in (_decoder.search, decoder_reference.search):
        out = np.zeros(COEFFICIENTS, dtype=np.uint16)
        frame = search(points, bounds, urns, streams, tags, key, COEFFICIENTS, 0, TRIALS, bytearray(1), out)
        found.append((frame, out.tolist()))
    return found[0], found[1]


def main() -> int:
    """Compare them on many frames, of which some open."""
    cases = [both(seed) for seed in range(CASES)]
    differing = sum(compiled != reference for compiled, reference in cases)
    opened = sum(compiled[0] >= 0 for compiled, _ in cases)
    print(f"{_decoder.__file__}: {differing} of {CASES} searches differ from the reference; {opened} opened")
    return 0 if not differing and 0 < opened < CASES else 1


if __name__ == "__main__":
    sys.exit(main())
