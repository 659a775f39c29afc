import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.biometrics import galois
from edge.biometrics.decoder_reference import siphash
from edge.biometrics.enrolment import SYSTEM
from edge.biometrics.quantisation import Lattice
from edge.biometrics.vault import field_elements, filter_key, lock, unwrap, wrapping_key

LATTICE = Lattice(1, 2, 3, 16, 10, 4)
SALT = bytes(range(32))
SECRET = bytearray(range(100, 132))


def locked(seed: int, k: int = 9, count: int = 30):
    features = np.random.default_rng(seed).choice(LATTICE.universe, count, replace=False)
    return lock(SECRET, LATTICE, features, k, SALT, 0, SYSTEM), features


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 16))
def test_k_features_open_the_vault_and_give_the_secret(seed, k):
    vault, features = locked(seed, k)
    x = field_elements(LATTICE.universe, SALT, 0)[features]
    chosen = np.random.default_rng(seed).choice(x, k, replace=False)
    f = galois.interpolate(chosen, vault.values(chosen))
    assert int(siphash(f[np.newaxis], filter_key(SALT))[0]) == vault.tag
    assert unwrap(vault, f, SALT, 0) == SECRET
    # All of the finger's features lie on the same polynomial.
    np.testing.assert_array_equal(vault.values(x), galois.evaluate(f, x))


def test_one_wrong_feature_among_k_opens_nothing():
    vault, features = locked(1)
    elements = field_elements(LATTICE.universe, SALT, 0)
    wrong = next(i for i in range(LATTICE.universe) if i not in features)
    x = elements[np.append(features[:8], wrong)]
    f = galois.interpolate(x, vault.values(x))
    assert int(siphash(f[np.newaxis], filter_key(SALT))[0]) != vault.tag
    assert unwrap(vault, f, SALT, 0) is None


def test_another_vault_s_number_or_salt_gives_another_key():
    f = np.arange(9, dtype=np.uint16)
    keys = [wrapping_key(f, SALT, 0), wrapping_key(f, SALT, 1), wrapping_key(f, bytes(32), 0)]
    assert len(set(map(bytes, keys))) == 3


def test_the_permutation_is_one_to_one_misses_zero_and_is_fresh_for_each_vault_and_salt():
    elements = field_elements(LATTICE.universe, SALT, 0)
    assert len(np.unique(elements)) == LATTICE.universe
    assert elements.all()
    for other in (field_elements(LATTICE.universe, SALT, 1), field_elements(LATTICE.universe, bytes(32), 0)):
        assert (elements == other).mean() < 0.001


def test_the_same_features_are_never_locked_alike():
    (one, features), (two, _) = locked(1), locked(1)
    assert one.tag != two.tag
    assert one.wrapped != two.wrapped
    # The upper coefficients hold no part of f, so under one salt they are equal; no two records share a salt.
    np.testing.assert_array_equal(one.locked[9:], two.locked[9:])
    three = lock(SECRET, LATTICE, features, 9, bytes(32), 0, SYSTEM)
    assert (one.locked[9:] == three.locked[9:]).mean() < 0.1


def test_a_vault_says_nothing_of_itself():
    vault, _ = locked(1)
    assert repr(vault) == "<vault of degree 30>"


def test_coefficients_are_found_by_no_fewer_than_k_features():
    vault, features = locked(3)
    x = field_elements(LATTICE.universe, SALT, 0)[features[:8]]
    f = galois.interpolate(x, vault.values(x))
    assert unwrap(vault, np.append(f, np.uint16(0)), SALT, 0) is None


def test_the_permutation_stays_the_same_for_later_releases():
    # A change of it would lock everybody out.
    assert field_elements(LATTICE.universe, SALT, 0)[:4].tolist() == [18764, 62455, 61305, 32624]
