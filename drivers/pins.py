"""Two wires beside the serial line, where a board has them: the touch line, and a pin that cuts the power.

The touch line is a hint. It answers to a touch of the ring or the case, not only to a well-placed finger, and
its polarity differs among modules; only an image tells whether a finger is there. So a touch makes the driver
look at once; without one it still looks, less often. Both need `gpiod` 2, which nothing else does.
"""

import importlib
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any

from drivers.errors import PinError, SensorUrlError
from drivers.timing import Clock

DEBOUNCE = timedelta(milliseconds=30)
"""How long the touch line must be still: reports speak of 20 to 50 ms of bouncing."""

REST = 0.5
"""Seconds between two looks for a finger while the touch line shows none."""

POWER_OFF = 2.5
"""Seconds without power: the manual wants two before it comes back."""

POWER_UP = 0.6
"""Seconds until a module listens after that; an R307 needs up to 0.5."""

_LEVELS = {"": None, "high": True, "low": False}


@dataclass(frozen=True)
class Pin:
    """A GPIO line.

    Attributes:
        chip: Device of its chip, such as /dev/gpiochip0.
        line: Its offset, or its name, such as GPIO17.
        active_high: Whether high means touched, or power; None for what is usual.
    """

    chip: str
    line: int | str
    active_high: bool | None = None

    @classmethod
    def parse(cls, text: str) -> "Pin":
        """Read CHIP:LINE or CHIP:LINE:high or CHIP:LINE:low, such as gpiochip0:GPIO17:high.

        Raises:
            SensorUrlError: It is not of that form.
        """
        chip, _, rest = text.partition(":")
        line, _, level = rest.partition(":")
        if not chip or not line or level not in _LEVELS:
            raise SensorUrlError(
                f"{text!r} names no pin: write it like gpiochip0:GPIO17 or gpiochip0:17:high"
            )
        device = chip if chip.startswith("/") else f"/dev/{chip}"
        return cls(device, int(line) if line.isascii() and line.isdigit() else line, _LEVELS[level])


class TouchLine:
    """The touch line of a sensor, idle high and low under a finger unless the pin says otherwise.

    Args:
        pin: Where it is.

    Raises:
        PinError: `gpiod` is missing, or there is no such line, or another program has it.
    """

    def __init__(self, pin: Pin) -> None:
        self._pin = pin
        gpiod = _gpiod()
        self._active = gpiod.line.Value.ACTIVE
        settings = gpiod.LineSettings(
            direction=gpiod.line.Direction.INPUT,
            edge_detection=gpiod.line.Edge.BOTH,
            active_low=not pin.active_high,
            debounce_period=DEBOUNCE,
        )
        self._request = _request(gpiod, pin, settings, "touch")

    def pause(self, seconds: float) -> float:
        """Wait before the next look for a finger.

        Args:
            seconds: How long at most if something lies there.

        Returns:
            Seconds that are still to be waited: with a finger the caller looks at its usual pace.

        Raises:
            PinError: The line is gone.
        """
        try:
            if self._request.get_value(self._pin.line) == self._active:
                return seconds
            if self._request.wait_edge_events(timedelta(seconds=REST)):
                self._request.read_edge_events()
        except (OSError, ValueError) as error:
            raise PinError(f"the touch line of {self._pin.chip} is gone: {error}") from error
        return 0.0

    def close(self) -> None:
        """Give the line back."""
        self._request.release()


class PowerPin:
    """A pin that switches the sensor's supply, on while it is high unless the pin says otherwise.

    Args:
        pin: Where it is.
        clock: By which to wait.
    """

    def __init__(self, pin: Pin, clock: Clock | None = None) -> None:
        self._pin = pin
        self._clock = clock or Clock()

    def cycle(self) -> None:
        """Take the power away, give it back, and wait until the sensor listens.

        Raises:
            PinError: `gpiod` is missing, or there is no such line, or another program has it.
        """
        gpiod = _gpiod()
        on, off = gpiod.line.Value.ACTIVE, gpiod.line.Value.INACTIVE
        settings = gpiod.LineSettings(
            direction=gpiod.line.Direction.OUTPUT,
            active_low=self._pin.active_high is False,
            output_value=off,
        )
        request = _request(gpiod, self._pin, settings, "power")
        try:
            self._clock.sleep(POWER_OFF)
        finally:
            request.set_value(self._pin.line, on)
            request.release()  # an input again: the switch must be so built that it is on then
        self._clock.sleep(POWER_UP)


def _gpiod() -> ModuleType:
    try:
        return importlib.import_module("gpiod")
    except ImportError as error:
        raise PinError("pins need gpiod 2: pip install 'gpiod>=2,<3'") from error


def _request(gpiod: Any, pin: Pin, settings: object, use: str) -> Any:
    try:
        return gpiod.request_lines(pin.chip, consumer=f"ridgekey {use}", config={pin.line: settings})
    except (OSError, ValueError) as error:
        raise PinError(f"the {use} pin {pin.line} of {pin.chip} cannot be used: {error}") from error
