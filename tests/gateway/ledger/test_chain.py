"""The chain in process: what it takes, what it refuses, and what a failed transaction leaves behind."""

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account

from gateway.ledger.account import Fees, Relayer, SignedTransaction
from gateway.ledger.errors import LedgerConfigurationError, LedgerStorageError
from gateway.ledger.node.calls import Call, Calls, RevertedError
from gateway.ledger.node.chain import Chain, RefusedError
from gateway.ledger.node.rules import floor_gas
from gateway.ledger.node.store import LogQuery, Store
from tests.gateway.ledger import codes

CHAIN_ID = 4242
FEES = Fees(most=3 * 10**9, tip=0)


@pytest.fixture
def relayer(tmp_path: Path) -> Relayer:
    return Relayer.create(tmp_path / "relayer.pem")


@pytest.fixture
def chain(tmp_path: Path, relayer: Relayer) -> Iterator[Chain]:
    store = Store(tmp_path / "ledger.sqlite")
    yield Chain(store, CHAIN_ID, [relayer.address])
    store.close()


def signed(
    chain: Chain, relayer: Relayer, to: bytes | None, data: bytes = b"", *, gas: int = 300_000, **other: int
) -> SignedTransaction:
    nonce = other.get("nonce", chain.nonce(relayer.address, chain.head))
    chain_id = other.get("chain_id", chain.chain_id)
    return relayer.sign(chain_id=chain_id, nonce=nonce, to=to, data=data, gas=gas, fees=FEES)


def deploy(chain: Chain, relayer: Relayer, code: bytes) -> bytes:
    mined = chain.send(signed(chain, relayer, None, code).raw)
    assert mined.contract is not None
    assert mined.succeeded
    return mined.contract


def test_one_transaction_one_block(chain: Chain, relayer: Relayer) -> None:
    contract = deploy(chain, relayer, codes.STORE)
    for value in (7, 8, 9):
        mined = chain.send(signed(chain, relayer, contract, value.to_bytes(32, "big")).raw)
        assert mined.block == chain.head.block_number
    assert chain.head.block_number == 4
    header = chain.header(3)
    assert header is not None
    assert [chain.storage(contract, 0, at) for at in (header, chain.head)] == [8, 9]


def test_many_blocks_in_one_second_do_not_push_the_clock(chain: Chain, relayer: Relayer) -> None:
    contract = deploy(chain, relayer, codes.STORE)
    for value in range(20):
        chain.send(signed(chain, relayer, contract, value.to_bytes(32, "big")).raw)
    assert chain.head.timestamp <= time.time()


def test_time_never_runs_backwards(chain: Chain, relayer: Relayer, monkeypatch: pytest.MonkeyPatch) -> None:
    before = chain.head.timestamp
    monkeypatch.setattr(time, "time", lambda: before - 1000.0)
    chain.send(signed(chain, relayer, None, codes.STORE).raw)
    assert chain.head.timestamp == before


def test_call_sees_the_present_time(chain: Chain, relayer: Relayer, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = deploy(chain, relayer, codes.CLOCK)
    mined_at = chain.head.timestamp
    monkeypatch.setattr(time, "time", lambda: mined_at + 500.0)
    assert int.from_bytes(Calls(chain).call(Call(to=clock)), "big") == mined_at + 500
    assert int.from_bytes(Calls(chain).call(Call(to=clock), chain.head), "big") == mined_at


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nonce": 5}, "nonce too high: next nonce 0, tx nonce 5"),
        ({"chain_id": 1}, "invalid chain id"),
        ({"gas": 20_000}, "intrinsic gas too low"),
        ({"gas": 40_000_000}, "exceeds gas limit"),
    ],
)
def test_refused(chain: Chain, relayer: Relayer, change: dict[str, int], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        chain.send(signed(chain, relayer, bytes(20), **change).raw)
    assert chain.head.block_number == 0


def test_refused_again(chain: Chain, relayer: Relayer) -> None:
    transaction = signed(chain, relayer, bytes(20))
    chain.send(transaction.raw)
    with pytest.raises(RefusedError, match="already known"):
        chain.send(transaction.raw)
    with pytest.raises(RefusedError, match="nonce too low"):
        chain.send(signed(chain, relayer, bytes(20), b"other", nonce=0).raw)


@pytest.mark.parametrize("raw", [b"", b"\x02", b"\x02\x01", b"\x07xx", b"\xc0", b"\x00" * 100, b"\xff" * 9])
def test_not_a_transaction(chain: Chain, raw: bytes) -> None:
    with pytest.raises(RefusedError):
        chain.send(raw)


def test_too_large(chain: Chain, relayer: Relayer) -> None:
    with pytest.raises(RefusedError, match="oversized"):
        chain.send(signed(chain, relayer, bytes(20), bytes(140_000), gas=20_000_000).raw)


def test_a_stranger_without_funds(chain: Chain, tmp_path: Path) -> None:
    stranger = Relayer.create(tmp_path / "stranger.pem")
    with pytest.raises(RefusedError, match="insufficient funds"):
        chain.send(signed(chain, stranger, bytes(20)).raw)


def test_unprotected_legacy_transaction(chain: Chain) -> None:
    account = Account.create()
    fields = {"nonce": 0, "gas": 21_000, "gasPrice": 10**10, "to": "0x" + "11" * 20, "value": 0}
    raw = bytes(account.sign_transaction(fields).raw_transaction)
    with pytest.raises(RefusedError, match="replay-protected"):
        chain.send(raw)


@pytest.mark.parametrize("kind", [{}, {"type": 1, "accessList": []}])
def test_other_types_of_transaction(tmp_path: Path, kind: dict[str, object]) -> None:
    account = Account.create()
    store = Store(tmp_path / "other.sqlite")
    chain = Chain(store, CHAIN_ID, [bytes.fromhex(account.address[2:])])
    price = chain.next_base_fee() + 5
    fields = {
        "nonce": 0,
        "gas": 21_000,
        "gasPrice": price,
        "to": "0x" + "11" * 20,
        "value": 9,
        "chainId": CHAIN_ID,
    }
    mined = chain.send(bytes(account.sign_transaction({**fields, **kind}).raw_transaction))
    assert (mined.succeeded, mined.gas_price) == (True, price)
    assert chain.balance(b"\x11" * 20, chain.head) == 9
    store.close()


def test_a_reverting_transaction_is_mined_and_says_so(chain: Chain, relayer: Relayer) -> None:
    contract = deploy(chain, relayer, codes.REVERT)
    mined = chain.send(signed(chain, relayer, contract).raw)
    assert not mined.succeeded
    assert chain.nonce(relayer.address, chain.head) == 2


def test_revert_carries_the_contracts_bytes(chain: Chain, relayer: Relayer) -> None:
    contract = deploy(chain, relayer, codes.REVERT)
    with pytest.raises(RevertedError) as raised:
        Calls(chain).call(Call(to=contract))
    assert codes.REASON.encode() in raised.value.output


def test_endless_loop_ends(chain: Chain, relayer: Relayer) -> None:
    contract = deploy(chain, relayer, codes.LOOP)
    with pytest.raises(RevertedError, match="OutOfGas"):
        Calls(chain).call(Call(to=contract, gas=100_000))


def test_a_call_changes_nothing(chain: Chain, relayer: Relayer) -> None:
    contract = deploy(chain, relayer, codes.STORE)
    root = chain.head.state_root
    Calls(chain).call(Call(to=contract, data=b"\x01" * 32))
    Calls(chain).estimate_gas(Call(to=contract, data=b"\x01" * 32))
    assert chain.head.state_root == root
    assert chain.storage(contract, 0, chain.head) == 0


@pytest.mark.parametrize("code", [codes.STORE, codes.LOG])
def test_the_estimate_suffices_and_is_close(chain: Chain, relayer: Relayer, code: bytes) -> None:
    contract = deploy(chain, relayer, code)
    data = b"\x01" * 32
    gas = Calls(chain).estimate_gas(Call(sender=relayer.address, to=contract, data=data))
    mined = chain.send(signed(chain, relayer, contract, data, gas=gas).raw)
    assert mined.succeeded
    assert mined.gas_used <= gas <= mined.gas_used * 1.03


def test_the_estimate_covers_the_floor_for_data(chain: Chain, relayer: Relayer) -> None:
    data = b"\x01" * 5000  # EIP-7623: 40 a byte, where execution would ask for 16
    gas = Calls(chain).estimate_gas(Call(sender=relayer.address, to=b"\x11" * 20, data=data))
    mined = chain.send(signed(chain, relayer, b"\x11" * 20, data, gas=gas).raw)
    assert mined.gas_used == floor_gas(data) <= gas


def test_a_full_disk_leaves_the_chain_where_it_was(chain: Chain, relayer: Relayer) -> None:
    contract = deploy(chain, relayer, codes.STORE)
    pages = chain.store._sql.execute("pragma page_count").fetchone()[0]
    chain.store._sql.execute(f"pragma max_page_count = {pages + 8}")
    failed = None
    while failed is None:
        before = chain.head
        transaction = signed(chain, relayer, contract, os.urandom(32))
        try:
            chain.send(transaction.raw)
        except LedgerStorageError as error:
            failed = error
    assert "full" in str(failed)
    assert chain.head == before
    assert chain.store.transaction(transaction.hash) is None
    chain.store._sql.execute(f"pragma max_page_count = {pages * 100}")
    assert chain.send(transaction.raw).block == before.block_number + 1


def test_another_chain_id_is_refused(tmp_path: Path, chain: Chain, relayer: Relayer) -> None:
    chain.store.close()
    store = Store(tmp_path / "ledger.sqlite")
    with pytest.raises(LedgerConfigurationError, match=f"chain id {CHAIN_ID}, not 5"):
        Chain(store, 5, [relayer.address])
    store.close()


def test_two_nodes_on_one_file(tmp_path: Path, chain: Chain) -> None:
    assert chain.head.block_number == 0
    with pytest.raises(LedgerStorageError, match="another ledger node"):
        Store(tmp_path / "ledger.sqlite")


def test_not_a_ledger_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"something else entirely" * 500)
    with pytest.raises(LedgerStorageError, match="cannot be used"):
        Store(path)


def test_a_file_of_another_version(tmp_path: Path, chain: Chain) -> None:
    chain.store.close()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as sql:
        sql.execute("update settings set value = '99' where name = 'format'")
    sql.close()
    with pytest.raises(LedgerConfigurationError, match="another version"):
        Store(tmp_path / "ledger.sqlite")


def test_logs_are_found_by_address_topic_and_block(chain: Chain, relayer: Relayer) -> None:
    first, second = deploy(chain, relayer, codes.LOG), deploy(chain, relayer, codes.LOG)
    topics = [bytes([value]) * 32 for value in (1, 2, 3)]
    for topic in topics:
        chain.send(signed(chain, relayer, first, topic).raw)
    chain.send(signed(chain, relayer, second, topics[0]).raw)
    found = chain.store.logs(LogQuery(0, 100), 100)
    assert [entry.topics[0] for entry in found] == [*topics, topics[0]]
    assert len(chain.store.logs(LogQuery(0, 100, (first,)), 100)) == 3
    assert len(chain.store.logs(LogQuery(0, 100, (first,), ((topics[1], topics[2]),)), 100)) == 2
    assert len(chain.store.logs(LogQuery(0, 100, (), ((topics[0],),)), 100)) == 2
    assert len(chain.store.logs(LogQuery(4, 5), 100)) == 2
    assert len(chain.store.logs(LogQuery(0, 100), 2)) == 2
