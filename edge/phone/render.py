"""What happens on a phone, for a person at a terminal."""

from typing import Any

from rich.table import Table
from rich.text import Text

from edge.render import SHORT, moment, table


def line(what: str, detail: dict[str, Any]) -> Text:
    """One happening as a line; empty for one that needs none."""
    match what:
        case "number":
            return Text.assemble(
                "Does the kiosk show ",
                (detail["number"], "bold"),
                "? Then confirm there with your finger.",
            )
        case "request":
            return request_text(detail)
        case "receipt":
            return Text.assemble(
                ("receipt", "green"),
                f": {detail['status']}; for: {detail['act']}, by the word of kiosk {detail['kiosk']}",
            )
        case "lent":
            return Text("  lent the record to the kiosk, for this visit")
        case "handed_over":
            return Text("This phone carries your sealed record from now on; the kiosk has forgotten it.")
        case "carried":
            return Text(f"  carried {detail['bytes']} bytes to the gateway")
        case "not_carried":
            return Text.assemble(("  not carried:", "yellow"), f" {detail['reason']}")
        case "brought_back":
            return Text("  brought a receipt back")
        case "started":
            return Text(f"Withdrawal started: {detail['next']}.")
        case "here":
            return Text("Here, until Ctrl-C.")
        case "carrying":
            return Text("Carrying messages for the kiosk, until Ctrl-C.")
        case "ignored":
            return Text.assemble(("  ignored what the kiosk said:", "yellow"), f" {detail['reason']}")
    return Text()


def request_text(detail: dict[str, Any]) -> Text:
    """A request, who asks for what and why."""
    return Text.assemble(
        (detail["requester_name"], "bold"),
        f" asks for: {detail['kind']}\n"
        f"  purpose: {detail['purpose']}\n  until:   {moment(detail['expiry'])}\n"
        f"  state:   {detail['state']}\n  request: {detail['request']}\n"
        f"  name, kind and state by the word of kiosk {detail['kiosk']}",
    )


def requests_table(heard: list[dict[str, Any]]) -> Table | Text:
    """All requests."""
    if not heard:
        return Text("No requests yet.")
    return table(
        ("request", "from", "for", "purpose", "until", "state", "told by kiosk"),
        (
            (
                each["request"][:SHORT],
                each["requester_name"],
                each["kind"],
                each["purpose"],
                moment(each["expiry"]),
                each["state"],
                each["kiosk"],
            )
            for each in heard
        ),
    )


def receipts_table(held: list[dict[str, Any]]) -> Table | Text:
    """All receipts."""
    if not held:
        return Text("No receipts yet.")
    return table(
        ("at", "act", "about", "status", "block", "told by kiosk"),
        (
            (
                moment(each["at"]),
                each["act"],
                each["about"][:SHORT],
                each["status"] + (f": {each['reason']}" if each["reason"] else ""),
                str(each["block"] or ""),
                each["kiosk"],
            )
            for each in held
        ),
    )
