"""The panel: events out, one answer at the end, and no client that can harm it."""

import json
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge import client, panel
from edge.client import ErrandError
from edge.errors import CancelledError, ConfigError, UnavailableError, WeakCaptureError
from edge.events import JsonObject, NotRecognised
from edge.panel import Conversation, Panel
from tests.edge.standin import until


class Desk:
    """Errands that show what a panel must cope with."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()

    def handle(self, request: JsonObject, conversation: Conversation) -> JsonObject:
        match request:
            case {"do": "event"}:
                conversation.report(NotRecognised(1, 3))
                return {"ok": True}
            case {"do": "weak"}:
                raise WeakCaptureError("too weak")
            case {"do": "fault"}:
                raise ZeroDivisionError("secret detail")
            case {"do": "wait"}:
                until(conversation.cancelled)
                self.cancelled.set()
                raise CancelledError("cancelled")
        return {"request": request}


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def path(tmp_path: Path, desk: Desk) -> Iterator[Path]:
    server = Panel(tmp_path / "p.sock", desk.handle)
    server.start()
    yield tmp_path / "p.sock"
    server.stop()
    assert not (tmp_path / "p.sock").exists()


def connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(str(path))
    return connection


def answer(path: Path, data: bytes) -> JsonObject:
    with connect(path) as connection:
        with suppress(BrokenPipeError):  # refused before it was read
            connection.sendall(data)
        line: JsonObject = json.loads(connection.makefile().readline())
        return line


def test_events_then_the_answer(path: Path) -> None:
    events: list[JsonObject] = []
    assert client.ask(path, {"do": "event"}, events.append) == {"ok": True}
    assert events == [{"event": "not_recognised", "step": "unlock", "press": 1, "of": 3}]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_error_keeps_its_text_and_exit_code(path: Path) -> None:
    with pytest.raises(ErrandError, match="too weak") as error:
        client.ask(path, {"do": "weak"}, lambda _: None)
    assert error.value.exit_code == 1


def test_a_fault_of_ours_shows_no_detail(path: Path) -> None:
    with pytest.raises(ErrandError) as error:
        client.ask(path, {"do": "fault"}, lambda _: None)
    assert error.value.exit_code == 70
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("how", ["cancel", "close"])
def test_a_client_calls_its_errand_off(path: Path, desk: Desk, how: str) -> None:
    connection = connect(path)
    connection.sendall(b'{"do": "wait"}\n')
    if how == "cancel":
        connection.sendall(b'{"do": "cancel"}\n')
        assert json.loads(connection.makefile().readline()) == {"error": "cancelled", "exit_code": 1}
    connection.close()
    assert desk.cancelled.wait(10)


def test_stopping_calls_errands_off(tmp_path: Path, desk: Desk) -> None:
    server = Panel(tmp_path / "p.sock", desk.handle)
    server.start()
    connection = connect(tmp_path / "p.sock")
    connection.sendall(b'{"do": "wait"}\n')
    until(lambda: server._open)
    server.stop()
    assert desk.cancelled.wait(10)
    connection.close()


@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        b"[]\n",
        b"7\n",
        b'{"do": \n',
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b'{"do":' * 100_000 + b"\n",
        b"x" * (panel.MAX_LINE + 1) + b"\n",
    ],
)
def test_a_line_that_is_no_object_is_refused(path: Path, data: bytes) -> None:
    assert answer(path, data)["exit_code"] == 2


@given(st.binary(max_size=200))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_bytes_silence_it(path: Path, data: bytes) -> None:
    reply = answer(path, data.replace(b"\n", b"") + b"\n")
    assert reply.keys() <= {"done", "error", "exit_code"}


def test_too_many_clients_are_told_so(path: Path, desk: Desk) -> None:
    waiting = [connect(path) for _ in range(panel.MAX_CLIENTS)]
    for connection in waiting:
        connection.sendall(b'{"do": "wait"}\n')
    until(lambda: "too many" in str(answer(path, b'{"do": "event"}\n').get("error")))
    for connection in waiting:
        connection.close()
    until(lambda: answer(path, b'{"do": "x"}\n').get("done"))


def test_no_agent_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="ridgekey edge agent"):
        client.ask(tmp_path / "p.sock", {"do": "status"}, lambda _: None)


def test_an_agent_that_dies_is_noticed(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "p.sock"))
        listener.listen()
        threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True).start()
        with pytest.raises(UnavailableError, match="went away"):
            client.ask(tmp_path / "p.sock", {"do": "status"}, lambda _: None)


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path, desk: Desk) -> None:
    with pytest.raises(ConfigError, match="`panel`"):
        Panel(tmp_path / ("x" * 100), desk.handle).start()
    with pytest.raises(ConfigError, match="cannot open the panel"):
        Panel(Path("/nonexistent/p.sock"), desk.handle).start()


def test_a_socket_left_by_a_dead_agent_is_replaced(tmp_path: Path, desk: Desk) -> None:
    path = tmp_path / "p.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    server = Panel(path, desk.handle)
    server.start()
    assert client.ask(path, {"do": "event"}, lambda _: None)
    server.stop()
