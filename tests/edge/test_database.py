"""The state file: durable, private, and clear about what is wrong with it."""

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import NotFoundError, StateError, UsageError
from edge.state import subjects
from edge.state.database import Database
from edge.state.subjects import Subject


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kiosk.sqlite"


def person(number: int) -> Subject:
    return Subject(bytes([number]) * 20, b"sealed", number)


def test_is_private_durable_and_journalled(path: Path) -> None:
    with Database(path) as database:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert database.rows("PRAGMA journal_mode")[0][0] == "wal"
        assert database.rows("PRAGMA synchronous")[0][0] == 2  # FULL


def test_survives_kill_9_right_after_a_transaction(path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from edge.state import subjects
from edge.state.database import Database
database = Database(Path({str(path)!r}))
subjects.add(database, subjects.Subject(b'\\x01' * 20, b'sealed', 1))
with database.transaction() as connection:
    connection.execute("DELETE FROM subjects")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    with Database(path) as database:
        assert subjects.everyone(database) == [person(1)]


def add_both_and_fail(database: Database) -> None:
    with database.transaction():
        subjects.add(database, person(1))
        subjects.add(database, person(2))
        raise ZeroDivisionError


def test_a_transaction_is_all_or_nothing_also_when_nested(path: Path) -> None:
    with Database(path) as database:
        with pytest.raises(ZeroDivisionError):
            add_both_and_fail(database)
        assert subjects.everyone(database) == []


def test_a_full_disk_is_one_clear_line_and_loses_nothing(path: Path) -> None:
    with Database(path) as database:
        subjects.add(database, person(1))
        pages = database.rows("PRAGMA page_count")[0][0]
        database.rows(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(StateError, match="no room on the disk") as full:
            subjects.add(database, Subject(b"\x02" * 20, bytes(100_000), 2))
        assert full.value.exit_code == 74
        assert subjects.everyone(database) == [person(1)]
        database.rows("PRAGMA max_page_count = 1000000")
        subjects.add(database, Subject(b"\x02" * 20, bytes(100_000), 2))
        assert len(subjects.everyone(database)) == 2


def test_a_later_versions_file_is_left_alone(path: Path) -> None:
    with Database(path) as database:
        database.rows("PRAGMA user_version = 99")
    with pytest.raises(StateError, match="later ridgekey"):
        Database(path)


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to look like one" * 20, b"\x00" * 4096]
)
def test_a_damaged_file_is_named(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StateError, match="damaged"):
        Database(path)


def test_a_place_without_a_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot open"):
        Database(tmp_path / "missing" / "kiosk.sqlite")


def test_another_programs_lock_is_waited_for_then_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.state.database.BUSY_SECONDS", 0.1)
    with Database(path) as database:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match="locked"):
            subjects.add(database, person(1))
        other.execute("ROLLBACK")
        other.close()
        subjects.add(database, person(1))


def test_the_one_person_need_not_be_named(path: Path) -> None:
    with Database(path) as database:
        with pytest.raises(NotFoundError, match="nobody is enrolled"):
            subjects.candidates(database, None, 2)
        subjects.add(database, person(1))
        assert subjects.candidates(database, None, 2) == [person(1)]
        subjects.add(database, person(2))
        assert subjects.candidates(database, None, 2) == [person(2), person(1)]
        subjects.add(database, person(3))
        with pytest.raises(UsageError, match="--subject"):
            subjects.candidates(database, None, 2)
        assert subjects.candidates(database, b"\x02" * 20, 2) == [person(2)]
        with pytest.raises(NotFoundError, match="not enrolled"):
            subjects.candidates(database, b"\x04" * 20, 2)
