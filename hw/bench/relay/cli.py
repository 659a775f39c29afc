"""`ridgekey bench relay`: consents a second through the gateway, beside what its ledger could do at most."""

import argparse
import shlex
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from contracts.registry import MAX_BATCH
from hw import broker
from hw.bench import report
from hw.bench.crowd.kiosk import Kiosk
from hw.bench.relay.ceiling import sign_all, throw
from hw.bench.relay.pour import Desk
from hw.bench.relay.stage import Stage

GOAL_RATIO = 0.85
CONSENTS = 4_000
"""Poured in at a time: so many that its beginning and its end weigh little."""

LATENCIES = 50
KIOSKS = 8
SIZES, SIZES_FULL = (1_000, 5_000), (1_000, 5_000, 50_000)
"""Consents on the ledger before the relay is measured."""

DESCRIPTION = f"""\
Grants poured into the gateway over a real broker, all at once, until each has its signed receipt: with one
grant to a transaction, and in batches. Beside it the ceiling: the very same acts in transactions signed
beforehand and thrown straight at the same ledger, once before and once after. Then the time from message to
receipt of a grant that comes alone; all of it again on a ledger that has grown, to {SIZES[-1]:,} consents or,
with --full, to {SIZES_FULL[-1]:,}. The ledger is the embedded one. It takes ten minutes, with --full an hour,
and no network."""

EPILOG = """\
examples:
  ridgekey bench relay
  ridgekey bench relay --json relay.json --consents 300
  ridgekey bench relay --full

The figures, alone and in batches, are those of the size of the ledger at which the relay's share of the
ceiling is smallest; the latency is that of the size at which it is longest.

exit code 1 if the relay stays below 85 % of the ceiling at any size, alone or in batches"""


@dataclass(frozen=True)
class Measured:
    """One size of the ledger.

    Attributes:
        consents: on the ledger before.
        ceiling: acts a second that the ledger takes, by acts in a transaction.
        relay: acts a second from message to receipt, likewise.
        latency: seconds from message to receipt of an act alone; median.
    """

    consents: int
    ceiling: dict[int, float]
    relay: dict[int, float]
    latency: float

    def ratio(self, size: int) -> float:
        """The relay's share of the ceiling."""
        return self.relay[size] / self.ceiling[size]


def main(argv: list[str]) -> int:
    """Measure and print."""
    options = _parser().parse_args(argv)
    console = Console()
    sizes = SIZES_FULL if options.full else SIZES
    with _progress() as bar:
        task = bar.add_task("starting", total=None)
        measured = _measure(
            sizes, options.consents, lambda stage, done: bar.update(task, description=stage, completed=done)
        )
    figures = _figures(measured)
    console.print(_table(measured))
    if options.json:
        command = shlex.join(["ridgekey", "bench", "relay", *argv])
        report.write(options.json, report.report("relay", command, figures, _peers(measured)))
        console.print(f"written to {options.json}", highlight=False)
    return int(not _is_good(figures))


def _is_good(figures: Mapping[str, Any]) -> bool:
    return bool(figures["throughput_ratio"] >= GOAL_RATIO)


def _measure(sizes: tuple[int, ...], consents: int, told: Callable[[str, int], None]) -> list[Measured]:
    measured = []
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ridgekey-relay-")))
        wire = stack.enter_context(broker.start(directory / "broker"))
        kiosks = [Kiosk() for _ in range(KIOSKS)]
        stage = Stage(directory, kiosks)
        for size in sizes:
            stage.grow(size, lambda done: told("consents written", done))
            told(f"measuring at {size:,} consents", size)
            measured.append(_at_this_size(stage, wire.url, kiosks, consents))
    return measured


def _at_this_size(stage: Stage, wire: str, kiosks: list[Kiosk], consents: int) -> Measured:
    alone, together, single = (stage.ask(number) for number in (consents, consents, LATENCIES))
    ceiling, relay = {}, {}
    for size, asked in ((1, alone), (MAX_BATCH, together)):
        acts = [each.granted() for each in asked]
        raw = sign_all(stage.ledger, acts, size)
        before = throw(stage.bare_ledger(), raw, size)
        with stage.premises(wire, size) as premises, Desk(premises, wire, kiosks) as desk:
            relay[size] = consents / desk.pour(acts)
            if size == MAX_BATCH:
                latency = statistics.median(desk.hand_over([each.granted() for each in single]))
        after = throw(stage.bare_ledger(), raw, size)
        ceiling[size] = consents / statistics.mean((before, after))  # a machine is not equally fast all day
    return Measured(stage.consents, ceiling, relay, latency)


def _least(measured: Sequence[Measured], size: int) -> Measured:
    """Where the relay has the smallest share of the ceiling, with so many acts in a transaction."""
    return min(measured, key=lambda each: each.ratio(size))


def _figures(measured: Sequence[Measured]) -> dict[str, object]:
    alone, batched = _least(measured, 1), _least(measured, MAX_BATCH)
    return {
        "consents_per_second_alone": round(alone.relay[1], 1),
        "consents_per_second_batched": round(batched.relay[MAX_BATCH], 1),
        "ceiling_per_second_alone": round(alone.ceiling[1], 1),
        "ceiling_per_second_batched": round(batched.ceiling[MAX_BATCH], 1),
        "throughput_ratio_alone": round(alone.ratio(1), 3),
        "throughput_ratio_batched": round(batched.ratio(MAX_BATCH), 3),
        "throughput_ratio": round(min(alone.ratio(1), batched.ratio(MAX_BATCH)), 3),
        "latency_seconds_median": round(max(each.latency for each in measured), 4),
        "growth": [
            {
                "consents": each.consents,
                "per_second_alone": round(each.relay[1], 1),
                "per_second_batched": round(each.relay[MAX_BATCH], 1),
                "ratio_alone": round(each.ratio(1), 3),
                "ratio_batched": round(each.ratio(MAX_BATCH), 3),
                "latency_seconds_median": round(each.latency, 4),
            }
            for each in measured
        ],
    }


def _peers(measured: Sequence[Measured]) -> dict[str, dict[str, object]]:
    return {
        "the ledger alone": {
            "consents_per_second_alone": round(_least(measured, 1).ceiling[1], 1),
            "consents_per_second_batched": round(_least(measured, MAX_BATCH).ceiling[MAX_BATCH], 1),
        }
    }


def _table(measured: Sequence[Measured]) -> Table:
    table = Table("consents on the ledger", title="Consents a second; of the ledger's own ceiling")
    for column in ("alone", "ceiling", "batched", "ceiling", "latency"):
        table.add_column(column, justify="right")
    for each in measured:
        cells = [
            cell
            for size in (1, MAX_BATCH)
            for cell in (f"{each.relay[size]:.0f} ({each.ratio(size):.0%})", f"{each.ceiling[size]:.0f}")
        ]
        table.add_row(f"{each.consents:,}", *cells, f"{1000 * each.latency:.0f} ms")
    return table


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,}"), TimeElapsedColumn()
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ridgekey bench relay",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--consents",
        type=int,
        default=CONSENTS,
        metavar="N",
        help="poured in at a time (default %(default)s)",
    )
    parser.add_argument("--full", action="store_true", help="up to 50,000 consents on the ledger")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    return parser
