"""What is made of a set's result: over all enrolments, with intervals, and as the kiosk enrols."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from edge.biometrics import Minutiae
from edge.biometrics.enrolment import bind, frames_of_presses
from hw.bench.biometrics import attacks, cli, pairs, statistics, summary, tables, tune
from hw.bench.biometrics.counting import KS, NONE, Chances, PressFrames, chances
from hw.bench.biometrics.fingers import Counted, Enrolled, FingerResult, Job, Press, draft_of
from hw.bench.biometrics.protocol import SetResult, Stranger
from tests.edge.biometrics.points import finger, press
from tests.hw.test_bench_biometrics_tune import job

IMPRESSIONS = 5
LUCK = 2.0**-30


def drawn(seed: int, shown: float = 0.8) -> list[Press]:
    tables = [press(finger(seed), 100 * seed + i, shown=shown).table for i in range(IMPRESSIONS)]
    return [Press(i, table, fit=True) for i, table in enumerate(tables)]


def result_of(seed: int, *, opens: bool = True) -> FingerResult:
    """A finger enrolled twice, whose later presses all open or do not."""
    presses, counted = drawn(seed), {}
    for number in range(2):
        parameters, frames = frames_of_presses(
            [Minutiae(each.table) for each in presses[:3]], randomness=Random(number)
        )
        record = Enrolled.of(bind(frames, parameters, Random(number)), frames)
        genuine = [chances(record.locked, PressFrames.of(each.table)) for each in presses[3:]]
        counted[number] = Counted(record, 3, genuine)
    return FingerResult(seed, presses, counted[0].enrolled, 3, [opens] * 2, counted, None)


def lucky(enrolment: int, *, accepted: bool = False) -> Stranger:
    one = np.full(len(KS), LUCK)
    return Stranger(1, enrolment, 2, 0, Chances(12, one, -one, 2 * one), accepted)


@pytest.fixture(scope="module")
def both() -> list[FingerResult]:
    return [result_of(1), result_of(2, opens=False)]


def the_set(fingers: list[FingerResult], *strangers: Stranger) -> SetResult:
    return SetResult(replace(job("r307"), trials=2**10), fingers, list(strangers))


def test_a_lucky_press_counts_as_one_of_all_enrolments(both):
    # One press of two fingers' five, of two enrolments; one of two pairs of fingers has it.
    result = the_set(both, lucky(1))
    assert summary.fas_of(result).bits == pytest.approx(-np.log2(LUCK / IMPRESSIONS / 2 / 2))
    assert summary.fas_of(result).rests_on == 1
    assert summary.fas_of(result.as_run).bound
    assert not summary.fas_of(the_set(both, lucky(0)).as_run).bound
    assert summary.preferred_bits(result) == pytest.approx(summary.fas_of(result).bits - 1)


def test_the_luck_of_the_enrolment_that_was_run_stands_apart(both):
    figures = summary.figures_of(the_set(both, lucky(0)))
    assert figures["fas_bits_one_enrolment"] == pytest.approx(float(figures["fas_bits"]) - 1)
    assert figures["fmr_one_press_computed"] == pytest.approx(2.0**10 * LUCK / IMPRESSIONS / 4, rel=1e-3)


def test_expected_acceptance_is_the_mean_over_enrolments(both):
    figures = summary.figures_of(the_set(both))
    chance = [
        np.mean([each.accepted(2**10)[KS.index(10)] for each in counted.genuine])
        for own in both
        for counted in own.counted.values()
    ]
    assert figures["fnmr_one_press_computed"] == pytest.approx(1 - np.mean(chance))


def test_transactions_of_fewer_than_three_presses_are_told(both):
    of_three = replace(both[0], used=2, accepted=[False, False, True])
    figures = summary.figures_of(the_set([of_three, both[1]]))
    assert figures["fingers_of_fewer_than_three_presses"] == 1
    [told] = [figure for name, figure, _ in tables.rows({**figures, "part": "all"}) if "fewer" in name]
    assert told == "1"


def test_an_enrolled_finger_that_never_opens_is_told(both):
    assert summary.figures_of(the_set(both))["never_opened"] == 1


def test_where_no_stranger_pressed_nothing_is_known_of_them(both):
    nobody = replace(both[1], enrolled=None, accepted=[], counted={})
    figures = summary.figures_of(the_set([nobody, nobody]))
    unseen = [name for name in figures if name.startswith("fas_bits")]
    assert len(unseen) > 15
    for name in (*unseen, "fmr_one_press_computed", "fmr_one_press_computed_high"):
        assert np.isnan(figures[name]), name
    assert not figures["fas_is_lower_bound"]
    assert tables.security(figures) == tables.fas_bits(figures, "_of_k_9") == "–"
    assert not np.isnan(summary.figures_of(the_set([both[0], nobody]))["fas_bits"])


def test_a_false_accept_has_an_interval(both):
    figures = summary.figures_of(the_set(both, lucky(0, accepted=True)))
    assert (figures["false_accepts"], figures["fmr_one_press"]) == (1, 0.1)
    assert 0.1 < figures["fmr_one_press_high"] < 0.5
    assert figures["fmr_one_press_low"] == pytest.approx(0.0025, abs=1e-4)  # 1 - 0.975^(1/10)
    assert 0.25 < figures["far_upper_95"] < 1


def test_exact_intervals_are_those_of_the_tables():
    assert statistics.clopper_pearson(0, 10) == (0, pytest.approx(0.3085, abs=1e-4))
    assert statistics.clopper_pearson(10, 10) == (pytest.approx(0.6915, abs=1e-4), 1)
    assert statistics.upper_bound(0, 3000) == pytest.approx(statistics.rule_of_three(3000), rel=0.01)
    assert statistics.upper_bound(0, 0) == statistics.upper_bound(4, 4) == 1


@pytest.mark.parametrize("accepted", [[1, 1, 0, 0, 0], [0, 0], [1, 0, 0, 0]])
def test_chances_of_one_and_none_refuse_as_presses_that_were_run(accepted):
    computed = statistics.refused_transaction_computed(np.array(accepted, dtype=float)[:, np.newaxis])
    assert computed == pytest.approx([statistics.refused_transaction(accepted)])


def test_the_press_to_measure_refusals_with_is_a_rich_one_of_another_finger(both):
    poor = Press(9, both[1].presses[0].table[:8], fit=True)
    own_is_richer = replace(both[0], presses=[*both[0].presses, Press(8, np.zeros((64, 4)), fit=True)])
    result = the_set([own_is_richer, replace(both[1], presses=[*both[1].presses, poor])])
    found = result.densest_stranger(1)
    assert found is not None
    assert found[0] == 2
    assert len(found[1].table) == max(len(each.table) for each in both[1].presses)
    assert the_set(both[:1]).densest_stranger(1) is None


def test_a_press_that_makes_no_frames_or_opens_has_no_rate(both):
    record, own = both[0].enrolled, both[0].presses[3]
    assert np.isnan(attacks.trials_per_second(record, Press(0, own.table[:8], fit=True)))
    assert 1e4 < attacks.trials_per_second(record, both[1].presses[0]) < 1e9


def test_records_of_attacks_and_of_pairs_are_the_same_in_every_run(both, monkeypatch):
    monkeypatch.setattr(attacks, "WEAK_TRIALS", 2**8)
    secrets = []

    def kept(*arguments):
        made = bind(*arguments)
        secrets.append(bytes(made.secret))
        return made

    monkeypatch.setattr(attacks, "bind", kept)
    for _ in range(2):
        attacks.brute_force(the_set(both, lucky(0)))
    assert len(secrets) == 2
    assert secrets[0] == secrets[1]
    first, again = (pairs._enrol(job("r307").parameters, (both[0], both[1])) for _ in range(2))
    assert first.secret == again.secret
    assert first.record.encode() == again.record.encode()


def test_weak_records_are_those_that_were_run(both, monkeypatch):
    monkeypatch.setattr(attacks, "WEAK_TRIALS", 2**8)
    assert attacks.brute_force(the_set(both, lucky(1)))["weak_runs"] == 0


def test_strangers_with_points_enough_are_counted_without_decoding(both):
    presses = {each.finger: each.presses for each in both}
    counted = pairs.count(job("r307").parameters, both[0], presses)
    assert (counted.strangers, counted.enough) == (IMPRESSIONS, 0)
    own = {1: both[0].presses, 3: both[0].presses}
    assert pairs.count(job("r307").parameters, both[0], own).enough == IMPRESSIONS


def test_two_small_fingers_are_counted_with_the_coefficients_of_their_record(both):
    small = job("r503").parameters
    made = pairs.measure_pair(small, (both[0], both[1]), (both[1], both[0]))
    assert made.coefficients == pairs.COEFFICIENTS - 2
    drawn_points = 2.0 ** -np.arange(pairs.COEFFICIENTS + 1)
    figures = pairs.counted_figures([pairs.Drawn(drawn_points, drawn_points, 10, 0)], made.coefficients)
    assert figures["two_fas_bits"] == pytest.approx(made.coefficients)


def test_the_last_try_of_an_enrolment_counts_as_at_the_kiosk():
    guided: Job = replace(job("r307"), guided=True)
    good = drawn(1, shown=0.6)
    made, used = draft_of(guided, [*good, *good], Random(0))
    assert made is not None
    assert used > 3  # the first three were not enough, but a record
    slipped = Press(9, good[3].table[:5], fit=True)
    made, used = draft_of(guided, [*good[:3], slipped, *good[:2]], Random(0))
    assert (made, used) == (None, 4)


def test_an_attacker_s_preferred_frames_are_luckier_for_the_finger_itself(both):
    own = both[0].counted[0].genuine[0]
    assert own.preferred[KS.index(10)] > own.one_trial[KS.index(10)]
    assert not NONE.preferred.any()


def test_the_command_that_tuned_stands_in_the_json_once(monkeypatch, tmp_path):
    written = {}
    monkeypatch.setattr(tune, "tune", lambda *_: [])
    monkeypatch.setattr(cli.bench_report, "write", lambda path, content: written.update(content))
    argv = ["--fingers", "prints", "--tune", "--json", str(tmp_path / "a.json")]
    cli._tune([(job("r307").images, [1, 2])], cli.parser().parse_args(argv), cli.Console(), argv)
    assert written["command"] == f"ridgekey bench biometrics --fingers prints --tune --json {argv[-1]}"
