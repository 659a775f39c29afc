"""The person in front of the kiosk: puts a finger down when asked, and lifts it when asked."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, cycle

from hw.demo.commands import Event
from hw.simulator.remote import SensorRemote

ENROLMENT_PRESSES = 3
"""Impressions 1 to 3 of a finger enrol it; the later ones are its presses."""


@dataclass
class Person:
    """One finger that follows the kiosk's events.

    Attributes:
        remote: the simulated sensor's control.
        finger: number of the finger in its source.
        impressions: how many impressions the source has of it; None for any number.
        pressed: (finger, impression) of every press so far.
    """

    remote: SensorRemote
    finger: int
    impressions: int | None
    pressed: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._next = self._order()

    def _order(self) -> Iterator[int]:
        yield from range(1, ENROLMENT_PRESSES + 1)
        if self.impressions is None:
            yield from count(ENROLMENT_PRESSES + 1)
        else:
            yield from cycle(range(ENROLMENT_PRESSES + 1, self.impressions + 1))

    def react(self, event: Event) -> None:
        """Do what the kiosk asks for; other events are not the person's concern."""
        match event.get("event"):
            case "place_finger":
                press = (self.finger, next(self._next))
                self.remote.place(*press)
                self.pressed.append(press)
            case "lift_finger":
                self.remote.lift()
