"""An MQTT broker for the bench: mosquitto where it is installed, else amqtt, always a process of its own.

It serves 127.0.0.1 only and keeps its files inside one directory. Whoever may connect may publish: what
matters is signed, so the broker need not be trusted (MQTT 3.1.1).
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from hw.errors import FileTroubleError, UnavailableError

HOST = "127.0.0.1"

START_SECONDS = 30.0
"""Longest wait for the broker to accept a connection; amqtt takes a second or two on a slow machine."""

STOP_SECONDS = 5.0
POLL_SECONDS = 0.02
REPLY_SECONDS = 1.0

CONNECT = bytes.fromhex("10 0C 00 04") + b"MQTT" + bytes.fromhex("04 02 00 0A 00 00")
"""CONNECT of MQTT 3.1.1 (section 3.1): level 4, clean session, keep-alive 10 s, empty client identifier."""

CONNACK = bytes.fromhex("20 02 00 00")
"""CONNACK (section 3.2): accepted, no session present."""

DISCONNECT = bytes.fromhex("E0 00")

LAST_WORDS_LIMIT = 300


class Broker:
    """A running broker; used in a `with`, which also ends it.

    Attributes:
        name: which broker it is, "mosquitto" or "amqtt".
        port: where it listens on 127.0.0.1.
    """

    def __init__(self, name: str, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.port = port
        self._process = process
        self._log = log

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"mqtt://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """Process id, for a test that wants to kill it."""
        return self._process.pid

    def wait_ready(self, answers: Callable[[int], bool]) -> None:
        """Wait until `answers` says that the broker at its port does.

        Raises:
            UnavailableError: it ended, or does not answer in time.
        """
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.port):
            if self._process.poll() is not None:
                raise UnavailableError(f"the broker {self.name} did not start: {self._last_words()}")
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"the broker {self.name} does not answer after {START_SECONDS:.0f} s; see {self._log}"
                )
            time.sleep(POLL_SECONDS)

    def reload(self) -> None:
        """Have mosquitto read its access list and certificates again, as `systemctl reload` does."""
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """End the process, politely first; does nothing to one that has ended."""
        if self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End the process as a power cut would."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1][:LAST_WORDS_LIMIT] if lines else "it said nothing"


def start(directory: Path, port: int = 0, *, name: str = "") -> Broker:
    """Start a broker with its configuration and log in `directory`, and wait until it accepts connections.

    Args:
        directory: made if it is missing.
        port: where to listen; 0 for any free port.
        name: "mosquitto" or "amqtt"; by default the first that is installed.

    Raises:
        UnavailableError: no broker is installed, the port is taken, or the broker does not come up.
        FileTroubleError: the directory cannot be written.
    """
    port = free_port(port)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        name, command = _prepare(directory, port, name)
    except OSError as error:
        raise _no_room(directory, error) from error
    return _launch(directory, name, command, port, accepts)


def start_provisioned(directory: Path, provisioned: Path, port: int) -> Broker:
    """Start a mosquitto that reads what `ridgekey gateway provision broker` wrote, as Debian's does.

    Args:
        directory: for its own configuration and log; made if it is missing.
        provisioned: directory with a `*.conf` that says everything else.
        port: where that makes it listen.

    Raises:
        UnavailableError: mosquitto is not installed, or does not come up.
        FileTroubleError: the directory cannot be written.
    """
    mosquitto = shutil.which("mosquitto")
    if mosquitto is None:
        raise UnavailableError("mosquitto is not installed; install Debian's package of this name")
    config = directory / "mosquitto.conf"
    lines = ["persistence false", "log_dest stderr", f"include_dir {provisioned}", *_as_starter()]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        config.write_text("\n".join(lines) + "\n", encoding="ascii")
    except OSError as error:
        raise _no_room(directory, error) from error
    return _launch(directory, "mosquitto", [mosquitto, "-c", str(config)], port, listens)


def _launch(
    directory: Path, name: str, command: list[str], port: int, answers: Callable[[int], bool]
) -> Broker:
    """Start a broker's process, its log in `directory`, and wait until it answers."""
    try:
        log = directory / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the starter, which ends the broker in its turn
            )
    except OSError as error:
        raise _no_room(directory, error) from error
    broker = Broker(name, port, process, log)
    try:
        broker.wait_ready(answers)
    except BaseException:
        broker.stop()
        raise
    return broker


def free_port(port: int = 0) -> int:
    """`port` if nothing listens there, or any free port for 0.

    Raises:
        UnavailableError: the port is taken or not ours to use.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # old connections do not count
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UnavailableError(
                f"cannot use port {port} for the broker: {reason}; stop what uses it or choose another"
            ) from error
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether anybody listens at `port`: all that can be seen of a broker without a certificate for it."""
    try:
        with socket.create_connection((HOST, port), REPLY_SECONDS):
            return True
    except OSError:
        return False


def accepts(port: int) -> bool:
    """Whether an MQTT broker at `port` accepts a client."""
    try:
        with socket.create_connection((HOST, port), REPLY_SECONDS) as connection:
            connection.sendall(CONNECT)
            reply = b""
            while len(reply) < len(CONNACK) and (chunk := connection.recv(len(CONNACK) - len(reply))):
                reply += chunk
            connection.sendall(DISCONNECT)
    except OSError:
        return False
    return reply == CONNACK


def _prepare(directory: Path, port: int, wanted: str) -> tuple[str, list[str]]:
    """Write the configuration of the broker that this machine has; returns its name and command line."""
    if wanted != "amqtt" and (mosquitto := shutil.which("mosquitto")):
        config = directory / "mosquitto.conf"
        config.write_text(mosquitto_config(port), encoding="ascii")
        return "mosquitto", [mosquitto, "-c", str(config)]
    if wanted != "mosquitto" and importlib.util.find_spec("amqtt"):
        config = directory / "amqtt.yaml"
        config.write_text(amqtt_config(port), encoding="ascii")
        return "amqtt", [sys.executable, "-m", "amqtt.scripts.broker_script", "-c", str(config)]
    raise UnavailableError(
        "no MQTT broker on this machine; install Debian's mosquitto, or amqtt: pip install 'ridgekey[hw]'"
    )


def mosquitto_config(port: int) -> str:
    """Configuration for mosquitto 2 (mosquitto.conf(5))."""
    lines = [f"listener {port} {HOST}", "allow_anonymous true", "persistence false", "log_dest stderr"]
    return "\n".join([*lines, *_as_starter()]) + "\n"


def _as_starter() -> list[str]:
    """Started by root mosquitto would become a user who cannot enter the directory."""
    return ["user root"] if os.geteuid() == 0 else []


def _no_room(directory: Path, error: OSError) -> FileTroubleError:
    return FileTroubleError(f"cannot start a broker in {directory}: {error.strerror}; give another directory")


def amqtt_config(port: int) -> str:
    """Configuration for amqtt: one listener, and no plugin but the one that lets clients in."""
    return f"""\
listeners:
  default:
    type: tcp
    bind: {HOST}:{port}
plugins:
  hw.amqtt_clients.AnyClient: {{}}
"""
