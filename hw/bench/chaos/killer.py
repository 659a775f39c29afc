"""Who is killed, and when: at random, while an act is in some state of the journal, or amid a start."""

import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import cycle
from pathlib import Path

STATES = ("received", "verified", "signed", "accepted", "mined")
"""The journal's states between arrival and receipt, as `ridgekey gateway journal` names them."""

STARTING = "starting"
"""Named like a state: the gateway has been started and is not ready yet."""

LONGEST_WAIT = 1.0
"""Seconds within which a random moment lies; a gateway is ready after two or three."""

LONGEST_WATCH = 2.0
"""Seconds for which a state is waited for at most."""

GLANCE = 0.0005
"""Seconds between two looks into the journal; an act is in most states for a millisecond or two."""


class Victim(Enum):
    """Which process is killed."""

    GATEWAY = "gateway"
    """Its embedded ledger dies with it, as it would in a power cut."""

    LEDGER = "ledger"
    """The gateway lives on and starts it again."""


@dataclass(frozen=True)
class Blow:
    """One kill, as it is planned.

    Attributes:
        victim: who.
        moment: the journal's state at which it is to fall, or `STARTING`; empty for a random moment.
        wait: seconds to wait where no state is waited for.
    """

    victim: Victim
    moment: str
    wait: float


@dataclass(frozen=True)
class Fallen:
    """What became of a planned kill.

    Attributes:
        blow: as it was planned.
        hit: there was a process to kill.
        seen: the state that was waited for showed just before.
    """

    blow: Blow
    hit: bool
    seen: bool


def blows(seed: int) -> Iterator[Blow]:
    """Kills without end: of four one at a random moment, one in the midst of a start, two at states, in turn.

    Before each that falls into a start the gateway is killed, so that there is a start.
    """
    dice = random.Random(seed)  # noqa: S311 - the same run again for the same seed
    states = cycle(STATES)
    while True:
        for anybody, moment in ((True, ""), (False, next(states)), (False, STARTING), (True, next(states))):
            victim = dice.choice(list(Victim)) if anybody else Victim.GATEWAY
            yield Blow(victim, moment, dice.uniform(0, LONGEST_WAIT))


def strike(blow: Blow, journal: Path, gateway: int) -> Fallen:
    """Wait for the moment and kill.

    Args:
        blow: as planned.
        journal: the gateway's journal, which is only read.
        gateway: process id of the gateway.
    """
    seen = False
    if blow.moment in STATES:
        seen = _await_state(journal, blow.moment)
    else:
        time.sleep(blow.wait)
    pid = gateway if blow.victim is Victim.GATEWAY else ledger_of(gateway)
    if pid:
        os.kill(pid, signal.SIGKILL)
    return Fallen(blow, bool(pid), seen)


def ledger_of(gateway: int) -> int:
    """Process id of the gateway's embedded ledger; 0 if it has none just now."""
    for tasks in Path(f"/proc/{gateway}/task").glob("*/children"):
        children = tasks.read_text().split()
        if children:
            return int(children[0])
    return 0


def _await_state(journal: Path, state: str) -> bool:
    """Whether an act was seen in this state before patience ended."""
    deadline = time.monotonic() + LONGEST_WATCH
    connection = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
    try:
        while time.monotonic() < deadline:
            if connection.execute("SELECT 1 FROM entries WHERE state = ? LIMIT 1", (state,)).fetchone():
                return True
            time.sleep(GLANCE)
    except sqlite3.Error:
        return False  # the journal is just being made, or opened by the next gateway
    finally:
        connection.close()
    return False
