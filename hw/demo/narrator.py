"""What the demo shows: one line a step, a bar for each image on the wire, one summary line at the end."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from hw.demo.commands import Event

NUMBER_WIDTH = 4
NAME_WIDTH = 46


@dataclass(frozen=True)
class Line:
    """One step that was taken: its number in the flow (or a mark for a proof), name, outcome, duration."""

    step: str
    name: str
    outcome: str
    seconds: float


@dataclass
class Narrator:
    """Tells the story to a person, or collects it for `--json`.

    Attributes:
        as_json: say nothing before the end, and then one JSON object.
        facts: what the run was: sensor, fingers, broker, ...
        lines: the steps that were told.
        presses: how often a finger was put down.
        wire_seconds: time that images were on the wire.
    """

    as_json: bool
    facts: dict[str, Any] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    presses: int = 0
    wire_seconds: float = 0.0

    def __post_init__(self) -> None:
        self._console = Console(quiet=self.as_json, highlight=False)
        self._progress: Progress | None = None

    def title(self, text: str) -> None:
        """A heading."""
        self._console.print(f"\n[bold]{text}[/bold]")

    def note(self, text: str) -> None:
        """A remark in between."""
        self._console.print(f"[dim]{text}[/dim]")

    def tell(self, step: str, name: str, outcome: str, seconds: float) -> None:
        """One step that is done."""
        self.lines.append(Line(step, name, outcome, round(seconds, 3)))
        number, title = f"{step:>{NUMBER_WIDTH}}", f"{name:<{NAME_WIDTH}}"
        self._console.print(
            f"[bold]{number}[/bold]  {title} [dim]{seconds:6.2f} s[/dim]  {outcome}", soft_wrap=True
        )

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """A spinner while something without a measure goes on."""
        with self._console.status(what):
            yield

    @contextmanager
    def watching(self, what: str) -> Iterator[None]:
        """Progress bars for the image transfers of one errand; feed it with `on_event`."""
        columns = (TextColumn("      {task.description}"), BarColumn(), TextColumn("{task.fields[words]}"))
        console = self._console
        shown = Progress(
            *columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal
        )
        with shown as progress:
            self._progress = progress
            self._task = progress.add_task(what, total=None, words="waiting for the kiosk")
            try:
                yield
            finally:
                self._progress = None

    def on_event(self, event: Event) -> None:
        """Show what a kiosk's event means for the person."""
        match event.get("event"):
            case "place_finger":
                self.presses += 1
                self._show(words="finger down", total=None)
            case "transfer":
                self._show(words="image on the wire", total=event["total"], completed=event["done"])
            case "captured":
                self.wire_seconds += event["seconds"]
                self._show(words="looking at the image", total=None)
            case "quality":
                reasons = event.get("reasons") or []
                if reasons:
                    self.note(f"      the kiosk asks for another press: {', '.join(map(str, reasons))}")
            case "not_recognised":
                self.note("      this press was not recognised")
            case "showed_too_little":
                self.note(f"      this press showed too little: {event['reason']}")
            case "lift_finger":
                self._show(words="finger up", total=None)

    def _show(self, **fields: Any) -> None:
        if self._progress is not None:
            self._progress.update(self._task, **fields)

    def finish(self, summary: str, *, passed: bool, seconds: float) -> None:
        """The last line, or the whole run as one JSON object."""
        if not self.as_json:
            self._console.print(f"\n[{'bold green' if passed else 'bold red'}]{summary}[/]", soft_wrap=True)
            return
        told = {"passed": passed, "summary": summary} | self.facts
        told |= {"seconds": round(seconds, 3), "wire_seconds": round(self.wire_seconds, 3)}
        told |= {"presses": self.presses, "steps": [asdict(line) for line in self.lines]}
        print(json.dumps(told))
