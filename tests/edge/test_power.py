"""The power goes, at every moment: what a person was told holds, and nothing is half there."""

import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.acts import ActKind
from contracts.messages import ReceiptStatus
from edge.errors import StateError, UnavailableError
from edge.links.outbox import Outbox
from edge.state.database import Database
from tests.edge.power import PEOPLE, digest_of
from tests.edge.test_outbox import ANNA, receipt


def check(place: Path) -> None:
    """What was promised is so; what is there is whole."""
    path = place / "promises"
    promises = path.read_text().split("\n")[:-1] if path.exists() else []
    with Database(place / "kiosk.sqlite") as database:
        assert database.rows("PRAGMA integrity_check")[0][0] == "ok"
        outbox = Outbox(database, limit=10)
        there = {entry.digest: entry for entry in outbox.history(None, 10)}
        for number in range(len(PEOPLE)):
            entry = there.get(digest_of(number))
            sends = [promise for promise in promises if promise.startswith(f"sent {number}")]
            assert entry is not None or f"put {number}" not in promises, "a message was lost"
            assert entry is None or entry.attempts >= len(sends), "a resend would look like news"
            assert sends[1:] == [], "a message was sent twice"
            if entry is not None:
                assert outbox.message(entry.digest) == bytes([number]) * 5000
                assert (entry.status is None) == (entry.receipt is None)
                settled = entry.status is ReceiptStatus.FINAL
                assert settled or f"settled {number}" not in promises, "a receipt was lost"
                assert not settled or entry.receipt == b"receipt %d" % number


def test_kill_9_before_every_statement(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.edge.power", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rounds = int(done.stdout)
    assert rounds > 30
    for number in range(1, rounds + 2):
        check(tmp_path / str(number))


def test_a_log_that_was_cut_anywhere_gives_back_a_beginning(tmp_path: Path) -> None:
    """After a power cut the end of SQLite's log may be missing, or be what was there before."""
    whole = tmp_path / "whole"
    whole.mkdir()
    count = 8
    ends = []
    with Database(whole / "kiosk.sqlite") as database:
        outbox = Outbox(database, limit=100)
        log = whole / "kiosk.sqlite-wal"
        for number in range(count):
            outbox.put(digest_of(number), ActKind.DENY, ANNA, ANNA, bytes([number]) * 9000, deadline=None)
            ends.append(log.stat().st_size)
        shutil.copytree(whole, tmp_path / "copy")
    length = ends[-1]
    for number, cut in enumerate(sorted({*range(0, length, 3001), *ends, *(end - 1 for end in ends)})):
        place = tmp_path / str(number)
        shutil.copytree(tmp_path / "copy", place)
        with (place / "kiosk.sqlite-wal").open("r+b") as file:
            if number % 2:
                file.truncate(cut)
            else:
                file.seek(cut)
                file.write(bytes(length - cut))
        with Database(place / "kiosk.sqlite") as database:
            assert database.rows("PRAGMA integrity_check")[0][0] == "ok"
            found = [entry.digest for entry in Outbox(database, limit=100).queue()]
        assert found == [digest_of(each) for each in range(len(found))]
        assert len(found) >= sum(end <= cut for end in ends), (
            "an act whose transaction was on the disk is gone"
        )
        shutil.rmtree(place)


def test_a_put_that_returned_was_synchronised(tmp_path: Path) -> None:
    """Kill -9 leaves the kernel's memory; so count what SQLite hands to fsync as well."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    script = f"""
from pathlib import Path
from contracts.acts import ActKind
from edge.links.outbox import Outbox
from edge.state.database import Database
outbox = Outbox(Database(Path({str(tmp_path / "kiosk.sqlite")!r})), limit=10)
print("begin", flush=True)
for number in range(5):
    outbox.put(bytes([number]) * 32, ActKind.DENY, bytes(20), bytes(20), b"m", deadline=None)
    print("put", flush=True)
"""
    trace = tmp_path / "trace"
    command = [
        "strace",
        "-f",
        "-e",
        "trace=fsync,fdatasync,write",
        "-o",
        str(trace),
        sys.executable,
        "-c",
        script,
    ]
    subprocess.run(command, check=True, capture_output=True)
    calls = trace.read_text().partition("begin")[2].split('"put\\n"')
    assert all("fdatasync(" in call or "fsync(" in call for call in calls[:5])


def limit_file_size() -> None:
    """The disk takes no file beyond 256 KiB: writes fail as on a full one."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 10, 256 << 10))


FILL = """
import sys
from pathlib import Path
from contracts.acts import ActKind
from edge.errors import StateError, UnavailableError
from edge.links.outbox import Outbox
from edge.state.database import Database
outbox = Outbox(Database(Path(sys.argv[1])), limit=1000)
for number in range(1, 100):
    try:
        outbox.put(bytes([number]) * 32, ActKind.DENY, bytes(20), bytes(20), bytes(20_000), deadline=None)
    except StateError as error:
        print(error)
        print(outbox.waiting() == number - 1)
        break
    print(number)
"""


def test_writes_that_fail_on_the_disk_itself_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.sqlite"
    filled = subprocess.run(
        [sys.executable, "-c", FILL, str(path)],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=limit_file_size,
    )
    *taken, words, nothing_lost = filled.stdout.splitlines()
    assert "no room on the disk" in words
    assert nothing_lost == "True"
    assert len(taken) > 3
    with Database(path) as database:
        outbox = Outbox(database, limit=1000)
        assert [entry.digest for entry in outbox.queue()] == [bytes([int(number)]) * 32 for number in taken]
        assert outbox.settle(receipt(bytes([1]) * 32), b"receipt")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB, where this process may make one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this process may not mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_file_system_loses_nothing(small_disk: Path) -> None:
    with Database(small_disk / "kiosk.sqlite") as database:
        outbox = Outbox(database, limit=1000)
        with pytest.raises(UnavailableError, match="disk is nearly full"):
            outbox.check_room()
        taken = put_until_full(outbox)
        assert len(taken) > 3
        assert [entry.digest for entry in outbox.queue()] == taken
        larger = ["mount", "-o", "remount,size=8m", str(small_disk)]
        subprocess.run(larger, check=True)  # an operator makes room
        for digest in taken:
            assert outbox.settle(receipt(digest), b"receipt")


def put_until_full(outbox: Outbox) -> list[bytes]:
    taken: list[bytes] = []
    while len(taken) < 200:
        digest = digest_of(len(taken))
        try:
            outbox.put(digest, ActKind.DENY, ANNA, ANNA, bytes(50_000), deadline=None)
        except StateError:
            return taken
        taken.append(digest)
    raise AssertionError("10 MB found room in 2 MB")
