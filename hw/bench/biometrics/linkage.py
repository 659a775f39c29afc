"""Record multiplicity: what several records of one finger tell together, to who has them in clear.

Three attacks, each a score of how alike two records look: their *form* (number of features and of
coefficients), their *lattices* (an offset is chosen to suit the finger's own minutiae), and the *partial
recovery* of Merkle and Tams (arXiv 1312.5225, section 3): with A and B the locked sets of two vaults V and W,

    prod(x - b, b in B but not in A) V - prod(x - a, a in A but not in B) W

has a low degree, so where A and B overlap by half and more the extended Euclidean algorithm on V and W comes
upon these products: its remainder's degree falls by a leap, which by chance happens once in 2^16 steps.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from edge.biometrics import ProtectedRecord, galois
from edge.biometrics.quantisation import ANGLE_STEPS, SHIFT_STEPS, TURN_STEPS, Lattice
from edge.biometrics.vault import field_elements
from hw.bench.biometrics.counting import Locked


def form(first: ProtectedRecord, second: ProtectedRecord) -> float:
    """Minus the difference of the vaults' sizes, and of the numbers of coefficients, which weigh more."""
    sizes = [sorted(len(vault.locked) for vault in record.vaults) for record in (first, second)]
    k = [record.parameters.coefficients for record in (first, second)]
    return -float(sum(abs(a - b) for a, b in zip(*sizes, strict=False)) + 40 * abs(k[0] - k[1]))


def lattices(first: ProtectedRecord, second: ProtectedRecord) -> float:
    """Minus the least distance of two vaults' lattices, in cells (squared).

    Only lattices that lie at nearly the same angle can tell anything by their offset, so a difference of
    angle counts: 10 degrees as much as half a cell.
    """
    return -min(_apart(a.lattice, b.lattice) for a in first.vaults for b in second.vaults)


def _apart(a: Lattice, b: Lattice) -> float:
    differences = (
        ((a.x_step - b.x_step) / SHIFT_STEPS, 1),
        ((a.y_step - b.y_step) / SHIFT_STEPS, 1),
        ((a.turn_step - b.turn_step) / TURN_STEPS, 1),
        ((a.angle_step - b.angle_step) / ANGLE_STEPS, 4.5),
    )
    return sum((weight * min(d % 1, -d % 1)) ** 2 for d, weight in differences)


def recovery(first: ProtectedRecord, second: ProtectedRecord) -> float:
    """Longest leap of the Euclidean algorithm over all pairs of vaults."""
    polynomials = [
        [np.append(vault.locked, np.uint16(1)) for vault in record.vaults] for record in (first, second)
    ]
    return float(max(leap(v, w) for v in polynomials[0] for w in polynomials[1]))


def recovery_without_permutation(first: Sequence[Locked], second: Sequence[Locked], k: int) -> float:
    """The same attack on the same features, had both records one permutation: shows that it does work."""
    rng = np.random.default_rng(0)
    mine, theirs = (
        [_vault_without_permutation(locked, k, rng) for locked in record] for record in (first, second)
    )
    return float(max(leap(a, b) for a in mine for b in theirs))


def _vault_without_permutation(locked: Locked, k: int, rng: np.random.Generator) -> galois.Elements:
    elements = _one_permutation(locked.lattice.universe)[np.flatnonzero(locked.member)]
    polynomial = galois.product_of_roots(elements)
    polynomial[:k] ^= rng.integers(0, 2**16, k).astype(np.uint16)
    return polynomial


@cache
def _one_permutation(universe: int) -> galois.Elements:
    return field_elements(universe, bytes(32), 0)


def alike(first: bytes, second: bytes) -> float:
    """Share of equal bytes of two records as they lie on the disk."""
    return sum(a == b for a, b in zip(first, second, strict=False)) / max(len(first), len(second))


def leap(v: galois.Elements, w: galois.Elements) -> int:
    """Largest degree of a quotient in Euclid's algorithm, the first one left aside.

    Args:
        v: coefficients, lowest degree first, the last one not zero.
        w: the same.
    """
    if len(v) < len(w):
        v, w = w, v
    v, w = w, _remainder(v, w)
    longest = 0
    while len(w) > 1:
        longest = max(longest, len(v) - len(w))
        v, w = w, _remainder(v, w)
    return longest


def _remainder(dividend: galois.Elements, divisor: galois.Elements) -> galois.Elements:
    """Of a division of polynomials, without leading zeros."""
    rest = dividend.copy()
    for top in range(len(dividend) - 1, len(divisor) - 2, -1):
        if rest[top]:
            factor = galois.divide(rest[top], divisor[-1])
            rest[top - len(divisor) + 1 : top + 1] ^= galois.multiply(divisor, factor)
    return rest[: np.flatnonzero(rest)[-1] + 1] if rest.any() else rest[:0]
