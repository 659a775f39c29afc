"""`ridgekey bench links`: what each link costs, and whether anything is lost, doubled or sent too often."""

import argparse
import logging
import shlex
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from hw.bench import report
from hw.bench.links import outcome
from hw.bench.links.faults import FAULTS
from hw.bench.links.media import MEDIA
from hw.bench.links.outcome import GOAL_DRAIN_SECONDS, GOAL_SENDS, Plan, Result
from hw.bench.links.trial import LATENCIES, Ground, Told, Trial
from hw.errors import BenchError

MESSAGES, MESSAGES_FULL = 700, 20_000
SECONDS = 20.0
SEED = 6

GOAL = {
    "lost": 0,
    "doubled": 0,
    "sends_per_message_after_one_outage": GOAL_SENDS,
    "drain_seconds": GOAL_DRAIN_SECONDS,
}

DESCRIPTION = f"""\
Consents captured at real kiosks' outboxes, in this process, go over real links to the gateway, a process, and
its embedded ledger. For each link: consents a second and bytes on the air for each (of TCP's payload, or of
Bluetooth's ACL data; both ways, receipt included), and the latency to the receipt. Then through each fault in
turn: {", ".join(FAULTS)}
(the medium is the broker, or the gateway's radio). What is lost or doubled is counted from the ledger's own
events. It takes five minutes for each link; with --full, {MESSAGES_FULL:,} consents for each, a quarter of an
hour for a broker and half an hour for the radio. What is whole is in the file of --json after each fault."""

EPILOG = f"""\
examples:
  ridgekey bench links
  ridgekey bench links --full --json links.json
  ridgekey bench links --full --json links.json --resume    after an interruption
  ridgekey bench links --link ble --messages 140

exit code 1 if anything was lost or doubled, if messages were sent more than {GOAL_SENDS} times on average
after one outage, or if the last receipt took more than {GOAL_DRAIN_SECONDS:.0f} s after a fault's end"""


def main(argv: list[str]) -> int:
    """Measure and print."""
    options = _parser().parse_args(argv)
    console = Console()
    messages = options.messages or (MESSAGES_FULL if options.full else MESSAGES)
    plan = Plan(max(messages, len(FAULTS)), SECONDS, options.seed)
    if options.resume and not options.json:
        raise BenchError("--resume goes on with the file of --json; name it")
    results = outcome.read(options.json, plan, version("ridgekey")) if options.resume else {}

    def keep(result: Result) -> None:
        results[result.link] = result
        if options.json:
            command = shlex.join(["ridgekey", "bench", "links", *argv])
            report.write(
                options.json, report.report("links", command, _figures(plan, results), {"goal": GOAL})
            )

    with tempfile.TemporaryDirectory(prefix="ridgekey-links-") as temporary:
        for link in options.link or MEDIA:
            result = results.get(link, Result(link))
            _measure(result, (options.keep or Path(temporary)) / link, plan, console, keep)
            console.print(_table(result))
    if options.json:
        console.print(f"written to {options.json}", highlight=False)
    return int(not all(result.is_good for result in results.values()))


def _measure(
    result: Result, directory: Path, plan: Plan, console: Console, keep: Callable[[Result], None]
) -> None:
    """Measure what is missing of a link, each part with a gateway and kiosks of its own."""
    missing = [name for name in FAULTS if name not in result.phases]
    if not missing and result.rest:
        return
    directory.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=directory))  # beside what an interrupted run has left
    logging.disable(logging.WARNING)  # links that break are what this is about
    try:
        with _progress(console) as bar:
            task = bar.add_task(f"{result.link}: writing requests", total=plan.share * len(FAULTS))

            def told(stage: str, done: int) -> None:
                words = f"{result.link}: {stage}" if stage else None
                bar.update(task, completed=result.messages + done, description=words)

            most = max(plan.share, LATENCIES + plan.at_once)
            ground = Ground(work / "ground", MEDIA[result.link].kiosks, most)
            if result.rest is None:
                with _trial(ground, result.link, work / "rest", LATENCIES + plan.at_once, told) as trial:
                    result.rest = trial.rest()
                keep(result)
            for name in missing:
                with _trial(ground, result.link, work / name, plan.share, told) as trial:
                    result.phases[name] = trial.strike(name, plan.seconds, plan.seed)
                keep(result)
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def _trial(ground: Ground, link: str, directory: Path, consents: int, told: Told) -> Iterator[Trial]:
    directory.mkdir()
    with (
        MEDIA[link](directory) as medium,
        Trial(medium, ground, directory, consents, told) as trial,
    ):
        yield trial


def _figures(plan: Plan, results: dict[str, Result]) -> dict[str, Any]:
    return {
        "ledger": "embedded",
        "plan": asdict(plan),
        "links": [result.figures() for result in results.values()],
    }


def _table(result: Result) -> Table:
    title = result.link
    if result.rest:
        title += (
            f": {result.rest.per_second:.0f} consents/s, {result.rest.octets_per_message:,} bytes each,"
            f" receipt after {1000 * result.rest.latency:.0f} ms"
        )
    table = Table("fault", title=title)
    for column in ("consents", "lost", "doubled", "sends each", "at most", "drained in"):
        table.add_column(column, justify="right")
    for phase in result.phases.values():
        table.add_row(
            phase.fault,
            f"{phase.messages:,}",
            *(f"[red]{count}" if count else f"[green]{count}" for count in (phase.lost, phase.doubled)),
            f"{phase.sends_per_message:.2f}",
            str(phase.most_sends),
            f"{phase.drain_seconds:.1f} s",
        )
    return table


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ridgekey bench links",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--link", choices=MEDIA, action="append", help="only this one; may be repeated")
    parser.add_argument("--messages", type=int, metavar="N", help=f"for each link (default {MESSAGES})")
    parser.add_argument("--full", action="store_true", help=f"{MESSAGES_FULL:,} for each link")
    parser.add_argument("--seed", type=int, default=SEED, metavar="N", help="of the faults' moments")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep databases, ledger and logs there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, after each fault")
    parser.add_argument("--resume", action="store_true", help="measure what the file of --json has not yet")
    return parser
