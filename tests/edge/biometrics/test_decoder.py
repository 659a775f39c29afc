"""The compiled decoder and its description in NumPy give the same answer, whatever they are given."""

import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.biometrics import _decoder, decoder, decoder_reference, galois

BOTH = pytest.mark.parametrize("search", [_decoder.search, decoder_reference.search])


@dataclass
class Case:
    points: np.ndarray
    bounds: np.ndarray
    urns: np.ndarray
    streams: np.ndarray
    tags: np.ndarray
    key: bytes
    k: int
    polynomials: list

    def run(self, search, first=0, last=3000, cancel=None):
        found = np.zeros(self.k, dtype=np.uint16)
        cancel = bytearray(1) if cancel is None else cancel
        frame = search(
            self.points,
            self.bounds,
            self.urns,
            self.streams,
            self.tags,
            self.key,
            self.k,
            first,
            last,
            cancel,
            found,
        )
        return frame, found.tolist()


def case(seed: int, k: int, right: float, frames: int = 4) -> Case:
    """Frames of random points, of which the share `right` lies on the frame's polynomial."""
    rng = np.random.default_rng(seed)
    points, bounds, urns, tags, polynomials = [], [0], [], [], []
    key = rng.bytes(16)
    for _ in range(frames):
        n = int(rng.integers(max(1, k - 2), 65))
        x = rng.choice(np.arange(1, 65536), n, replace=False).astype(np.uint16)
        f = rng.integers(0, 65536, k).astype(np.uint16)
        y = np.where(rng.random(n) < right, galois.evaluate(f, x), rng.integers(0, 65536, n)).astype(
            np.uint16
        )
        weight = rng.random(n) + 0.01
        points.append(np.column_stack((x, y)))
        bounds.append(bounds[-1] + n)
        urns.append(rng.choice(n, 256, p=weight / weight.sum()))
        tags.append(decoder_reference.siphash(f[np.newaxis], key)[0])
        polynomials.append(f.tolist())
    return Case(
        np.ascontiguousarray(np.vstack(points)),
        np.array(bounds, dtype=np.uint32),
        np.array(urns, dtype=np.uint8),
        rng.integers(0, 2**64, frames, dtype=np.uint64),
        np.array(tags, dtype=np.uint64),
        key,
        k,
        polynomials,
    )


@settings(max_examples=60, deadline=None)
@example(3, 13, 0.8, 0)  # of two fingers
@example(3, 13, 1.0, 100)
@given(st.integers(0, 2**32), st.integers(2, 16), st.sampled_from([0.0, 0.5, 0.8, 1.0]), st.integers(0, 700))
def test_the_same_results_as_the_reference(seed, k, right, first):
    drawn = case(seed, k, right)
    compiled = drawn.run(_decoder.search, first, first + 400)
    assert compiled == drawn.run(decoder_reference.search, first, first + 400)
    if compiled[0] >= 0:
        assert compiled[1] == drawn.polynomials[compiled[0]]


@BOTH
def test_what_is_all_right_opens_at_the_first_trial(search):
    example = case(1, 9, 1.0)
    sizes = np.diff(example.bounds)
    expected = int(np.flatnonzero(sizes >= 9)[0])
    assert example.run(search, last=1) == (expected, example.polynomials[expected])


@BOTH
def test_what_is_all_wrong_stays_shut(search):
    assert case(2, 5, 0.0).run(search) == (-1, [0] * 5)


@BOTH
def test_a_trial_does_not_depend_on_where_the_search_began(search):
    example = case(3, 6, 0.45, frames=1)
    whole = example.run(search, 0, 4000)
    assert whole[0] == 0
    opened = next(trial for trial in range(4000) if example.run(search, trial, trial + 1)[0] == 0)
    assert example.run(search, 0, opened)[0] == -1
    assert example.run(search, opened, opened + 1) == whole


@BOTH
def test_a_set_flag_ends_the_search_which_leaves_it_alone(search):
    example = case(1, 9, 1.0)
    assert example.run(search, cancel=bytearray(b"\1"))[0] == -1
    flag = bytearray(1)
    assert example.run(search, cancel=flag)[0] >= 0
    assert flag == b"\0"


@BOTH
def test_an_urn_of_too_few_points_is_passed_over(search):
    example = case(1, 9, 1.0)
    example.urns[:] = np.arange(256) % 8
    assert example.run(search)[0] == -1


def test_the_compiled_search_can_be_cancelled_while_it_runs():
    example = case(2, 9, 0.0)
    flag = bytearray(1)
    runner = threading.Thread(target=lambda: example.run(_decoder.search, last=2**32 - 1, cancel=flag))
    runner.start()
    time.sleep(0.05)
    assert runner.is_alive()  # and this thread ran meanwhile, so the lock was released
    flag[0] = 1
    runner.join(5)
    assert not runner.is_alive()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: setattr(c, "k", 1),
        lambda c: setattr(c, "k", 17),
        lambda c: setattr(c, "key", c.key[:8]),
        lambda c: setattr(c, "tags", c.tags[:-1]),
        lambda c: setattr(c, "streams", c.streams[:-1]),
        lambda c: setattr(c, "urns", c.urns[:-1]),
        lambda c: setattr(c, "points", c.points[:-1]),
        lambda c: setattr(c, "bounds", c.bounds[1:]),
        lambda c: setattr(c, "bounds", c.bounds[::-1].copy()),
        lambda c: setattr(c, "bounds", np.zeros(0, dtype=np.uint32)),
        lambda c: c.urns.fill(200),
        lambda c: c.points.fill(0),
        lambda c: c.points.fill(7),
    ],
)
def test_buffers_that_do_not_fit_are_refused_not_read(spoil):
    example = case(1, 9, 1.0)
    spoil(example)
    with pytest.raises(ValueError, match="do not fit together"):
        example.run(_decoder.search)


@pytest.mark.parametrize(
    ("length", "digest"), [(2, "5a4fa9d909806c0d"), (8, "6224939a79f5f593"), (16, "db9bc2577fcc2a3f")]
)
def test_siphash_gives_its_authors_test_vectors(length, digest):
    message = np.arange(length, dtype=np.uint8).view("<u2").astype(np.uint16)
    hashed = decoder_reference.siphash(message[np.newaxis], bytes(range(16)))
    assert int(hashed[0]).to_bytes(8, "little").hex() == digest


def test_urns_hold_points_in_proportion_to_their_weights():
    urns = decoder.fill_urns(np.array([[1.0, 0.0, 3.0], [2.0, 2.0, 0.0]]))
    np.testing.assert_array_equal(
        [np.bincount(row, minlength=3) for row in urns], [[64, 0, 192], [128, 128, 0]]
    )


def test_two_threads_find_what_one_finds_and_leave_the_frames_alone():
    example = case(5, 8, 0.6, frames=9)
    frames = decoder.Frames(example.points, example.bounds, example.urns, example.tags)
    before = frames.points.copy()
    found = decoder.search(frames, example.key, 8, 100_000, bytearray(1))
    assert found is not None
    assert found[1].tolist() == example.polynomials[found[0]]
    np.testing.assert_array_equal(frames.points, before)


def test_a_success_sets_the_flag_and_what_is_not_wanted_does_not():
    example, flag = case(5, 8, 0.6, frames=9), bytearray(1)
    frames = decoder.Frames(example.points, example.bounds, example.urns, example.tags)
    asked = []

    def refuses(frame, polynomial):
        asked.append(polynomial.tolist() == example.polynomials[frame])
        return False

    assert decoder.search(frames, example.key, 8, 100_000, flag, accepts=refuses) is None
    assert (asked, flag) == ([True], b"\0")  # others of the nine open, too: none is asked for
    assert decoder.search(frames, example.key, 8, 100_000, flag) is not None
    assert flag == b"\1"


def test_of_two_threads_finds_the_one_that_is_not_taken_is_wiped(monkeypatch):
    """Both threads' first trials open; neither can see yet that the other's has."""
    example, together, found = case(1, 9, 1.0, frames=8), threading.Barrier(2), []
    search = _decoder.search

    def both_at_once(*arguments):
        frame = search(*arguments)
        if len(found) < 2:
            found.append(arguments[-1])
            assert frame >= 0
            together.wait(10)
        return frame

    monkeypatch.setattr(_decoder, "search", both_at_once)
    frames = decoder.Frames(example.points, example.bounds, example.urns, example.tags)
    _, taken = decoder.search(frames, example.key, 9, 100_000, bytearray(1))
    assert [each.any() for each in found if each is not taken] == [False]
    assert taken.any()


def test_joined_frames_are_those_of_the_parts_which_are_wiped():
    one, two = case(6, 8, 1.0), case(7, 8, 1.0)
    parts = [decoder.Frames(c.points, c.bounds, c.urns, c.tags) for c in (one, two)]
    points = np.concatenate([part.points for part in parts])
    sizes = np.concatenate([np.diff(part.bounds) for part in parts])
    whole = decoder.join(parts)
    np.testing.assert_array_equal(whole.points, points)
    np.testing.assert_array_equal(np.diff(whole.bounds), sizes)
    assert len(whole) == 8
    assert not any(part.points.any() for part in parts)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 40), st.integers(0, 100))
def test_values_of_polynomials_are_the_reference_s(seed, count, n):
    rng = np.random.default_rng(seed)
    coefficients, x = (rng.integers(0, 65536, size).astype(np.uint16) for size in (count, n))
    x[: n // 4] = 0
    y = np.full(n, 7, dtype=np.uint16)
    _decoder.evaluate(coefficients, x, y)
    np.testing.assert_array_equal(y, galois.evaluate(coefficients, x))


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 3000), st.sampled_from([8, 52, 64]))
def test_the_order_of_keys_is_numpy_s_and_equal_ones_stay(seed, n, bits):
    keys = np.random.default_rng(seed).integers(0, 2**bits, n, dtype=np.uint64)
    places = np.zeros(n, dtype=np.uint32)
    _decoder.order(keys, places)
    np.testing.assert_array_equal(places, np.argsort(keys, kind="stable"))


@pytest.mark.parametrize("function", [_decoder.evaluate, _decoder.order])
def test_too_little_room_is_refused(function):
    short = (np.zeros(4, dtype=np.uint64), np.zeros(3, dtype=np.uint32))
    arguments = short if function is _decoder.order else (short[1], short[1], short[1][:2])
    with pytest.raises(ValueError, match="room"):
        function(*arguments)
