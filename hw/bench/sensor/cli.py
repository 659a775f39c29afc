"""`ridgekey bench sensor`: the measurements one after the other, a table for a person, JSON for a machine."""

import argparse
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from hw.bench import report
from hw.bench.sensor import fault_table, line_rate, markdown, transfers
from hw.bench.sensor.fault_table import Outcome
from hw.bench.sensor.subject import OURS, SUBJECTS, title

PEERS = tuple(name for name in SUBJECTS if name != OURS)
TRANSFERS, TRANSFERS_FULL = 10_000, 100_000
RUNS, RUNS_FULL = 3, 5
SEED = 3

DESCRIPTION = f"""\
Measures ridgekey's driver, plain adafruit-circuitpython-fingerprint and pyfingerprint on simulated sensors:

  1. {TRANSFERS:,} randomly faulted transfers (--full: {TRANSFERS_FULL:,}) of our driver, over a line on which
     time is counted and not waited for: is a wrong image ever accepted, does a capture ever hang?
  2. each fault to each driver: right image, clear error, wrong data unnoticed, or hang; then the next image
  3. upload times and processor time for both sensors, two rates and two packet sizes, at line rate

It takes about ten minutes and no network. A peer that is not installed is left out."""

EPILOG = """\
examples:
  ridgekey bench sensor
  ridgekey bench sensor --json sensor.json --transfers 1000
  ridgekey bench sensor --full --seed 7

exit code 1 if our driver accepted a wrong image, hung, or lost step"""


def main(argv: list[str]) -> int:
    """Run the measurements and print them."""
    options = _parser().parse_args(argv)
    count = options.transfers or (TRANSFERS_FULL if options.full else TRANSFERS)
    console = Console()
    with _progress() as bar:
        crew = _transfers(bar, count, options.seed)
        table = _faults(bar)
        tally = crew.result()
        timings = _timings(bar, RUNS_FULL if options.full else RUNS)
    figures = {OURS: _summary(table, timings, OURS)} | {
        name: _summary(table, timings, name) for name in PEERS
    }
    _print(console, tally, table, timings)
    content = report.report(
        "sensor",
        shlex.join(["ridgekey", "bench", "sensor", *argv]),
        _ours(tally) | figures[OURS] | {"faults": table, "timings": timings[OURS]},
        {name: figures[name] | {"version": title(name), "timings": timings[name]} for name in PEERS},
    )
    if options.markdown:
        report.write_text(options.markdown, markdown.tables(content))
    if options.json:
        report.write(options.json, content)
        console.print(f"written to {options.json}", highlight=False)
    return int(bool(tally.wrong or tally.ghosts or tally.unscrubbed or tally.hangs or tally.stuck))


def _transfers(bar: Progress, count: int, seed: int) -> transfers.Crew:
    task = bar.add_task("randomly faulted transfers", total=count)
    return transfers.Crew(count, seed, lambda done: bar.advance(task, done))


def _faults(bar: Progress) -> fault_table.Table:
    task = bar.add_task("each fault, each driver", total=len(fault_table.ROWS) * len(SUBJECTS))
    return fault_table.run(list(SUBJECTS), lambda: bar.advance(task))


def _timings(bar: Progress, runs: int) -> dict[str, list[dict[str, Any]]]:
    counts = {name: runs if name == OURS else 1 for name in SUBJECTS}
    total = sum(len(list(line_rate.settings_of(name))) * counts[name] for name in SUBJECTS)
    task = bar.add_task("transfers at line rate", total=total)
    return {name: line_rate.run(name, counts[name], lambda: bar.advance(task)) for name in SUBJECTS}


def _ours(tally: transfers.Tally) -> dict[str, Any]:
    """Figures of the random transfers, which only our driver goes through."""
    return {
        "transfers": tally.transfers,
        "faults_in_transfers": tally.faults,
        "right_images": tally.outcomes["right"],
        "right_images_after_retry": tally.retried,
        "clear_errors": tally.transfers - tally.outcomes["right"] - tally.wrong - tally.hangs,
        "wrong_images_accepted": tally.wrong,
        "fingers_seen_without_one": tally.ghosts,
        "scrubs_that_left_an_image": tally.unscrubbed,
        "hangs": tally.hangs,
        "out_of_step_after_error": tally.stuck,
        "longest_capture_seconds": round(tally.longest, 1),
    }


def _summary(table: fault_table.Table, timings: dict[str, list[dict[str, Any]]], name: str) -> dict[str, Any]:
    """How often a driver ended how in the table, and the worst of its times."""
    cells = [row["drivers"][name] for row in table if name in row["drivers"]]
    during = Counter(cell["outcome"] for cell in cells)
    after = Counter(cell["after"] for cell in cells)
    ratios = [timing["line_rate_ratio"] for timing in timings[name] if timing["line_rate_ratio"]]
    words = {outcome: outcome.value.replace(" ", "_") for outcome in Outcome}
    return (
        {f"table_{words[outcome]}": during[outcome] for outcome in Outcome}
        | {f"afterwards_{words[outcome]}": after[outcome] for outcome in Outcome}
        | ({"line_rate_ratio_max": max(ratios)} if ratios else {})
        | {
            "cpu_share_max": max((timing["cpu_share"] for timing in timings[name]), default=None),
            "cpu_seconds_max": max((timing["cpu_seconds"] for timing in timings[name]), default=None),
        }
    )


def _print(
    console: Console,
    tally: transfers.Tally,
    faults: fault_table.Table,
    timings: dict[str, list[dict[str, Any]]],
) -> None:
    names = [name for name in SUBJECTS if timings[name]]
    ours = _ours(tally)
    console.print(
        ", ".join(f"{word.replace('_', ' ')} {value}" for word, value in ours.items()), highlight=False
    )
    for trouble in tally.troubles:
        console.print(trouble, style="red", highlight=False, markup=False)
    table = Table(
        "fault", *map(title, names), title="Each fault: what came of it; then, without it, the next image"
    )
    for row in faults:
        table.add_row(row["fault"], *(_cell(row["drivers"].get(name)) for name in names))
    console.print(table)
    table = Table("sensor", "baud", "packet", "minimum s", *(f"{title(name)}: s, CPU" for name in names))
    for ours in timings[OURS]:
        same = [_timing(timings[name], ours) for name in names]
        table.add_row(
            *(str(ours[key]) for key in ("sensor", "baud", "packet_size", "minimum_seconds")), *same
        )
    console.print(table)
    console.print(
        "ridgekey: the upload alone. The others do not tell it: the whole capture.", highlight=False
    )


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "-"
    colours = {Outcome.WRONG: "red", Outcome.HANG: "red", Outcome.ERROR: "yellow", Outcome.RIGHT: "green"}
    parts = [f"[{colours[Outcome(word)]}]{word}[/]" for word in (cell["outcome"], cell["after"])]
    return parts[0] if cell["after"] == Outcome.RIGHT else "; then ".join(parts)


def _timing(timings: list[dict[str, Any]], setting: dict[str, Any]) -> str:
    keys = ("sensor", "baud", "packet_size")
    for timing in timings:
        if all(timing[key] == setting[key] for key in keys):
            return f"{timing['seconds']:.3f} s, {1000 * timing['cpu_seconds']:.0f} ms"
    return "-"


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ridgekey bench sensor",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--full", action="store_true", help="the long run")
    parser.add_argument("--transfers", type=int, metavar="N", help="so many randomly faulted transfers")
    parser.add_argument("--seed", type=int, default=SEED, help="of the random faults (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there, for a page")
    return parser
