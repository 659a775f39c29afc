"""The touch line and the power pin, on a stand-in for gpiod."""

import sys
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from types import SimpleNamespace

import pytest

from drivers import pins, urls
from drivers.errors import PinError, SensorUrlError, SilentSensorError
from drivers.opening import open_sensor
from drivers.pins import REST, Pin, PowerPin, TouchLine
from drivers.timing import Clock, Deadlines
from tests.drivers.fake import FakeModule, Handler

BRISK = Deadlines(capture=0.3, answer=0.3, idle=0.4, quiet=0.02)
Value = Enum("Value", ["INACTIVE", "ACTIVE"])


@dataclass
class Lines:
    """What gpiod was asked for, and what it says."""

    levels: deque[Enum] = field(default_factory=lambda: deque([Value.INACTIVE]))
    asked: list[tuple[str, str, dict[object, SimpleNamespace]]] = field(default_factory=list)
    did: list[object] = field(default_factory=list)
    broken: bool = False

    def request_lines(self, chip: str, consumer: str, config: dict[object, SimpleNamespace]) -> "Lines":
        if self.broken:
            raise FileNotFoundError(2, "No such file or directory")
        self.asked.append((chip, consumer, config))
        return self

    def get_value(self, line: object) -> Enum:
        if self.broken:
            raise OSError(19, "No such device")
        return self.levels.popleft() if len(self.levels) > 1 else self.levels[0]

    def set_value(self, line: object, value: Enum) -> None:
        self.did.append(value)

    def wait_edge_events(self, timeout: timedelta) -> bool:
        self.did.append(timeout.total_seconds())
        return True

    def read_edge_events(self) -> None:
        self.did.append("read")

    def release(self) -> None:
        self.did.append("released")


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    lines = Lines()
    module = SimpleNamespace(
        request_lines=lines.request_lines,
        LineSettings=SimpleNamespace,
        line=SimpleNamespace(
            Value=Value,
            Direction=SimpleNamespace(INPUT="in", OUTPUT="out"),
            Edge=SimpleNamespace(BOTH="both"),
        ),
    )
    monkeypatch.setitem(sys.modules, "gpiod", module)
    monkeypatch.setattr(pins, "POWER_OFF", 0.01)
    monkeypatch.setattr(pins, "POWER_UP", 0.01)
    return lines


@pytest.mark.parametrize(
    ("text", "pin"),
    [
        ("gpiochip0:17", Pin("/dev/gpiochip0", 17)),
        ("gpiochip4:GPIO17:high", Pin("/dev/gpiochip4", "GPIO17", active_high=True)),
        ("/dev/gpiochip0:27:low", Pin("/dev/gpiochip0", 27, active_high=False)),
    ],
)
def test_names_of_pins(text: str, pin: Pin) -> None:
    assert Pin.parse(text) == pin
    assert urls.parse(f"serial:/dev/x?touch={text}").touch == pin
    assert urls.parse(f"serial:/dev/x?power={text}").power == pin


@pytest.mark.parametrize("text", ["17", "gpiochip0", "gpiochip0:", ":17", "gpiochip0:17:up"])
def test_what_names_no_pin(text: str) -> None:
    with pytest.raises(SensorUrlError, match="names no pin"):
        urls.parse(f"serial:/dev/x?touch={text}")


@pytest.mark.parametrize(("active_high", "active_low"), [(None, True), (False, True), (True, False)])
def test_the_touch_line_is_low_under_a_finger_unless_said_otherwise(
    lines: Lines, active_high: bool | None, active_low: bool
) -> None:
    TouchLine(Pin("/dev/gpiochip0", 17, active_high)).close()
    ((chip, _, config),) = lines.asked
    assert chip == "/dev/gpiochip0"
    assert config[17].active_low is active_low
    assert lines.did == ["released"]


def test_with_a_finger_the_pace_is_the_usual_and_without_one_a_touch_is_waited_for(lines: Lines) -> None:
    line = TouchLine(Pin("/dev/gpiochip0", 17))
    lines.levels = deque([Value.ACTIVE, Value.INACTIVE])
    assert line.pause(0.05) == 0.05
    assert lines.did == []
    assert line.pause(0.05) == 0
    assert lines.did == [REST, "read"]


def test_a_line_that_goes_away_is_an_error(lines: Lines) -> None:
    line = TouchLine(Pin("/dev/gpiochip0", 17))
    lines.broken = True
    with pytest.raises(PinError, match="gone"):
        line.pause(0.05)


def test_a_pin_that_is_not_there_is_an_error(lines: Lines) -> None:
    lines.broken = True
    with pytest.raises(PinError, match="touch pin 17"):
        TouchLine(Pin("/dev/gpiochip9", 17))


def test_without_gpiod_pins_are_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", None)
    with pytest.raises(PinError, match="pip install"):
        TouchLine(Pin("/dev/gpiochip0", 17))


def test_the_touch_line_is_only_a_hint_and_is_given_back(lines: Lines) -> None:
    fake = FakeModule(fingers=deque([2, 2, 0]))
    with fake, open_sensor(f"serial:{fake.path}?baud=57600&touch=gpiochip0:17") as sensor:
        sensor.capture().wipe()
        assert fake.seen.count(0x01) == 3
    assert lines.did.count("read") == 2
    assert lines.did[-1] == "released"


def test_power_is_taken_away_and_given_back(lines: Lines) -> None:
    slept: list[float] = []

    class Counting(Clock):
        def sleep(self, seconds: float) -> None:
            slept.append(seconds)

    PowerPin(Pin("/dev/gpiochip0", "GPIO27"), Counting()).cycle()
    ((_, _, config),) = lines.asked
    assert config["GPIO27"].output_value is Value.INACTIVE
    assert config["GPIO27"].active_low is False
    assert slept == [pins.POWER_OFF, pins.POWER_UP]
    assert lines.did == [Value.ACTIVE, "released"]


def test_a_silent_sensor_is_given_its_power_anew_once(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeModule()
    healthy: dict[int, Handler] = dict(fake.handlers)
    fake.handlers.clear()
    monkeypatch.setattr(PowerPin, "cycle", lambda self: fake.handlers.update(healthy))
    with fake, open_sensor(f"serial:{fake.path}?baud=57600&power=gpiochip0:27", deadlines=BRISK) as sensor:
        assert sensor.info.model == "R503"


def test_a_sensor_that_stays_silent_is_an_error(lines: Lines) -> None:
    fake = FakeModule()
    fake.handlers.clear()
    with fake, pytest.raises(SilentSensorError):
        open_sensor(f"serial:{fake.path}?baud=57600&power=gpiochip0:27", deadlines=BRISK)
    assert len(lines.asked) == 1
