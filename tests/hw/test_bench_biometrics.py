"""`ridgekey bench biometrics`: counts against runs, measures against known cases, and the whole command."""

import csv
import json
import re
import sys
from functools import partial
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import signal

import ridgekey
from drivers.image import FingerImage
from edge.biometrics import galois
from edge.biometrics.enrolment import bind, frames_of_presses
from edge.biometrics.joint import LEAST_SHARE
from edge.biometrics.parameters import Parameters
from hw.bench.biometrics import attacks, counting, markdown, pairs, plots, statistics
from hw.bench.biometrics.counting import KS, Locked, PressFrames, chances
from hw.bench.biometrics.fingers import (
    ENROLMENTS,
    Enrolled,
    Press,
    cache_name,
    read_image,
)
from hw.bench.biometrics.linkage import leap, recovery, recovery_without_permutation
from hw.bench.biometrics.peers import package, prealignment, side_by_side, thimble
from hw.bench.biometrics.processes import in_processes
from hw.bench.biometrics.sets import NoSuchSetError, find_sets
from hw.bench.biometrics.usable import TooFewFingersError, usable_fingers, usable_sets
from hw.errors import BenchError
from hw.fingers import ImageFolder
from tests.edge.biometrics.points import finger, press

FINGERS, IMPRESSIONS = 4, 5
DIRECTIONS = 16


def silent(*_: object) -> None:
    """Progress that nobody watches."""


def drawn(seed: int, count: int = 3) -> list:
    return [press(finger(seed), 100 * seed + i) for i in range(count)]


def enrolled(seed: int, k: int | None = None) -> Enrolled:
    parameters, frames = frames_of_presses(drawn(seed))
    return Enrolled.of(bind(frames, parameters if k is None else Parameters(coefficients=k)), frames)


# Counting


def test_symmetric_polynomials_are_sums_over_subsets():
    weight = np.random.default_rng(0).random((2, 9))
    expected = [
        [sum(np.prod(row[list(c)]) for c in combinations(range(9), k)) for k in KS[:4]] for row in weight
    ]
    np.testing.assert_allclose(counting.symmetric(weight)[:, :4], expected)


def test_the_count_predicts_how_often_the_decoder_opens():
    # The finger's own presses, so poor and so few trials that about half of them open.
    record, trials = enrolled(4, k=9), 2**14
    opened, expected = 0, 0.0
    for i in range(40):
        each = press(finger(4), 1000 + i, shown=0.6)
        opened += record.opens(Press(i, each.table, fit=True), trials)
        expected += chances(record.locked, PressFrames.of(each.table)).accepted(trials)[KS.index(9)]
    assert 8 < expected < 32
    assert abs(opened - expected) < 10  # three standard deviations of 40 tosses


def test_a_press_without_k_right_points_has_no_chance():
    counted = chances(enrolled(1).locked, PressFrames.of(press(finger(50), 1, shown=0.2).table))
    assert counted.right < 9
    assert not counted.one_trial[KS.index(9) :].any()
    assert counted.accepted(2**40)[-1] == 0


def test_a_press_of_hardly_any_minutiae_has_no_chance():
    assert chances(enrolled(1).locked, PressFrames.of(press(finger(1), 1).table[:3])) is counting.NONE


# Statistics


@pytest.mark.parametrize(
    ("accepted", "refused"),
    [([True] * 5, 0), ([False] * 5, 1), ([True, False, False, False, False], 0.4), ([False, True], 0)],
)
def test_a_transaction_is_refused_if_all_its_presses_are(accepted, refused):
    assert statistics.refused_transaction(accepted) == pytest.approx(refused)


def test_linkage_is_one_for_disjoint_scores_and_near_zero_for_like_ones():
    rng = np.random.default_rng(0)
    assert statistics.linkage(rng.normal(50, 1, 500), rng.normal(0, 1, 500)) == 1
    same = rng.normal(0, 1, 5000), rng.normal(0, 1, 5000)
    assert statistics.linkage(*same, bins=20) < 0.03
    assert statistics.chance_linkage(*same, rounds=5) < 0.05
    assert statistics.linkage([0] * 90 + [1] * 10, [0] * 90 + [1] * 10) == 0


def test_linkage_of_two_normal_distributions_is_their_integral():
    # Equal priors, means one deviation apart: the integral of p (2 LR / (1 + LR) - 1) over LR > 1.
    x = np.linspace(-8, 9, 20001)
    p, q = (np.exp(-((x - mean) ** 2) / 2) / np.sqrt(2 * np.pi) for mean in (1, 0))
    exact = np.sum(np.where(p > q, p * (p - q) / (p + q), 0)) * (x[1] - x[0])
    rng = np.random.default_rng(1)
    found = statistics.linkage(rng.normal(1, 1, 200_000), rng.normal(0, 1, 200_000))
    assert found == pytest.approx(exact, abs=0.01)


def test_intervals_hold_the_mean_and_are_those_of_fingers():
    mean, low, high = statistics.mean_with_interval([0.0] * 90 + [1.0] * 10)
    assert mean == pytest.approx(0.1)
    assert 0.03 < low < 0.06
    assert 0.15 < high < 0.18
    assert statistics.rule_of_three(3000) == 0.001


def test_pairs_leave_the_own_record_out():
    table = np.full((6, 6), 2.0**-40)
    np.fill_diagonal(table, np.nan)
    assert statistics.pairs_interval(table, statistics.bits) == (pytest.approx(40), pytest.approx(40))


# Attacks


@given(st.integers(0, 2**32), st.integers(26, 36))
def test_partial_recovery_sees_two_vaults_that_overlap(seed, common):
    rng = np.random.default_rng(seed)
    elements = rng.choice(np.arange(1, 2**16), 72 - common, replace=False).astype(np.uint16)
    first, second = elements[:36], elements[36 - common : 72 - common]
    vaults = [galois.product_of_roots(locked) for locked in (first, second)]
    for vault in vaults:
        vault[:9] ^= rng.integers(0, 2**16, 9).astype(np.uint16)
    assert leap(*vaults) >= 4


def test_a_fresh_permutation_hides_what_partial_recovery_sees():
    parameters, frames = frames_of_presses(drawn(2))
    twice = [Enrolled.of(bind(frames, parameters), frames) for _ in range(2)]
    assert recovery_without_permutation(twice[0].locked, twice[1].locked, 9) > 20
    assert recovery(twice[0].record, twice[1].record) <= 2


def test_a_changed_record_never_gives_another_secret():
    genuine = [(enrolled(seed), Press(0, press(finger(seed), 7).table, fit=True)) for seed in range(4)]
    figures = attacks.changed_records(genuine, 2**16)
    assert figures["changed_sealed_read"] == 0
    assert figures["changed_opened_another_secret"] == 0
    assert figures["changed_opened_refused"] >= 2


# Sets and the command


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of images that pass the gate, and a cache that says which minutiae they show: drawn ones."""
    root = tmp_path_factory.mktemp("prints")
    (root / "drawn").mkdir()
    cache = root / "cache"
    cache.mkdir()
    rows, columns = np.mgrid[0:288, 0:256]
    inside = np.hypot(rows - 144, columns - 128) < 125
    for number in range(1, FINGERS + 1):
        for impression in range(1, IMPRESSIONS + 1):
            ridges = 128 + 110 * np.sin(2 * np.pi * (columns + number * rows / 4 + impression) / 9)
            ridges += np.random.default_rng(number).normal(0, 20, ridges.shape)
            grey = np.where(inside, np.clip(ridges, 0, 255), 255).astype(np.uint8)
            Image.fromarray(grey).save(root / "drawn" / f"{number:03}_{impression}.png")
    with (root / "manifest.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "set", "dpi", "sensor"])
        writer.writerow(["drawn/001_1.png", "drawn", 500, "optical"])
    [images] = find_sets(root, "drawn", None)
    for number in range(1, FINGERS + 1):
        for impression in range(1, IMPRESSIONS + 1):
            image: FingerImage = read_image(images, ImageFolder(images.folder), number, impression)
            table = press(finger(number), 10 * number + impression).table
            (cache / cache_name(image)).write_bytes(table.astype("<f4").tobytes())
    return root


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """One run with everything, of few trials."""
    out = tmp_path_factory.mktemp("out")
    where = ["--fingers", str(folder), "--set", "drawn", "--cache", str(folder / "cache"), "--jobs", "1"]
    what = ["--attack", "--peers", "--pairs", "--trials-log2", "18"]
    write = ["--json", str(out / "figures.json"), "--report", str(out / "page")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attacks, "WEAK_RUNS", 4)
        patch.setattr(attacks, "WEAK_TRIALS", 2**14)
        patch.setattr(attacks, "WANTED_SPLITS", 4)
        patch.setattr(attacks, "SLOW_DEALS", FINGERS)
        patch.setattr(pairs, "unlock_two", partial(pairs.unlock_two, trials=2**17))
        assert ridgekey.main(["bench", "biometrics", *where, *what, *write]) == 0
    return out


def test_the_json_has_the_figures_that_are_asked_for(run):
    content = json.loads((run / "figures.json").read_text())
    assert content["name"] == "biometrics"
    [figures] = content["figures"]
    wanted = "fnmr_one_press frr_three_presses false_accepts impostor_transactions fas_bits fte "
    wanted += "unlock_seconds_median peak_rss_mib d_sys"
    assert set(wanted.split()) <= set(figures)
    assert (figures["set"], figures["sensor"], figures["enrolled"]) == ("drawn", "r307", FINGERS)
    assert figures["fnmr_one_press"] < 0.3  # of so few trials
    assert figures["genuine_presses"] == FINGERS * (IMPRESSIONS - 3)
    assert figures["impostor_presses"] == FINGERS * (FINGERS - 1) * IMPRESSIONS
    assert figures["impostor_transactions"] == FINGERS * (FINGERS - 1) * 2
    assert figures["false_accepts"] == 0
    assert figures["never_opened"] <= 1  # of so few trials
    assert figures["enrolments_counted"] == FINGERS * ENROLMENTS
    assert figures["fmr_one_press"] == 0
    assert 0 < figures["far_upper_95"] < 0.2
    rates = [figures[f"fnmr_one_press_of_k_{k}"] for k in (8, 9, 10, 11, 12)]
    assert rates == sorted(rates)
    assert figures["fnmr_one_press_computed"] == rates[2]
    assert figures["trials_per_second"] < 1e9  # of a press that makes frames


def test_the_page_stands_alone_and_its_plots_are_sound(run):
    page = (run / "page" / "index.html").read_text()
    assert "<script" not in page
    assert "src=" not in page
    drawings = [part.split("</svg>")[0] + "</svg>" for part in page.split("<figure>")[1:]]
    assert len(drawings) > 5
    for drawing in drawings:
        ET.fromstring(drawing)


def test_the_docs_tables_are_printed_from_the_json(run, capsys):
    assert markdown.main([str(run / "figures.json")]) == 0
    printed = capsys.readouterr().out
    for heading in (
        "Results",
        "Cost",
        "By coefficients",
        "Two fingers",
        "Gate",
        "Attacks",
        "Linkage",
        "Peers",
    ):
        [head, rule, *lines] = printed.split(f"{heading}:\n\n")[1].split("\n\n")[0].splitlines()
        assert lines
        assert all(line.startswith("| drawn, R307 |") for line in lines)
        assert {line.count("|") for line in (head, rule, *lines)} == {head.count("|")}
    assert "| (10) |" in printed


def test_a_capacitive_set_stands_for_an_r503(folder, tmp_path):
    (tmp_path / "caps").mkdir()
    (tmp_path / "caps" / "001_1.png").write_bytes((folder / "drawn" / "001_1.png").read_bytes())
    (tmp_path / "manifest.csv").write_text("set,sensor\ncaps,capacitive (300x300)\n")
    [images] = find_sets(tmp_path, None, None)
    assert (images.name, images.profile.name) == ("caps", "r503")
    [images] = find_sets(tmp_path / "caps", None, "r307")
    assert images.profile.name == "r307"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "says"),
    [
        (["--fingers", "{}/nowhere"], 66, "cannot read"),
        (["--fingers", "{}/cache"], 66, "no folder of images"),
        (["--fingers", "{}", "--set", "other"], 66, "it has drawn"),
        (["--fingers", "{}", "--enrol", "5"], 65, "fewer than two fingers"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(folder, capsys, arguments, exit_code, says):
    argv = [argument.format(folder) for argument in arguments]
    assert ridgekey.main(["bench", "biometrics", *argv]) == exit_code
    error = capsys.readouterr().err.strip().splitlines()
    assert says in error[-1]


def test_no_set_is_a_bench_error():
    assert issubclass(NoSuchSetError, BenchError)


def test_an_axis_of_round_ticks():
    axis = plots.Axis("", 0.6, 1)
    assert axis.ticks() == pytest.approx([0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0])
    assert plots.Axis("", 1e-12, 1e-1, log=True).ticks()[:2] == pytest.approx([1e-12, 1e-10])


def test_what_is_locked_is_what_enrolment_chose():
    _, frames = frames_of_presses(drawn(3))
    for lattice, features in frames:
        assert len(features) == 36
        np.testing.assert_array_equal(
            np.flatnonzero(Locked.of((lattice, features)).member), np.sort(features)
        )


# Peers, pairs, and folders of any make


def test_the_hexagonal_grid_rounds_to_the_nearest_point():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-5, 5, (2, 500))
    column, row = thimble.nearest_cell(x, y)
    chosen = np.hypot(x - (column + row / 2), y - row * np.sqrt(3) / 2)
    assert chosen.max() <= 1 / np.sqrt(3) + 1e-9  # the farthest that a point of a hexagon is from its middle


def test_thimble_s_vault_opens_to_its_own_and_counts_as_it_opens():
    rng = np.random.default_rng(0)
    prealigned = finger(1) - [128, 144, 0, 0]
    own = thimble.quantise(prealigned)
    assert len(own) == len(set(own.tolist())) == 44
    vault = thimble.lock(own, rng)
    assert thimble.opens(vault, own)
    assert thimble.chance(vault, own) == 1
    other = thimble.quantise(finger(2) - [128, 144, 0, 0])
    assert not thimble.opens(vault, other)
    assert thimble.chance(vault, other) < 1e-4
    assert thimble.lock(own[:10], rng) is None
    assert thimble.chance(vault, own[:9]) == 0


def loop(turn: float, row: float, column: float) -> FingerImage:
    """Ridges grown from the model's own flow, turned and shifted: what pre-alignment should find."""
    rows, columns = np.mgrid[:288, :256]
    z = ((columns - column) + 1j * (rows - row)) * np.exp(-1j * turn)
    flow = prealignment.tented_arch(z - 1j * prealignment.CORE) * np.exp(2j * turn)
    angle = np.angle(flow) / 2
    grey = np.random.default_rng(0).normal(0, 1, z.shape)
    for _ in range(4):
        bank = [
            signal.fftconvolve(grey, _line(way), mode="same")
            for way in np.arange(DIRECTIONS) * np.pi / DIRECTIONS
        ]
        nearest = np.mod(np.rint(angle * DIRECTIONS / np.pi), DIRECTIONS).astype(int)
        grey = np.tanh(np.take_along_axis(np.stack(bank), nearest[np.newaxis], axis=0)[0])
    pixels = (np.clip(127 + 120 * grey, 0, 255).astype(np.uint8) >> 4) * 17
    return FingerImage(bytearray(pixels.tobytes()), 256, 288, 500)


def _line(direction: float) -> np.ndarray:
    """A wave across one direction, under a window."""
    y, x = np.mgrid[-8:9, -8:9]
    across = -x * np.sin(direction) + y * np.cos(direction)
    wave = np.cos(across * 2 * np.pi / 9) * np.exp(-(x**2 + y**2) / 32)
    return wave - wave.mean()


@pytest.mark.parametrize(("turn", "row", "column"), [(0, 120, 130), (0.3, 140, 110), (-0.4, 110, 150)])
def test_prealignment_finds_the_core_and_the_turn(turn, row, column):
    found = prealignment.reference(loop(turn, row, column))
    assert found is not None
    assert np.hypot(*(found.origin - [column, row])) < 8
    assert abs(found.direction - turn) < np.radians(5)


def test_prealignment_of_nothing_finds_nothing():
    assert prealignment.reference(FingerImage(bytearray(b"\xff" * 256 * 288), 256, 288, 500)) is None
    dot = np.full((288, 256), 255, np.uint8)
    dot[100:140, 100:140] = np.frombuffer(loop(0, 120, 130).pixels, np.uint8).reshape(288, 256)[
        100:140, 100:140
    ]
    assert prealignment.reference(FingerImage(bytearray(dot.tobytes()), 256, 288, 500)) is None


def test_the_package_s_rule_and_its_absence():
    assert package.helpers_for(128, 8) == 32_689
    assert package.accepted([0], 1) == pytest.approx(1, abs=1e-6)
    assert package.accepted([15], 32_689) == pytest.approx(0.63, abs=0.01)
    bits = package.bits_of(finger(1) - [128, 144, 0, 0])
    assert bits.shape == (128,)
    assert 20 < bits.sum() < 60
    why = package.run(Path(sys.executable), [(bits, bits)])
    assert isinstance(why, str)
    assert "fuzzy_extractor" in why
    assert "cannot be run" in str(package.run(Path("/nowhere/python"), [(bits, bits)]))


def test_the_best_split_is_the_attacker_s():
    halves = np.array([2.0 ** -(5 * i) for i in range(pairs.COEFFICIENTS + 1)])
    assert pairs.best_split(halves, halves) == (pytest.approx(5 * pairs.COEFFICIENTS), False)
    lucky = halves.copy()
    lucky[4] = 2.0**-10
    assert pairs.best_split(lucky, halves)[0] == pytest.approx(5 * pairs.COEFFICIENTS - 10)
    few = np.where(np.arange(len(halves)) > 5, 0, halves)
    assert pairs.best_split(few, few) == (pytest.approx(5 * pairs.COEFFICIENTS), True)


def test_a_half_of_a_joint_record_is_counted_as_its_frames_are_drawn():
    _, frames = frames_of_presses(drawn(1))
    own, enough = pairs.chances(frames, press(finger(1), 150).table)
    strange, few = pairs.chances(frames, press(finger(80), 1).table)
    assert few < LEAST_SHARE <= enough  # what `shares` asks of each press
    assert own[0] == strange[0] == pytest.approx(1)
    assert (np.diff(own) <= 0).all()
    assert own[8] > 100 * strange[8]


def test_peers_and_pairs_stand_beside_ours(run):
    content = json.loads((run / "figures.json").read_text())
    assert set(content["peers"]) == {side_by_side.THIMBLE, side_by_side.THIMBLE_GIVEN, side_by_side.PACKAGE}
    for [figures] in content["peers"].values():
        assert {"set", "sensor", "fte", "fnmr_one_press", "frr_three_presses"} <= set(figures)
    assert "why_not" in content["peers"][side_by_side.PACKAGE][0]
    assert "THIMBLE" in (run / "page" / "index.html").read_text()
    [figures] = content["figures"]
    assert (figures["two_pairs"], figures["two_false_accepts"], figures["two_fte"]) == (FINGERS // 2, 0, 0)
    assert figures["two_fas_bits"] > figures["fas_bits"]
    assert figures["two_fas_bits_one_known"] < 20
    assert figures["two_one_alone_presses_counted"] == FINGERS * (FINGERS - 1) * IMPRESSIONS
    assert 0 < figures["two_one_alone_far_upper_95"] < 0.2
    assert figures["two_refusal_seconds"] > 0


def test_the_gate_s_false_alarms_and_made_up_presentations_are_counted(run):
    [figures] = json.loads((run / "figures.json").read_text())["figures"]
    assert (figures["gate_presses"], figures["gate_refused"]) == (FINGERS * IMPRESSIONS, 0)
    assert figures["residue_pairs"] == FINGERS * (IMPRESSIONS - 1)
    assert figures["sibling_vault_pairs"] > FINGERS
    assert figures["sibling_longest_leap"] <= 2
    for name in ("screen", "line_art", "inverted", "residue"):
        assert figures[f"presented_{name}_noticed"] == figures[f"presented_{name}"] > 0


def test_processes_give_what_this_process_gives():
    told = []
    found = in_processes(divmod, [(i, 3) for i in range(6)], 2, lambda done, of: told.append((done, of)))
    assert sorted(found) == [divmod(i, 3) for i in range(6)]
    assert told == [(i, 6) for i in range(7)]
    for workers in (1, 2):
        told.clear()
        in_processes(divmod, [(7, 3), (8, 3)], workers, lambda *each: told.append(each), weights=[5, 5])
        assert told == [(0, 10), (5, 10), (10, 10)]
    assert in_processes(divmod, [(7, 3)], 1, lambda *_: None) == [(2, 1)]


def test_a_set_in_which_nothing_enrols_is_measured_too(tmp_path, capsys):
    """Blank pictures: every finger fails, and that is what the figures say."""
    (tmp_path / "blank").mkdir()
    for number in (1, 2):
        for impression in range(1, 5):
            Image.new("L", (300, 320), 250).save(tmp_path / "blank" / f"{number}_{impression}.bmp")
    what = ["--peers", "--pairs", "--attack", "--json", str(tmp_path / "a.json"), "--jobs", "1"]
    argv = [
        "bench",
        "biometrics",
        "--sensor",
        "r503",
        "--fingers",
        str(tmp_path),
        *what,
        "--report",
        str(tmp_path / "page"),
    ]
    assert ridgekey.main(argv) == 0
    content = json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail)
    [figures] = content["figures"]
    assert (figures["fte"], figures["enrolled"], figures["false_accepts"]) == (1, 0, 0)
    for name in ("fnmr_one_press", "frr_three_presses", "unlock_seconds_median", "peak_rss_mib", "d_sys"):
        assert figures[name] is None
    assert markdown.main([str(tmp_path / "a.json")]) == 0
    said, page = capsys.readouterr(), (tmp_path / "page" / "index.html").read_text()
    assert (
        "blank: no finger could be enrolled: the quality gate refused 8 of 8 presses, most often for: "
        in said.err
    )
    for text in (said.out, page.split("<h1>")[1]):
        assert "–" in text
        assert re.search(r"\b(nan|inf)\b|nan%", text) is None
    assert 'tile unseen"><b>–</b>accepted at one press' in page


def test_a_set_that_cannot_be_measured_is_left_out_and_the_others_are_not(folder, tmp_path):
    (tmp_path / "few").mkdir()
    for name in ("001_1.png", "002_1.png"):
        (tmp_path / "few" / name).write_bytes((folder / "drawn" / "001_1.png").read_bytes())
    with pytest.raises(TooFewFingersError, match="fewer than two fingers of 4"):
        usable_sets(find_sets(tmp_path, None, None), "all", 3, pytest.fail, silent)
    (tmp_path / "drawn").symlink_to(folder / "drawn")
    lines = []
    [(images, fingers)] = usable_sets(find_sets(tmp_path, None, None), "all", 3, lines.append, silent)
    assert (images.name, fingers) == ("drawn", [1, 2, 3, 4])
    [line] = lines
    assert line.startswith("left out: ")


def test_what_to_try_with_few_impressions_is_said(folder, tmp_path):
    (tmp_path / "few").mkdir()
    for number in (1, 2):
        for impression in (1, 2, 3):
            name = f"{number:03}_{impression}.png"
            (tmp_path / "few" / name).write_bytes((folder / "drawn" / name).read_bytes())
    [images] = find_sets(tmp_path, None, None)
    with pytest.raises(TooFewFingersError, match="try --enrol 2"):
        usable_fingers(images, "all", 3)
    assert usable_fingers(images, "all", 2) == [1, 2]
