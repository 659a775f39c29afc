"""A bad day as a file: which sensor, and what happens to it when.

    title = "A cable beside a motor"
    profile = "r503"          # may be left out, as all of these: baud, templates, seed
    [[step]]
    place = { finger = 7, impression = 1 }
    [[step]]
    at = 5.0                  # seconds after the start; 0 where nothing is said
    fault = { name = "flip-payload", rate = 0.01, times = 0 }

A step is one command of the control socket: place, lift, fault or clear.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw.errors import BenchError
from hw.simulator.control import check

FOLDER = Path(__file__).parent / "scenarios"
MAX_FILE = 64 << 10
"""Bytes of a scenario; the longest sensible one has a few thousand."""

MAX_SECONDS = 24 * 3600.0
STEP_COMMANDS = ("place", "lift", "fault", "clear")
NUMBERS = {"baud": 1_000_000, "templates": 1000, "seed": 1_000_000_000}
"""Keys that hold a whole number, and the largest that it may be."""


class ScenarioError(BenchError):
    """A scenario says something that cannot be done (EX_DATAERR)."""

    exit_code = 65


class NoSuchScenarioError(BenchError):
    """There is no such file (EX_NOINPUT)."""

    exit_code = 66


@dataclass(frozen=True)
class Step:
    """One command and its time.

    Attributes:
        at: seconds after the start.
        command: of the control socket.
        arguments: of the command.
    """

    at: float
    command: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Scenario:
    """A bad day; what is None is left to the command line.

    Attributes:
        title: in words.
        profile: name of the module.
        baud: rate stored in it.
        templates: stored in it.
        seed: of its faults.
        steps: what happens, in the order of time.
    """

    title: str
    profile: str | None
    baud: int | None
    templates: int | None
    seed: int | None
    steps: tuple[Step, ...]


def included() -> dict[str, str]:
    """The scenarios that come with the simulator: name and title."""
    return {path.stem: load(str(path)).title for path in sorted(FOLDER.glob("*.toml"))}


def load(spec: str) -> Scenario:
    """The scenario in a file, or the included one of that name.

    Raises:
        NoSuchScenarioError: there is neither.
        ScenarioError: it is not TOML, or says something that cannot be done.
    """
    path = Path(spec)
    if not path.is_file() and (FOLDER / f"{spec}.toml").is_file():
        path = FOLDER / f"{spec}.toml"
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE + 1)
    except OSError as error:
        names = ", ".join(file.stem for file in sorted(FOLDER.glob("*.toml")))
        raise NoSuchScenarioError(
            f"cannot read the scenario {spec} ({error.strerror}); give a file, or one of {names}"
        ) from error
    if len(content) > MAX_FILE:
        raise ScenarioError(f"{path} is too large for a scenario (limit {MAX_FILE >> 10} KiB)")
    try:
        return parse(tomllib.loads(content.decode()))
    except (ValueError, RecursionError) as error:  # no UTF-8, or no TOML
        raise ScenarioError(f"{path} is not TOML: {error}") from error
    except BenchError as error:
        raise ScenarioError(f"{path}: {error}") from error


def parse(table: Mapping[str, Any]) -> Scenario:
    """The scenario that a TOML document describes.

    Raises:
        BenchError: it says something that cannot be done.
    """
    if unknown := set(table) - {"title", "profile", "step", *NUMBERS}:
        raise ScenarioError(
            f"there is no key {min(unknown)!r}; known are title, profile, {', '.join(NUMBERS)}, step"
        )
    for name in ("title", "profile"):
        if not isinstance(table.get(name, ""), str):
            raise ScenarioError(f"{name} must be text")
    for name, most in NUMBERS.items():
        value = table.get(name, 0)
        if type(value) is not int or not 0 <= value <= most:
            raise ScenarioError(f"{name} must be a whole number from 0 to {most}")
    steps = table.get("step", [])
    if not isinstance(steps, list):
        raise ScenarioError("steps are written as [[step]]")
    return Scenario(
        title=table.get("title", ""),
        profile=table.get("profile"),
        baud=table.get("baud"),
        templates=table.get("templates"),
        seed=table.get("seed"),
        steps=tuple(sorted(map(_step, range(1, len(steps) + 1), steps), key=lambda step: step.at)),
    )


def _step(number: int, table: object) -> Step:
    if not isinstance(table, dict):
        raise ScenarioError("steps are written as [[step]]")
    at = table.get("at", 0.0)
    if type(at) not in (int, float) or not 0 <= at <= MAX_SECONDS:
        raise ScenarioError(f"step {number}: at must be seconds, from 0 to {MAX_SECONDS:.0f}")
    commands = [name for name in table if name != "at"]
    if len(commands) != 1 or commands[0] not in STEP_COMMANDS:
        raise ScenarioError(f"step {number}: it takes exactly one of {', '.join(STEP_COMMANDS)}")
    try:
        return Step(float(at), commands[0], check(commands[0], table[commands[0]]))
    except BenchError as error:
        raise ScenarioError(f"step {number}: {error}") from error
