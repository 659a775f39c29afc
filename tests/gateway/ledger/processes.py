"""A ledger node as its own process, started the way a user starts it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.ledger.account import KEY_FILE, Relayer
from gateway.ledger.client import LedgerClient

ENVIRONMENT = "test"


class Node:
    """A running `ridgekey ledger run`."""

    def __init__(self, state: Path, *options: str) -> None:
        self.state = state
        command = [sys.executable, "-m", "ridgekey", "ledger", "run", "--json", "--state", str(state)]
        if "--listen" not in options:
            command += ["--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the node ended with {self.process.wait()}"
        self.ready = json.loads(line)
        self.url: str = self.ready["url"]

    def client(self) -> LedgerClient:
        return LedgerClient(self.url)

    def relayer(self) -> Relayer:
        return Relayer.load(self.state / KEY_FILE)

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(10)


@contextmanager
def running(state: Path, *options: str) -> Iterator[Node]:
    node = Node(state, *options)
    try:
        yield node
    finally:
        node.stop()


def ridgekey(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a user types it."""
    return subprocess.run(
        [sys.executable, "-m", "ridgekey", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
