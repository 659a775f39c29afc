"""What goes wrong on the air, at a moment that the test chooses."""

from collections import Counter
from dataclasses import dataclass
from enum import Enum


class Mishap(Enum):
    """What happens to one packet."""

    LOST_BEFORE = "the link drops in place of the packet"
    LOST_AFTER = "the packet arrives, and the link drops before its sender hears of it"
    TWICE = "the packet arrives twice"


@dataclass(frozen=True)
class Fault:
    """A mishap and when it strikes, once.

    Attributes:
        mishap: what happens.
        uuid: of the characteristic whose writes or notifications are counted.
        number: of the packet that it strikes, counted from the moment of arming; 1 is the next.
    """

    mishap: Mishap
    uuid: str
    number: int = 1


class Faults:
    """The faults that lie in wait.

    Attributes:
        seconds_per_packet: a slow air: how long each write and each notification of a characteristic takes.
        packets: how many of each characteristic's there were.
    """

    def __init__(self) -> None:
        self.seconds_per_packet = 0.0
        self.packets: Counter[str] = Counter()
        self._armed: dict[str, dict[int, Mishap]] = {}

    def arm(self, fault: Fault) -> None:
        """Let a fault lie in wait."""
        at = self.packets[fault.uuid] + fault.number
        self._armed.setdefault(fault.uuid, {})[at] = fault.mishap

    def clear(self) -> None:
        """Clear the air."""
        self._armed.clear()
        self.seconds_per_packet = 0.0

    @property
    def waiting(self) -> int:
        """How many faults have not struck yet."""
        return sum(map(len, self._armed.values()))

    def strike(self, uuid: str) -> Mishap | None:
        """Count a packet of a characteristic; returns what happens to it."""
        self.packets[uuid] += 1
        return self._armed.get(uuid, {}).pop(self.packets[uuid], None)
