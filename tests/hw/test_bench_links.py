"""`ridgekey bench links`: its wire counts and cuts, its figures have their names and their exit code."""

import json
import random
import select
import shutil
import socket
import threading
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import pytest

import ridgekey
from hw.bench import report
from hw.bench.links import cli, faults, outcome
from hw.bench.links.media import MEDIA
from hw.bench.links.outcome import GOAL_DRAIN_SECONDS, ONE_OUTAGE, Phase, Plan, Rest, Result
from hw.bench.links.trial import Ground, Trial
from hw.bench.links.wire import Wire
from hw.errors import FileTroubleError

FAULTS = list(faults.FAULTS)


@pytest.fixture
def echo() -> int:
    """The port of a server that answers with what it hears."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        try:
            while data := connection.recv(1 << 16):
                connection.sendall(data)
        except OSError:
            pass
        connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return int(server.getsockname()[1])


def read(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (chunk := connection.recv(count - len(data))):
        data += chunk
    return data


def test_the_wire_carries_and_counts_both_ways(echo: int) -> None:
    content = random.Random(1).randbytes(300_000)
    with Wire(echo) as wire, socket.create_connection(("127.0.0.1", wire.port), 30) as connection:
        threading.Thread(target=connection.sendall, args=(content,), daemon=True).start()
        assert read(connection, len(content)) == content
        assert wire.octets == 2 * len(content)


def test_a_cut_wire_breaks_one_connection_and_takes_new_ones(echo: int) -> None:
    with Wire(echo) as wire:
        ends = [socket.create_connection(("127.0.0.1", wire.port), 30) for _ in range(2)]
        for end in ends:
            end.sendall(b"x")
            assert read(end, 1) == b"x"
        wire.cut(random.Random(1))
        (broken,), _, _ = select.select(ends, [], [], 30)
        assert is_broken(broken)
        (whole,) = (end for end in ends if end is not broken)
        whole.sendall(b"z")
        assert read(whole, 1) == b"z"
        with socket.create_connection(("127.0.0.1", wire.port), 30) as new:
            new.sendall(b"y")
            assert read(new, 1) == b"y"
        for end in ends:
            end.close()


def is_broken(connection: socket.socket) -> bool:
    """Whether the other end is gone: nothing else is sent on it."""
    try:
        return connection.recv(1) == b""
    except OSError:
        return True


def test_a_wire_to_nowhere_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with Wire(port) as wire, socket.create_connection(("127.0.0.1", wire.port), 30) as connection:
        assert is_broken(connection)


PLAN = Plan(70, cli.SECONDS, cli.SEED)
REST = Rest(per_second=50.5, octets_per_message=700, latency=0.1)


def phase(fault: str, sends: int = 12, lost: int = 0, doubled: int = 0, drain: float = 1.5) -> Phase:
    return Phase(fault, 10, lost, doubled, sends, 2, 3, drain)


def phases(*others: Phase) -> dict[str, Phase]:
    """Of every fault, the same, but for these."""
    return {each: phase(each) for each in FAULTS} | {each.fault: each for each in others}


def file_of(results: dict[str, Result], path: Path, plan: Plan = PLAN) -> Path:
    figures = {"plan": asdict(plan), "links": [each.figures() for each in results.values()]}
    report.write(path, report.report("links", "ridgekey bench links", figures, {}))
    return path


@pytest.mark.parametrize(
    ("other", "code"),
    [
        (phase("none"), 0),
        (phase(ONE_OUTAGE, sends=13), 0),
        (phase(ONE_OUTAGE, sends=14), 1),
        (phase("gateway killed", sends=14), 0),
        (phase("link dropped", lost=1), 1),
        (phase("disk full", doubled=1), 1),
        (phase("medium killed", drain=GOAL_DRAIN_SECONDS), 0),
        (phase("medium killed", drain=GOAL_DRAIN_SECONDS + 0.1), 1),
    ],
)
def test_the_figures_and_the_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    other: Phase,
    code: int,
) -> None:
    def measure(result: Result, *rest: object) -> None:
        result.rest, result.phases = REST, phases(other)
        rest[-1](result)  # type: ignore[operator]

    monkeypatch.setattr(cli, "_measure", measure)
    path = tmp_path / "links.json"
    assert ridgekey.main(["bench", "links", "--link", "mosquitto", "--json", str(path)]) == code
    written = json.loads(path.read_text())
    assert written.keys() == {"name", "version", "machine", "command", "figures", "peers"}
    (figures,) = written["figures"]["links"]
    assert figures["link"] == "mosquitto"
    assert figures["messages"] == 10 * len(FAULTS)
    assert figures["lost"] == sum(each["lost"] for each in figures["faults"])
    assert figures["doubled"] == sum(each["doubled"] for each in figures["faults"])
    assert figures["sends_per_message_max"] == max(each["sends_per_message"] for each in figures["faults"])
    assert figures["sends_of_one_message_max"] == 2
    assert figures["drain_seconds"] == other.drain_seconds
    assert written["peers"]["goal"]["drain_seconds"] == GOAL_DRAIN_SECONDS
    assert ONE_OUTAGE in capsys.readouterr().out


def test_a_run_goes_on_where_it_was(tmp_path: Path) -> None:
    half = Result("amqtt", REST, {"none": phase("none", sends=10)})
    whole = Result("mosquitto", REST, phases())
    path = file_of({"mosquitto": whole, "amqtt": half}, tmp_path / "links.json")
    assert outcome.read(path, PLAN, version("ridgekey")) == {"mosquitto": whole, "amqtt": half}
    before = path.read_bytes()
    command = ["bench", "links", "--link", "mosquitto", "--messages", "70", "--json", str(path), "--resume"]
    assert ridgekey.main(command) == 0  # at once: there is nothing left to measure
    assert path.read_bytes() == before


def test_a_link_that_was_not_at_rest_yet_has_nulls() -> None:
    figures = Result("ble").figures()
    assert (
        figures["bytes_per_message"] is figures["drain_seconds"] is figures["sends_per_message_max"] is None
    )
    assert Result.of(figures) == Result("ble")


def test_nothing_is_taken_over_from_another_plan_or_version(tmp_path: Path) -> None:
    path = file_of({"ble": Result("ble", REST, phases())}, tmp_path / "links.json")
    for plan, of in [(replace(PLAN, seed=7), version("ridgekey")), (PLAN, "0.0.0")]:
        with pytest.raises(FileTroubleError, match="another version, number or seed"):
            outcome.read(path, plan, of)
    path.write_text("[]")
    with pytest.raises(FileTroubleError, match="no figures"):
        outcome.read(path, PLAN, version("ridgekey"))
    assert outcome.read(tmp_path / "none.json", PLAN, version("ridgekey")) == {}


def test_to_go_on_needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert ridgekey.main(["bench", "links", "--resume"]) == 1
    assert "--json" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("mosquitto") is None, reason="no mosquitto here")
def test_a_few_dozen_consents_outlive_an_outage(tmp_path: Path) -> None:
    link, number = "mosquitto", 24
    ground = Ground(tmp_path / "ground", MEDIA[link].kiosks, number)
    (tmp_path / "kiosks").mkdir()
    with (
        MEDIA[link](tmp_path) as medium,
        Trial(medium, ground, tmp_path / "kiosks", number, lambda *_: None) as trial,
    ):
        came_through = trial.strike(ONE_OUTAGE, 2.0, cli.SEED)
    assert (came_through.messages, came_through.lost, came_through.doubled) == (number, 0, 0)
    # So few may all be on their way when the outage comes: each may be sent once more, and no more often.
    assert came_through.most_sends <= 2
    assert came_through.drain_seconds <= GOAL_DRAIN_SECONDS


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("link", MEDIA)
def test_nothing_is_lost_or_doubled_whatever_befalls_a_link(link: str, tmp_path: Path) -> None:
    path = tmp_path / "links.json"
    code = ridgekey.main(["bench", "links", "--link", link, "--messages", "700", "--json", str(path)])
    print(path.read_text())
    assert code == 0
