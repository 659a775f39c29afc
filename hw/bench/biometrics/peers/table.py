"""Ours and others' figures, side by side."""

from rich.table import Table

from hw.bench.biometrics.shown import shown
from hw.bench.biometrics.summary import Figures


def peers_rows(figures: Figures, peers: dict[str, Figures]) -> list[tuple[str, ...]]:
    """Ours and others' figures; the first row names the columns."""
    ours = "ridgekey"
    columns = {ours: figures} | peers
    lines = [("", *columns)]
    lines += [
        (told, *(shown(each.get(name), show) for each in columns.values()))
        for told, name, show in (
            ("impressions enrolled", "impressions_enrolled", "{:.0f}"),
            ("failure to enrol", "fte", "{:.1%}"),
            ("one press refused", "fnmr_one_press", "{:.1%}"),
            ("three presses refused", "frr_three_presses", "{:.1%}"),
            ("false accepts", "false_accepts", "{:.0f}"),
            ("transactions of strangers", "impostor_transactions", "{:,.0f}"),
            ("of presses of strangers, computed", "fmr_one_press_computed", "{:.1e}"),
            ("FAS, bits", "fas_bits", "{:.1f}"),
        )
    ]
    notes = [_note(each) for each in columns.values()]
    return [*lines, ("how", *notes)]


def _note(figures: Figures) -> str:
    """What to know of a peer's figures."""
    if "why_not" in figures:
        return f"computed; the package does not run: {figures['why_not']}"
    if "ran_presses" in figures:
        stand_ins = f"; stand-ins for {figures['stand_ins']}" if figures["stand_ins"] else ""
        return (
            f"{figures['bits']} bits, {figures['helpers']:,} helpers, {figures['helper_bytes']:,} bytes; "
            f"computed by its rule; of {figures['ran_presses']} presses run {figures['ran_accepted']} "
            f"accepted, {figures['ran_accepted_computed']:.1f} computed{stand_ins}"
        )
    return "run"


def peers_table(figures: Figures, peers: dict[str, Figures]) -> Table:
    """Ours and others' side by side, on one set."""
    names, *lines = peers_rows(figures, peers)
    table = Table(title=f"Peers on the same presses: {figures['set']}, {figures['sensor']}")
    for name in names:
        table.add_column(name)
    for line in lines:
        table.add_row(*line)
    return table
