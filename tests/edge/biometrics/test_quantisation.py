from dataclasses import replace
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.biometrics.alignment import Alignment, Template, turning
from edge.biometrics.parameters import LARGE
from edge.biometrics.quantisation import (
    ANGLE_STEPS,
    SHIFT_STEPS,
    TURN_STEPS,
    Lattice,
    choose_lattice,
    in_frame_of,
    most_stable,
    references,
)
from edge.biometrics.reliability import odds
from edge.biometrics.unlocking import WAYS, all_relative
from tests.edge.biometrics.points import finger

lattices = st.builds(
    Lattice,
    st.integers(0, SHIFT_STEPS - 1),
    st.integers(0, SHIFT_STEPS - 1),
    st.integers(0, TURN_STEPS - 1),
    st.just(16),
    st.just(10),
    st.integers(0, ANGLE_STEPS - 1),
)


@settings(deadline=None)
@given(st.integers(0, 100), st.floats(-3.1, 3.1), st.floats(-90, 90), st.floats(-90, 90))
def test_a_frame_does_not_know_how_the_finger_lay(seed, turn, dx, dy):
    table = finger(seed, 20)
    moved = Alignment(turn, np.array([dx, dy]), 0).apply(table)
    a, b = in_frame_of(table[0], table), in_frame_of(moved[0], moved)
    np.testing.assert_allclose(a[:, :2], b[:, :2], atol=1e-6)
    np.testing.assert_allclose(np.cos(a[:, 2] - b[:, 2]), 1, atol=1e-9)


@given(lattices, st.floats(-2000, 2000), st.floats(-2000, 2000), st.floats(-7, 7))
def test_every_minutia_has_a_feature_of_the_universe(lattice, x, y, direction):
    feature = int(lattice.features(np.array([x, y, direction])))
    assert 0 <= feature < lattice.universe == 64 * 64 * 10 < 2**16


@given(lattices, st.integers(-30, 29), st.integers(-30, 29), st.integers(0, 9))
def test_features_number_the_cells_one_by_one(lattice, column, row, sector):
    x = (column + 0.5 - lattice.x_step / SHIFT_STEPS) * 16
    y = (row + 0.5 - lattice.y_step / SHIFT_STEPS) * 16
    back = turning(lattice.angle_step * np.pi / 2 / ANGLE_STEPS) @ (x, y)
    middle = np.array([*back, (sector + 0.5 - lattice.turn_step / TURN_STEPS) * np.pi / 5])
    assert int(lattice.features(middle)) == ((row + 32) * 64 + column + 32) * 10 + sector


def test_the_chosen_lattice_keeps_minutiae_far_from_borders():
    relative, shown = in_frame_of(finger(5)[0], finger(5)[1:]), np.ones(len(finger(5)) - 1)
    chosen, chance = choose_lattice(relative, shown, LARGE, Random(1))
    plain = odds(replace(chosen, x_step=0, y_step=0), relative, shown)
    assert np.log(odds(chosen, relative, shown)).sum() > np.log(plain).sum()
    again, same = choose_lattice(relative, shown, LARGE, Random(1))
    assert again == chosen
    np.testing.assert_array_equal(chance, same)


def test_the_angles_of_a_lattice_are_drawn_and_owe_nothing_to_the_finger():
    drawn = []
    for seed in range(2):
        relative = in_frame_of(finger(seed)[0], finger(seed)[1:])
        shown, randomness = np.ones(len(relative)), Random(7)
        lattices = [choose_lattice(relative, shown, LARGE, randomness)[0] for _ in range(40)]
        drawn.append([(lattice.turn_step, lattice.angle_step) for lattice in lattices])
    assert drawn[0] == drawn[1]
    assert len({turn for turn, _ in drawn[0]}) == TURN_STEPS
    assert len({angle for _, angle in drawn[0]}) > 20


def test_the_most_stable_features_come_once_each_and_best_first():
    features = np.array([7, 7, 3, 9, 5])
    chance = np.array([0.2, 0.9, 0.8, 0.1, 0.95])
    best, chances = most_stable(features, chance, 3)
    np.testing.assert_array_equal(best, [5, 7, 3])
    np.testing.assert_array_equal(chances, [0.95, 0.9, 0.8])


def test_references_are_reliable_central_and_apart():
    table = finger(2)
    seen = np.where(np.hypot(table[:, 0] - 128, table[:, 1] - 144) < 90, 3, 1)
    chosen = references(Template(table, seen, 3), 3, 30)
    assert len(chosen) == 3
    assert (seen[chosen] == 3).all()
    gaps = table[chosen][:, np.newaxis, :2] - table[chosen][:, :2]
    assert (np.hypot(gaps[..., 0], gaps[..., 1])[~np.eye(3, dtype=bool)] > 30).all()


def test_all_frames_of_a_press_are_the_frames_one_by_one():
    table = finger(4, 12)
    relative, quality = all_relative(table)
    assert relative.shape == (12 * len(WAYS), 11, 3)
    for i in range(12):
        for j, (turn, factor) in enumerate(WAYS):
            row = i * len(WAYS) + j
            others = np.arange(12) != i
            expected = in_frame_of(table[i], table[others], np.radians(turn))
            np.testing.assert_allclose(relative[row, :, :2], expected[:, :2] * factor, atol=1e-9)
            np.testing.assert_allclose(np.cos(relative[row, :, 2] - expected[:, 2]), 1)
            np.testing.assert_array_equal(quality[row], table[others, 3])
