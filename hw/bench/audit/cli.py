"""`ridgekey bench audit`: a ledger full of consents checked from the ledger alone, and altered."""

import argparse
import shlex
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from hw.bench import report
from hw.bench.audit.ledger import acts_for, written
from hw.bench.audit.measure import Audited, alter, audit_file, audit_ledger
from hw.errors import FileTroubleError

GOAL_SECONDS = 60.0
"""For 50,000 consents, read from a ledger and checked."""

GOAL_CONSENTS = 50_000
CONSENTS = 5_000
ALTERED = 20
ALTERED_IN_FULL = 10
"""Each costs an audit of the whole file."""

SEED = 5

DESCRIPTION = """\
Write a ledger full of consents, each signed and executed, then run `ridgekey audit` on it as its user does:
over JSON-RPC, every signature, every rule, every receipt against its block's header. Then on the exported
file, without the ledger; then on copies of that file in each of which one byte was altered and the checksum
made anew. Writing the ledger takes longest: a quarter of a minute for 5,000 consents, and some ten minutes
for 50,000."""

EPILOG = """\
examples:
  ridgekey bench audit
  ridgekey bench audit --full --json audit.json
  ridgekey bench audit --consents 500 --state DIR

exit code 1 if an altered byte is not found, or 50,000 consents take longer than a minute"""


def main(argv: list[str]) -> int:
    """Measure and print."""
    parser = _parser()
    options = parser.parse_args(argv)
    consents = options.consents or (GOAL_CONSENTS if options.full else CONSENTS)
    if consents < 1:
        parser.error("--consents must be at least 1")
    altered = options.altered if options.altered is not None else ALTERED_IN_FULL if options.full else ALTERED
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as temporary:
        state = options.state or Path(temporary)
        try:
            state.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileTroubleError(f"cannot make {state}: {error.strerror}") from error
        figures = _measure(state, consents, altered, console)
    Console().print(_table(figures))
    command = shlex.join(["ridgekey", "bench", "audit", *argv])
    if options.json:
        report.write(options.json, report.report("audit", command, figures, {}))
        console.print(f"written to {options.json}", highlight=False)
    return int(not _is_good(figures))


def _measure(state: Path, consents: int, altered: int, console: Console) -> dict[str, float]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("acts written", total=acts_for(consents))
        facts = written(state, consents, lambda done: progress.update(task, completed=done))
        task = progress.add_task("auditing the ledger", total=None)
        online = audit_ledger(state, facts.contract)
        progress.update(task, description="auditing the exported file")
        offline = audit_file(state)
        progress.update(task, description="altered bytes", total=altered, completed=0)
        found = alter(state, altered, SEED, lambda done: progress.update(task, completed=done))
    return _figures(consents, facts.acts, online, offline) | {"altered": altered, "altered_found": found}


def _figures(consents: int, acts: int, online: Audited, offline: Audited) -> dict[str, float]:
    return {
        "consents": consents,
        "acts": acts,
        "acts_found": online.acts,
        "holds": int(online.holds and offline.holds and online.acts == offline.acts),
        "audit_seconds": round(online.seconds, 2),
        "audit_acts_per_second": round(online.acts / online.seconds),
        "audit_file_seconds": round(offline.seconds, 2),
        "memory_megabytes": round(max(online.memory, offline.memory) / 2**20),
    }


def _is_good(figures: dict[str, float]) -> bool:
    in_time = figures["consents"] < GOAL_CONSENTS or figures["audit_seconds"] < GOAL_SECONDS
    complete = figures["holds"] == 1 and figures["acts_found"] == figures["acts"]
    return in_time and complete and figures["altered_found"] == figures["altered"]


def _table(figures: dict[str, float]) -> Table:
    table = Table("", "", title="The audit of a ledger", show_header=False)
    goal = f"  (goal: {GOAL_CONSENTS:,} in under {GOAL_SECONDS:.0f} s)"
    table.add_row("consents, and acts in all", f"{figures['consents']:,}, {figures['acts']:,}")
    sound = "yes" if figures["holds"] else "NO"
    table.add_row("found on the ledger, all sound", f"{figures['acts_found']:,}, {sound}")
    table.add_row("seconds, from the ledger alone", f"{figures['audit_seconds']:.1f}{goal}")
    table.add_row("acts a second", f"{figures['audit_acts_per_second']:,}")
    table.add_row("seconds, from the exported file", f"{figures['audit_file_seconds']:.1f}")
    table.add_row("memory at most, MB", f"{figures['memory_megabytes']:,}")
    table.add_row("altered bytes found", f"{figures['altered_found']} of {figures['altered']}")
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ridgekey bench audit",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--consents", type=int, metavar="N", help=f"how many (default {CONSENTS:,})")
    parser.add_argument("--full", action="store_true", help=f"{GOAL_CONSENTS:,} consents")
    parser.add_argument("--altered", type=int, metavar="N", help=f"altered bytes (default {ALTERED})")
    parser.add_argument("--state", type=Path, metavar="DIR", help="keep the ledger there, or use it again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    return parser
