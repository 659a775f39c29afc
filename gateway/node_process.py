"""The embedded ledger: `ridgekey ledger run` as a child process, started again when it dies."""

import ctypes
import json
import logging
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from contracts.hexes import to_hex
from contracts.labels import clean
from gateway.errors import GatewayError

LOG = logging.getLogger(__name__)

START_TIMEOUT = 60.0  # seconds; a slow machine needs ten
STOP_TIMEOUT = 10.0
RESTART_PAUSE = 2.0
"""Seconds between two attempts to bring a dead ledger back."""
PR_SET_PDEATHSIG = 1  # prctl(2)


class NodeProcessError(GatewayError):
    """The embedded ledger doesn't start; its own words and exit code."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class NodeProcess:
    """The child process. To be used from the main thread, as its life hangs on the thread that starts it."""

    def __init__(self, state: Path, listen: tuple[str, int], chain_id: int | None, funded: bytes) -> None:
        """Start the ledger and wait until it answers.

        Args:
            state: Its directory.
            listen: Host and port; port 0 takes a free one, and keeps it over restarts.
            chain_id: Chain id that it must have; None for its own, or the usual one of a new ledger.
            funded: Address that owns the funds of a new ledger.

        Raises:
            NodeProcessError: It doesn't start.
        """
        self._state, self._chain_id, self._funded = state, chain_id, funded
        self._host, self._port = listen
        self._last_words = ""
        self._died_at = 0.0
        self._process, self.url = self._start()
        self._port = urlsplit(self.url).port or self._port

    def check(self) -> None:
        """Start the ledger again if it has died; to be called every now and then."""
        if self._process.poll() is None or time.monotonic() - self._died_at < RESTART_PAUSE:
            return
        LOG.warning("the embedded ledger ended with code %s; starting it again", self._process.returncode)
        self._died_at = time.monotonic()
        try:
            self._process, _ = self._start()
        except NodeProcessError as error:
            LOG.error("%s", error)  # noqa: TRY400 - one line is enough

    def stop(self) -> None:
        """End the ledger, by force if it lingers."""
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> tuple[subprocess.Popen[bytes], str]:
        process = subprocess.Popen(
            self._command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the gateway, which then ends the ledger
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call, resolved before the fork
        )
        assert process.stdout is not None  # noqa: S101 - a pipe
        assert process.stderr is not None  # noqa: S101 - a pipe
        listener = threading.Thread(target=self._listen_to, args=(process.stderr,), daemon=True)
        listener.start()
        line = _first_line(process.stdout, START_TIMEOUT)
        try:
            return process, str(json.loads(line)["url"])
        except (ValueError, KeyError, TypeError):
            process.kill()
            code = process.wait()
            listener.join(1)
            words = self._last_words or "it did not say why"
            raise NodeProcessError(f"the embedded ledger does not start: {words}", max(code, 1)) from None

    def _command(self) -> list[str]:
        host = f"[{self._host}]" if ":" in self._host else self._host
        wanted = [] if self._chain_id is None else ["--chain-id", str(self._chain_id)]
        return [
            sys.executable, "-m", "ridgekey", "ledger", "run", "--json", "--state", str(self._state),
            "--listen", f"{host}:{self._port}", *wanted, "--fund", to_hex(self._funded),
        ]  # fmt: skip

    def _listen_to(self, pipe: IO[bytes]) -> None:
        for line in pipe:
            self._last_words = clean(line.decode(errors="replace").removeprefix("ridgekey: "), 500)
            LOG.warning("ledger: %s", self._last_words)


def _first_line(pipe: IO[bytes], timeout: float) -> bytes:
    """The first line of a pipe, empty at its end or after `timeout` seconds."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=lambda: lines.put(pipe.readline()), daemon=True).start()
    try:
        return lines.get(timeout=timeout)
    except queue.Empty:
        return b""


_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Have the ledger end with the gateway, also on kill -9: the next one needs its port and its file."""
    if _PRCTL is not None:
        _PRCTL(PR_SET_PDEATHSIG, signal.SIGKILL)  # at once; the ledger is made to survive that
