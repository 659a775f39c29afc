"""Offering more for what is stuck, out of what the relayer has: none that it can't pay, none that wedges."""

import time

import pytest

from gateway.entries import Candidate, Entry, State
from gateway.ledger.account import Fees, Relayer
from gateway.relay import fees
from gateway.relay.policy import GWEI
from gateway.relay.purse import DAY
from tests.gateway.actors import Person
from tests.gateway.bench import Bench

NO_FUNDS = {"code": -32000, "message": "Upfront cost exceeds account balance"}  # Besu's words

NOT_THE_PRICE = [
    NO_FUNDS,
    {"code": 429, "message": "Your app has exceeded its compute units per second capacity"},
    {"code": -32005, "message": "limit exceeded"},
    {"code": -32000, "message": "txpool is full"},
    {"code": -32000, "message": "nonce too high"},
    {"code": -32603, "message": "internal error"},
]
TOO_CHEAP = [
    {"code": -32000, "message": "transaction underpriced"},
    {"code": -32000, "message": "max fee per gas less than block base fee: address 0x12, maxFeePerGas: 1"},
    {"code": -32009, "message": "Gas price below configured minimum gas price"},
]


class Stuck:
    """An act whose transaction the node takes and puts in no block."""

    def __init__(self, bench: Bench, base_fee: int, tip: int) -> None:
        self.bench = bench
        self.pool: list[str] = []
        self.height = 1000
        answers = bench.network.answers
        answers["eth_getBlockByNumber"] = self.newest
        self.base_fee = base_fee
        answers["eth_maxPriorityFeePerGas"] = lambda _: hex(tip)
        answers["eth_sendRawTransaction"] = self.take
        answers["eth_getTransactionByHash"] = lambda _: None
        person = Person()
        self.entry: Entry = bench.receive(person, person.enrol())
        bench.bring(self.entry, State.ACCEPTED)
        bench.with_policy(bump_after=0)

    def newest(self, _: list[object]) -> object:
        return {
            "number": hex(self.height), "baseFeePerGas": hex(self.base_fee), "gasLimit": "0x1c9c380"
        }  # fmt: skip

    def take(self, params: list[object]) -> object:
        self.pool.append(str(params[0]))
        return "0x" + "00" * 32

    def take_only(self, *candidates: Candidate) -> None:
        """From now on the relayer can't pay for others."""
        payable = {f"0x{candidate.raw.hex()}" for candidate in candidates}
        self.pool.clear()
        self.bench.network.answers["eth_sendRawTransaction"] = lambda params: (
            self.take(params) if params[0] in payable else NO_FUNDS
        )

    def owns(self, gwei: int) -> None:
        self.bench.network.answers["eth_getBalance"] = lambda _: hex(gwei * GWEI)

    def bump(self) -> bool:
        """Whether more is offered once a block has come without it."""
        bumped = self.bench.relay.bumping.turn()
        self.height += 1
        bumped += self.bench.relay.bumping.turn()
        if not bumped:
            return False
        self.bench.relay.send()
        return True

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        return self.bench.shipment(self.entry).candidates

    @property
    def spent(self) -> int:
        return self.bench.journal.spent_since(self.bench.ground.relayer.address, int(time.time()) - DAY)

    @property
    def trouble(self) -> str:
        return self.bench.now(self.entry).trouble

    def relay_the_rest(self) -> State:
        """The ledger is itself again."""
        self.bench.network.answers.clear()
        self.bench.relay.advance()
        return self.bench.now(self.entry).state


def candidates_after_refusals(bench: Bench, words: dict[str, object]) -> int:
    """How many transactions are signed for an act while the node refuses each in these words."""
    bench.with_policy(bump_after=0)
    bench.network.answers["eth_sendRawTransaction"] = lambda _: words
    person = Person()
    entry = bench.receive(person, person.enrol())
    for _ in range(3):
        bench.relay.prepare()
        bench.relay.send()
        bench.relay.confirm()
    assert bench.counts["refused by the node"] == 3
    return len(bench.shipment(entry).candidates)


@pytest.mark.parametrize("words", NOT_THE_PRICE, ids=lambda words: words["message"][:20])
def test_nothing_more_is_offered_to_a_node_with_other_troubles(
    bench: Bench, words: dict[str, object]
) -> None:
    assert candidates_after_refusals(bench, words) == 1


@pytest.mark.parametrize("words", TOO_CHEAP, ids=lambda words: words["message"][:20])
def test_more_is_offered_to_a_node_that_wants_more(bench: Bench, words: dict[str, object]) -> None:
    assert candidates_after_refusals(bench, words) == 4


def test_no_more_is_offered_while_the_ledger_makes_no_blocks(stuck: Stuck) -> None:
    for _ in range(3):
        assert stuck.bench.relay.bumping.turn() == 0
    stuck.height += 1
    assert stuck.bench.relay.bumping.turn() == 1
    stuck.bench.relay.send()
    for _ in range(3):
        assert stuck.bench.relay.bumping.turn() == 0, "the second one has seen no block yet"
    assert len(stuck.candidates) == 2


def test_more_is_offered_at_once_for_what_the_next_block_can_not_take(stuck: Stuck) -> None:
    stuck.base_fee = stuck.candidates[-1].most
    assert stuck.bench.relay.bumping.turn() == 1
    assert stuck.candidates[-1].most > stuck.base_fee


def test_what_only_waits_for_another_of_its_sender_offers_no_more(bench: Bench) -> None:
    first = Stuck(bench, base_fee=GWEI, tip=GWEI)
    bench.with_policy(bump_after=60)
    second = Stuck(bench, base_fee=GWEI, tip=GWEI)
    assert second.bump()
    assert [len(each.candidates) for each in (first, second)] == [2, 1]
    bench.network.answers["eth_getTransactionCount"] = lambda _: hex(bench.shipment(second.entry).nonce)
    assert bench.relay.bumping.turn() == 0, "its turn has only just come"
    assert second.bump()
    assert [len(each.candidates) for each in (first, second)] == [2, 2]


@pytest.fixture
def free(bench: Bench) -> Stuck:
    """Where gas costs nothing and the relayer owns nothing."""
    bench.network.answers["eth_getBalance"] = lambda _: "0x0"
    return Stuck(bench, base_fee=0, tip=GWEI)


@pytest.fixture
def stuck(bench: Bench) -> Stuck:
    return Stuck(bench, base_fee=GWEI, tip=GWEI)


def test_where_gas_is_free_a_relayer_without_funds_offers_no_more_than_nothing(free: Stuck) -> None:
    assert free.bump() is False
    assert [candidate.most for candidate in free.candidates] == [0]
    assert "lacks the funds" in free.trouble
    free.bench.relay.confirm()  # the node was restarted and has forgotten it
    free.bench.relay.send()
    assert len(free.pool) == 2
    assert set(free.pool) == {f"0x{free.candidates[0].raw.hex()}"}


def test_a_bump_that_the_balance_does_not_cover_is_not_signed(stuck: Stuck) -> None:
    cost = stuck.bench.shipment(stuck.entry).cost
    stuck.owns(cost * 11 // 10 - 1)
    assert stuck.bump() is False
    assert "lacks the funds" in stuck.trouble
    stuck.owns(cost * 23 // 20)
    assert stuck.bump() is True
    assert stuck.bench.shipment(stuck.entry).cost <= cost * 23 // 20


def test_several_bumps_in_one_turn_do_not_spend_the_same_money(bench: Bench) -> None:
    first = Stuck(bench, base_fee=GWEI, tip=GWEI)
    bench.with_policy(bump_after=60)
    second = Stuck(bench, base_fee=GWEI, tip=GWEI)
    before = first.spent
    first.owns(before * 107 // 100)  # a tenth more of one is a twentieth of both
    second.base_fee = 2 * GWEI + 1  # with the tip more than both offer
    bench.relay.bumping.turn()
    assert before < first.spent <= before * 107 // 100
    assert [len(each.candidates) for each in (first, second)] == [2, 1]


def test_when_the_latest_cannot_be_paid_the_earlier_ones_go_the_dearest_first(stuck: Stuck) -> None:
    assert stuck.bump()
    assert stuck.bump()
    first, second, _ = stuck.candidates
    stuck.bench.relay.confirming.turn()  # the node has forgotten all of them, and the money went elsewhere
    assert stuck.bench.now(stuck.entry).state is State.SIGNED
    stuck.take_only(first, second)
    stuck.owns(0)
    stuck.bench.relay.send()
    assert stuck.bench.now(stuck.entry).state is State.ACCEPTED
    assert stuck.pool[0] == f"0x{second.raw.hex()}"
    assert stuck.relay_the_rest() is State.FINAL


def test_a_dearer_one_signed_for_an_empty_account_does_not_wedge_what_comes_later(free: Stuck) -> None:
    first = free.candidates[0]
    dearer = a_bump(free, free.bench.ground.relayer)
    free.take_only(first)
    free.bench.relay.send()
    assert free.candidates == (first, dearer)
    assert (free.bench.now(free.entry).state, len(free.pool)) == (State.ACCEPTED, 1)
    assert free.relay_the_rest() is State.FINAL


def a_bump(stuck: Stuck, relayer: Relayer) -> Candidate:
    """What an earlier version signed without a look at the balance."""
    shipment, bench = stuck.bench.shipment(stuck.entry), stuck.bench
    signed = relayer.sign(
        chain_id=bench.ground.domain.chain_id, nonce=shipment.nonce, to=bench.registry.contract,
        data=shipment.data, gas=shipment.gas, fees=Fees(GWEI, GWEI),
    )  # fmt: skip
    candidate = Candidate(signed.hash, signed.raw, GWEI, GWEI, int(time.time()))
    bench.journal.bump(shipment.number, candidate, fees.cost(shipment.gas, GWEI))
    return candidate


def test_bumps_stay_within_what_the_relayer_may_spend_in_a_day(stuck: Stuck) -> None:
    limit = stuck.spent * 3 // 2
    stuck.bench.with_policy(spending=limit)
    bumps = 0
    while stuck.bump():
        bumps += 1
        assert stuck.spent <= limit
    assert bumps > 1
    assert stuck.spent > limit * 9 // 10, "the last step goes as far as it may"
    assert "no more today" in stuck.trouble


def test_a_bump_is_spent_on_the_day_of_the_bump(stuck: Stuck) -> None:
    before = stuck.spent
    age(stuck.bench, stuck.entry)
    assert stuck.spent == 0
    stuck.bench.with_policy(spending=before)  # today not even its first offer would be within the limit
    assert stuck.bump() is False
    stuck.bench.with_policy(spending=2 * before)
    assert stuck.bump() is True
    assert stuck.spent == stuck.bench.shipment(stuck.entry).cost > before


def age(bench: Bench, entry: Entry) -> None:
    """A day goes by since an act's transaction was signed."""
    shipment = bench.shipment(entry)
    with bench.journal._database.writing() as sql:
        for table, which in (("shipments", "number"), ("candidates", "shipment")):
            sql.execute(
                f"UPDATE {table} SET signed_at = signed_at - ? WHERE {which} = ?", (DAY + 1, shipment.number)
            )


def test_at_the_cap_it_says_so(stuck: Stuck) -> None:
    stuck.bench.with_policy(fee_cap=stuck.candidates[-1].most)
    assert stuck.bump() is False
    assert "fee_cap_gwei" in stuck.trouble


def test_a_record_that_is_too_dear_to_publish_holds_up_nobody_else(bench: Bench) -> None:
    bench.network.answers |= {
        "eth_getBlockByNumber": lambda _: {
            "number": "0x9", "baseFeePerGas": hex(GWEI), "gasLimit": "0x1c9c380"
        },
        "eth_getBalance": lambda _: hex(700_000 * 2 * GWEI),  # so much gas
    }  # fmt: skip
    person, other = Person(), Person()
    bench.relay_all((person, person.enrol()))
    act, data = person.register(bytes(24_000))
    dear = bench.receive(person, act, data, on_ledger=True)
    bench.relay.advance()
    fine = bench.receive(other, other.enrol())
    bench.relay.advance()
    assert (bench.now(dear).state, bench.now(dear).step) == (State.VERIFIED, 1)
    assert "has the funds" in bench.now(dear).trouble
    assert bench.now(fine).state is State.FINAL
    bench.network.answers.clear()
    assert bench.relay.advance() is False
    assert bench.now(dear).state is State.FINAL
