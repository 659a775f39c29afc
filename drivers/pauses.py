"""How long to wait before the next attempt to connect, whatever the link is made of."""

from dataclasses import dataclass

MOST_DOUBLINGS = 32
"""Beyond any longest pause, and well within a float."""


@dataclass(frozen=True)
class Pauses:
    """Seconds between attempts.

    Attributes:
        first: before the second attempt; doubles with each failure in a row.
        longest: pause between attempts.
        refused: pause after a refusal, an operator's work that trying faster does not speed up.
        jitter: share of each pause that is random: kiosks that lost the other side together do not return
            together.
        steady: a connection that lasted so long was a good one, and the failures before it are forgotten.
    """

    first: float = 0.5
    longest: float = 60.0
    refused: float = 60.0
    jitter: float = 0.5
    steady: float = 10.0

    def pause(self, failures: int, chance: float, *, refused: bool) -> float:
        """Seconds until the next attempt.

        Args:
            failures: in a row, from 1.
            chance: in [0, 1).
            refused: whether the last one was a refusal.
        """
        doubled = self.first * 2.0 ** min(failures - 1, MOST_DOUBLINGS)
        whole = self.refused if refused else min(doubled, self.longest)
        return whole * (1.0 - self.jitter * chance)
