"""One simulated sensor: line, module, finger, control socket and log, together until a signal ends it."""

import asyncio
import signal
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw.fingers import FingerSource, open_source
from hw.simulator.control import listening_socket, serve
from hw.simulator.faults import ActiveFaults, find
from hw.simulator.glass import Glass
from hw.simulator.log import OpcodeLog
from hw.simulator.module import SensorModule
from hw.simulator.profiles import BAUD_UNIT, Profile
from hw.simulator.scenario import Step
from hw.simulator.state import Flash
from hw.simulator.terminal import PseudoTerminal
from hw.simulator.wire import Wire


@dataclass(frozen=True)
class Settings:
    """What the command line asks for.

    Attributes:
        profile: which module.
        fingers: as `hw.fingers.open_source` takes it.
        baud: the rate stored in the module.
        templates: occupied slots of its library.
        link: where to put a stable link to the port.
        control: where to put the control socket; None for a private directory of its own.
        log: file for the log.
        verbose: whether the log also goes to standard error.
        paced: whether times are those of a real sensor.
        seed: of the faults that are set without one of their own.
        steps: what happens to the sensor by itself, in the order of time.
    """

    profile: Profile
    fingers: str
    baud: int
    templates: int
    link: Path | None
    control: Path | None
    log: Path | None
    verbose: bool
    paced: bool
    seed: int = 0
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Ready:
    """Where the running sensor can be reached."""

    port: Path
    control: Path


class SimulatedSensor:
    """The parts of one simulated sensor, and what its control socket can do to them."""

    def __init__(
        self, settings: Settings, source: FingerSource, terminal: PseudoTerminal, log: OpcodeLog
    ) -> None:
        flash = Flash(baud_factor=settings.baud // BAUD_UNIT, templates=set(range(settings.templates)))
        self._terminal = terminal
        self._log = log
        self._faults = ActiveFaults(settings.profile, settings.seed)
        self._glass = Glass(source, settings.profile, self._faults)
        self._module = SensorModule(settings.profile, flash, self._glass, log.record, self._faults)
        self.wire = Wire(terminal, self._module, log.record, paced=settings.paced)

    async def handle(self, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Carry out one command of the control socket and return its answer.

        Raises:
            BenchError: the finger cannot be placed, or the fault not be set.
        """
        if command == "place":
            await self._glass.place(**arguments)
            self._log.record({"event": "finger placed", **arguments})
        elif command == "lift":
            self._glass.lift()
            self._log.record({"event": "finger lifted"})
        elif command == "fault":
            await self._set_fault(**arguments)
            self._log.record({"event": "fault set", **arguments})
        elif command == "clear":
            before = {"faults": self._faults.counts()}
            self._faults.clear(arguments.get("name"))
            self._log.record({"event": "fault cleared", **arguments})
            return before
        return {"faults": self._faults.counts()} if command in ("fault", "faults") else self._status()

    async def play(self, steps: Iterable[Step], since: float) -> None:
        """Carry out the steps of a scenario, each at its time after `since` on the loop's clock.

        Raises:
            BenchError: one of them cannot be carried out.
        """
        for step in steps:
            await asyncio.sleep(since + step.at - asyncio.get_running_loop().time())
            await self.handle(step.command, dict(step.arguments))

    async def _set_fault(self, name: str, **given: Any) -> None:
        fault, press = find(name), None
        values = fault.check(given)
        if fault.needs_press:
            press = await self._glass.render(int(values["finger"]), int(values["impression"]))
        self._faults.set(name, given, press)

    def _status(self) -> dict[str, Any]:
        state, touch = self._module.state, self._glass.touch
        return {
            "profile": state.profile.name,
            "port": str(self._terminal.path) if self._terminal.path else None,
            "baud": state.baud,
            "host_baud": self._terminal.host_baud(),
            "finger": touch.finger if touch else None,
            "impression": touch.impression if touch else None,
            "touch": self._glass.touch_line(),
            "image_held": state.image is not None,
            "uploaded_sha256": state.uploaded,
            "templates": len(state.flash.templates),
            "led": state.led.hex(),
            "commands": dict(self._module.counts),
        }


def simulate(settings: Settings, announce: Callable[[Ready], None]) -> None:
    """Run a simulated sensor until SIGTERM or SIGINT; `announce` is told when it can be reached.

    Raises:
        BenchError: it cannot start, or a host sent a forbidden instruction.
    """
    source = open_source(settings.fingers)
    with (
        OpcodeLog(settings.log, verbose=settings.verbose) as log,
        _control_path(settings.control) as control,
        listening_socket(control) as listener,
        PseudoTerminal(settings.link) as terminal,
    ):
        sensor = SimulatedSensor(settings, source, terminal, log)
        port = terminal.path
        assert port is not None  # noqa: S101 it has just been plugged in

        async def run() -> None:
            stop = asyncio.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            await sensor.wire.start()
            since = asyncio.get_running_loop().time()
            await sensor.play((step for step in settings.steps if step.at == 0), since)
            later = _for_ever(sensor.play((step for step in settings.steps if step.at > 0), since))
            tasks = [
                asyncio.ensure_future(work)
                for work in (stop.wait(), sensor.wire.run(), serve(listener, sensor.handle), later)
            ]
            announce(Ready(settings.link or port, control))
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

        asyncio.run(run())


async def _for_ever(work: Awaitable[None]) -> None:
    """Do the work and never end, unless by an error."""
    await work
    await asyncio.Event().wait()


@contextmanager
def _control_path(path: Path | None) -> Iterator[Path]:
    if path is not None:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="ridgekey-sensor-") as directory:
        yield Path(directory, "control")
