"""Rate limits: when somebody's next act may go. Pure.

The generic cell rate algorithm (ITU-T I.371, annex A): one number for each limited party says when an evenly
spaced stream would send its next act; whoever is at most a burst ahead of that goes at once.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """So many acts a minute in the long run, and so many at once."""

    per_minute: int
    burst: int


def turn(rate: Rate, earliest: float, now: float) -> tuple[int, float]:
    """When an act that comes now may go.

    Args:
        rate: The limit.
        earliest: What this function returned last for the same party; 0 at first.
        now: Unix time.

    Returns:
        The Unix time from which the act may go, 0 if at once, and the number to keep for the next one.
    """
    interval = 60 / rate.per_minute
    expected = max(earliest, now)
    due = expected - (rate.burst - 1) * interval
    return (math.ceil(due) if due > now else 0), expected + interval
