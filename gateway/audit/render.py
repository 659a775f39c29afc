"""A report for people (tables, one per person) and for machines (one JSON object)."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.acts import (
    Act,
    Contest,
    Deny,
    Entrust,
    Grant,
    RecordKind,
    Recover,
    Register,
    Renew,
    Request,
    Rotate,
    Withdraw,
)
from contracts.hexes import checksum_address, to_hex
from gateway.audit.verify import AuditedEvent, Report, name_of, request_of, subject_of
from gateway.ledger.events import ActEvent, PublishedEvent, RecoveredEvent, SkippedEvent
from gateway.ledger.reasons import explain

MAX_SHOWN = 1_000
"""Events that are shown one by one, and findings; more than anybody reads."""

SHORT = 10
"""Characters of a hash or address in a table: enough to tell those of one person apart."""


def show(report: Report, console: Console) -> None:
    """Print the tables and the verdict."""
    if len(report.events) <= MAX_SHOWN:
        _show_people(report, console)
    else:
        text = f"{len(report.events):,} events; --subject shows a person's, --json all of them"
        console.print(text, highlight=False)
    for finding in report.findings[:MAX_SHOWN]:
        console.print(Text(f"✗ {finding}", style="red"))
    console.print(Text(verdict(report), style="bold green" if report.holds else "bold red"))
    if report.last is not None and report.last_hash is not None:
        linked = f"{report.links} links between blocks checked, " if report.links else ""
        console.print(f"{linked}up to block {report.last}, {to_hex(report.last_hash)}", highlight=False)


def _show_people(report: Report, console: Console) -> None:
    people: dict[bytes | None, list[AuditedEvent]] = {}
    for audited in report.events:
        people.setdefault(None if audited.event is None else subject_of(audited.event), []).append(audited)
    for subject, events in people.items():
        console.print(_table(subject, events), end="\n\n")


def verdict(report: Report) -> str:
    """The report in one line."""
    acts = f"{report.acts} act{'' if report.acts == 1 else 's'}"
    if report.holds:
        return f"{acts}, all signatures hold"
    count = len(report.findings)
    return f"{acts}; {count} thing{'' if count == 1 else 's'} do{'es' if count == 1 else ''} not hold"


def as_json(report: Report) -> dict[str, Any]:
    """The report for machines."""
    return {
        "holds": report.holds,
        "acts": report.acts,
        "findings": list(report.findings),
        "last_block": report.last,
        "last_hash": None if report.last_hash is None else to_hex(report.last_hash),
        "links": report.links,
        "consents": {
            to_hex(request): {"state": state.name.lower(), "expiry": expiry}
            for request, (state, expiry) in report.states.items()
        },
        "history": [_row(audited) for audited in report.events],
    }


def _row(audited: AuditedEvent) -> dict[str, Any]:
    row: dict[str, Any] = {"block": audited.block, "time": audited.time, "findings": list(audited.findings)}
    event = audited.event
    if event is None:
        return row
    request, subject = request_of(event), subject_of(event)
    return row | {
        "act": name_of(event),
        "subject": None if subject is None else checksum_address(subject),
        "request": None if request is None else to_hex(request),
        "about": _about(audited),
    }


def _table(subject: bytes | None, events: Iterable[AuditedEvent]) -> Table:
    title = "about nobody" if subject is None else checksum_address(subject)
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in ("time (UTC)", "block", "act", "about", "holds"):
        table.add_column(column, justify="right" if column == "block" else "left", overflow="fold")
    for audited in events:
        table.add_row(
            _when(audited.time),
            str(audited.block),
            "?" if audited.event is None else name_of(audited.event),
            _about(audited),
            Text("; ".join(audited.findings), style="red")
            if audited.findings
            else Text("yes", style="green"),
        )
    return table


def _about(audited: AuditedEvent) -> str:
    """What an act is about, in a line."""
    event = audited.event
    match event:
        case PublishedEvent():
            return f"record {_short(event.record)}, {len(event.object)} bytes"
        case RecoveredEvent():
            return f"recovery {_short(event.recovery)}"
        case SkippedEvent():
            return f"call {event.position} of a batch: {explain(event.text)}"
        case ActEvent():
            return _about_act(event.act)
    return ""


def _about_act(act: Act) -> str:
    match act:
        case Register(record=record, kind=kind):
            known = RecordKind.of(kind)
            return f"record {_short(record)}, {known.value if known else 'of an unknown kind'}"
        case Request(requester=requester, record=record, expiry=expiry):
            asked = f"request {_short(act.hash_struct())} by {checksum_address(requester)[:SHORT]}"
            return f"{asked} for record {_short(record)}, until {_when(expiry)}"
        case Grant(request=request, expiry=expiry) | Renew(request=request, expiry=expiry):
            return f"request {_short(request)}, until {_when(expiry)}"
        case Deny(request=request) | Withdraw(request=request):
            return f"request {_short(request)}"
        case Rotate(new_key=key):
            return f"new key {checksum_address(key)[:SHORT]}"
        case Recover(new_key=key):
            return f"recovery {_short(act.hash_struct())}, new key {checksum_address(key)[:SHORT]}"
        case Contest(recovery=recovery):
            return f"recovery {_short(recovery)}"
        case Entrust(guardian=guardian):
            return f"guardian {checksum_address(guardian)[:SHORT]}" if any(guardian) else "no guardian"
    return ""


def _short(value: bytes) -> str:
    return to_hex(value)[:SHORT]


def _when(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return "the end of time"  # an expiry may be any 64-bit number
