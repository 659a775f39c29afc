"""Who is killed, and when: at a random moment, or as soon as the journal shows an act in a certain state."""

import os
import random
import signal
import sqlite3
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

STATES = ("received", "verified", "signed", "accepted", "mined")
"""The journal's states between arrival and receipt, as `ridgekey gateway journal` names them."""

LONGEST_WAIT = 2.0
"""Seconds: a random moment lies within, and no longer is a state waited for."""

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
    """One kill.

    Attributes:
        victim: who.
        state: the journal's state at which it was meant to fall; empty for a random moment.
        seen: whether that state was seen just before.
    """

    victim: Victim
    state: str
    seen: bool


def blows(seed: int, count: int) -> list[tuple[Victim, str, float]]:
    """Victim, state and random wait of each kill: half at random moments, half between states, in turn."""
    dice = random.Random(seed)  # noqa: S311 - the same run again for the same seed
    plan = []
    for number in range(count):
        victim = dice.choice((Victim.GATEWAY, Victim.GATEWAY, Victim.LEDGER))
        state = STATES[number // 2 % len(STATES)] if number % 2 else ""
        plan.append((victim, state, dice.uniform(0, LONGEST_WAIT)))
    return plan


def strike(victim: Victim, state: str, wait: float, journal: Path, gateway: int) -> Blow:
    """Wait for the moment and kill.

    Args:
        victim: who.
        state: the state to wait for, or nothing.
        wait: seconds to wait if no state is waited for.
        journal: the gateway's journal, which is only read.
        gateway: process id of the gateway.
    """
    seen = False
    if state:
        seen = _await_state(journal, state)
    else:
        time.sleep(wait)
    pid = gateway if victim is Victim.GATEWAY else ledger_of(gateway)
    if pid:
        os.kill(pid, signal.SIGKILL)
    return Blow(victim, state, seen)


def ledger_of(gateway: int) -> int:
    """Process id of the gateway's embedded ledger; 0 if it has none just now."""
    for tasks in Path(f"/proc/{gateway}/task").glob("*/children"):
        children = tasks.read_text().split()
        if children:
            return int(children[0])
    return 0


def _await_state(journal: Path, state: str) -> bool:
    """Whether an act was seen in this state before patience ended."""
    deadline = time.monotonic() + LONGEST_WAIT
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
