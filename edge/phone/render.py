"""What happens on a phone, for a person at a terminal."""

from typing import Any

from rich.table import Table

from edge.events import plain
from edge.phone.happening import request_json
from edge.phone.state import HeardRequest
from edge.render import SHORT, escape, moment


def line(what: str, detail: dict[str, Any]) -> str:
    """One happening as a line with rich's markup; empty for one that needs none."""
    match what:
        case "number":
            return (
                f"Does the kiosk show [bold]{detail['number']}[/bold]? Then confirm there with your finger."
            )
        case "request":
            return request_text(detail)
        case "receipt":
            return f"[green]receipt[/green]: {escape(detail['act'])} {detail['status']}"
        case "lent":
            return "  lent the record to the kiosk, for this visit"
        case "handed_over":
            return "This phone carries your sealed record from now on; the kiosk has forgotten it."
        case "carried":
            return f"  carried {detail['bytes']} bytes to the gateway"
        case "not_carried":
            return f"  [yellow]not carried:[/yellow] {escape(detail['reason'])}"
        case "brought_back":
            return "  brought a receipt back"
        case "started":
            return f"Withdrawal started: {escape(detail['next'])}."
        case "here":
            return "Here, until Ctrl-C."
        case "carrying":
            return "Carrying messages for the kiosk, until Ctrl-C."
        case "ignored":
            return f"  [yellow]ignored what the kiosk said:[/yellow] {escape(detail['reason'])}"
    return ""


def request_text(detail: dict[str, Any]) -> str:
    """A request, who asks for what and why."""
    return (
        f"[bold]{escape(detail['requester_name'])}[/bold] asks for: {escape(detail['kind'])}\n"
        f"  purpose: {escape(detail['purpose'])}\n  until:   {moment(detail['expiry'])}\n"
        f"  state:   {escape(detail['state'])}\n  request: {detail['request']}"
    )


def requests_table(heard: list[HeardRequest]) -> Table | str:
    """All requests."""
    if not heard:
        return "No requests yet."
    table = _table("request", "from", "for", "purpose", "until", "state")
    for each in map(plain, map(request_json, heard)):
        table.add_row(
            str(each["request"])[:SHORT],
            escape(str(each["requester_name"])),
            escape(str(each["kind"])),
            escape(str(each["purpose"])),
            moment(each["expiry"]),  # type: ignore[arg-type]  # a number, by request_json
            escape(str(each["state"])),
        )
    return table


def receipts_table(held: list[dict[str, Any]]) -> Table | str:
    """All receipts."""
    if not held:
        return "No receipts yet."
    table = _table("at", "act", "about", "status", "block")
    for each in held:
        about = each["about"][:SHORT]
        status = each["status"] + (f": {each['reason']}" if each["reason"] else "")
        table.add_row(
            moment(each["at"]), escape(each["act"]), about, escape(status), str(each["block"] or "")
        )
    return table


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title)
    return table
