"""Two fingers in one polynomial: both open it, one does not, and its bytes are read back or refused."""

from importlib.resources import files
from random import Random

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import cbor
from edge.biometrics import Minutiae, ProtectedRecord, RecordError, _decoder, joint, joint_record
from edge.biometrics.decoder_reference import COMPLETIONS
from edge.biometrics.enrolment import frames_of_presses
from edge.biometrics.galois import GROUP_ORDER
from edge.biometrics.joint import (
    CENTRAL,
    POINTS,
    Side,
    bind_two,
    joint_frames,
    offset,
    side,
    tagged,
    universe,
    unlock_two,
)
from edge.biometrics.joint_record import JointRecord
from edge.biometrics.parameters import LARGE, SMALL
from edge.biometrics.quantisation import CELLS_PER_SIDE, Lattice
from tests.edge.biometrics.points import finger, press
from tests.edge.biometrics.test_protected_record import Checker

PEPPER = bytes(range(32))
QUICK = 2**18
A, B, STRANGER = 1, 2, 60
RULES = Checker.from_cddl(files("edge.biometrics").joinpath("joint_record.cddl").read_text(), 128).my_types


@pytest.fixture(scope="module")
def enrolment():
    return bind_two(*(frames_of_presses([press(finger(f), 100 * f + i) for i in range(3)]) for f in (A, B)))


@pytest.fixture(scope="module")
def record(enrolment):
    return enrolment.record


def test_presses_of_both_give_the_secret_and_a_stored_record_the_same(enrolment):
    stored = JointRecord.open(enrolment.record.seal(PEPPER), PEPPER)
    opened = [
        unlock_two(stored, press(finger(A), 100 * A + i), press(finger(B), 100 * B + i)) for i in (3, 4)
    ]
    assert enrolment.secret in opened
    assert {bytes(each) for each in opened if each} == {bytes(enrolment.secret)}


def test_one_of_the_two_with_a_stranger_opens_nothing(record):
    """Even where the one alone shows k right points: each press must have its share."""
    mine, theirs, strange = press(finger(A), 103), press(finger(B), 203), press(finger(STRANGER), 1)
    assert unlock_two(record, mine, strange, trials=2**19) is None
    assert unlock_two(record, strange, theirs, trials=2**19) is None
    assert unlock_two(record, mine, mine, trials=2**19) is None
    assert unlock_two(record, strange, press(finger(STRANGER + 1), 1), trials=QUICK) is None


def test_a_refusal_takes_the_same_draws_whether_one_of_the_two_was_right(monkeypatch):
    """One of the owner's with a stranger's of few minutiae finds the polynomial alone."""
    fingers = [[press(finger(f), 100 * f + i) for i in range(3)] for f in (A, B)]
    locked = [frames_of_presses(presses, randomness=Random(3)) for presses in fingers]
    record = bind_two(*locked, Random(3)).record
    mine, theirs = (press(finger(f), 104, shown=1, false=0).table for f in (A, STRANGER))
    second, count = Minutiae(press(finger(STRANGER + 1), 1).table[:9]), min(len(mine), len(theirs))
    search, judge = _decoder.search, joint.shares
    work, found, judged = [], [], []

    def counted(*arguments):
        frame, draws = search(*arguments), arguments[8] - arguments[7]
        work[-1] += draws * (len(arguments[1]) - 1 if frame < 0 else frame)
        found[-1] += frame >= 0
        return frame

    def counted_shares(*arguments):
        judged[-1] += 1
        return judge(*arguments)

    monkeypatch.setattr(_decoder, "search", counted)
    monkeypatch.setattr(joint, "shares", counted_shares)
    for table in (mine, theirs):
        for tally in (work, found, judged):
            tally.append(0)
        assert unlock_two(record, Minutiae(table[:count]), second, trials=2**21) is None
    assert found[0] > found[1] == 0
    assert work[0] == work[1]
    assert work[0] * COMPLETIONS >= 2**21
    assert judged == [1, 1]


def test_presses_in_the_wrong_order_open_nothing(record):
    assert unlock_two(record, press(finger(B), 203), press(finger(A), 103), trials=QUICK) is None


@pytest.mark.parametrize("count", [0, 1, 7, 9])
def test_a_press_of_few_minutiae_opens_nothing(record, count):
    few = Minutiae(press(finger(B), 203).table[:count])
    assert unlock_two(record, press(finger(A), 103), few, trials=QUICK) is None


def test_the_presses_are_left_to_their_owner(record):
    presses = [press(finger(A), 103), press(finger(B), 203)]
    before = [each.table.copy() for each in presses]
    unlock_two(record, *presses, trials=QUICK)
    for each, table in zip(presses, before, strict=True):
        np.testing.assert_array_equal(each.table, table)


def test_frames_are_bounded_and_hold_each_point_once(record):
    sides = [Side.of(press(finger(f), 3)) for f in (A, B)]
    frames = joint_frames(record.vaults[0], sides, record.salt, 0)
    assert len(frames) == (CENTRAL * 3) ** 2
    assert np.diff(frames.bounds).max() <= 2 * POINTS
    for i in range(0, len(frames), 997):
        x = frames.points[frames.bounds[i] : frames.bounds[i + 1], 0]
        assert len(set(x.tolist())) == len(x)
        assert 0 not in x
        assert frames.urns[i].max() < len(x)


@given(st.integers(1, 15), st.data())
def test_tagged_features_fit_the_field_and_the_fingers_never_meet(sectors, data):
    lattice = Lattice(0, 0, 0, 16, sectors)
    features = np.array(data.draw(st.lists(st.integers(0, lattice.universe - 1), min_size=1, max_size=20)))
    first, second = tagged(features, lattice, 0), tagged(features, lattice, 1)
    assert universe(sectors) <= GROUP_ORDER
    assert first.min() >= 0
    assert first.max() < offset(sectors, 1) <= second.min()
    assert second.max() < universe(sectors)


def test_cropping_keeps_the_features_of_the_middle_apart():
    lattice, reach = Lattice(0, 0, 0, LARGE.cell_px, LARGE.sectors), side(LARGE.sectors) // 2
    row, column, sector = np.mgrid[-reach:reach, -reach:reach, 0 : LARGE.sectors]
    half = CELLS_PER_SIDE // 2
    features = ((row + half) * CELLS_PER_SIDE + column + half) * LARGE.sectors + sector
    found = tagged(features.ravel(), lattice, 1)
    assert len(np.unique(found)) == found.size
    assert reach * LARGE.cell_px > np.hypot(256, 288)


def test_a_small_sensor_costs_a_coefficient_for_each_finger():
    presses = [press(finger(A), i) for i in range(3)]
    large, small = (frames_of_presses(presses, parameters) for parameters in (LARGE, SMALL))
    k = [
        bind_two(*pair).record.parameters.coefficients
        for pair in ((large, large), (large, small), (small, small))
    ]
    assert k == [13, 12, 11]


def test_it_comes_back_as_it_was_and_conforms(record):
    again = JointRecord.decode(record.encode())
    assert again.encode() == record.encode()
    assert RULES["joint-record"].validate_str(record.encode())
    assert RULES["sealed-joint-record"].validate_str(record.seal(PEPPER))
    assert len(record.seal(PEPPER)) < 2 * 1024  # of two fingers
    assert "60" not in repr(record)


def test_records_of_one_and_of_two_fingers_are_not_mistaken(record):
    with pytest.raises(RecordError):
        ProtectedRecord.open(record.seal(PEPPER), PEPPER)
    with pytest.raises(RecordError):
        JointRecord.decode(cbor.encode({**cbor2.loads(record.encode()), 0: 2}))


@pytest.mark.parametrize("fingers", [0, 1, 3])
def test_a_record_sealed_as_of_another_number_of_fingers_is_refused(record, monkeypatch, fingers):
    with monkeypatch.context() as patch:
        patch.setattr(joint_record, "TWO_FINGERS", fingers)
        sealed = record.seal(PEPPER)
    with pytest.raises(RecordError, match="enrol the fingers again"):
        JointRecord.open(sealed, PEPPER)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_changed_bit_is_noticed(record, data):
    sealed = bytearray(record.seal(PEPPER))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(RecordError):
        JointRecord.open(bytes(sealed), PEPPER)


VAULT = {0: [[0, 0, 0, 0], [0, 0, 0, 0]], 1: bytes(144), 2: bytes(8), 3: bytes(48)}
GOOD = {0: 1, 1: [13, 16, 10, 36], 2: bytes(32), 3: bytes(32), 4: [VAULT]}
BAD = {
    "k of one": {**GOOD, 1: [1, 16, 10, 36]},
    "no sectors": {**GOOD, 1: [13, 16, 0, 36]},
    "no vault": {**GOOD, 4: []},
    "ten vaults": {**GOOD, 4: [VAULT] * 10},
    "one lattice": {**GOOD, 4: [{**VAULT, 0: [[0, 0, 0, 0]]}]},
    "an offset beyond the cell": {**GOOD, 4: [{**VAULT, 0: [[0, 0, 0, 0], [9, 0, 0, 0]]}]},
    "an offset that is true": {**GOOD, 4: [{**VAULT, 0: [[0, 0, 0, 0], [True, 0, 0]]}]},
    "half a coefficient": {**GOOD, 4: [{**VAULT, 1: bytes(143)}]},
    "too many coefficients": {**GOOD, 4: [{**VAULT, 1: bytes(258)}]},
    "not a map": [1],
}


def test_the_plainest_record_is_read():
    assert JointRecord.decode(cbor.encode(GOOD)).parameters.coefficients == 13


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_what_is_not_a_record_is_refused(bad):
    with pytest.raises(RecordError):
        JointRecord.decode(cbor.encode(bad))
