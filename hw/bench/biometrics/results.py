"""What was measured so far, printed and written."""

import math
import shlex
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from hw.bench import report as bench_report
from hw.bench.biometrics import page, tables
from hw.bench.biometrics.page import Measured
from hw.bench.biometrics.peers.table import peers_table
from hw.bench.biometrics.summary import Figures

COMMAND = "ridgekey bench biometrics "
"""Comes before the arguments in what is written."""


def show(measured: Sequence[Measured]) -> None:
    """Print the tables."""
    figures = [each.figures for each in measured]
    console = Console()
    console.print(tables.figures_table(figures))
    console.print(tables.by_k_table(figures))
    for each in measured:
        if each.peers:
            console.print(peers_table(each.figures, each.peers))


def write(measured: Sequence[Measured], arguments: Namespace, argv: Sequence[str]) -> None:
    """Write the JSON and the page, where they are wanted.

    Raises:
        FileTroubleError: a file cannot be written.
    """
    content = content_of([each.figures for each in measured], argv)
    content["peers"] = {
        name: [_finite(each.peers[name]) for each in measured if name in each.peers]
        for name in dict.fromkeys(name for each in measured for name in each.peers)
    }
    if arguments.json:
        bench_report.write(arguments.json, content)
    if arguments.report:
        page.write(arguments.report / "index.html", measured, content)


def content_of(figures: Sequence[Figures], argv: Sequence[str]) -> dict[str, Any]:
    """The JSON, without peers."""
    content = bench_report.report("biometrics", COMMAND + shlex.join(argv), {}, {})
    return content | {"figures": [_finite(each) for each in figures]}


def _finite(figures: Figures) -> dict[str, Any]:
    """JSON knows no infinity; null says that nothing was seen."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in figures.items()
    }
