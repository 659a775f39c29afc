"""Enrol and unlock with drawn minutiae: the finger opens its record and strangers do not."""

import threading
import time
from dataclasses import replace
from random import Random, SystemRandom

import numpy as np
import pytest

from edge.biometrics import (
    EnrolmentError,
    Minutiae,
    ProtectedRecord,
    Reason,
    _decoder,
    enrol,
    unlock,
    unlocking,
)
from edge.biometrics.decoder_reference import COMPLETIONS
from edge.biometrics.enrolment import SYSTEM, bind, draft, frames_of_presses
from edge.biometrics.joint import bind_two, unlock_two
from edge.biometrics.parameters import LARGE, SMALL, for_sensor
from edge.biometrics.unlocking import frames_of
from edge.biometrics.vault import unwrap
from tests.edge.biometrics.points import finger, press

QUICK = 2**18
FINGERS = range(6)


@pytest.fixture(scope="module")
def enrolments():
    return {seed: enrol([press(finger(seed), 10 * seed + i) for i in range(3)]) for seed in FINGERS}


@pytest.mark.parametrize("seed", FINGERS)
def test_later_presses_give_the_enrolled_secret(enrolments, seed):
    for i in range(3, 6):
        assert unlock(enrolments[seed].record, press(finger(seed), 10 * seed + i)) == enrolments[seed].secret


@pytest.mark.parametrize("seed", FINGERS)
def test_strangers_get_nothing(enrolments, seed):
    for other in range(100, 104):
        assert unlock(enrolments[seed].record, press(finger(other), other), trials=QUICK) is None


def test_a_press_upside_down_opens_as_well(enrolments):
    assert unlock(enrolments[1].record, press(finger(1), 99, turn=np.pi)) == enrolments[1].secret


def test_a_stored_record_opens_like_the_fresh_one(enrolments):
    stored = ProtectedRecord.open(enrolments[2].record.seal(b"p" * 32), b"p" * 32)
    assert unlock(stored, press(finger(2), 98)) == enrolments[2].secret


def test_the_same_press_gives_the_same_answer(enrolments):
    record = enrolments[3].record
    again = press(finger(3), 97)
    assert unlock(record, again, trials=QUICK) == unlock(record, again, trials=QUICK)


@pytest.mark.parametrize("of", ["one", "two"])
def test_a_secret_that_is_not_the_record_s_is_wiped(enrolments, monkeypatch, of):
    given = []

    def unwrapped(*arguments):
        given.append(unwrap(*arguments))
        return given[-1]

    monkeypatch.setattr(unlocking, "unwrap", unwrapped)
    if of == "one":
        record = replace(enrolments[1].record, check=bytes(32))
        assert unlock(record, press(finger(1), 13)) is None
    else:
        fingers = ([press(finger(f), 10 * f + i) for i in range(3)] for f in (1, 2))
        locked = [frames_of_presses(presses, randomness=Random(1)) for presses in fingers]
        record = replace(bind_two(*locked, Random(1)).record, check=bytes(32))
        assert unlock_two(record, press(finger(1), 13), press(finger(2), 23)) is None
    assert given == [bytes(32)]


def test_enrolling_again_gives_another_secret_and_shares_nothing():
    presses = [press(finger(1), seed) for seed in range(3)]
    one, two = enrol(presses), enrol(presses)
    assert one.secret != two.secret
    assert one.record.salt != two.record.salt
    assert (one.record.vaults[0].locked == two.record.vaults[0].locked).mean() < 0.1


def test_a_record_of_another_finger_s_secret_is_refused(enrolments):
    # The wrapped secrets of one record moved into another: the keys are bound to salt and place.
    mine, theirs = enrolments[1].record, enrolments[2].record
    mixed = ProtectedRecord(mine.parameters, mine.salt, theirs.check, mine.vaults)
    assert unlock(mixed, press(finger(1), 13), trials=QUICK) is None


@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_a_press_of_too_few_minutiae_opens_nothing(enrolments, count):
    assert unlock(enrolments[1].record, Minutiae(press(finger(1), 13).table[:count])) is None


def test_a_crowd_of_minutiae_is_bounded(enrolments):
    rng = np.random.default_rng(0)
    crowd = Minutiae(
        np.column_stack((rng.uniform(0, 256, (150, 2)), rng.uniform(0, 6, 150), rng.uniform(0.4, 1, 150)))
    )
    frames, vault_of_frame = frames_of(enrolments[1].record, crowd)
    assert len(frames) == len(vault_of_frame) == 64 * 7 * 5
    assert np.diff(frames.bounds).max() <= 63
    assert unlock(enrolments[1].record, crowd, trials=QUICK) is None


def test_equal_minutiae_are_one_feature(enrolments):
    twice = Minutiae(np.repeat(press(finger(1), 13).table, 2, axis=0))
    unlock(enrolments[1].record, twice, trials=QUICK)


def test_an_unlock_can_be_cancelled(enrolments):
    flag, result = bytearray(1), []
    stranger = press(finger(200), 1)
    runner = threading.Thread(
        target=lambda: result.append(unlock(enrolments[1].record, stranger, trials=2**34, cancel=flag))
    )
    runner.start()
    time.sleep(0.3)
    flag[0] = 1
    runner.join(10)
    assert result == [None]


def test_a_refusal_takes_the_same_draws_however_close_it_came(enrolments, monkeypatch):
    """The owner's press on a record of which only the tag is wrong, and a stranger's of as many minutiae."""
    record = enrolments[1].record
    nearly = replace(record, vaults=tuple(replace(vault, tag=vault.tag ^ 1) for vault in record.vaults))
    near, far = press(finger(1), 13).table, press(finger(200), 1).table
    count, taken = min(len(near), len(far)), []
    search = _decoder.search

    def counted(*arguments):
        result = search(*arguments)
        taken.append((len(arguments[1]) - 1, arguments[7], arguments[8]))
        return result

    monkeypatch.setattr(_decoder, "search", counted)
    work = []
    for table in (near, far):
        taken.clear()
        assert unlock(nearly, Minutiae(table[:count]), trials=QUICK) is None
        work.append(sorted(taken))
    assert work[0] == work[1]
    assert sum(frames * (last - first) for frames, first, last in work[0]) * COMPLETIONS >= QUICK


def test_the_press_is_left_to_its_owner(enrolments):
    again = press(finger(1), 13)
    before = again.table.copy()
    unlock(enrolments[1].record, again, trials=QUICK)
    np.testing.assert_array_equal(again.table, before)


def refused(presses) -> Reason:
    with pytest.raises(EnrolmentError) as refusal:
        enrol(presses)
    assert refusal.value.reason.sentence in str(refusal.value)
    return refusal.value.reason


def test_presses_of_two_fingers_are_not_enrolled_as_one():
    sparse = [finger(seed)[:30] for seed in (1, 2)]
    assert refused([press(sparse[0], 1), press(sparse[0], 2), press(sparse[1], 3)]) is Reason.PRESSES_DIFFER


def test_a_finger_of_too_few_minutiae_is_not_enrolled():
    assert refused([press(finger(1)[:5], seed) for seed in range(3)]) is Reason.TOO_FEW_MINUTIAE
    alike = [press(finger(1, 15), seed, turn=0.0, shown=1, false=0) for seed in range(3)]
    assert refused(alike) is Reason.TOO_FEW_MINUTIAE


def test_one_press_is_no_enrolment():
    with pytest.raises(ValueError, match="two presses"):
        enrol([press(finger(1), 1)])


def test_k_goes_by_the_sensor_and_not_by_the_finger():
    assert for_sensor(256, 288, 500) == LARGE
    assert for_sensor(192, 192, 508) == SMALL
    small = [press(finger(1, 30), seed, turn=0.0, shown=0.95, false=0) for seed in range(4)]
    for parameters in (LARGE, SMALL):
        enrolment = enrol(small[:3], parameters)
        assert enrolment.record.parameters == parameters
        assert unlock(enrolment.record, small[3]) == enrolment.secret


def test_a_poor_finger_s_record_is_of_the_form_of_a_rich_one_s(enrolments):
    few = finger(31, 60)
    poor = [press(few[np.hypot(few[:, 0] - 128, few[:, 1] - 144) < 105], seed, false=1) for seed in range(3)]
    made = draft(poor)
    assert {len(set(features.tolist())) for _, features in made.frames} == {36}
    record = bind(made.frames, made.parameters).record
    rich = enrolments[1].record
    assert record.parameters == rich.parameters
    assert [len(vault.locked) for vault in record.vaults] == [len(vault.locked) for vault in rich.vaults]


@pytest.mark.usefixtures("system_draws")
def test_a_seeded_enrolment_is_the_same_again_and_an_unseeded_one_never():
    presses = [press(finger(1), seed) for seed in range(3)]
    one, two = (enrol(presses, randomness=Random(5)) for _ in range(2))
    assert one.record.salt == two.record.salt
    assert one.secret == two.secret
    assert isinstance(SYSTEM, SystemRandom)
    assert enrol(presses).secret != enrol(presses).secret


def test_a_press_that_does_not_fit_is_left_out_once_three_others_do():
    sparse = finger(1)[:35]
    presses = [press(sparse, 1), press(sparse, 2), press(finger(2)[:30], 3), press(sparse, 4)]
    assert refused(presses[:3]) is Reason.PRESSES_DIFFER
    assert unlock(enrol(presses).record, press(sparse, 5)) is not None


def test_more_presses_are_worth_their_time_where_little_is_stable():
    rich = draft([press(finger(1), seed) for seed in range(3)])
    assert rich.enough
    shaky = [press(finger(1), seed, shown=0.55, false=12) for seed in range(6)]
    few, many = (draft(shaky[:count], randomness=Random(1)) for count in (3, 6))
    assert many.expected > few.expected
