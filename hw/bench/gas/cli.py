"""`ridgekey bench gas`: what each act costs, beside two peers and our goals, in one run."""

import argparse
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from hw.bench import report
from hw.bench.gas import eas, erc1056, ours
from hw.bench.gas.artifacts import PeerMissingError
from hw.bench.gas.evm import Evm

GOALS = {
    "gas_grant": 60_000,
    "gas_withdraw": 41_000,
    "gas_batch_distinct": 36_000,
    "gas_batch_same": 30_000,
}
"""What a figure stays below."""

PEERS = {"EAS": ("eas", eas), "ERC-1056": ("erc1056", erc1056)}
"""Name for people: prefix of its figures, and its module."""

NOTE = (
    "EAS stores the whole attestation, sealed key and all, where contracts can read it; we store one word"
    " and leave the rest to the events. ERC-1056 has no purpose, no sealed key, no deadline and no batch, and"
    " takes a high s."
)

DESCRIPTION = """\
Gas of each act of the contract, the whole transaction with its calldata, in an EVM in this process. Steady
state: the person has acted before, so that the word of nonces is in use. The batches are 20 grants, of 20
people and of one. Beside it EAS and ERC-1056, whose compiled contracts npm fetches (the only use of the
network, and none if --cache has them already). It takes seconds."""

EPILOG = """\
examples:
  ridgekey bench gas
  ridgekey bench gas --json gas.json --cache ~/.cache/ridgekey
  ridgekey bench gas --no-peers

exit code 1 if a figure is not below its goal"""


def main(argv: list[str]) -> int:
    """Measure and print."""
    options = _parser().parse_args(argv)
    console = Console()
    figures = dict(ours.measure(Evm()))
    peers = {} if options.no_peers else _peers(options.cache, console)
    console.print(_table(figures, peers))
    if peers:
        console.print(NOTE, highlight=False)
    if "EAS" in peers:
        hashed = peers["EAS"]["gas_grant_hashed"]
        console.print(f"EAS's grant with a hash in place of the sealed key: {hashed:,}.", highlight=False)
    flat = {f"{PEERS[peer][0]}_{name}": gas for peer, theirs in peers.items() for name, gas in theirs.items()}
    command = shlex.join(["ridgekey", "bench", "gas", *argv])
    if options.json:
        named = {peer: dict(theirs) for peer, theirs in peers.items()}
        report.write(options.json, report.report("gas", command, figures | flat, named))
        console.print(f"written to {options.json}", highlight=False)
    return int(any(figures[name] >= goal for name, goal in GOALS.items()))


def _peers(cache: Path | None, console: Console) -> dict[str, Mapping[str, int]]:
    """Figures of the peers that can be had."""
    measured: dict[str, Mapping[str, int]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for peer, (_, module) in PEERS.items():
            try:
                measured[peer] = module.measure(Evm(), cache or Path(temporary))
            except PeerMissingError as error:
                console.print(f"{peer} is left out: {error}", style="yellow", highlight=False)
            else:
                console.print(f"{peer} is npm's {module.PACKAGE.name}", highlight=False)
    return measured


def _table(figures: Mapping[str, int], peers: Mapping[str, Mapping[str, int]]) -> Table:
    table = Table("", title="Gas of one transaction; of a batch, of each grant in it")
    for column in ("goal", "ridgekey", *peers):
        table.add_column(column, justify="right")
    for name, gas in figures.items():
        goal = GOALS.get(name)
        colour = "" if goal is None else "[green]" if gas < goal else "[red]"
        theirs = (_beside(peer.get(name), gas) for peer in peers.values())
        title = name.removeprefix("gas_").replace("_", ", ")
        table.add_row(title, f"< {goal:,}" if goal else "", f"{colour}{gas:,}", *theirs)
    return table


def _beside(theirs: int | None, gas: int) -> str:
    return "" if theirs is None else f"{theirs:,} ({theirs / gas:.1f}×)"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ridgekey bench gas",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep what npm fetches there")
    parser.add_argument("--no-peers", action="store_true", help="our contract alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    return parser
