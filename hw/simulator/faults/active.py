"""The faults that are set now, and the places in the simulator where they work."""

from collections.abc import Mapping
from functools import partial
from random import Random

from hw.simulator.commands import Answer
from hw.simulator.faults.fault import Call, Fault, FaultError, Proceed, Run, Value
from hw.simulator.faults.table import FAULTS, find
from hw.simulator.pixels import Pixels
from hw.simulator.profiles import Profile
from hw.simulator.sends import Send


class ActiveFaults:
    """Faults at work on one module, in the order in which they were set.

    Args:
        profile: the module's.
        seed: counts for every fault that is set without one of its own.
    """

    def __init__(self, profile: Profile, seed: int = 0) -> None:
        self._profile = profile
        self._seed = seed
        self._runs: dict[str, Run] = {}

    def set(self, name: str, given: Mapping[str, object], press: Pixels | None = None) -> None:
        """Set a fault, or set it anew: its count starts at nothing.

        Args:
            name: as in the table.
            given: those of its parameters that are not to have their defaults.
            press: the image of another finger, for the fault that needs one.

        Raises:
            FaultError: there is no such fault, or it does not take these parameters.
        """
        values = find(name).check({"seed": self._seed, **given})
        dice = Random(f"{name} {values['seed']}")  # noqa: S311 a repeatable bad day, not a secret
        self._runs.pop(name, None)
        self._runs[name] = Run(name, values, dice, (self._profile.width, self._profile.height), press)

    def clear(self, name: str | None = None) -> None:
        """End one fault, or all of them.

        Raises:
            FaultError: that fault is not set.
        """
        if name is None:
            self._runs.clear()
        elif self._runs.pop(name, None) is None:
            raise FaultError(f"the fault {name!r} is not set")

    def counts(self) -> dict[str, dict[str, int | dict[str, Value]]]:
        """Of each fault that is set: how often it happened, how often it could have, and its values."""
        return {
            name: {
                "happened": run.happened,
                "opportunities": run.opportunities,
                "values": dict(run.values),
            }
            for name, run in self._runs.items()
        }

    def heard(self, data: bytes) -> bytes:
        """The bytes that reach the module of those that the host has sent."""
        for fault, run in self._at_work():
            data = fault.heard(data, run) if fault.heard and data else data
        return data

    def answer(self, call: Call, proceed: Proceed) -> Answer:
        """The module's answer to a command; the fault that was set last comes first."""
        for fault, run in self._at_work():
            if fault.answer:
                proceed = partial(fault.answer, call, proceed, run)
        return proceed()

    def sends(self, sends: list[Send]) -> list[Send]:
        """What leaves the module of one command's answer."""
        for fault, run in self._at_work():
            sends = fault.sends(sends, run) if fault.sends else sends
        return sends

    def sight(self, pixels: Pixels | None) -> Pixels | None:
        """What the module sees of what lies on its glass."""
        for fault, run in self._at_work():
            pixels = fault.sight(pixels, run) if fault.sight else pixels
        return pixels

    def touch(self, touched: bool) -> bool:
        """What the touch line shows."""
        for fault, run in self._at_work():
            touched = fault.touch(touched, run) if fault.touch else touched
        return touched

    def _at_work(self) -> list[tuple[Fault, Run]]:
        return [(FAULTS[name], run) for name, run in self._runs.items()]
