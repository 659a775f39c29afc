"""The PyPI package fuzzy-extractor, on what it can take: a string of bits, of which few may differ.

It follows Canetti et al., "Reusable fuzzy extractors for low-entropy distributions": it stores
N = bits^(errors / ln bits) * log2(2 / 0.001) helpers, each a key locked with half of the bits, chosen at
random, and opens if one helper's bits all agree. So N bounds what it can take: 128 bits of which 8 may differ
are 32,689 helpers and 1.6 MB; the set of all 40,960 features of ridgekey, in which two presses differ in 22,
would be 4e10 helpers of 5 KB.

A finger becomes 128 bits: whether a minutia lies in one of 64 cells around the finger's reference, for each
of two directions modulo a half turn. That is our choice, the package has none.
"""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from math import log, log2
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Bits = npt.NDArray[np.bool_]

BYTES, ERRORS = 16, 8
CELLS, CELL_PX = 8, 34.0
HALVES = 2
RUNS = 24
"""Presses that the package itself is run on; each takes a third of a second."""

PATIENCE_SECONDS = 600.0


@dataclass(frozen=True)
class Ran:
    """What the package did.

    Attributes:
        version: its own.
        helpers: stored for one finger.
        helper_bytes: their size.
        replaced: what had to stand in for parts that do not install.
        reproduced: for each press whether the key came out.
    """

    version: str
    helpers: int
    helper_bytes: int
    replaced: tuple[str, ...]
    reproduced: list[bool]


def bits_of(prealigned: Array) -> Bits:
    """(128,) bits of minutiae in absolute coordinates."""
    cell = np.floor(prealigned[:, :2] / CELL_PX + CELLS / 2).astype(np.intp)
    half = np.floor(np.mod(prealigned[:, 2], np.pi) * HALVES / np.pi).astype(np.intp) % HALVES
    inside = ((cell >= 0) & (cell < CELLS)).all(axis=1)
    bits = np.zeros((CELLS, CELLS, HALVES), dtype=bool)
    bits[cell[inside, 1], cell[inside, 0], half[inside]] = True
    return bits.ravel()


def one_helper(differing: npt.ArrayLike) -> Array:
    """Chance that one helper opens: every differing bit must be out of its half."""
    return np.asarray(0.5 ** np.asarray(differing, dtype=np.float64))


def accepted(differing: npt.ArrayLike, helpers: int) -> Array:
    """Chance that one of all helpers opens."""
    return np.asarray(-np.expm1(helpers * np.log1p(-np.minimum(one_helper(differing), 1 - 1e-12))))


def helpers_for(bits: int, errors: int) -> int:
    """N, as the package computes it."""
    helpers: float = bits ** (errors / log(bits)) * log2(2 / 0.001)
    return round(helpers)


def run(python: Path, pairs: Sequence[tuple[Bits, Bits]]) -> Ran | str:
    """Have the package enrol the first and reproduce from the second of each pair.

    Args:
        python: an interpreter that has it.
        pairs: of presses.

    Returns:
        What came out, or why it does not run there, in one line.
    """
    lines = [json.dumps({"bytes": BYTES, "errors": ERRORS})]
    lines += [
        json.dumps({"enrol": np.packbits(a).tobytes().hex(), "try": [np.packbits(b).tobytes().hex()]})
        for a, b in pairs
    ]
    child = Path(__file__).with_name("package_child.py")
    try:
        done = subprocess.run(
            [str(python), "-W", "ignore", str(child)],
            input="\n".join(lines),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{python} cannot be run: {error}"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
    hello, *answers = (json.loads(line) for line in done.stdout.splitlines())
    return Ran(
        hello["version"],
        hello["helpers"],
        answers[0]["bytes"] if answers else 0,
        tuple(hello["replaced"]),
        [each for answer in answers for each in answer["reproduced"]],
    )
