"""Runs `ridgekey` sub-commands the way a person or a script would, and reads their JSON lines."""

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hw.errors import BenchError
from hw.processes import COMMAND

Event = dict[str, Any]
"""One JSON line of a command."""


class CommandRefusedError(BenchError):
    """A sub-command ended with another exit status than 0.

    Attributes:
        status: the command's exit status.
        reason: its one line of explanation: the `reason` of its result, or its last words on stderr.
    """

    def __init__(self, argv: Sequence[str], status: int, reason: str) -> None:
        super().__init__(f"`ridgekey {' '.join(argv[:2])}` ended with {status}: {reason}")
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Answer:
    """What a command said: every JSON line, and the last one apart."""

    events: list[Event]

    @property
    def result(self) -> Event:
        """The last line, which is the command's result."""
        return self.events[-1] if self.events else {}

    def named(self, name: str) -> list[Event]:
        """All events of one name, in order."""
        return [event for event in self.events if event.get("event") == name]


def run(argv: Sequence[str], on_event: Callable[[Event], None] = lambda _: None) -> Answer:
    """Run `ridgekey ARGV --json` to its end, with each line handed to `on_event` as it comes.

    Raises:
        CommandRefusedError: the command ended with another status than 0.
    """
    events: list[Event] = []
    with subprocess.Popen(
        [*COMMAND, *argv, "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            for line in process.stdout or ():
                events.append(json.loads(line))
                on_event(events[-1])
            words = [] if process.stderr is None else process.stderr.read().strip().splitlines()
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        told = events[-1].get("reason") if events else None
        last_words = words[-1].removeprefix("ridgekey: ") if words else "no reason given"
        raise CommandRefusedError(argv, process.returncode, str(told or last_words))
    return Answer(events)
