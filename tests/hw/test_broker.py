"""The bench's broker, whichever the machine has."""

import os
import queue
import shutil
import signal
import socket
import stat
import threading
from pathlib import Path
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest

from hw import broker
from hw.errors import FileTroubleError, UnavailableError

MOSQUITTO = shutil.which("mosquitto")


@pytest.fixture(
    params=[
        pytest.param(
            "mosquitto", marks=pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto on the PATH")
        ),
        "amqtt",
    ]
)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    if request.param == "amqtt":
        monkeypatch.setenv("PATH", str(tmp_path))
    return str(request.param)


class Client:
    """A paho client that has connected, and what it has received."""

    def __init__(self, url: str, name: str = "", *, lasting: bool = False) -> None:
        self.received: queue.Queue[bytes] = queue.Queue()
        self._subscribed = threading.Event()
        self._paho = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, name, clean_session=not lasting, protocol=mqtt.MQTTv311
        )
        connected = threading.Event()
        self._paho.on_connect = lambda *_: connected.set()
        self._paho.on_subscribe = lambda *_: self._subscribed.set()
        self._paho.on_message = lambda *event: self.received.put(event[2].payload)
        parts = urlsplit(url)
        self._paho.connect(parts.hostname or "", parts.port or 0)
        self._paho.loop_start()
        assert connected.wait(10)

    def subscribe(self, topics: str) -> None:
        self._paho.subscribe(topics, qos=1)
        assert self._subscribed.wait(10)

    def publish(self, topic: str, payload: bytes) -> None:
        message = self._paho.publish(topic, payload, qos=1)
        message.wait_for_publish(10)
        assert message.is_published()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._paho.disconnect()
        self._paho.loop_stop()


def test_message_passes(kind: str, tmp_path: Path) -> None:
    with broker.start(tmp_path / "new" / "broker") as running:
        assert running.name == kind
        assert running.url.startswith("mqtt://127.0.0.1:")
        with Client(running.url) as client:
            client.subscribe("ridgekey/1/#")
            client.publish("ridgekey/1/up/x", b"signed")
            assert client.received.get(timeout=10) == b"signed"
    assert not broker.accepts(running.port)


def test_messages_wait_for_a_lasting_session(kind: str, tmp_path: Path) -> None:
    with broker.start(tmp_path) as running:
        with Client(running.url, "gateway", lasting=True) as gateway:
            gateway.subscribe("up/#")
        with Client(running.url, "kiosk") as kiosk:
            kiosk.publish("up/kiosk", b"signed while the gateway is away")
            with Client(running.url, "gateway", lasting=True) as gateway:
                assert gateway.received.get(timeout=10) == b"signed while the gateway is away"


def test_files_stay_in_the_directory(kind: str, tmp_path: Path) -> None:
    directory = tmp_path / "broker"
    with broker.start(directory):
        pass
    assert {file.name.split(".")[0] for file in directory.iterdir()} == {kind}


def test_only_this_machine_is_served(kind: str, tmp_path: Path) -> None:
    with broker.start(tmp_path) as running:
        listening = [
            line.split()[1].split(":")
            for table in ("/proc/net/tcp", "/proc/net/tcp6")
            for line in Path(table).read_text().splitlines()[1:]
            if line.split()[3] == "0A"
        ]
    addresses = [address for address, port in listening if int(port, 16) == running.port]
    assert addresses == ["0100007F"]


def test_killed_broker_can_be_started_again_on_its_port(kind: str, tmp_path: Path) -> None:
    with broker.start(tmp_path) as running:
        os.kill(running.pid, signal.SIGKILL)
        running.stop()
        assert not broker.accepts(running.port)
    with broker.start(tmp_path, running.port) as again:
        assert again.port == running.port
        assert broker.accepts(again.port)


def test_busy_port_is_named(kind: str, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UnavailableError, match=f"port {port}"):
            broker.start(tmp_path, port)


@pytest.mark.parametrize("port", [-1, 65536])
def test_impossible_port(port: int, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=str(port)):
        broker.start(tmp_path, port)


def test_directory_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileTroubleError, match="another directory"):
        broker.start(tmp_path / "file")


def test_broker_that_dies_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "mosquitto"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho first\necho 'Error: out of sorts'\nexit 3\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    with pytest.raises(UnavailableError, match="mosquitto did not start: Error: out of sorts"):
        broker.start(tmp_path / "broker")


def test_no_broker_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UnavailableError, match="install"):
        broker.start(tmp_path)


def test_something_else_on_the_port_is_no_broker() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert not broker.accepts(other.getsockname()[1])
        thread.join()
