"""An engine as a process of its own: started, waited for until it answers, stopped, killed, started again."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.ledger.client import LedgerClient
from gateway.ledger.errors import LedgerError
from hw.errors import FileTroubleError, UnavailableError

HOST = "127.0.0.1"

START_SECONDS = 60.0
"""Longest wait for the first answer; geth takes two seconds, more on a busy machine."""

STOP_SECONDS = 20.0
POLL_SECONDS = 0.05
LAST_WORDS_LIMIT = 300


class Engine:
    """A process that speaks `eth_*` JSON-RPC on 127.0.0.1; used in a `with`, which also ends it.

    Attributes:
        name: what it is called in messages.
        url: its JSON-RPC.
        log: all that it says.
    """

    def __init__(self, name: str, command: Sequence[str | Path], port: int, log: Path) -> None:
        """Prepare; nothing runs before `start`."""
        self.name, self.url, self.log = name, f"http://{HOST}:{port}", log
        self._command = [str(word) for word in command]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process and wait until it answers.

        Raises:
            UnavailableError: it ended, or does not answer in time.
            FileTroubleError: its log cannot be written, or the program is not there.
        """
        try:
            with self.log.open("ab") as output:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C is for the starter, which ends the engine in its turn
                )
        except OSError as error:
            raise FileTroubleError(f"cannot start {self.name}: {error.strerror}") from error
        try:
            self._wait_ready(self._process)
        except BaseException:
            self.kill()
            raise

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it politely, by force if it lingers; does nothing to one that has ended."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        with LedgerClient(self.url, timeout=5.0) as client:
            while True:
                try:
                    client.chain_id()
                except LedgerError:
                    if process.poll() is not None:
                        raise UnavailableError(f"{self.name} did not start: {last_words(self.log)}") from None
                    if time.monotonic() > deadline:
                        raise UnavailableError(
                            f"{self.name} does not answer after {START_SECONDS:.0f} s; see {self.log}"
                        ) from None
                    time.sleep(POLL_SECONDS)
                else:
                    return


def last_words(log: Path) -> str:
    """The last line that an engine said."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:LAST_WORDS_LIMIT] if lines else "it said nothing"
