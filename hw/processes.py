"""The parts of ridgekey as processes of their own: started here, waited for, ended or killed."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hw.errors import BenchError

START_SECONDS = 60.0
"""Longest wait for a part's readiness: the first import of onnxruntime from a cold SD card is slow."""

STOP_SECONDS = 5.0
"""Time between the polite signal and the one that cannot be refused."""

READY_LINE_LIMIT = 64 * 1024
"""A readiness line is a small JSON object; more than this is not one."""

COMMAND = (sys.executable, "-m", "ridgekey")


class PartError(BenchError):
    """A part did not start, or ended before its time."""

    exit_code = 69


class Part:
    """One `ridgekey ...` process, with its log in a file; used in a `with`, which also ends it.

    Args:
        name: what the person calls it: "sensor", "gateway", ...
        argv: the words after `ridgekey`.
        log: file for what it writes to stderr; on stdout a part says one line, its readiness.
    """

    def __init__(self, name: str, argv: Sequence[str], log: Path) -> None:
        self.name = name
        self.log = log
        self._log_file = log.open("ab")
        self._out, theirs = os.pipe()
        self._process = subprocess.Popen(
            [*COMMAND, *argv],
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=self._log_file,
            start_new_session=True,  # Ctrl-C reaches the starter alone, which then ends its parts in order
        )
        os.close(theirs)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def wait_ready(self) -> dict[str, Any]:
        """The part's readiness line, a JSON object; raises `PartError` with the part's own last words."""
        deadline = time.monotonic() + START_SECONDS
        line = b""
        while not line.endswith(b"\n") and len(line) < READY_LINE_LIMIT:
            if not select.select([self._out], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise PartError(f"the {self.name} was not ready after {START_SECONDS:.0f} s; see {self.log}")
            chunk = os.read(self._out, 4096)
            if not chunk:
                raise PartError(f"the {self.name} ended before it was ready: {self.last_words()}")
            line += chunk
        try:
            ready: dict[str, Any] = json.loads(line)
        except ValueError:
            raise PartError(
                f"the {self.name} said something else than its readiness: see {self.log}"
            ) from None
        return ready

    def check(self) -> None:
        """Raise `PartError` if the process has ended."""
        if self._process.poll() is not None:
            raise PartError(f"the {self.name} ended with {self._process.returncode}: {self.last_words()}")

    def last_words(self) -> str:
        """The last line of the part's log: usually the reason of its end."""
        self._log_file.flush()
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"

    def kill(self) -> None:
        """End the process as a power cut would."""
        self._process.kill()
        self._process.wait()
        self.stop()

    def stop(self) -> int:
        """End the process, politely first; returns its exit status. A second time changes nothing."""
        if self._log_file.closed:
            return self._process.returncode
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        os.close(self._out)
        self._log_file.close()
        return self._process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
