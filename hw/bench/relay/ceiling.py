"""The limit: the same acts in transactions that are signed beforehand, thrown straight at the ledger."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from gateway.ledger.client import LedgerClient, ask_receipt, ask_send
from gateway.ledger.errors import LedgerError
from hw.bench.crowd.ledger import CHAIN_ID, Ledger, Signed, batched_calls
from hw.errors import BenchError
from hw.processes import Part

ACTS_AT_ONCE = 128
"""Acts in one JSON-RPC batch: enough to spare the ledger most of HTTP; some tenths of a second to execute, so
that a slow machine answers before the client's patience ends, however full the transactions are."""


class ThrownBackError(BenchError):
    """The ledger refused a transaction that was thrown at it."""


def sign_all(ledger: Ledger, acts: Sequence[Signed], size: int) -> list[bytes]:
    """Raw transactions for acts, so many in each."""
    parts = batched_calls(acts, ledger.domain, size)
    return [ledger.sign(part.data, ledger.nonce + number) for number, part in enumerate(parts)]


def throw(state: Path, raw: Sequence[bytes], size: int) -> float:
    """Seconds that a ledger takes for transactions that come as fast as it can take them.

    Args:
        state: the ledger's directory.
        raw: signed transactions, in the order of their nonces.
        size: acts in each.

    Raises:
        ThrownBackError: one is refused.
    """
    words = ["ledger", "run", "--json", "--state", str(state), "--listen", "127.0.0.1:0"]
    with ExitStack() as stack:
        part = stack.enter_context(
            Part("ledger", [*words, "--chain-id", str(CHAIN_ID)], state / "ledger.log")
        )
        client = stack.enter_context(LedgerClient(part.wait_ready()["url"]))
        start = time.monotonic()
        hashes = [
            answer
            for part in _parts(raw, max(1, ACTS_AT_ONCE // size))
            for answer in client.several([ask_send(each) for each in part])
        ]
        seconds = time.monotonic() - start
        _check(client, hashes)
    return seconds


def _parts(raw: Sequence[bytes], count: int) -> Iterator[Sequence[bytes]]:
    return (raw[first : first + count] for first in range(0, len(raw), count))


def _check(client: LedgerClient, hashes: Sequence[bytes | LedgerError]) -> None:
    taken = [each for each in hashes if isinstance(each, bytes)]
    receipts = client.several([ask_receipt(each) for each in taken])
    for found in (*hashes, *receipts):
        if isinstance(found, LedgerError):
            raise ThrownBackError(f"the ledger refused a transaction of the benchmark: {found}") from found
    if not all(getattr(receipt, "succeeded", False) for receipt in receipts):
        raise ThrownBackError("a transaction of the benchmark failed in its block")
