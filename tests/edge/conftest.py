"""A kiosk with everything real around it: simulated sensor, broker, agent, each a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from contracts.hexes import to_hex
from edge import client
from edge.identity import files
from hw import broker
from hw.fingers.synthetic import SyntheticFingers
from hw.simulator.remote import SensorRemote
from tests.edge.standin import DOMAIN, Gateway, Person, Requester

RIDGEKEY = [sys.executable, "-m", "ridgekey"]


@contextmanager
def process(argv: Sequence[str], log: Path) -> Iterator[dict[str, Any]]:
    """A `ridgekey` process that says one JSON line when it is ready; ended in good order afterwards."""
    with log.open("ab") as stderr:
        running = subprocess.Popen([*RIDGEKEY, *argv], stdout=subprocess.PIPE, stderr=stderr, text=True)
    try:
        assert running.stdout is not None
        line = running.stdout.readline()
        assert line, log.read_text()
        yield json.loads(line)
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            assert running.wait(10) == 0, log.read_text()
        finally:
            running.kill()


OWNER, STRANGER, SECOND_OWNER, BLANK = 1, 2, 3, 9
IMPRESSIONS = {OWNER: 16, STRANGER: 3, SECOND_OWNER: 6, BLANK: 1}
"""Synthetic fingers, and an empty image: something on the glass that leaves no print."""


def render(folder: Path) -> Path:
    """Fingers as images in a folder, so that the empty one can be among them."""
    folder.mkdir()
    source = SyntheticFingers()
    for finger, impressions in IMPRESSIONS.items():
        for number in range(1, impressions + 1):
            blank = np.full((288, 256), 255, np.uint8)
            pixels = blank if finger == BLANK else source.press(finger, number, 256, 288)
            Image.fromarray(pixels).save(folder / f"{finger:03}_{number}.png")
    return folder


def command(*argv: str) -> subprocess.CompletedProcess[str]:
    """Run a `ridgekey` command to its end."""
    return subprocess.run([*RIDGEKEY, *argv], capture_output=True, text=True, check=False, timeout=60)


def write_config(path: Path, **changes: object) -> Path:
    """A whole configuration, with some settings changed (None: left out)."""
    settings: dict[str, object] = {
        "state": str(path.parent / "kiosk"),
        "environment": DOMAIN.environment,
        "chain_id": DOMAIN.chain_id,
        "contract": to_hex(DOMAIN.contract),
        "sensor": "serial:/dev/null",
        "broker": "mqtt://127.0.0.1:1",
        "gateway_key": "00" * 32,
        "repeated_images": "allow",  # a finger here has few impressions
    } | changes
    requesters: Any = settings.pop("requesters", {})
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items() if value is not None]
    names = [f"{json.dumps(address)} = {json.dumps(name)}" for address, name in requesters.items()]
    path.write_text("\n".join([*lines, "[requesters]", *names]) + "\n")
    return path


@dataclass
class World:
    """The kiosk under test and everything around it."""

    directory: Path
    config: Path
    panel: Path
    remote: SensorRemote
    gateway: Gateway
    known: Requester
    ready: dict[str, Any]
    broker: broker.Broker
    presses: dict[int, Iterator[int]]

    def person(self, finger: int = OWNER) -> Person:
        """Somebody with this finger; its presses go on where they last stopped."""
        numbers = range(1, IMPRESSIONS[finger] + 1)
        return Person(self.remote, finger, self.presses.setdefault(finger, cycle(numbers)))

    def ask(self, person: Person, do: str, **arguments: object) -> dict[str, Any]:
        try:
            return client.ask(self.panel, {"do": do, **arguments}, person)
        finally:
            self.remote.lift()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("w")
    state, control = directory / "kiosk", directory / "finger.sock"
    files.initialise(state)
    kiosk_key = files.device_key(state).public_key()
    known = Requester()
    fingers = render(directory / "fingers")
    simulate = ["sensor", "simulate", "--profile", "r307", "--no-pacing", "--json"]
    simulate += ["--fingers", str(fingers), "--control", str(control)]
    with (
        broker.start(directory / "broker") as wire,
        process(simulate, directory / "sensor.log") as sensor,
    ):
        gateway = Gateway(wire.url, kiosk_key)
        config = write_config(
            directory / "edge.toml",
            sensor=f"serial:{sensor['port']}",
            broker=wire.url,
            gateway_key=gateway.key.public_key().public_bytes_raw().hex(),
            requesters={to_hex(known.address): "City hospital"},
        )
        with process(["edge", "agent", "--config", str(config)], directory / "agent.log") as ready:
            yield World(
                directory,
                config,
                state / "agent.sock",
                SensorRemote(control),
                gateway,
                known,
                ready,
                wire,
                {},
            )
        gateway.stop()


@pytest.fixture(autouse=True)
def _few_threads() -> None:
    """The tests share the machine."""
    os.environ.setdefault("OMP_NUM_THREADS", "2")
