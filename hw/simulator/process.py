"""One simulated sensor: line, module, finger, control socket and log, together until a signal ends it."""

import asyncio
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw.fingers import FingerSource, open_source
from hw.simulator.control import listening_socket, serve
from hw.simulator.glass import Glass
from hw.simulator.log import OpcodeLog
from hw.simulator.module import SensorModule
from hw.simulator.profiles import BAUD_UNIT, Profile
from hw.simulator.state import Flash
from hw.simulator.terminal import PseudoTerminal, stable_link
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
        self._glass = Glass(source, settings.profile)
        self._module = SensorModule(settings.profile, flash, self._glass.look, log.record)
        self.wire = Wire(terminal, self._module, log.record, paced=settings.paced)

    async def handle(self, command: str, arguments: dict[str, int]) -> dict[str, Any]:
        """Carry out one command of the control socket and return the status after it.

        Raises:
            BenchError: the finger cannot be placed.
        """
        if command == "place":
            await self._glass.place(**arguments)
            self._log.record({"event": "finger placed", **arguments})
        elif command == "lift":
            self._glass.lift()
            self._log.record({"event": "finger lifted"})
        return self._status()

    def _status(self) -> dict[str, Any]:
        state, touch = self._module.state, self._glass.touch
        return {
            "profile": state.profile.name,
            "port": str(self._terminal.path),
            "baud": state.baud,
            "host_baud": self._terminal.host_baud(),
            "finger": touch.finger if touch else None,
            "impression": touch.impression if touch else None,
            "image_held": state.image is not None,
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
        PseudoTerminal() as terminal,
        _control_path(settings.control) as control,
        listening_socket(control) as listener,
        stable_link(settings.link, terminal.path),
    ):
        sensor = SimulatedSensor(settings, source, terminal, log)

        async def run() -> None:
            stop = asyncio.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            await sensor.wire.start()
            tasks = [
                asyncio.ensure_future(work)
                for work in (stop.wait(), sensor.wire.run(), serve(listener, sensor.handle))
            ]
            announce(Ready(settings.link or terminal.path, control))
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

        asyncio.run(run())


@contextmanager
def _control_path(path: Path | None) -> Iterator[Path]:
    if path is not None:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="ridgekey-sensor-") as directory:
        yield Path(directory, "control")
