"""The kiosk's events for a person at a terminal: a line for each step, a bar while the image comes."""

import json
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

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
            self._console.print(line, highlight=False)

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


def describe(event: dict[str, Any]) -> str:
    """One event as a line with rich's markup; empty for one that needs none."""
    match event["event"]:
        case "asked":
            return (
                f"[bold]{escape(event['requester_name'])}[/bold] asks for: {escape(event['kind'])}\n"
                f"  purpose: {escape(event['purpose'])}\n  until:   {moment(event['expiry'])}"
            )
        case "phone_met":
            return (
                f"[bold]{escape(event['label'])}[/bold] has come. If it shows [bold]{event['number']}[/bold],"
                " confirm with your finger; if it shows others, or none, walk away."
            )
        case "phone_wanted":
            return "[bold cyan]Open your phone beside the kiosk[/bold cyan]: it carries your record"
        case "recovery_code":
            return (
                "[bold]Write this down, and keep it where you keep your passport:[/bold]\n"
                f"  [bold]{event['text']}[/bold]\n"
                "  It recovers your identity if your fingers are lost, and is not shown again."
            )
        case "recovery_under_way":
            return (
                "[bold yellow]Somebody recovers your identity: another key takes over on"
                f" {moment(event['ready'])}.[/bold yellow]\n  If it is not you, contest it now:"
                " ridgekey edge contest; then entrust somebody else."
            )
        case "place_finger":
            return f"[bold cyan]Place your finger[/bold cyan] (press {event['press']} of {event['of']})"
        case "next_finger":
            return f"[bold]Finger {event['finger']} of {event['of']}[/bold]"
        case "captured":
            return f"  image read in {event['seconds']:.1f} s"
        case "lift_finger":
            return "  lift your finger"
        case "quality" if not event["acceptable"]:
            return f"  [yellow]too weak:[/yellow] {escape('; '.join(event['hints']))}"
        case "one_more":
            return f"  [yellow]one more press:[/yellow] {escape(event['hint'])}"
        case "not_recognised":
            return f"  [yellow]not recognised[/yellow] (press {event['press']} of {event['of']})"
        case "unlocked":
            return f"  [green]unlocked[/green] in {event['seconds']:.2f} s"
        case "ended_badly":
            return f"[bold yellow]{escape(_ended(event))}[/bold yellow]"
        case "signed":
            return f"  signed: {event['act']}"
        case "queued":
            return "  queued for the gateway"
        case "receipt" if event["status"] == "final":
            return f"[green]final[/green] in block {event['block']} after {event['seconds']:.1f} s"
    return ""


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


def outcome(done: dict[str, Any]) -> str:
    """The result of a journey, as the last line."""
    names = [
        f"{name} {done[name]}"
        for name in ("subject", "record", "request", "guardian", "recovery", "new_key")
        if name in done
    ]
    state = "queued, will be sent" if done["state"] == "queued" else done["state"]
    return f"[bold]{done['act']}: {state}[/bold]\n  " + "\n  ".join([*names, f"digest {done['digest']}"])


def requests_table(requests: list[dict[str, Any]]) -> Table:
    """The requests heard at this kiosk."""
    table = Table(box=None, pad_edge=False)
    for title in ("request", "from", "for", "purpose", "until", "state"):
        table.add_column(title)
    for each in requests:
        table.add_row(
            each["request"][:SHORT],
            escape(each["requester_name"]),
            escape(each["kind"]),
            escape(each["purpose"]),
            moment(each["expiry"]),
            each["state"] + (f" ({each['late']} was late)" if each["late"] else ""),
        )
    return table


def fingers_table(people: list[dict[str, Any]]) -> Table:
    """The fingers that open, by person."""
    table = Table(box=None, pad_edge=False)
    for title in ("subject", "policy", "number", "finger", "since"):
        table.add_column(title)
    for person in people:
        for each in person["fingers"]:
            fingers = " and ".join(each["fingers"])
            since = moment(each["since"])
            table.add_row(person["subject"], person["policy"], str(each["number"]), fingers, since)
    return table


def history_table(acts: list[dict[str, Any]]) -> Table:
    """What was signed at this kiosk."""
    table = Table(box=None, pad_edge=False)
    for title in ("signed", "act", "person", "about", "state"):
        table.add_column(title)
    for each in acts:
        late = each["state"] == "late"
        state = f"late: no receipt before {moment(each['deadline'])}" if late else each["state"]
        table.add_row(
            moment(each["signed_at"]),
            each["act"],
            each["subject"][:SHORT],
            each["about"][:SHORT],
            escape(state + (f": {each['reason']}" if each["state"] == "rejected" else "")),
        )
    return table


def moment(unix: int) -> str:
    """A Unix time in local time, to the minute."""
    try:
        return datetime.fromtimestamp(unix).astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return "the end of time"


def escape(text: str) -> str:
    """Text from elsewhere, without effect as rich's markup."""
    return text.replace("[", r"\[")
