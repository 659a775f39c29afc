"""Whatever a person gets wrong, or a machine lacks: one clear line, an exit code, and no traceback."""

import contextlib
import json
import os
import pty
import socket
import subprocess
import sys
import tempfile
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from tests.gateway.running import ridgekey, write_config

BAD_DATA, NO_INPUT, UNAVAILABLE, IO_ERROR, PROTOCOL, CONFIGURATION = 65, 66, 69, 74, 76, 78

NOBODY = "0x" + "11" * 20


def says(ran: subprocess.CompletedProcess[str], status: int, *words: str) -> None:
    """The command ended with `status`, and its last line is for a person and has `words` in it."""
    assert "Traceback" not in ran.stderr
    assert ran.returncode == status, ran.stderr
    last = ran.stderr.strip().splitlines()[-1]
    assert last.startswith("ridgekey: ")
    for word in words:
        assert word in last


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """A serial port with nothing on it: the master's descriptor and the port's name."""
    master, port = pty.openpty()
    tty.setraw(port)
    yield master, os.ttyname(port)
    os.close(master)
    os.close(port)


@pytest.fixture
def closed_port() -> int:
    """A TCP port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_no_sensor() -> None:
    says(ridgekey("sensor", "info", "serial:/dev/nowhere"), NO_INPUT, "/dev/nowhere", "plugged in")


def test_a_device_that_is_no_sensor(terminal: tuple[int, str]) -> None:
    os.write(terminal[0], b"login: " * 8)
    says(ridgekey("sensor", "info", f"serial:{terminal[1]}?baud=57600"), UNAVAILABLE, terminal[1])


def test_a_busy_port(terminal: tuple[int, str]) -> None:
    with serial.Serial(terminal[1], exclusive=True):
        says(ridgekey("sensor", "info", f"serial:{terminal[1]}"), UNAVAILABLE, terminal[1])


@pytest.mark.parametrize(
    ("files", "status", "words"),
    [
        (None, NO_INPUT, "no folder"),
        ({}, NO_INPUT, "no images"),
        ({"001_1.png": b"not an image"}, BAD_DATA, "not a PNG"),
    ],
    ids=["missing", "empty", "unreadable"],
)
def test_a_broken_image_folder(
    tmp_path: Path, files: dict[str, bytes] | None, status: int, words: str
) -> None:
    folder = tmp_path / "prints"
    if files is not None:
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
    says(ridgekey("demo", "--fingers", str(folder)), status, words, str(folder))


def test_a_directory_that_is_there_already(tmp_path: Path) -> None:
    says(ridgekey("demo", "--keep", str(tmp_path)), IO_ERROR, str(tmp_path), "new directory")


def test_a_stopped_broker(tmp_path: Path, closed_port: int) -> None:
    ridgekey("gateway", "init", "--state", str(tmp_path / "state"))
    config = write_config(tmp_path, f"mqtt://127.0.0.1:{closed_port}", [])
    says(ridgekey("gateway", "run", "--config", str(config)), UNAVAILABLE, "broker", str(closed_port))


def test_a_wrong_ledger_url(closed_port: int) -> None:
    url = f"http://127.0.0.1:{closed_port}"
    says(ridgekey("audit", "--ledger", url, "--contract", NOBODY), UNAVAILABLE, url, "start it")


def test_something_that_is_no_url() -> None:
    says(ridgekey("audit", "--ledger", "ledger", "--contract", NOBODY), CONFIGURATION, "URL")


def test_a_contract_that_is_not_ours(ledger_url: str) -> None:
    says(ridgekey("audit", "--ledger", ledger_url, "--contract", NOBODY), CONFIGURATION, "contract")


def test_a_kiosk_without_its_agent(tmp_path: Path) -> None:
    ridgekey("edge", "init", "--state", str(tmp_path / "kiosk"))
    config = tmp_path / "edge.toml"
    config.write_text(
        f'state = "kiosk"\nenvironment = "test"\nchain_id = 1\ncontract = "{NOBODY}"\n'
        f'sensor = "serial:/dev/nowhere"\nbroker = "mqtt://127.0.0.1:1"\ngateway_key = "{"22" * 32}"\n'
    )
    says(ridgekey("edge", "enrol", "--config", str(config)), UNAVAILABLE, "ridgekey edge agent")


def test_a_full_disk(full_disk: Path) -> None:
    says(ridgekey("edge", "init", "--state", str(full_disk / "kiosk")), IO_ERROR, str(full_disk))


def fill(path: Path) -> None:
    """Write until there is no room."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


@pytest.fixture
def full_disk() -> Iterator[Path]:
    """A file system of its own without a free byte."""
    with tempfile.TemporaryDirectory() as directory:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", directory], capture_output=True, check=False
        )
        if mounted.returncode:
            pytest.skip("mounting a small file system takes root")
        try:
            path = Path(directory)
            (path / "kiosk").mkdir(mode=0o700)
            fill(path / "filler")
            yield path
        finally:
            subprocess.run(["umount", directory], check=True)


@pytest.fixture
def ledger_url(tmp_path: Path) -> Iterator[str]:
    """An empty ledger."""
    command = [sys.executable, "-m", "ridgekey", "ledger", "run", "--state", str(tmp_path / "ledger")]
    with subprocess.Popen([*command, "--listen", "127.0.0.1:0", "--json"], stdout=subprocess.PIPE) as node:
        assert node.stdout is not None
        yield json.loads(node.stdout.readline())["url"]
        node.terminate()
