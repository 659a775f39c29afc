"""The sensor benchmark: that it would see a bad driver, and that ours is none on a short run."""

import json
from pathlib import Path
from random import Random

import pytest

import drivers.packets
from drivers.opening import open_on
from hw.bench import report
from hw.bench.sensor import cli, fault_table, line_rate, random_faults, transfers
from hw.bench.sensor.fault_table import Outcome
from hw.bench.sensor.virtual_line import HungError, VirtualLine
from hw.simulator.pixels import pack
from hw.simulator.profiles import R307, R503, Profile

ROWS = {row.words: row for row in fault_table.ROWS}


def test_some_hundred_faulted_transfers_give_no_wrong_image_and_no_hang() -> None:
    tally = transfers.run(200, 11)
    assert tally.transfers >= 200
    assert tally.outcomes["right"] > 50
    assert tally.retried > 20
    assert len(tally.outcomes) > 3
    assert (tally.wrong, tally.ghosts, tally.hangs, tally.stuck) == (0, 0, 0, 0), tally.troubles


def test_the_same_seed_gives_the_same_transfers() -> None:
    first, second = (transfers.run(30, 5) for _ in range(2))
    assert first == second


def test_pieces_add_up_whatever_process_does_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "PIECE", 10)
    done: list[int] = []
    apart = transfers.Crew(15, 2, done.append).result()
    assert sorted(done) == [5, 10]
    first, second = (
        transfers.run(10, 2 * transfers.SEEDS_APART),
        transfers.run(5, 2 * transfers.SEEDS_APART + 1),
    )
    assert apart == transfers.merged([first, second])
    assert apart.transfers == 15
    assert apart.outcomes == first.outcomes + second.outcomes
    assert apart.longest == max(first.longest, second.longest)


def test_a_driver_that_checks_no_checksum_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Anything(int):
        __hash__ = int.__hash__

        def __ne__(self, other: object) -> bool:
            return False

    monkeypatch.setattr(drivers.packets, "checksum", lambda covered: Anything(sum(covered) & 0xFFFF))
    monkeypatch.setattr(random_faults, "KINDS", (lambda random: ("flip-payload", {"after": 20}),) * 3)
    tally = transfers.run(5, 1)
    assert tally.wrong == tally.transfers


def test_a_driver_that_never_gives_up_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "FINGER_SECONDS", 1e9)
    monkeypatch.setattr(random_faults, "KINDS", (lambda random: ("sensor-fault", {}),) * 3)
    monkeypatch.setattr(transfers, "PER_MODULE", 1)
    assert transfers.run(1, 1).hangs == 1


@pytest.mark.parametrize("profile", [R307, R503])
@pytest.mark.parametrize("baud", [57600, 115200])
def test_the_virtual_line_keeps_the_lines_time(profile: Profile, baud: int) -> None:
    line = VirtualLine(profile, baud)
    line.pad.pixels = transfers.image(profile, Random(1))
    with open_on(line) as sensor, sensor.capture() as image:
        assert sensor.info.baud == baud
        assert image.transfer is not None
        setting = line_rate.Setting(profile, baud, 128)
        assert 1 <= image.transfer.seconds / setting.minimum < 1.01


def test_the_virtual_line_ends_an_endless_wait() -> None:
    line = VirtualLine(R307, 57600)
    line.begin(10)
    with pytest.raises(HungError):
        line.clock.sleep(11)
    line.begin(10)
    assert line.read_into(memoryview(bytearray(1)), 9) == 0
    with pytest.raises(HungError):
        line.read_into(memoryview(bytearray(1)), 2)


@pytest.mark.parametrize(
    ("name", "outcomes"),
    [
        ("ridgekey", {"nothing": Outcome.RIGHT, "one bit of the image flips": Outcome.RIGHT}),
        ("adafruit", {"one bit of the image flips": Outcome.WRONG, "a packet is lost": Outcome.WRONG}),
    ],
)
def test_rows_of_the_table(name: str, outcomes: dict[str, Outcome]) -> None:
    cells = fault_table.column(name, tuple(ROWS[words] for words in outcomes), lambda: None)
    assert [cell.outcome for cell in cells] == list(outcomes.values()), cells
    assert {cell.after for cell in cells} == {Outcome.RIGHT}, cells


def test_a_driver_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault_table, "HANG_SECONDS", 3.0)
    row = fault_table.Row("never a finger", "sensor-fault", {})
    monkeypatch.setattr("hw.bench.sensor.stand.Driver.ask", lambda self, word, seconds: None)
    (cell,) = fault_table.column("ridgekey", (row,), lambda: None)
    assert cell.outcome is Outcome.HANG


def test_the_minimum_times_are_those_of_the_wire() -> None:
    found = {(s.profile.name, s.baud, s.packet_size): s.minimum for s in line_rate.SETTINGS}
    assert found["r307", 57600, 128] == pytest.approx(6.954, abs=0.001)
    assert found["r307", 115200, 256] == pytest.approx(3.340, abs=0.001)
    assert found["r503", 57600, 128] == pytest.approx(3.479, abs=0.001)
    assert found["r503", 115200, 256] == pytest.approx(1.671, abs=0.001)


def test_the_json_has_what_every_benchmark_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fault_table, "run", lambda names, progress: [])
    timing = {
        "sensor": "R307",
        "baud": 57600,
        "packet_size": 128,
        "minimum_seconds": 6.954,
        "seconds": 6.96,
        "line_rate_ratio": 1.001,
        "cpu_seconds": 0.03,
        "cpu_share": 0.004,
    }
    monkeypatch.setattr(line_rate, "run", lambda name, runs, progress: [timing])
    path = tmp_path / "sensor.json"
    page = tmp_path / "tables.md"
    assert cli.main(["--transfers", "20", "--json", str(path), "--markdown", str(page)]) == 0
    assert "| R307 | 57600 | 128 | 6.954 s | 6.960 s | 30 ms |" in page.read_text()
    content = json.loads(path.read_text())
    assert set(content) == {"name", "version", "machine", "command", "figures", "peers"}
    assert content["name"] == "sensor"
    assert set(content["machine"]) == {"cores", "processor"}
    figures = content["figures"]
    assert figures["transfers"] >= 20
    assert (figures["wrong_images_accepted"], figures["hangs"]) == (0, 0)
    assert (figures["line_rate_ratio_max"], figures["cpu_share_max"]) == (1.001, 0.004)
    assert "adafruit" in content["peers"]
    assert "transfers" in capsys.readouterr().out


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(report.FileTroubleError, match="cannot write"):
        report.write(tmp_path / "none" / "x.json", {})


def test_random_images_differ_and_are_of_sixteen_levels() -> None:
    random = Random(1)
    seen = {pack(transfers.image(R503, random)) for _ in range(50)}
    assert len(seen) == 50
