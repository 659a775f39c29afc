import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.biometrics import Minutiae
from edge.biometrics.alignment import Alignment, align, angle_between, merge, partners_of
from tests.edge.biometrics.points import finger, press


@settings(max_examples=20, deadline=None)
@given(st.floats(-3.1, 3.1), st.floats(-60, 60), st.floats(-60, 60), st.integers(0, 1000))
def test_a_known_turn_and_shift_is_found(turn, dx, dy, seed):
    fixed = finger(seed, 40)
    back = Alignment(turn, np.array([dx, dy]), 0)
    found = align(back.apply(fixed), fixed)
    assert found.partners == 40
    np.testing.assert_allclose(found.apply(back.apply(fixed))[:, :2], fixed[:, :2], atol=1e-6)


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_the_angle_between_directions_is_short_and_right(first, second):
    difference = float(angle_between(np.array(first), np.array(second)))
    assert -np.pi <= difference <= np.pi
    assert np.cos(difference) == pytest.approx(np.cos(first - second), abs=1e-9)


def test_three_presses_are_averaged_into_more_than_each_and_nearer_to_the_truth():
    truth = finger(3)
    presses = [press(truth, seed, turn=angle) for seed, angle in ((0, 0.0), (1, 0.2), (2, -0.2))]
    template = merge(presses, 9)
    often = template.table[template.seen >= 2]
    assert template.presses == 3
    assert len(template.table) > max(map(len, presses))
    aligned = align(often, truth)
    # Nearly all that two presses showed is real: the false minutiae were seen once each.
    assert aligned.partners > 0.95 * len(often)
    pairs = partners_of(aligned.apply(often), truth)
    errors = np.hypot(*(aligned.apply(often)[pairs[:, 0], :2] - truth[pairs[:, 1], :2]).T)
    assert np.median(errors) < 1.5
    assert (np.diff(template.seen) <= 0).all()


def test_strangers_have_few_partners():
    assert (
        max(align(press(finger(a), 1).table, press(finger(b), 2).table).partners for a, b in [(1, 2), (3, 4)])
        < 20
    )


def test_partners_are_mutual_and_near():
    near = np.array([[10.0, 10, 0, 1], [50, 50, 1, 1]])
    moved = np.array([[11.0, 10, 0.1, 1], [10, 12, 0, 1], [50, 50, 2.5, 1]])
    np.testing.assert_array_equal(partners_of(moved, near), [[0, 0]])
    assert len(partners_of(moved, near[:0])) == 0


def test_a_template_is_wiped_and_silent():
    template = merge([press(finger(1), 1), press(finger(1), 2)], 9)
    assert "." not in repr(template)
    template.wipe()
    assert not template.table.any()


def test_minutiae_are_wiped_and_silent():
    with Minutiae([[1, 2, 3, 0.5]]) as minutiae:
        table = minutiae.table
        assert repr(minutiae) == "<1 minutiae>"
    assert not table.any()
    assert len(minutiae) == 0
