"""kill -9 under load: whatever was acknowledged is there afterwards, whole."""

import itertools
import threading
import time
from pathlib import Path

import pytest

from gateway.ledger import answers
from gateway.ledger.client import LedgerClient
from gateway.ledger.errors import LedgerUnreachableError
from gateway.ledger.transacting import transact
from tests.gateway.ledger import codes
from tests.gateway.ledger.processes import Node


@pytest.mark.parametrize("delay", [0.0, 0.011, 0.123])
def test_kill_in_the_middle_of_load(tmp_path: Path, delay: float) -> None:
    node = Node(tmp_path)
    acknowledged: list[bytes] = []
    relayer = node.relayer()
    with node.client() as client:
        contract = transact(client, relayer, None, codes.LOG).contract
        threading.Thread(target=kill_under_load, args=(node, acknowledged, delay)).start()
        first = client.transaction_count(relayer.address)
        fees = client.fees()
        for nonce in itertools.count(first):
            data = nonce.to_bytes(32, "big")
            signed = relayer.sign(chain_id=20_022, nonce=nonce, to=contract, data=data, gas=60_000, fees=fees)
            try:
                acknowledged.append(client.send(signed.raw))
            except LedgerUnreachableError:
                break
    assert node.process.wait(5) == -9
    assert acknowledged

    node = Node(tmp_path)
    try:
        with node.client() as client:
            check(client, acknowledged, client.transaction_count(relayer.address))
            assert contract is not None
            again = transact(client, relayer, contract, b"\xff" * 32)
            assert again.succeeded
    finally:
        node.stop()


def kill_under_load(node: Node, acknowledged: list[bytes], delay: float) -> None:
    """Kill at some point of the way of the next transaction."""
    while len(acknowledged) < 5:
        time.sleep(0.001)
    time.sleep(delay)
    node.kill()


def check(client: LedgerClient, acknowledged: list[bytes], nonce: int) -> None:
    """Every acknowledged transaction with its receipt and log; at most one more, whose answer was cut off."""
    assert len(acknowledged) <= nonce - 1 <= len(acknowledged) + 1
    for expected, transaction in enumerate(acknowledged, start=1):
        receipt = client.receipt(transaction)
        assert receipt is not None
        assert receipt.succeeded
        (log,) = client.logs(receipt.logs[0].address, receipt.block, receipt.block)
        assert log.topics == (expected.to_bytes(32, "big"),)
        block = client.block(receipt.block)
        assert block is not None
        assert answers.hash_of_header(block.header) == receipt.block_hash
