"""A PostgreSQL server of the tests' own, from Debian's package: no TCP, a socket in a short directory."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

MEMORY = Path("/dev/shm")
ROLE = "ridgekey"
START_SECONDS = 30.0


def binaries() -> Path | None:
    """Where Debian's package has the newest server; None where it is not installed."""
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(found, key=lambda path: int(path.parts[-3]), default=None)
    return newest and newest.parent


class Cluster:
    """A server and its data; what it writes need not survive a loss of power, and so waits for no disk."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._numbers = count(1)
        self._user: dict[str, Any] = {}
        memory = MEMORY if MEMORY.is_dir() else None
        # A socket's path has 107 bytes at most: too few for pytest's directories.
        self.directory = Path(tempfile.mkdtemp(prefix="rk-pg-", dir=memory))
        if os.geteuid() == 0:  # as whom the server refuses to run
            user = _unprivileged()
            os.chown(self.directory, user.pw_uid, user.pw_gid)
            self._user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._data = self.directory / "data"
        self._run(
            "initdb", "--pgdata", str(self._data), "--username", ROLE, "--auth", "trust", "--no-sync",
            "--encoding", "UTF8", "--locale", "C",
        )  # fmt: skip
        self.start()

    def start(self) -> None:
        command = [
            str(self._programs / "postgres"), "-D", str(self._data), "-k", str(self.directory),
            "-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=16MB",
        ]  # fmt: skip
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd="/", start_new_session=True, **self._user
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.ask("SELECT 1")
                return
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.directory / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: by SIGINT with a word to its clients, by SIGQUIT as in a crash."""
        self.process.send_signal(how)
        self.process.wait(timeout=30)

    def remove(self) -> None:
        if self.process.poll() is None:
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self.directory)

    def place(self) -> str:
        """The URL of a new journal: a schema, which costs less than a database of its own."""
        name = f"journal{next(self._numbers)}"
        self.ask(f"CREATE SCHEMA {name}")
        return self.url("postgres", f"&options=-csearch_path%3D{name}")

    def url(self, database: str, more: str = "") -> str:
        return f"postgresql:///{database}?host={self.directory}&user={ROLE}{more}"

    def ask(self, statement: str, url: str = "") -> list[tuple[Any, ...]]:
        """What a statement finds, for an onlooker; of the journal at `url`."""
        with psycopg.connect(url or self.url("postgres"), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            capture_output=True, text=True, check=False, cwd="/", **self._user,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def _unprivileged() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
