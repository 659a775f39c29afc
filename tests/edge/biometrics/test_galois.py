import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.biometrics.galois import divide, evaluate, interpolate, multiply, product_of_roots

element = st.integers(0, 65535)
nonzero = st.integers(1, 65535)


def slow_product(a: int, b: int) -> int:
    """Schoolbook: shift, add, reduce by the field polynomial."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a, b = a << 1, b >> 1
        a ^= 0x1100B if a >> 16 else 0
    return product


@given(element, element)
def test_multiplication_is_the_schoolbook_s(a, b):
    assert multiply(a, b) == slow_product(a, b)


@given(element, element, element)
def test_it_is_a_commutative_ring(a, b, c):
    assert multiply(a, b) == multiply(b, a)
    assert multiply(multiply(a, b), c) == multiply(a, multiply(b, c))
    assert multiply(a, b ^ c) == multiply(a, b) ^ multiply(a, c)
    assert multiply(a, 1) == a


@given(element, nonzero)
def test_division_undoes_multiplication(a, b):
    assert divide(multiply(a, b), b) == a


def test_division_by_zero_is_refused():
    with pytest.raises(ZeroDivisionError):
        divide(5, [1, 0])


@given(st.lists(nonzero, min_size=1, max_size=20, unique=True), element)
def test_a_product_of_roots_vanishes_at_its_roots_and_nowhere_else(roots, x):
    polynomial = product_of_roots(np.array(roots, dtype=np.uint16))
    assert polynomial[-1] == 1
    assert not evaluate(polynomial, roots).any()
    assert (evaluate(polynomial, x) == 0) == (x in roots)


@given(st.lists(element, min_size=2, max_size=16), st.data())
def test_interpolation_finds_the_polynomial_that_was_evaluated(coefficients, data):
    k = len(coefficients)
    x = np.array(data.draw(st.lists(nonzero, min_size=k, max_size=k, unique=True)), dtype=np.uint16)
    f = np.array(coefficients, dtype=np.uint16)
    np.testing.assert_array_equal(interpolate(x, evaluate(f, x)), f)


def test_many_rows_are_interpolated_at_once():
    rng = np.random.default_rng(0)
    f = rng.integers(0, 65536, (50, 7)).astype(np.uint16)
    x = np.array([rng.choice(np.arange(1, 65536), 7, replace=False) for _ in f], dtype=np.uint16)
    y = np.array([evaluate(row, at) for row, at in zip(f, x, strict=True)])
    np.testing.assert_array_equal(interpolate(x, y), f)
