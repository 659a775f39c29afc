"""What a fault is: a name, what it does, its parameters, and the place in the simulator where it works."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import TypeVar

from hw.errors import BenchError
from hw.simulator.commands import Answer
from hw.simulator.pixels import Pixels
from hw.simulator.sends import Send
from hw.simulator.state import ModuleState

Value = int | float | str
T = TypeVar("T")
MANY = 1_000_000_000
ANY_OPCODE = -1


class FaultError(BenchError):
    """There is no such fault, or it cannot be set like this (EX_DATAERR)."""

    exit_code = 65


class Layer(StrEnum):
    """Where a fault belongs."""

    LINK = "link"
    PROTOCOL = "protocol"
    FINGER = "finger"
    DEVICE = "device"


class Chance(StrEnum):
    """What counts as one opportunity for a fault."""

    PACKET = "packet sent"
    ANSWER = "answer sent"
    COMMAND = "command obeyed"
    HEARD = "piece heard"
    CAPTURE = "look at the glass"
    TOUCH = "look at the touch line"


@dataclass(frozen=True)
class Parameter:
    """One number or word that shapes a fault; its kind is that of the default.

    Attributes:
        default: what counts if nothing is said.
        summary: what it means.
        low: the least that a number may be.
        high: the most that a number may be.
        choices: the words that a word may be; empty for a string of hexadecimal digits.
        hexadecimal: whether people write the number so.
    """

    default: Value
    summary: str
    low: float = 0
    high: float = MANY
    choices: tuple[str, ...] = ()
    hexadecimal: bool = False

    def __str__(self) -> str:
        """The default as people write it."""
        return f"0x{self.default:02X}" if self.hexadecimal else str(self.default)

    def check(self, value: object) -> Value:
        """`value`, if it is one for this parameter.

        Raises:
            FaultError: it is not; the message says what it must be.
        """
        if isinstance(self.default, str):
            return self._check_word(value)
        number = isinstance(value, int) or (isinstance(value, float) and isinstance(self.default, float))
        if isinstance(value, bool) or not isinstance(value, int | float) or not number:
            raise FaultError(f"must be a {'number' if isinstance(self.default, float) else 'whole number'}")
        if not self.low <= value <= self.high:
            raise FaultError(f"must be from {self.low:g} to {self.high:g}")
        return value

    def parse(self, text: str) -> Value:
        """The value that `text` (as on a command line; numbers also as 0x..) stands for.

        Raises:
            FaultError: it stands for none that this parameter can have.
        """
        if isinstance(self.default, str):
            return self.check(text)
        try:
            return self.check(int(text, 0))
        except ValueError:
            pass
        try:
            return self.check(float(text))
        except ValueError as error:
            raise FaultError("must be a number") from error

    def _check_word(self, value: object) -> str:
        if not isinstance(value, str) or (self.choices and value not in self.choices):
            raise FaultError(f"must be {' or '.join(self.choices) or 'hexadecimal digits'}")
        if not self.choices:
            try:
                bytes.fromhex(value)
            except ValueError as error:
                raise FaultError("must be hexadecimal digits") from error
        return value


@dataclass
class Run:
    """One fault at work: its values, its dice and its count.

    Attributes:
        name: of the fault.
        values: of all its parameters.
        dice: decide when and where; the same seed throws the same.
        size: width and height of the module's image, pixels.
        press: the image of another finger, for the fault that needs one.
        opportunities: how often it could have happened.
        happened: how often it did.
        kept: what a fault has to remember from one opportunity to the next.
    """

    name: str
    values: Mapping[str, Value]
    dice: Random
    size: tuple[int, int]
    press: Pixels | None = None
    opportunities: int = 0
    happened: int = 0
    kept: dict[str, Answer | Pixels] = field(default_factory=dict)

    def number(self, parameter: str) -> float:
        """The value of a numeric parameter."""
        return float(self.values[parameter])

    def whole(self, parameter: str) -> int:
        """The value of a parameter that is a whole number."""
        return int(self.values[parameter])

    def word(self, parameter: str) -> str:
        """The value of a parameter that is a word."""
        return str(self.values[parameter])

    def due(self) -> bool:
        """Whether the fault is to happen at this opportunity; the caller counts it if it then does."""
        self.opportunities += 1
        lucky = self.dice.random() < self.number("rate")
        times = self.whole("times")
        used_up = times > 0 and self.happened >= times
        return lucky and not used_up and self.opportunities > self.whole("after")

    def count(self, _lost: int = 1) -> None:
        """Note that the fault has happened once."""
        self.happened += 1

    def happens(self) -> bool:
        """Whether the fault happens at this opportunity; if so, it is counted."""
        due = self.due()
        self.happened += due
        return due


@dataclass(frozen=True)
class Call:
    """One command on its way to the module's functions.

    Attributes:
        opcode: its code, known or not.
        arguments: the bytes after it.
        state: the module.
    """

    opcode: int
    arguments: bytes
    state: ModuleState


Proceed = Callable[[], Answer]
"""Lets the module obey the command after all."""

Hearing = Callable[[bytes, Run], bytes]
Answering = Callable[[Call, Proceed, Run], Answer]
Sending = Callable[[list[Send], Run], list[Send]]
Seeing = Callable[[Pixels | None, Run], Pixels | None]
Touching = Callable[[bool, Run], bool]


@dataclass(frozen=True)
class Fault:
    """One entry of the table of faults. One of the functions at the end is its work.

    Attributes:
        name: as the control socket, the command line and scenarios call it.
        layer: where it belongs.
        summary: what it does, one line.
        chance: what counts as one opportunity.
        parameters: its own, beside those that all faults have (`all_parameters`).
        times: how often it happens at most unless told otherwise; 0 for no end.
        after: opportunities that it lets pass first unless told otherwise.
        needs_press: whether it shows another finger, which its parameters finger and impression name.
        heard: changes the bytes that reach the module.
        answer: stands between a command and the module's function for it.
        sends: changes what leaves the module after one command.
        sight: changes what the module sees on its glass.
        touch: changes what the touch line shows.
    """

    name: str
    layer: Layer
    summary: str
    chance: Chance
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    times: int = 1
    after: int = 0
    needs_press: bool = False
    heard: Hearing | None = None
    answer: Answering | None = None
    sends: Sending | None = None
    sight: Seeing | None = None
    touch: Touching | None = None

    def all_parameters(self) -> dict[str, Parameter]:
        """Its own parameters, then the common ones with this fault's defaults."""
        return {
            **self.parameters,
            "rate": Parameter(1.0, "share of the opportunities at which it happens", 0, 1),
            "times": Parameter(self.times, "how often it happens at most; 0 for no end"),
            "after": Parameter(self.after, "opportunities that it lets pass first"),
            "seed": Parameter(0, "of the dice that say when and where"),
        }

    def check(self, given: Mapping[str, object]) -> dict[str, Value]:
        """The values of all parameters where `given` names some of them.

        Raises:
            FaultError: a parameter does not exist or cannot have that value.
        """
        defaults = {name: parameter.default for name, parameter in self.all_parameters().items()}
        return defaults | self._each(given, Parameter.check)

    def parse(self, words: Mapping[str, str]) -> dict[str, Value]:
        """The values that stand as words on a command line; only of the parameters that are named there.

        Raises:
            FaultError: a parameter does not exist or cannot have that value.
        """
        return self._each(words, Parameter.parse)

    def _each(self, given: Mapping[str, T], read: Callable[[Parameter, T], Value]) -> dict[str, Value]:
        parameters = self.all_parameters()
        values: dict[str, Value] = {}
        for name, value in given.items():
            if name not in parameters:
                raise FaultError(f"{self.name} has no parameter {name!r}; it has {', '.join(parameters)}")
            try:
                values[name] = read(parameters[name], value)
            except FaultError as error:
                raise FaultError(f"{self.name}: {name} {error}") from error
        return values
