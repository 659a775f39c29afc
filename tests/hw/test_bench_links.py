"""`ridgekey bench links`: its wire counts and cuts, its figures have their names and their exit code."""

import json
import random
import select
import socket
import threading
from pathlib import Path

import pytest

import ridgekey
from hw.bench.links import cli, faults
from hw.bench.links.trial import Phase, Result
from hw.bench.links.wire import Wire

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


def phase(fault: str, sends: int = 10) -> Phase:
    return Phase(fault, 10, 0, sends, 2, 1.5, [bytes(32)] * 10)


def result(sends: int = 10, lost: int = 0, doubled: int = 0) -> Result:
    phases = [phase(fault, sends if fault == cli.ONE_OUTAGE else 12) for fault in FAULTS]
    none = dict.fromkeys(FAULTS, 0)
    return Result(
        "mqtt (mosquitto)", phases, none | {"link dropped": lost}, none | {"disk full": doubled}, 50, 700, 0.1
    )


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        (result(), 0),
        (result(sends=13), 0),
        (result(sends=14), 1),
        (result(lost=1), 1),
        (result(doubled=1), 1),
    ],
)
def test_the_figures_and_the_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    measured: Result,
    code: int,
) -> None:
    monkeypatch.setattr(cli, "_measure", lambda *_: measured)
    path = tmp_path / "links.json"
    assert ridgekey.main(["bench", "links", "--link", "mosquitto", "--json", str(path)]) == code
    report = json.loads(path.read_text())
    assert report["name"] == "links"
    (figures,) = report["figures"]["links"]
    assert figures["link"] == "mqtt (mosquitto)"
    assert figures["messages"] == 10 * len(FAULTS)
    assert figures["lost"] == sum(each["lost"] for each in figures["faults"])
    assert figures["doubled"] == sum(each["doubled"] for each in figures["faults"])
    assert figures["sends_per_message_max"] == max(each["sends_per_message"] for each in figures["faults"])
    assert figures["drain_seconds"] == 1.5
    assert "one outage" in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("link", cli.LINKS)
def test_nothing_is_lost_or_doubled_whatever_befalls_a_link(link: str, tmp_path: Path) -> None:
    path = tmp_path / "links.json"
    code = ridgekey.main(["bench", "links", "--link", link, "--messages", "700", "--json", str(path)])
    print(path.read_text())
    assert code == 0
