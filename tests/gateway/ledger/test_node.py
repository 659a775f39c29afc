"""The node as a process, asked over HTTP: each method, each kind of bad parameter, and its lifecycle."""

import json
import os
import stat
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from contracts.hexes import checksum_address, to_hex
from gateway.ledger import answers
from gateway.ledger.account import KEY_FILE, Relayer
from gateway.ledger.client import LedgerClient
from gateway.ledger.errors import LedgerError, RevertedError, RpcError
from gateway.ledger.node.server import MAX_BODY
from gateway.ledger.transacting import transact
from gateway.ledger.transport import RpcCall
from tests.gateway.ledger import codes
from tests.gateway.ledger.processes import Node, ridgekey, running


@pytest.fixture(scope="module")
def logger(client: LedgerClient, relayer: Relayer) -> bytes:
    """A contract that emits what it is called with."""
    contract = transact(client, relayer, None, codes.LOG).contract
    assert contract is not None
    return contract


def deploy(client: LedgerClient, relayer: Relayer, code: bytes) -> bytes:
    contract = transact(client, relayer, None, code).contract
    assert contract is not None
    return contract


def test_says_who_it_is(client: LedgerClient) -> None:
    assert client.version().startswith("ridgekey/")
    assert client.request("net_version") == str(client.chain_id())
    assert client.request("eth_syncing") is False
    assert client.request("eth_accounts") == []


def test_the_relayer_is_funded_and_its_key_private(
    node: Node, client: LedgerClient, relayer: Relayer
) -> None:
    assert client.balance(relayer.address) > 10**20
    assert stat.S_IMODE((node.state / KEY_FILE).stat().st_mode) == 0o600
    assert node.ready["funded"] == [checksum_address(relayer.address)]


def test_every_block_hashes_to_its_name_and_names_its_parent(client: LedgerClient, logger: bytes) -> None:
    blocks = client.blocks(range(client.block_number() + 1))
    assert len(blocks) > 1
    for parent, block in pairwise(blocks):
        assert answers.hash_of_header(block.header) == block.hash
        assert block.parent == parent.hash
        assert client.block(block.hash) == block


def test_receipt_transaction_block_and_log_agree(
    client: LedgerClient, relayer: Relayer, logger: bytes
) -> None:
    topic = os.urandom(32)
    receipt = transact(client, relayer, logger, topic)
    name = to_hex(receipt.transaction)
    transaction = client.request("eth_getTransactionByHash", name)
    block = client.request("eth_getBlockByNumber", hex(receipt.block), True)
    assert block["transactions"] == [transaction]
    assert client.request("eth_getBlockByHash", block["hash"], False)["transactions"] == [name]
    assert transaction["input"] == to_hex(topic)
    assert receipt.logs == tuple(client.logs(logger, receipt.block, receipt.block))
    assert [log.topics for log in receipt.logs] == [(topic,)]
    assert client.logs(logger, 0, receipt.block, [[topic]]) == list(receipt.logs)
    by_hash = client.request("eth_getLogs", {"blockHash": block["hash"]})
    assert answers.logs(by_hash) == list(receipt.logs)


def test_state_of_the_past(client: LedgerClient, relayer: Relayer, logger: bytes) -> None:
    before, sent = client.block_number(), client.transaction_count(relayer.address)
    transact(client, relayer, logger, os.urandom(32))
    count = [
        client.request("eth_getTransactionCount", to_hex(relayer.address), block)
        for block in (hex(before), "latest", "pending", {"blockNumber": hex(before)})
    ]
    assert count == [hex(sent), hex(sent + 1), hex(sent + 1), hex(sent)]
    assert client.request("eth_getCode", to_hex(logger), "earliest") == "0x"


def test_unknown_things_are_null(client: LedgerClient) -> None:
    nothing = to_hex(bytes(32))
    assert client.receipt(bytes(32)) is None
    assert client.request("eth_getTransactionByHash", nothing) is None
    assert client.request("eth_getBlockByHash", nothing, False) is None
    assert client.request("eth_getBlockByNumber", "0xffffff", False) is None


def test_revert_reason_comes_as_the_standard_says(client: LedgerClient, relayer: Relayer, node: Node) -> None:
    contract = deploy(client, relayer, codes.REVERT)
    body = {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [{"to": to_hex(contract)}, "latest"]}
    error = httpx.post(node.url, json=body).json()["error"]
    assert error["code"] == 3
    assert error["message"] == f"execution reverted: {codes.REASON}"
    assert error["data"].startswith("0x08c379a0")
    for ask in (client.call, client.estimate_gas):
        with pytest.raises(RevertedError, match=codes.REASON):
            ask(contract, b"")


def test_other_failures_of_execution(client: LedgerClient, relayer: Relayer) -> None:
    silent, invalid = deploy(client, relayer, codes.BARE_REVERT), deploy(client, relayer, codes.INVALID)
    with pytest.raises(RevertedError, match="no reason"):
        client.call(silent, b"")
    with pytest.raises(RpcError, match="InvalidInstruction"):
        client.call(invalid, b"")


def test_fee_history(client: LedgerClient) -> None:
    history = client.request("eth_feeHistory", "0x2", "latest", [25, 75])
    blocks = min(2, client.block_number() + 1)
    assert len(history["baseFeePerGas"]) == blocks + 1
    assert len(history["reward"]) == blocks
    assert int(history["baseFeePerGas"][-1], 16) == int(client.request("eth_gasPrice"), 16)


def test_batch(client: LedgerClient) -> None:
    results = client.batch([RpcCall("eth_chainId"), RpcCall("eth_nothing"), RpcCall("eth_blockNumber")])
    assert results[0] == hex(client.chain_id())
    assert isinstance(results[1], LedgerError)
    assert results[2] == hex(client.block_number())


ADDRESS = "0x" + "11" * 20


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_getBalance", []),
        ("eth_getBalance", [ADDRESS, "latest", "more"]),
        ("eth_getBalance", ["0x11", "latest"]),
        ("eth_getBalance", ["11" * 20, "latest"]),
        ("eth_getBalance", ["0x" + "g" * 40, "latest"]),
        ("eth_getBalance", ["0x" + " 1" * 20, "latest"]),
        ("eth_getBalance", [5, "latest"]),
        ("eth_getBalance", [ADDRESS, "newest"]),
        ("eth_getBalance", [ADDRESS, "0x"]),
        ("eth_getBalance", [ADDRESS, "0x1_0"]),
        ("eth_getBalance", [ADDRESS, "0x" + "1" * 65]),
        ("eth_getStorageAt", [ADDRESS, "slot", "latest"]),
        ("eth_call", [5, "latest"]),
        ("eth_call", [{"to": ADDRESS, "data": "0x1"}, "latest"]),
        ("eth_call", [{"to": ADDRESS, "data": "0x01", "input": "0x02"}, "latest"]),
        ("eth_call", [{"to": ADDRESS, "data": "0x" + "00" * 140_000}, "latest"]),
        ("eth_call", [{"to": ADDRESS}, "latest", {ADDRESS: {"balance": "0x1"}}]),
        ("eth_sendRawTransaction", ["0x"]),
        ("eth_sendRawTransaction", ["0x02c0"]),
        ("eth_sendRawTransaction", ["0x" + "00" * 140_000]),
        ("eth_getLogs", ["all"]),
        ("eth_getLogs", [{"topics": [None] * 5}]),
        ("eth_getLogs", [{"topics": "0x"}]),
        ("eth_getLogs", [{"topics": ["0x12"]}]),
        ("eth_getLogs", [{"address": [ADDRESS] * 1001}]),
        ("eth_getLogs", [{"blockHash": "0x" + "00" * 32, "fromBlock": "0x0"}]),
        ("eth_getLogs", [{"blockHash": "0x" + "00" * 32}]),
        ("eth_getTransactionByHash", ["0x00"]),
        ("eth_getBalance", [ADDRESS, "0xffffff"]),
        ("eth_sendTransaction", [{}]),
        ("__init__", []),
    ],
)
def test_bad_parameters_are_refused_by_name(client: LedgerClient, method: str, params: list[object]) -> None:
    with pytest.raises(RpcError) as raised:
        client.request(method, *params)
    assert raised.value.code in (-32000, -32601, -32602)
    assert raised.value.reason


def test_a_huge_body_is_refused(node: Node, client: LedgerClient) -> None:
    answer = httpx.post(node.url, content=b" " * (MAX_BODY + 1))
    assert answer.status_code == 413
    assert client.block_number() >= 0


def test_only_post_to_the_root(node: Node) -> None:
    assert httpx.get(node.url).status_code == 405
    assert httpx.post(node.url + "/other").status_code == 404


def test_notification_gets_an_empty_answer(node: Node) -> None:
    assert (
        httpx.post(node.url, content=json.dumps({"jsonrpc": "2.0", "method": "eth_chainId"})).status_code
        == 204
    )


def test_state_survives_a_stop(tmp_path: Path) -> None:
    with running(tmp_path / "state", "--chain-id", "99") as node, node.client() as client:
        assert client.chain_id() == 99
        contract = deploy(client, node.relayer(), codes.STORE)
        assert node.stop() == 0
    with running(tmp_path / "state", "--chain-id", "99") as node, node.client() as client:
        assert client.block_number() == 1
        assert client.code(contract)
        transact(client, node.relayer(), contract, b"\x01" * 32)
    state = ("--state", str(tmp_path / "state"), "--chain-id", "98")
    other = ridgekey("ledger", "run", *state, "--listen", "127.0.0.1:0")
    assert other.returncode == 78
    assert "chain id 99" in other.stderr


def test_fund_someone_else(tmp_path: Path) -> None:
    with running(tmp_path / "state", "--fund", ADDRESS) as node, node.client() as client:
        assert client.balance(bytes.fromhex(ADDRESS[2:])) > 0
        assert not (tmp_path / "state" / KEY_FILE).exists()


def test_busy_port_and_busy_state(node: Node, tmp_path: Path) -> None:
    place = node.url.removeprefix("http://")
    busy = ridgekey("ledger", "run", "--state", str(tmp_path), "--listen", place)
    assert (busy.returncode, busy.stderr.count("\n")) == (78, 1)
    assert "in use" in busy.stderr
    taken = ridgekey("ledger", "run", "--state", str(node.state), "--listen", "127.0.0.1:0")
    assert (taken.returncode, taken.stderr.count("\n")) == (74, 1)
    assert "another ledger node" in taken.stderr
