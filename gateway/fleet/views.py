"""How kiosks and commands are shown: as JSON, and as a table."""

import time
from collections.abc import Sequence
from typing import Any

from rich.table import Column, Table
from rich.text import Text

from contracts.messages import Setting
from gateway.fleet.book import Kiosk, Order


def describe(kiosk: Kiosk) -> dict[str, Any]:
    """A kiosk for `--json`; settings by name."""
    health, reported = kiosk.health, kiosk.reported
    end = health["certificate_end"] if health else None
    return {
        "kiosk": kiosk.kiosk.hex(),
        "online": kiosk.online,
        "seen": kiosk.seen,
        "sensor": "" if health is None else ("ready" if health["sensor"] == 1 else "failed"),
        "certificate_days": None if end is None else int((end - time.time()) // 86_400),
        "health": health,
        "wanted": {"version": kiosk.wanted_version, "settings": _named(kiosk.wanted)},
        "reported": reported
        and {
            "version": reported["version"],
            "settings": _named(reported["settings"]),
            "refused": _named(reported["refused"]),
        },
    }


def describe_order(order: Order) -> dict[str, Any]:
    """A command for `--json`."""
    state = "sent" if order.sent else "waiting"
    return {
        "number": order.number,
        "action": order.action.name.lower().replace("_", "-"),
        "result": order.result.name.lower() if order.result else state,
        "why": order.why,
        "answered": order.answered,
    }


def _named(settings: Any) -> dict[str, Any]:
    names = {int(setting): setting.name.lower() for setting in Setting}
    return {names.get(int(number), f"setting {number}"): value for number, value in settings.items()}


def table_of(rows: Sequence[dict[str, Any]]) -> Table:
    """Kiosks, as `describe` has them, one line for each."""
    table = Table(Column("kiosk", no_wrap=True, min_width=16), box=None, pad_edge=False)
    for heading in ("state", "heard", "waiting", "oldest", "sensor", "certificate", "software"):
        table.add_column(heading)
    for row in rows:
        health = row["health"] or {}
        table.add_row(
            row["kiosk"],
            "online" if row["online"] else "offline",
            _ago(row["seen"]),
            str(health["waiting"]) if health else "",
            f"{health['oldest']} s" if health and health["waiting"] else "",
            row["sensor"],
            "" if row["certificate_days"] is None else f"{row['certificate_days']} days",
            Text(health.get("software", "")),
        )
    return table


def _ago(seen: int) -> str:
    return f"{max(0, int(time.time()) - seen)} s ago" if seen else "never"
