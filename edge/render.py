"""The kiosk's events for a person at a terminal: a line for each step, a bar while the image comes.

What a person reads is made of `rich.text.Text`, never of markup: names and purposes are the requester's own
words, and no way of escaping them holds for every text beside every other.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from edge.events import JsonObject

SHORT = 10
"""Characters of an identifier in a table: 0x and the first eight digits, enough to name a request."""


class Screen:
    """Shows events as they come; used in a `with`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: Progress | None = None

    def show(self, event: JsonObject) -> None:
        """Show one event; one that a later agent has invented is passed over."""
        if event.get("event") == "transfer":
            self._transfer(event)
            return
        if event.get("event") == "captured":
            self._end_transfer()
        line = describe(event)
        if line:
            self._console.print(line)

    def _transfer(self, event: dict[str, Any]) -> None:
        if self._progress is None:
            columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
            self._progress = Progress(
                TextColumn("  reading the image"), *columns, console=self._console, transient=True
            )
            self._progress.start()
            self._progress.add_task("image", total=event["total"])
        self._progress.update(self._progress.task_ids[0], completed=event["done"])

    def _end_transfer(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_transfer()


class JsonLines:
    """Passes events on as JSON lines, with the result as the last: `{"event": "done", …}`."""

    def show(self, event: JsonObject) -> None:
        """Print one event."""
        print(json.dumps(event, ensure_ascii=False), flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


def describe(event: dict[str, Any]) -> Text:
    """One event as a line; empty for one that needs none."""
    match event["event"]:
        case "asked":
            return Text.assemble(
                (event["requester_name"], "bold"),
                f" asks for: {event['kind']}\n"
                f"  purpose: {event['purpose']}\n  until:   {moment(event['expiry'])}",
            )
        case "phone_met":
            return Text.assemble(
                (event["label"], "bold"),
                " has come. If it shows ",
                (event["number"], "bold"),
                ", confirm with your finger; if it shows others, or none, walk away.",
            )
        case "phone_wanted":
            return Text.assemble(
                ("Open your phone beside the kiosk", "bold cyan"), ": it carries your record"
            )
        case "recovery_code":
            return Text.assemble(
                (f"Write this down, and keep it where you keep your passport:\n  {event['text']}\n", "bold"),
                "  It recovers your identity if your fingers are lost, and is not shown again.",
            )
        case "recovery_under_way":
            taken = f"another key takes over on {moment(event['ready'])}."
            return Text.assemble(
                (f"Somebody recovers your identity: {taken}\n", "bold yellow"),
                "  If it is not you, contest it now: ridgekey edge contest; then entrust somebody else.",
            )
        case "ended_badly":
            return Text(_ended(event), "bold yellow")
        case "signed":
            return Text(f"  signed: {event['act']}")
        case "queued":
            return Text("  queued for the gateway")
        case "receipt" if event["status"] == "final":
            after = f" in block {event['block']} after {event['seconds']:.1f} s"
            return Text.assemble(("final", "green"), after)
    return _of_the_finger(event)


def _of_the_finger(event: dict[str, Any]) -> Text:
    match event["event"]:
        case "place_finger":
            return Text.assemble(
                ("Place your finger", "bold cyan"), f" (press {event['press']} of {event['of']})"
            )
        case "next_finger":
            return Text(f"Finger {event['finger']} of {event['of']}", "bold")
        case "captured":
            return Text(f"  image read in {event['seconds']:.1f} s")
        case "lift_finger":
            return Text("  lift your finger")
        case "quality" if not event["acceptable"]:
            return Text.assemble(("  too weak:", "yellow"), f" {'; '.join(event['hints'])}")
        case "one_more":
            return Text.assemble(("  one more press:", "yellow"), f" {event['hint']}")
        case "not_recognised":
            press = f" (press {event['press']} of {event['of']})"
            return Text.assemble(("  not recognised", "yellow"), press)
        case "showed_too_little":
            press = f" (press {event['press']} of {event['of']}):"
            return Text.assemble(("  too little to judge by", "yellow"), f"{press} {event['hint']}")
        case "unlocked":
            return Text.assemble(("  unlocked", "green"), f" in {event['seconds']:.2f} s")
    return Text()


def _ended(event: dict[str, Any]) -> str:
    """What became of an earlier act, for the person who signed it."""
    what = f"The {event['act']} that you signed here on {moment(event['signed_at'])}"
    match event["outcome"]:
        case "late":
            return (
                f"{what} could not be delivered before its deadline. It does not count, unless it arrived and"
                " only the answer is missing; if you still want it, sign it again."
            )
        case "rejected":
            return f"{what} was rejected: {event['reason']}"
    return f"{what} had been delivered in time after all, and counts."


def outcome(done: dict[str, Any]) -> Text:
    """The result of a journey, as the last line."""
    names = [
        f"{name} {done[name]}"
        for name in ("subject", "record", "request", "guardian", "recovery", "new_key")
        if name in done
    ]
    state = "queued, will be sent" if done["state"] == "queued" else done["state"]
    return Text.assemble(
        (f"{done['act']}: {state}\n  ", "bold"), "\n  ".join([*names, f"digest {done['digest']}"])
    )


def requests_table(requests: list[dict[str, Any]]) -> Table:
    """The requests heard at this kiosk."""
    return table(
        ("request", "from", "for", "purpose", "until", "state"),
        (
            (
                each["request"][:SHORT],
                each["requester_name"],
                each["kind"],
                each["purpose"],
                moment(each["expiry"]),
                each["state"] + (f" ({each['late']} was late)" if each["late"] else ""),
            )
            for each in requests
        ),
    )


def fingers_table(people: list[dict[str, Any]]) -> Table:
    """The fingers that open, by person."""
    return table(
        ("subject", "policy", "number", "finger", "since"),
        (
            (
                person["subject"],
                person["policy"],
                str(each["number"]),
                " and ".join(each["fingers"]),
                moment(each["since"]),
            )
            for person in people
            for each in person["fingers"]
        ),
    )


def history_table(acts: list[dict[str, Any]]) -> Table:
    """What was signed at this kiosk."""
    return table(
        ("signed", "act", "person", "about", "state"),
        (
            (
                moment(each["signed_at"]),
                each["act"],
                each["subject"][:SHORT],
                each["about"][:SHORT],
                _state_of(each),
            )
            for each in acts
        ),
    )


def _state_of(act: dict[str, Any]) -> str:
    match act["state"]:
        case "late":
            return f"late: no receipt before {moment(act['deadline'])}"
        case "rejected":
            return f"rejected: {act['reason']}"
    return str(act["state"])


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table without lines, of texts that mean nothing but what they say.

    A cell that is a `str` would be read as rich's markup, and whoever asks for a record chooses what stands
    there: a word in green, a link, a bracket that breaks the screen.
    """
    made = Table(box=None, pad_edge=False)
    for title in titles:
        made.add_column(title)
    for row in rows:
        made.add_row(*map(Text, row))
    return made


def moment(unix: int) -> str:
    """A Unix time in local time, to the minute."""
    try:
        return datetime.fromtimestamp(unix).astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return "the end of time"
