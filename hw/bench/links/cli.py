"""`ridgekey bench links`: what each link costs, and whether anything is lost, doubled or sent too often."""

import argparse
import logging
import shlex
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from hw.bench import report
from hw.bench.links.faults import FAULTS
from hw.bench.links.media import Ble, Medium, Mqtt
from hw.bench.links.trial import Plan, Result, Trial

LINKS = ("mosquitto", "amqtt", "ble")
MESSAGES, MESSAGES_FULL = 700, 20_000
SECONDS = 20.0
RATE = 40.0
"""Consents captured a second: below what gateway and ledger do on a small machine, so that it is the fault
and not the load that makes messages wait."""

SEED = 6

ONE_OUTAGE = "one outage"
GOAL_SENDS = 1.3
"""Sends per message after one outage."""

DESCRIPTION = f"""\
Consents captured at real kiosks' outboxes, in this process, go over real links to the gateway, a process, and
its embedded ledger. For each link: consents a second and bytes on the air for each (of TCP's payload, or of
Bluetooth's ACL data; both ways, receipt included), and the latency to the receipt. Then through each fault in
turn: {", ".join(FAULTS)}
(the medium is the broker, or the gateway's radio). What is lost or doubled is counted from the ledger's own
events. It takes five minutes for each link; --full, {MESSAGES_FULL:,} consents for each, half an hour."""

EPILOG = """\
examples:
  ridgekey bench links
  ridgekey bench links --link mosquitto --full --json links.json
  ridgekey bench links --link ble --messages 140

exit code 1 if anything was lost or doubled, or was sent more than 1.3 times after one outage"""


def main(argv: list[str]) -> int:
    """Measure and print."""
    options = _parser().parse_args(argv)
    console = Console()
    messages = options.messages or (MESSAGES_FULL if options.full else MESSAGES)
    plan = Plan(max(messages, len(FAULTS)), SECONDS, RATE, options.seed)
    results = []
    with tempfile.TemporaryDirectory(prefix="ridgekey-links-") as temporary:
        for link in options.link or LINKS:
            results.append(_measure(link, (options.keep or Path(temporary)) / link, plan, console))
            console.print(_table(results[-1]))
    if options.json:
        command = shlex.join(["ridgekey", "bench", "links", *argv])
        figures = {"ledger": "embedded", "links": [_figures(result) for result in results]}
        report.write(options.json, report.report("links", command, figures, {}))
        console.print(f"written to {options.json}", highlight=False)
    return int(not all(_is_good(result) for result in results))


def _measure(link: str, directory: Path, plan: Plan, console: Console) -> Result:
    directory.mkdir(parents=True)
    logging.disable(logging.WARNING)  # links that break are what this is about
    try:
        with _medium(link, directory) as medium, _progress(console) as bar:
            task = bar.add_task(link, total=plan.messages)

            def told(stage: str, done: int) -> None:
                bar.update(task, completed=done, description=stage or None)

            return Trial(medium, directory, plan, told).run()
    finally:
        logging.disable(logging.NOTSET)


def _medium(link: str, directory: Path) -> Medium:
    return Ble(directory) if link == "ble" else Mqtt(link, directory)


def _is_good(result: Result) -> bool:
    outage = next(phase for phase in result.phases if phase.fault == ONE_OUTAGE)
    clean = not sum(result.lost.values()) and not sum(result.doubled.values())
    return clean and outage.sends_per_message <= GOAL_SENDS


def _figures(result: Result) -> dict[str, Any]:
    return {
        "link": result.link,
        "messages": sum(phase.messages for phase in result.phases),
        "lost": sum(result.lost.values()),
        "doubled": sum(result.doubled.values()),
        "sends_per_message_max": round(max(phase.sends_per_message for phase in result.phases), 3),
        "drain_seconds": round(max(phase.drain_seconds for phase in result.phases), 1),
        "messages_per_second": round(result.per_second, 1),
        "bytes_per_message": round(result.octets_per_message),
        "latency_seconds_median": round(result.latency, 4),
        "faults": [
            {
                "fault": phase.fault,
                "messages": phase.messages,
                "lost": result.lost[phase.fault],
                "doubled": result.doubled[phase.fault],
                "sends_per_message": round(phase.sends_per_message, 3),
                "most_sends_of_one": phase.most_sends,
                "refused_for_want_of_room": phase.refused,
                "drain_seconds": round(phase.drain_seconds, 1),
            }
            for phase in result.phases
        ],
    }


def _table(result: Result) -> Table:
    title = (
        f"{result.link}: {result.per_second:.0f} consents/s, {result.octets_per_message:,.0f} bytes each,"
        f" receipt after {1000 * result.latency:.0f} ms"
    )
    table = Table("fault", title=title)
    for column in ("consents", "lost", "doubled", "sends each", "at most", "drained in"):
        table.add_column(column, justify="right")
    for phase in result.phases:
        bad = [result.lost[phase.fault], result.doubled[phase.fault]]
        table.add_row(
            phase.fault,
            f"{phase.messages:,}",
            *(f"[red]{count}" if count else f"[green]{count}" for count in bad),
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
    parser.add_argument("--link", choices=LINKS, action="append", help="only this one; may be repeated")
    parser.add_argument("--messages", type=int, metavar="N", help=f"for each link (default {MESSAGES})")
    parser.add_argument("--full", action="store_true", help=f"{MESSAGES_FULL:,} for each link")
    parser.add_argument("--seed", type=int, default=SEED, metavar="N", help="of the faults' moments")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep databases, ledger and logs there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    return parser
