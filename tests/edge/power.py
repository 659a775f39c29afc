"""A kiosk's outbox that is killed at a chosen statement; run as a process of its own by `test_power`.

Each round forks, does the whole life of three messages in the child, and has the child kill itself with
SIGKILL just before its n-th SQL statement, until a round gets through. What the child has been promised it
writes to a file first, as a person would have been told: line by line.
"""

import itertools
import os
import signal
import sys
from pathlib import Path

from contracts.acts import ActKind
from contracts.messages import Receipt, ReceiptStatus
from edge.links.courier import Courier
from edge.links.link import LinkState, LinkStatus
from edge.links.outbox import Outbox
from edge.links.schedule import Route
from edge.state.database import Database

PEOPLE = [b"\x01" * 20, b"\x01" * 20, b"\x02" * 20]
"""Who signs the messages 0, 1 and 2."""


def digest_of(number: int) -> bytes:
    return bytes([number]) * 32


class Wire:
    """A link; what it is given has left the kiosk."""

    def __init__(self, promises: "Promises") -> None:
        self._promises = promises

    @property
    def status(self) -> LinkStatus:
        return LinkStatus(LinkState.UP)

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def send(self, message: bytes, *, again: bool) -> None:
        self._promises.make(f"sent {message[0]} {int(again)}")


class Promises:
    """What the world outside has been told, in a file that survives."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)

    def make(self, promise: str) -> None:
        self._file.write(promise + "\n")


def live(database: Database, promises: Promises) -> None:
    """Three messages from finger to receipt, and what comes between."""
    outbox = Outbox(database, limit=10)
    route = Route("wire", Wire(promises))
    courier = Courier(outbox, [route])
    for number, person in enumerate(PEOPLE):
        outbox.put(digest_of(number), ActKind.DENY, person, person, bytes([number]) * 5000, deadline=None)
        promises.make(f"put {number}")
    for number in (0, 2, 1):
        while courier.carry(route):
            pass
        digest = digest_of(number)
        receipt = Receipt("test", digest, ReceiptStatus.FINAL, bytes(32), 1, "", 1)
        outbox.settle(receipt, b"receipt %d" % number)
        promises.make(f"settled {number}")


def main(directory: Path) -> None:
    """Kill at statement 1, 2, 3, … until there are no more; prints how many there were."""
    for last in itertools.count(1):
        place = directory / str(last)
        place.mkdir()
        child = os.fork()
        if child == 0:
            statements = itertools.count(1)

            def count(_: str, last: int = last, statements: "itertools.count[int]" = statements) -> None:
                if next(statements) == last:
                    os.kill(os.getpid(), signal.SIGKILL)

            database = Database(place / "kiosk.sqlite")
            database._connection.set_trace_callback(count)
            live(database, Promises(place / "promises"))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) == 0:
            print(last - 1)
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
