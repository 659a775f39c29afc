"""The eight things that go wrong in relayers elsewhere, each with the test that it does not here.

Where blocks must come late, transactions wait in a pool before the embedded ledger; and on anvil, which makes
blocks on request. Where they must cost more or be taken back, only anvil will do.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from contracts.acts import Act
from contracts.eip712 import Domain
from contracts.hexes import to_hex
from contracts.keccak import keccak256
from contracts.messages import Receipt, ReceiptStatus
from contracts.purpose import Purpose
from contracts.registry import ConsentState
from gateway.entries import Entry, State
from gateway.ledger.account import Relayer
from gateway.ledger.client import LedgerClient
from gateway.ledger.registry import Registry
from gateway.ledger.signatures import with_recovery_id
from gateway.relay.policy import GWEI
from hw.engines.anvil import anvil
from hw.engines.tools import npm_tool
from hw.errors import BenchError
from tests.gateway.actors import Person
from tests.gateway.bench import CHAIN_ID, ENVIRONMENT, Bench, Ground

PURPOSE = Purpose.of("test")


@pytest.fixture(scope="module")
def anvil_ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A ledger that makes a block when it is told to."""
    try:
        npm_tool("anvil")
    except BenchError as error:
        pytest.skip(str(error))
    relayer = Relayer(ec.generate_private_key(ec.SECP256K1()))
    with anvil(tmp_path_factory.mktemp("anvil"), CHAIN_ID, relayer.address) as engine:
        with LedgerClient(engine.url) as client:
            contract = Registry.deploy(client, relayer, ENVIRONMENT).contract
            client.request("evm_setAutomine", False)
        yield Ground(engine.url, relayer, Domain(CHAIN_ID, contract, ENVIRONMENT))


@pytest.fixture
def restless(anvil_ground: Ground, tmp_path: Path) -> Iterator["Restless"]:
    """The relay on that ledger; each test leaves no transaction in its pool."""
    bench = Restless(anvil_ground, tmp_path)
    yield bench
    bench.set_base_fee(GWEI)
    bench.mine(3)
    bench.journal.close()


@pytest.fixture
def pooled(ground: Ground, tmp_path: Path) -> Iterator["Pooled"]:
    """The relay on the embedded ledger, with a pool before it."""
    bench = Pooled(ground, tmp_path)
    yield bench
    bench.journal.close()


@pytest.fixture(params=["pooled", "restless"], ids=["embedded", "anvil"])
def slow(request: pytest.FixtureRequest) -> "Slow":
    """The relay on a ledger on which it has to wait for blocks."""
    bench: Slow = request.getfixturevalue(request.param)
    return bench


def signature(ground: Ground, person: Person, act: Act) -> bytes:
    """As the contract takes it."""
    digest = act.digest(ground.domain)
    return with_recovery_id(digest, person.sign(act, ground.domain), person.address)


class Slow(Bench):
    """A relay that has to wait for blocks."""

    def mine(self) -> None:
        """Have what is in the pool put into a block."""
        raise NotImplementedError

    def drop(self, entry: Entry) -> None:
        """Take an act's transaction out of the pool."""
        raise NotImplementedError

    def enrol(self, person: Person) -> Entry:
        return self.receive(person, person.enrol())


class Pooled(Slow):
    """On the embedded ledger, which makes a block of each transaction at once: here they wait before it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._pool: dict[object, bytes] = {}
        self.network.answers["eth_sendRawTransaction"] = self._take
        self.network.answers["eth_getTransactionByHash"] = lambda params: (
            {"hash": params[0]} if params[0] in self._pool else ...
        )

    def _take(self, params: list[object]) -> object:
        raw = bytes.fromhex(str(params[0]).removeprefix("0x"))
        name = to_hex(keccak256(raw))
        if name in self._pool:
            return {"code": -32000, "message": "already known"}
        self._pool[name] = raw
        return name

    def mine(self) -> None:
        with LedgerClient(self.ground.url) as node:
            for raw in self._pool.values():
                node.send(raw)
        self._pool.clear()

    def drop(self, entry: Entry) -> None:
        for candidate in self.shipment(entry).candidates:
            self._pool.pop(to_hex(candidate.hash), None)


class Restless(Slow):
    """On anvil, which makes a block when it is told to, and takes it back."""

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            self.client.request("evm_mine")

    def set_base_fee(self, fee: int) -> None:
        """In wei per gas, from the next block on."""
        self.client.request("anvil_setNextBlockBaseFeePerGas", hex(fee))

    def drop(self, entry: Entry) -> None:
        for candidate in self.shipment(entry).candidates:
            self.client.request("anvil_dropTransaction", f"0x{candidate.hash.hex()}")


def test_1_nonces_come_from_chain_and_journal_and_signed_is_not_accepted(slow: Slow) -> None:
    first, second, third = (slow.receive(person, person.enrol()) for person in (Person(), Person(), Person()))
    slow.with_policy(max_batch=1)
    on_chain = slow.client.transaction_count(slow.ground.relayer.address, "latest")
    slow.bring(first, State.SIGNED)
    assert slow.network.sent == [], "signed is not sent"
    assert [slow.shipment(entry).nonce - on_chain for entry in (first, second, third)] == [0, 1, 2]
    slow.crash()
    slow.relay.advance()
    assert {slow.now(entry).state for entry in (first, second, third)} == {State.ACCEPTED}
    fourth = slow.enrol(Person())
    slow.relay.advance()
    assert slow.shipment(fourth).nonce == on_chain + 3, "what is under way counts, though no block has it"
    slow.mine()
    slow.relay.advance()
    assert {slow.now(entry).state for entry in (first, second, third, fourth)} == {State.FINAL}


def test_1_a_nonce_that_another_transaction_took_is_replaced(bench: Bench, ground: Ground) -> None:
    person = Person()
    entry = bench.receive(person, person.enrol())
    bench.bring(entry, State.SIGNED)
    first = bench.shipment(entry).nonce
    bench.registry.submit(ground.relayer, bench.registry.encode("keyOf", (person.address,)))
    bench.relay.advance()
    assert (bench.now(entry).state, bench.shipment(entry).nonce) == (State.FINAL, first + 1)
    assert bench.events("Enrolled", person) == 1


def test_2_the_digest_is_the_key_and_a_repeat_gets_the_same_answer(bench: Bench) -> None:
    person = Person()
    act = person.enrol()
    (entry,) = bench.relay_all((person, act))
    again = bench.receive(person, act)
    assert (again.number, again.receipt) == (entry.number, entry.receipt)
    assert bench.relay.advance() is False
    assert bench.events("Enrolled", person) == 1


def test_2_an_act_that_somebody_else_brought_to_the_ledger_is_final_in_their_transaction(
    bench: Bench, ground: Ground
) -> None:
    person = Person()
    act, data = person.register(b"record")
    bench.relay_all((person, person.enrol()))
    entry = bench.receive(person, act, data)
    theirs = bench.registry.submit(
        ground.relayer, bench.registry.encode_act(act, signature(ground, person, act))
    )
    bench.relay.advance()
    receipt = bench.receipt(entry)
    assert (receipt.status, receipt.transaction) == (ReceiptStatus.FINAL, theirs.transaction)
    assert bench.store.get(act.commitment) == data
    assert bench.events("Registered", person) == 1


def test_3_the_raw_transaction_is_stored_before_it_is_sent_and_the_same_bytes_are_sent_again(
    slow: Slow,
) -> None:
    entry = slow.enrol(Person())
    slow.bring(entry, State.SIGNED)
    stored = slow.shipment(entry).latest
    assert slow.network.sent == []
    slow.client.send(stored.raw)  # and the process dies before it can note it
    slow.crash()
    slow.relay.advance()
    assert slow.now(entry).state is State.ACCEPTED
    slow.drop(entry)
    slow.relay.advance()
    slow.mine()
    slow.relay.advance()
    assert slow.receipt(entry).transaction == stored.hash
    assert len(slow.network.sent) >= 3
    assert set(slow.network.sent) == {f"0x{stored.raw.hex()}"}


def test_4_fees_are_bumped_up_to_the_cap_and_recover_when_prices_fall(restless: Restless) -> None:
    restless.set_base_fee(GWEI)
    restless.mine()
    restless.with_policy(bump_after=0, fee_cap=10 * GWEI)
    entry = restless.enrol(Person())
    restless.bring(entry, State.ACCEPTED)
    first = restless.shipment(entry).latest
    restless.set_base_fee(4 * GWEI)  # more than the transaction offers
    restless.mine()
    assert restless.client.receipt(first.hash) is None
    restless.relay.confirm()
    restless.relay.send()
    second = restless.shipment(entry).latest
    assert second.most >= 4 * GWEI
    assert second.most >= first.most * 11 // 10
    assert second.tip >= first.tip * 11 // 10

    restless.set_base_fee(20 * GWEI)  # more than the cap
    restless.mine()
    restless.relay.confirm()
    restless.relay.send()
    candidates = restless.shipment(entry).candidates
    assert max(candidate.most for candidate in candidates) <= 10 * GWEI
    other = restless.enrol(Person())
    restless.relay.prepare()
    assert (restless.now(other).state, "above the cap" in restless.now(other).trouble) == (
        State.VERIFIED,
        True,
    )

    restless.set_base_fee(GWEI)
    restless.mine()
    restless.with_policy(bump_after=60)
    restless.relay.advance()
    restless.mine()
    restless.relay.advance()
    assert (restless.now(entry).state, restless.now(other).state) == (State.FINAL, State.FINAL)
    assert restless.receipt(entry).transaction in {candidate.hash for candidate in candidates}
    last = restless.client.request(
        "eth_getTransactionByHash", f"0x{restless.receipt(other).transaction.hex()}"
    )
    assert int(last["maxFeePerGas"], 16) < second.most, "the next one offers what prices ask for"


def test_4_the_first_candidate_counts_if_it_is_mined_after_all(slow: Slow) -> None:
    slow.with_policy(bump_after=0)
    entry = slow.enrol(Person())
    slow.bring(entry, State.ACCEPTED)
    first = slow.shipment(entry).latest
    slow.network.answers["eth_maxPriorityFeePerGas"] = lambda _: hex(first.most)  # more than it offers
    slow.relay.bumping.turn()
    del slow.network.answers["eth_maxPriorityFeePerGas"]
    assert len(slow.shipment(entry).candidates) == 2
    slow.mine()  # before the second could be sent
    slow.relay.advance()
    assert slow.receipt(entry).transaction == first.hash


def test_5_confirmations_are_counted_and_a_reorganisation_takes_an_act_back_through_the_states(
    restless: Restless,
) -> None:
    restless.with_policy(confirmations=3)
    person = Person()
    snapshot = restless.client.request("evm_snapshot")
    entry = restless.enrol(person)
    restless.bring(entry, State.ACCEPTED)
    raw = restless.shipment(entry).latest.raw
    restless.mine()
    restless.relay.advance()
    first_block = restless.shipment(entry).block_hash
    assert restless.now(entry).state is State.MINED
    restless.mine()
    restless.relay.advance()
    assert restless.now(entry).receipt is None, "two blocks are not three"

    assert restless.client.request("evm_revert", snapshot) is True
    restless.relay.confirming.turn()
    assert (restless.now(entry).state, restless.shipment(entry).block) == (State.SIGNED, None)
    restless.client.request("evm_increaseTime", 7)  # so that the other branch has other blocks
    restless.relay.advance()
    assert restless.network.sent[-1] == f"0x{raw.hex()}", "the same bytes"
    restless.mine(2)
    restless.relay.advance()
    assert (restless.now(entry).state, restless.now(entry).receipt) == (State.MINED, None)
    assert restless.shipment(entry).block_hash != first_block
    restless.mine()
    restless.relay.advance()
    assert restless.receipt(entry).status is ReceiptStatus.FINAL
    assert restless.events("Enrolled", person) == 1
    assert restless.counts["reorganised"] == 1


def test_5_a_block_of_another_hash_at_the_same_height_is_not_the_block(restless: Restless) -> None:
    restless.with_policy(confirmations=2)
    entry = restless.enrol(Person())
    snapshot = restless.client.request("evm_snapshot")
    restless.bring(entry, State.ACCEPTED)
    restless.mine()
    restless.relay.advance()
    raw, mined = restless.shipment(entry).latest.raw, restless.shipment(entry)
    restless.client.request("evm_revert", snapshot)
    restless.client.request("evm_increaseTime", 11)
    restless.client.send(raw)
    restless.mine(2)
    restless.relay.confirming.turn()
    assert restless.now(entry).state is State.SIGNED, (
        "it lies under two blocks, and not in the one that was noted"
    )
    restless.relay.advance()
    assert restless.now(entry).state is State.FINAL
    assert restless.receipt(entry).block == mined.block


def test_6_a_batch_goes_across_people_and_a_bad_item_reverts_no_other(bench: Bench, ground: Ground) -> None:
    people = [Person() for _ in range(6)]
    acts = [person.enrol() for person in people]
    entries = [bench.receive(person, act) for person, act in zip(people, acts, strict=True)]
    bench.bring(entries[0], State.SIGNED)
    assert len({bench.now(entry).shipment for entry in entries}) == 1, "all in one transaction"
    # While it was being signed, the third person enrolled by another way, with another signature.
    bench.journal.sign_again(bench.shipment(entries[0]).number)
    other = people[2].enrol()
    bench.registry.submit(
        ground.relayer, bench.registry.encode_act(other, signature(ground, people[2], other))
    )
    assert bench.relay.advance() is False
    states = [bench.now(entry).state for entry in entries]
    assert states == [State.FINAL] * 2 + [State.REJECTED] + [State.FINAL] * 3
    refused, taken = bench.receipt(entries[2]), bench.receipt(entries[0])
    assert "enrolled already" in refused.reason
    assert refused.transaction == taken.transaction, "it was in the same transaction as the others"
    assert [bench.events("Enrolled", person) for person in people] == [1] * 6


def test_7_nonces_are_unordered_so_kiosks_offline_do_not_block_one_another(bench: Bench) -> None:
    person = Person()
    bench.relay_all((person, person.enrol()))
    (early, first), (late, second) = person.register(b"signed first"), person.register(b"signed later")
    late = replace(late, nonce=early.nonce ^ 1)  # in the same word of the bitmap
    (there,) = bench.relay_all((person, late, second))
    (here,) = bench.relay_all((person, early, first))
    assert (there.state, here.state) == (State.FINAL, State.FINAL)


def test_8_a_grant_and_a_withdrawal_have_a_signed_receipt_once_the_ledger_has_them(slow: Slow) -> None:
    person, requester = Person(), Person()
    act, data = person.register(b"record")
    request = requester.request(person.address, act.record, PURPOSE)

    def told(entry: Entry) -> Receipt:
        for _ in range(3):
            slow.relay.advance()
            assert slow.now(entry).receipt is None, "no receipt before the block"
            if slow.now(entry).state is State.ACCEPTED:
                break
        slow.mine()
        slow.relay.advance()
        receipt = slow.receipt(entry)
        assert receipt.status is ReceiptStatus.FINAL
        assert slow.client.receipt(receipt.transaction).block == receipt.block
        return receipt

    told(slow.receive(person, person.enrol()))
    told(slow.receive(person, act, data))
    slow.desk.submit(requester.signed_request(request, PURPOSE, slow.ground.domain).encode())
    asked = slow.journal.request(request.hash_struct())
    assert asked is not None
    told(asked)
    before = slow.network.asked["eth_call"]
    granted = told(slow.receive(person, person.grant(request, data)))
    assert slow.registry.consent_of(request.hash_struct())[0] is ConsentState.GRANTED
    withdrawn = told(slow.receive(person, person.withdraw(request)))
    assert slow.registry.consent_of(request.hash_struct())[0] is ConsentState.WITHDRAWN
    assert granted.transaction != withdrawn.transaction
    assert slow.network.asked["eth_call"] - before == 2, "both were foreseen; the two calls are this test's"
