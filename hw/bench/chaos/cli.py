"""`ridgekey bench chaos`: kill gateway and ledger over and over, and ask the ledger what became of it all."""

import argparse
import shlex
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from hw.bench import report
from hw.bench.chaos.killer import STARTING, STATES, Victim
from hw.bench.chaos.run import Result, run

KILLS = 500
SEED = 5

DESCRIPTION = f"""\
Kills the gateway and its embedded ledger with SIGKILL, {KILLS} times, while two dozen people are asked, grant
and withdraw without pause over a real broker. Of four kills one falls at a random moment, two as soon as the
gateway's journal shows an act in one of its states, each state in turn, and one while the gateway is still
coming up after the kill before. What has no receipt is sent again, as a kiosk's outbox does. In the end the
ledger's own events say of each act whether it took effect exactly once, and of each receipt whether it told
the truth. It takes about fifteen minutes and no network."""

EPILOG = """\
examples:
  ridgekey bench chaos
  ridgekey bench chaos --kills 40 --json chaos.json
  ridgekey bench chaos --seed 8 --keep run/

exit code 1 if an act was lost or took effect twice, or a receipt was false or never came"""


def main(argv: list[str]) -> int:
    """Run and print."""
    options = _parser().parse_args(argv)
    console = Console()
    with tempfile.TemporaryDirectory(prefix="ridgekey-chaos-") as temporary, _progress() as bar:
        task = bar.add_task("starting", total=options.kills)
        directory = options.keep or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        result = run(
            directory,
            options.kills,
            options.seed,
            lambda stage, done: bar.update(task, description=stage, completed=done),
        )
    figures = _figures(result)
    console.print(_table(figures))
    if options.json:
        command = shlex.join(["ridgekey", "bench", "chaos", *argv])
        report.write(options.json, report.report("chaos", command, figures, {}))
        console.print(f"written to {options.json}", highlight=False)
    return int(not result.verdict.is_clean)


def _figures(result: Result) -> dict[str, int | float]:
    kills, verdict = result.kills, result.verdict
    return {
        "kills": kills.total(),
        "kills_gateway": kills[Victim.GATEWAY],
        "kills_ledger": kills[Victim.LEDGER],
        **{f"kills_at_{moment}": result.moments[moment] for moment in (STARTING, *STATES)},
        "acts": verdict.acts,
        "receipts": verdict.receipts,
        "lost": verdict.lost,
        "doubled": verdict.doubled,
        "false_receipts": verdict.false_receipts,
        "unanswered": verdict.unanswered,
        "sends_per_act": round(result.sendings / max(1, verdict.acts), 2),
        "drain_seconds": round(result.drain_seconds, 1),
        "seconds": round(result.seconds, 1),
    }


def _table(figures: dict[str, int | float]) -> Table:
    table = Table("", "", title="Gateway and ledger, killed with SIGKILL under load")
    for name, figure in figures.items():
        bad = name in ("lost", "doubled", "false_receipts", "unanswered")
        colour = "" if not bad else "[red]" if figure else "[green]"
        table.add_row(name.replace("_", " "), f"{colour}{figure:,}")
    return table


def _progress() -> Progress:
    return Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ridgekey bench chaos",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kills", type=int, default=KILLS, metavar="N", help="default %(default)s")
    parser.add_argument("--seed", type=int, default=SEED, metavar="N", help="of victims and moments")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep journal, ledger and logs there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    return parser
