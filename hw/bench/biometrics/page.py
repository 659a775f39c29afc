"""The report: one self-contained page, with plots, that can be shown."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from hw.bench.biometrics import plots, tables
from hw.bench.biometrics.attacks import Linked
from hw.bench.biometrics.counting import KS
from hw.bench.biometrics.peers.table import peers_rows
from hw.bench.biometrics.plots import Axis, Line
from hw.bench.biometrics.shown import UNSEEN, accepted, shown
from hw.bench.biometrics.summary import EXPONENTS, Curves, Figures
from hw.errors import FileTroubleError

SHOWN_KS = (7, 8, 9, 10, 11)
LEAST_SHARE = 1e-3
"""Where the plot of refused presses ends."""

STYLE = """
:root{color-scheme:light dark;--text:#1d2129;--soft:#667085;--line:#e3e6ec;--page:#fff;--card:#f8f9fb}
@media(prefers-color-scheme:dark){
:root{--text:#e6e8ee;--soft:#98a1b3;--line:#2c313c;--page:#14161b;--card:#1b1e25}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--text);background:var(--page);
max-width:1180px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin:0}h2{margin:2.2rem 0 .6rem;font-size:1.2rem}p{max-width:46rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
td,th{text-align:left;padding:.3rem .7rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td:first-child{width:38%}th.group{padding-top:1rem;border-bottom:2px solid var(--line)}
.columns td:first-child{width:18%}.columns td,.columns th{width:18%}h3{margin:1.6rem 0 .3rem;font-size:1rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:1rem;margin:1rem 0}
.tile{background:var(--card);border:1px solid var(--line);border-left:5px solid var(--soft);border-radius:8px;
padding:.6rem .9rem}.tile b{display:block;font-size:1.55rem;font-weight:650}
.tile.met{border-left-color:#2f9e5b}.tile.missed{border-left-color:#d9822b}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(340px,1fr));gap:1rem;margin-top:1rem}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.6rem}
figcaption,.soft{color:var(--soft)}figcaption{font-size:.85rem;padding:.2rem .4rem}
svg{width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:var(--soft)}
svg .title{font-weight:600;font-size:12.5px;fill:var(--text)}svg .grid{stroke:var(--line);stroke-width:1}
code{font-size:.85em;overflow-wrap:anywhere}
"""

ABOUT = """Some impressions of each finger are enrolled, the others pressed. A trial is one guess of the
decoder. FAS, the false-accept security, is the binary logarithm of the trials that someone needs who has the
record, the kiosk's pepper and a database of other fingers; it is counted, not run. A record without the
pepper is 128 bits of work. Intervals are 95 %, by bootstrap over fingers."""


@dataclass(frozen=True)
class Measured:
    """One set.

    Attributes:
        figures: as in the JSON.
        curves: for the plots.
        linked: linkage attacks, if they were run.
        peers: figures of others on the same presses, by their names, if they were measured.
    """

    figures: Figures
    curves: Curves
    linked: list[Linked]
    peers: dict[str, Figures] = field(default_factory=dict)


def write(path: Path, measured: Sequence[Measured], content: dict[str, Any]) -> None:
    """Write the page.

    Args:
        path: of the HTML file.
        measured: the sets.
        content: the JSON, for the words about the machine.

    Raises:
        FileTroubleError: it cannot be written.
    """
    try:
        path.write_text(page(measured, content), encoding="utf-8")
    except OSError as error:
        raise FileTroubleError(f"cannot write {path}: {error.strerror}") from error


def page(measured: Sequence[Measured], content: dict[str, Any]) -> str:
    """The page's HTML."""
    machine = content["machine"]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>ridgekey: biometrics measured</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style><h1>From a finger to a key, measured</h1>"
        f'<p class="soft">ridgekey {escape(content["version"])} on {machine["cores"]} cores '
        f"({escape(machine['processor'])})<br><code>{escape(content['command'])}</code></p><p>{ABOUT}</p>"
        + "".join(_section(each) for each in measured)
        + "</html>\n"
    )


def _section(measured: Measured) -> str:
    figures = measured.figures
    lines = "".join(
        f'<tr><th class="group" colspan="3">{escape(heading)}</th></tr>'
        + "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(value)}</td><td>{escape(goal)}</td></tr>"
            for name, value, goal in several
        )
        for heading, several in tables.groups(figures)
    )
    linked = "".join(_linkage(each) for each in measured.linked if each.mated and each.strange)
    linkage = f'<h3>Linkage of records</h3><div class="plots">{linked}</div>' if linked else ""
    return (
        f"<h2>{escape(str(figures['set']))}, as {escape(str(figures['sensor']).upper())}, "
        f"{escape(str(figures['part']))} fingers</h2>{_tiles(figures)}"
        f'<div class="plots">{"".join(_curves(measured.curves, figures))}</div>'
        f"<table><tr><th></th><th>measured</th><th>goal</th></tr>{lines}</table>"
        f"<p>{_worst(measured.curves)}</p>{_by_k(figures)}{_peers(measured)}{linkage}"
    )


def _tiles(figures: Figures) -> str:
    """The few figures that matter most, and whether each is where it should be."""
    fnmr, frr, fas = tables.GOALS[str(figures["sensor"])]
    one, three = float(figures["fnmr_one_press"]), float(figures["frr_three_presses"])
    bits = float(figures["fas_bits"])
    told = [
        (accepted(figures, "fnmr_one_press"), f"accepted at one press; goal {1 - fnmr:.1%}", one <= fnmr),
        (accepted(figures, "frr_three_presses"), f"within three presses; goal {1 - frr:.1%}", three <= frr),
        (
            shown(bits, ("≥ " if figures["fas_is_lower_bound"] else "") + "{:.1f} bits"),
            f"FAS of a record without its pepper; goal {fas:.0f}",
            bits >= fas,
        ),
        (
            f"{figures['false_accepts']} of {figures['impostor_transactions']:,}",
            "transactions of strangers accepted",
            not figures["false_accepts"],
        ),
    ]
    return (
        '<div class="tiles">'
        + "".join(
            f'<div class="tile {_state(value, met=met)}"><b>{escape(value)}</b>{escape(name)}</div>'
            for value, name, met in told
        )
        + "</div>"
    )


def _state(value: str, *, met: bool) -> str:
    """A tile's class; what was not seen neither meets nor misses its goal."""
    if value == UNSEEN:
        return "unseen"
    return "met" if met else "missed"


def _by_k(figures: Figures) -> str:
    """The curve of acceptance against security; its first two columns are the section's own."""
    lines = [row[2:] for row in tables.by_k_rows(figures)]
    return "<h3>Over several enrolments, by coefficients</h3>" + _table(tables.BY_K[2:], lines)


def _peers(measured: Measured) -> str:
    """Ours and others' side by side."""
    if not measured.peers:
        return ""
    names, *lines = peers_rows(measured.figures, measured.peers)
    return "<h3>Peers, on the same presses</h3>" + _table(names, lines)


def _table(names: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    return f'<table class="columns"><tr>{head}</tr>{body}</table>'


def _worst(curves: Curves) -> str:
    """The fingers that need help, by number alone."""
    refused = ", ".join(f"{finger} ({share:.0%})" for finger, share in curves.worst) or "none"
    missing = ", ".join(map(str, curves.not_enrolled)) or "none"
    return f"Fingers with the most refused presses, by number: {refused}. Not enrolled: {missing}."


def _curves(curves: Curves, figures: Figures) -> list[str]:
    fnmr_goal, _, fas_goal = tables.GOALS[str(figures["sensor"])]
    shown = [(KS.index(k), k, f"records_of_k_{k}" in figures) for k in SHOWN_KS]
    lowest = floor_of(curves.accepted[[row for row, _, _ in shown]])
    trials = Axis("trials", 2 ** EXPONENTS[0], 2 ** EXPONENTS[-1], log=True, show=plots.power_of_ten)
    share = Axis("one press accepted", lowest, 1, show="{:.0%}".format)
    accepted = [
        Line(
            f"k = {k}",
            [(2**e, y) for e, y in zip(EXPONENTS, curves.accepted[row], strict=True)],
            strong=used,
        )
        for row, k, used in shown
    ]
    errors = [
        Line(
            f"k = {k}",
            _above_floor(
                [
                    (x, max(1 - y, LEAST_SHARE))
                    for x, y in zip(curves.false_accepts[row], curves.accepted[row], strict=True)
                    if x > 0
                ]
            ),
            strong=used,
        )
        for row, k, used in shown
    ]
    bits = [
        Line(
            "counted",
            [(k, curves.fas[row][0]) for row, k in enumerate(KS)],
            [(low, high) for point, low, high in curves.fas if np.isfinite(point)],
        ),
        Line("goal", [(KS[0], fas_goal), (KS[-1], fas_goal)]),
    ]
    return [
        _figure(
            plots.lines("Accepted over trials", trials, share, accepted),
            "Computed from overlaps over all enrolments, as if every record had k coefficients; the thick "
            "lines are in use. "
            f"ridgekey stops at 2^{figures['trials_log2']:.0f} trials.",
        ),
        _figure(
            plots.lines(
                "DET: refused over falsely accepted, as trials grow",
                Axis("false accepts per press", 1e-14, 1e-2, log=True, show=plots.power_of_ten),
                Axis("one press refused", LEAST_SHARE, 1, log=True, show="{:.1%}".format),
                errors,
            ),
            f"Computed; goal {fnmr_goal:.0%} refused. No line where no stranger's press had a chance.",
        ),
        _figure(
            plots.lines("FAS over k", Axis("k", KS[0], KS[-1]), Axis("bits", 20, 70), bits),
            "Presses that the count rests on: "
            + ", ".join(f"{count:,} at {k}" for k, count in zip(KS, curves.rests_on, strict=True))
            + ". Where none had a chance, no point; bars to the top have no upper end.",
        ),
    ]


def _above_floor(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A line down to the plot's floor, and not along it."""
    down = next((i for i, (_, y) in enumerate(points) if y <= LEAST_SHARE), len(points))
    return points[: down + 1]


def floor_of(values: Any) -> float:
    """Where an axis of shares begins: the next tenth below the least, at most 0.9."""
    return float(min(0.9, np.floor(np.min(values) * 10) / 10))


def _linkage(linked: Linked) -> str:
    scores = [*linked.mated, *linked.strange]
    low, high = min(scores), max(scores)
    axis = Axis("score", low, high if high > low else low + 1)
    drawn = plots.histogram(
        f"Linkage: {linked.name.replace('_', ' ')}",
        axis,
        [("one finger", linked.mated), ("two fingers", linked.strange)],
    )
    return _figure(
        drawn, f"D_sys {linked.d_sys:.3f}; {linked.chance:.3f} is what chance gives with as few scores."
    )


def _figure(svg: str, caption: str) -> str:
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"
