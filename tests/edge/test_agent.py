"""The agent as a process: it starts or says why not in one line, and loses nothing when it dies."""

import json
import os
import pty
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import serial
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from contracts.acts import ActKind, Deny
from contracts.cose import kid_of
from contracts.messages import Action, Command, KioskMessage, Outcome, Result
from edge import client
from edge.identity import files
from edge.links.outbox import Outbox
from edge.state.database import Database
from hw import broker
from tests.edge.conftest import RIDGEKEY, command, process, write_config
from tests.edge.standin import DOMAIN, Gateway, until


@pytest.fixture
def state(tmp_path: Path) -> Path:
    files.initialise(tmp_path / "kiosk")
    return tmp_path / "kiosk"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[str]:
    """The port of a simulated sensor."""
    (tmp_path / "fingers").mkdir()
    Image.fromarray(np.full((288, 256), 255, np.uint8)).save(tmp_path / "fingers" / "001_1.png")
    simulate = ["sensor", "simulate", "--profile", "r503", "--no-pacing", "--json"]
    simulate += ["--fingers", str(tmp_path / "fingers"), "--control", str(tmp_path / "finger.sock")]
    with process(simulate, tmp_path / "sensor.log") as sensor:
        yield sensor["port"]


def refusal(config: Path) -> tuple[int, str]:
    """How an agent that cannot start says so: exit code, and the one line after its log."""
    ended = command("edge", "agent", "--config", str(config))
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    *_, last = ended.stderr.splitlines()
    assert last.startswith("ridgekey: ")
    return ended.returncode, last


def test_no_sensor(tmp_path: Path, state: Path) -> None:
    code, line = refusal(write_config(tmp_path / "edge.toml", sensor="serial:/dev/ttyNothing"))
    assert code == 66
    assert "/dev/ttyNothing" in line


def test_a_device_that_is_no_sensor(tmp_path: Path, state: Path) -> None:
    """A modem that echoes what it gets."""
    here, there = pty.openpty()

    def echo() -> None:
        try:
            while data := os.read(here, 1024):
                os.write(here, data)
        except OSError:
            pass

    threading.Thread(target=echo, daemon=True).start()
    code, line = refusal(
        write_config(tmp_path / "edge.toml", sensor=f"serial:{os.ttyname(there)}?baud=57600")
    )
    os.close(there)
    os.close(here)
    assert code == 76, line


def test_a_busy_port(tmp_path: Path, state: Path, port: str) -> None:
    with serial.Serial(port, exclusive=True):
        code, line = refusal(write_config(tmp_path / "edge.toml", sensor=f"serial:{port}"))
    assert code == 69
    assert port in line


def test_a_sensor_with_templates(tmp_path: Path, state: Path) -> None:
    simulate = ["sensor", "simulate", "--profile", "r503", "--no-pacing", "--json", "--templates", "2"]
    with process([*simulate, "--control", str(tmp_path / "f.sock")], tmp_path / "log") as sensor:
        code, line = refusal(write_config(tmp_path / "edge.toml", sensor=f"serial:{sensor['port']}"))
    assert code == 78
    assert "2 fingerprint templates" in line


def test_no_keys(tmp_path: Path) -> None:
    code, line = refusal(write_config(tmp_path / "edge.toml"))
    assert code == 78
    assert "ridgekey edge init" in line


def test_an_open_key_file(tmp_path: Path, state: Path) -> None:
    (state / "pepper").chmod(0o644)
    code, line = refusal(write_config(tmp_path / "edge.toml"))
    assert code == 78
    assert f"chmod 600 {state / 'pepper'}" in line


def test_a_bad_broker_url(tmp_path: Path, state: Path) -> None:
    code, line = refusal(write_config(tmp_path / "edge.toml", broker="http://example"))
    assert code == 78
    assert "does not begin with one of: mqtt" in line


def test_a_bad_configuration(tmp_path: Path) -> None:
    code, line = refusal(write_config(tmp_path / "edge.toml", storage="cloud"))
    assert code == 78
    assert "edge.toml" in line


WOULD_NOT_START: list[tuple[Callable[[str], str], str]] = [
    (lambda good: good + "nonsense = 1\n", "nonsense"),
    (lambda good: good.replace("mqtt://", "mqtt:///"), "not of the form mqtt://"),
    (lambda good: re.sub("broker = .*", 'links = ["mqtts://h/path"]', good), "not of the form mqtt://"),
    (lambda good: re.sub("broker = .*", 'links = ["foo:bar"]', good), "does not begin with one of"),
    (lambda good: re.sub("broker = .*", 'links = ["ble:hci 0"]', good), "Bluetooth is named"),
    (lambda good: good.replace("serial:/", "cereal:/"), "names no sensor"),
    (lambda good: re.sub("state = .*", 'state = "elsewhere"', good), "ridgekey edge init"),
]
"""What somebody wrote into a good configuration, and what the kiosk says of it."""


def test_the_gateway_has_it_resend_report_and_start_anew(tmp_path: Path, state: Path, port: str) -> None:
    """A configuration that does not hold is refused, and the kiosk goes on with the one that it has."""
    kiosk = files.device_key(state).public_key()
    with broker.start(tmp_path / "broker") as wire:
        gateway = Gateway(wire.url, kiosk)
        config = write_config(
            tmp_path / "edge.toml",
            sensor=f"serial:{port}",
            broker=wire.url,
            gateway_key=gateway.key.public_key().public_bytes_raw().hex(),
        )
        good, numbers = config.read_text(), count(1)

        def command(action: Action) -> Outcome:
            number = next(numbers)
            told = Command("test", kid_of(kiosk), number, action, int(time.time()) + 600)
            gateway.tell(told.sign(gateway.key))
            until(lambda: [each for each in gateway.outcomes if each.number == number])
            return gateway.outcomes[-1]

        with process(["edge", "agent", "--config", str(config)], tmp_path / "agent.log"):
            until(lambda: gateway.healths)
            assert (gateway.healths[-1].waiting, gateway.healths[-1].certificate_end) == (0, None)
            assert command(Action.RESEND).result is Result.DONE
            for bad, why in WOULD_NOT_START:
                config.write_text(bad(good))
                refused = command(Action.RELOAD_CONFIGURATION)
                assert (refused.result, why in refused.why) == (Result.REFUSED, True), refused
            config.write_text(good.replace("[requesters]", "outbox_limit = 7\n[requesters]"))
            before = gateway.statuses[-1].sequence
            assert command(Action.RELOAD_CONFIGURATION).result is Result.DONE
            until(lambda: gateway.healths[-1].capacity == 7)
            assert gateway.healths[-1].sequence > before
        gateway.stop()


def ask(state: Path, **request: Any) -> dict[str, Any]:
    return client.ask(state / "agent.sock", request, lambda _: None)


def test_a_stopped_broker_is_a_state_and_a_killed_agent_loses_nothing(
    tmp_path: Path, state: Path, port: str
) -> None:
    kiosk = files.device_key(state)
    act = Deny(b"\x01" * 20, b"\x02" * 32, 1_900_000_000)
    with Database(state / "kiosk.sqlite") as database:
        message = KioskMessage("test", act, bytes(64), 1).sign(kiosk)
        Outbox(database, limit=5).put(
            act.digest(DOMAIN), ActKind.DENY, act.subject, act.request, message, deadline=act.deadline
        )
    broker_port = broker.free_port()
    gateway_key = Ed25519PrivateKey.generate()
    config = write_config(
        tmp_path / "edge.toml",
        sensor=f"serial:{port}",
        broker=f"mqtt://127.0.0.1:{broker_port}",
        gateway_key=gateway_key.public_key().public_bytes_raw().hex(),
    )
    agent = [*RIDGEKEY, "edge", "agent", "--config", str(config)]
    with (tmp_path / "first.log").open("wb") as log:
        first = subprocess.Popen(agent, stdout=subprocess.PIPE, stderr=log, text=True)
    assert first.stdout is not None
    ready = json.loads(first.stdout.readline())
    assert ready["broker"].startswith("down")
    assert ready["sensor"] == "R503"
    assert ask(state, do="status")["waiting"] == 1

    second = command("edge", "agent", "--config", str(config))
    assert second.returncode == 69
    assert "another agent is running" in second.stderr

    first.kill()
    first.wait()
    with broker.start(tmp_path / "broker", broker_port) as wire:
        gateway = Gateway(wire.url, kiosk.public_key())
        gateway.key = gateway_key
        with process(["edge", "agent", "--config", str(config)], tmp_path / "second.log") as ready:
            assert ready["broker"] == "up"
            until(lambda: ask(state, do="status")["waiting"] == 0)
        assert [message.act for message in gateway.heard] == [act]
        gateway.stop()
    assert not (state / "agent.sock").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_in_good_order_while_a_person_is_asked_for_a_finger(
    tmp_path: Path, state: Path, port: str, number: signal.Signals
) -> None:
    config = write_config(tmp_path / "edge.toml", sensor=f"serial:{port}")
    with (tmp_path / "agent.log").open("wb") as log:
        agent = subprocess.Popen(
            [*RIDGEKEY, "edge", "agent", "--config", str(config)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert agent.stdout is not None
    agent.stdout.readline()
    enrolling = subprocess.Popen(
        [*RIDGEKEY, "edge", "enrol", "--config", str(config), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert enrolling.stdout is not None
    assert json.loads(enrolling.stdout.readline())["event"] == "place_finger"
    began = time.monotonic()
    agent.send_signal(number)
    assert agent.wait(10) == 0
    assert time.monotonic() - began < 8
    _, complaint = enrolling.communicate(timeout=10)
    assert enrolling.returncode in (1, 69)
    assert complaint.startswith("ridgekey: ")
    assert "Traceback" not in (tmp_path / "agent.log").read_text()


def test_a_sensor_that_comes_back_is_used_again(tmp_path: Path, state: Path) -> None:
    """Unplugged between two people: the first is told, the second finds it working."""
    link, control = tmp_path / "fingerprint", tmp_path / "finger.sock"
    simulate = ["sensor", "simulate", "--profile", "r503", "--no-pacing", "--json"]
    simulate += ["--link", str(link), "--control", str(control)]
    config = write_config(tmp_path / "edge.toml", sensor=f"serial:{link}")

    def enrol_until_asked() -> str:
        class AskedForAFingerError(Exception):
            pass

        def leave(event: dict[str, Any]) -> None:
            raise AskedForAFingerError

        try:
            client.ask(state / "agent.sock", {"do": "enrol"}, leave)
        except AskedForAFingerError:
            return "asked"
        except client.ErrandError as error:
            return str(error)
        return ""

    with process(simulate, tmp_path / "sensor1.log") as _:
        agent = process(["edge", "agent", "--config", str(config)], tmp_path / "agent.log")
        agent.__enter__()
    try:
        assert enrol_until_asked() != "asked"
        with process(simulate, tmp_path / "sensor2.log"):
            until(lambda: enrol_until_asked() == "asked")
    finally:
        agent.__exit__(None, None, None)
