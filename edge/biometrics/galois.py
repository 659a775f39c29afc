"""Arithmetic in GF(2^16), the field that the vault's polynomials live in, on whole NumPy arrays.

Elements are uint16; addition and subtraction are both exclusive or. Multiplication goes by tables of
logarithms to the base 2, a generator under the primitive polynomial x^16 + x^12 + x^3 + x + 1 (Lidl and
Niederreiter, Finite Fields). The compiled decoder uses the same field.
"""

import numpy as np
import numpy.typing as npt

Elements = npt.NDArray[np.uint16]

FIELD_POLYNOMIAL = 0x1100B
GROUP_ORDER = 65535


def _tables() -> tuple[npt.NDArray[np.int64], Elements]:
    power = np.zeros(2 * GROUP_ORDER, dtype=np.uint16)
    logarithm = np.zeros(GROUP_ORDER + 1, dtype=np.int64)
    element = 1
    for exponent in range(GROUP_ORDER):
        power[exponent] = power[exponent + GROUP_ORDER] = element
        logarithm[element] = exponent
        element <<= 1
        if element >> 16:
            element ^= FIELD_POLYNOMIAL
    return logarithm, power


LOGARITHM, POWER = _tables()


def multiply(a: npt.ArrayLike, b: npt.ArrayLike) -> Elements:
    """Element-wise product of two broadcastable arrays of elements."""
    a, b = np.asarray(a, dtype=np.uint16), np.asarray(b, dtype=np.uint16)
    product = POWER[LOGARITHM[a] + LOGARITHM[b]]
    return np.where((a == 0) | (b == 0), np.uint16(0), product)


def divide(a: npt.ArrayLike, b: npt.ArrayLike) -> Elements:
    """Element-wise quotient.

    Raises:
        ZeroDivisionError: an element of `b` is zero.
    """
    a, b = np.asarray(a, dtype=np.uint16), np.asarray(b, dtype=np.uint16)
    if not b.all():
        raise ZeroDivisionError("division by zero in GF(2^16)")
    quotient = POWER[LOGARITHM[a] - LOGARITHM[b] + GROUP_ORDER]
    return np.where(a == 0, np.uint16(0), quotient)


def evaluate(coefficients: Elements, x: npt.ArrayLike) -> Elements:
    """Values of a polynomial, by Horner's rule.

    Args:
        coefficients: (degree + 1,) lowest degree first.
        x: where to evaluate; any shape.
    """
    x = np.asarray(x, dtype=np.uint16)
    value = np.zeros(x.shape, dtype=np.uint16)
    for coefficient in coefficients[::-1]:
        value = multiply(value, x) ^ coefficient
    return value


def product_of_roots(roots: Elements) -> Elements:
    """Coefficients of prod(X - root), lowest degree first; the highest is one.

    Args:
        roots: (n,) elements.

    Returns:
        (n + 1,) elements.
    """
    polynomial = np.ones(1, dtype=np.uint16)
    for root in roots:
        shifted = np.concatenate((np.zeros(1, dtype=np.uint16), polynomial))
        shifted[:-1] ^= multiply(polynomial, root)
        polynomial = shifted
    return polynomial


def interpolate(x: Elements, y: Elements) -> Elements:
    """The polynomials of degree below k through k points each: divided differences, expanded to coefficients.

    Args:
        x: (..., k) distinct elements in each row.
        y: (..., k) values.

    Returns:
        (..., k) coefficients, lowest degree first.
    """
    k = x.shape[-1]
    difference = y.copy()
    for step in range(1, k):
        difference[..., step:] = divide(
            difference[..., step:] ^ difference[..., step - 1 : -1], x[..., step:] ^ x[..., :-step]
        )
    coefficients = np.zeros_like(y)
    coefficients[..., 0] = difference[..., k - 1]
    for i in range(k - 2, -1, -1):
        scaled = multiply(coefficients, x[..., i, np.newaxis])
        scaled[..., 1:] ^= coefficients[..., :-1]
        scaled[..., 0] ^= difference[..., i]
        coefficients = scaled
    return coefficients
