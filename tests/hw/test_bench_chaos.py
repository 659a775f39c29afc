"""The benchmark that kills: its verdict can fail, and a short run of it doesn't."""

import json
from collections import Counter
from itertools import islice, pairwise
from pathlib import Path

import pytest

from contracts.messages import Receipt, ReceiptStatus
from hw.bench.chaos.cli import main
from hw.bench.chaos.killer import LONGEST_WAIT, STARTING, STATES, Victim, blows
from hw.bench.chaos.verdict import Verdict, count_false

DIGEST, TRANSACTION, OTHER = bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32


def receipt(status: ReceiptStatus, transaction: bytes | None = None, block: int | None = None) -> Receipt:
    reason = "" if status is ReceiptStatus.FINAL else "refused"
    return Receipt("bench", DIGEST, status, transaction, block, reason, 0)


@pytest.mark.parametrize(
    ("said", "on_ledger", "false"),
    [
        (receipt(ReceiptStatus.FINAL, TRANSACTION, 5), [(TRANSACTION, 5)], 0),
        (receipt(ReceiptStatus.FINAL, TRANSACTION, 5), [(TRANSACTION, 6)], 1),
        (receipt(ReceiptStatus.FINAL, TRANSACTION, 5), [(OTHER, 5)], 1),
        (receipt(ReceiptStatus.FINAL, TRANSACTION, 5), [], 1),
        (receipt(ReceiptStatus.REJECTED), [], 0),
        (receipt(ReceiptStatus.REJECTED), [(TRANSACTION, 5)], 1),
    ],
    ids=["true", "other block", "other transaction", "not there", "truly rejected", "rejected yet there"],
)
def test_a_receipt_is_held_against_the_ledger(
    said: Receipt, on_ledger: list[tuple[bytes, int]], false: int
) -> None:
    assert count_false([said], {DIGEST: on_ledger} if on_ledger else {}) == false


@pytest.mark.parametrize("figure", ["lost", "doubled", "false_receipts", "unanswered"])
def test_one_of_anything_bad_spoils_the_verdict(figure: str) -> None:
    good = {"acts": 9, "receipts": 9, "lost": 0, "doubled": 0, "false_receipts": 0, "unanswered": 0}
    assert Verdict(**good).is_clean
    assert not Verdict(**(good | {figure: 1})).is_clean


def test_the_plan_is_the_same_for_a_seed_and_aims_at_every_state() -> None:
    plan, again, other = (list(islice(blows(seed), 500)) for seed in (5, 5, 6))
    assert plan == again != other
    moments = {"": 125, STARTING: 125, **dict.fromkeys(STATES, 50)}
    assert Counter(blow.moment for blow in plan) == moments
    for state in STATES:
        assert {blow.victim for blow in plan if blow.moment == state} == set(Victim)
    assert all(0 <= blow.wait <= LONGEST_WAIT for blow in plan)


def test_before_a_kill_in_a_start_there_is_a_start() -> None:
    for before, blow in pairwise(islice(blows(7), 100)):
        if blow.moment == STARTING:
            assert before.victim is blow.victim is Victim.GATEWAY


def test_a_short_run(tmp_path: Path) -> None:
    assert (
        main(["--kills", "4", "--json", str(tmp_path / "chaos.json"), "--keep", str(tmp_path / "run")]) == 0
    )
    figures = json.loads((tmp_path / "chaos.json").read_text())["figures"]
    assert figures["kills"] == 4
    assert figures["acts"] > 48, "everybody enrols and registers, and somebody consents"
    assert (figures["lost"], figures["doubled"], figures["false_receipts"]) == (0, 0, 0)
