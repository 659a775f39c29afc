"""The relay's pure parts: fees, packing, rates, foresight."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.acts import ActKind
from contracts.purpose import Purpose
from gateway.ledger.account import Fees
from gateway.rates import Rate, turn
from gateway.relay.fees import cost, offer, replacement
from gateway.relay.foresight import Known, foreseen
from gateway.relay.packing import BASE_GAS, Item, Lane, Load, pack
from gateway.relay.policy import PolicyError, parse_policy
from tests.gateway.actors import Person

WEI = st.integers(0, 10**12)


@given(base_fee=WEI, tip=WEI, cap=WEI)
def test_an_offer_gets_the_next_block_and_stays_under_the_cap(base_fee: int, tip: int, cap: int) -> None:
    offered = offer(base_fee, tip, cap)
    highest_next = base_fee + base_fee // 8  # EIP-1559
    if offered is None:
        assert highest_next + tip > cap
    else:
        assert highest_next + tip <= offered.most <= cap
        assert offered.tip == tip


FEES = st.tuples(WEI, WEI).map(lambda pair: Fees(most=max(pair), tip=min(pair)))


@given(last=FEES, now=FEES, cap=WEI)
def test_a_replacement_pays_a_tenth_more_at_least_in_both(last: Fees, now: Fees, cap: int) -> None:
    more = replacement(last, now, cap)
    if more is None:
        assert max(-(-last.most * 11 // 10), last.most + 1) > cap, "a legal one would have fitted"
        return
    assert more.most * 10 >= last.most * 11
    assert more.tip * 10 >= last.tip * 11
    assert more.most > last.most
    assert more.tip > last.tip
    assert more.tip <= more.most, "a node refuses a tip beyond the whole"
    assert min(now.most, cap) <= more.most <= cap
    assert more.most == cap or more.most * 8 >= last.most * 9


def test_the_last_step_goes_to_the_cap_if_nodes_take_it() -> None:
    assert replacement(Fees(100, 10), Fees(90, 1), 113) == Fees(113, 12)
    assert replacement(Fees(100, 10), Fees(90, 1), 111) == Fees(111, 12)
    assert replacement(Fees(100, 100), Fees(90, 1), 110) == Fees(110, 110)
    assert replacement(Fees(100, 10), Fees(90, 1), 109) is None


def test_cost_is_rounded_up_to_a_gwei() -> None:
    assert [cost(1, 1), cost(21_000, 10**9), cost(0, 5)] == [1, 21_000, 0]


@given(gaps=st.lists(st.floats(0, 20), max_size=60), per_minute=st.integers(1, 120), burst=st.integers(1, 10))
def test_no_minute_has_more_acts_than_the_rate_and_a_burst(
    gaps: list[float], per_minute: int, burst: int
) -> None:
    now, earliest, goes = 1_000_000.0, 0.0, list[float]()
    for gap in gaps:
        now += gap
        due, earliest = turn(Rate(per_minute, burst), earliest, now)
        goes.append(max(now, due))
        assert goes == sorted(goes), "nobody overtakes"
    for start in goes:
        assert sum(start <= go < start + 60 for go in goes) <= per_minute + burst + 1


def test_who_stays_under_the_rate_never_waits() -> None:
    earliest = 0.0
    for second in range(0, 600, 6):
        due, earliest = turn(Rate(10, 1), earliest, 1_000_000.0 + second)
        assert due == 0


PEOPLE = [bytes([number]) * 20 for number in range(4)]
SENDERS = [b"one" * 7, b"two" * 7]
ITEMS = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.integers(20_000, 300_000), st.booleans()), max_size=40
).map(
    lambda all_: [Item(b"%d" % number, who, b"", gas, alone) for number, (who, gas, alone) in enumerate(all_)]
)
LANES = st.lists(
    st.builds(Lane, sender=st.sampled_from(SENDERS), room=st.integers(0, 4), gas=st.integers(0, 10**7)),
    max_size=2,
    unique_by=lambda lane: lane.sender,
)
BOUND = st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from(SENDERS))


@given(
    items=ITEMS, lanes=LANES, bound=BOUND, max_batch=st.integers(1, 32), max_gas=st.integers(50_000, 10**6)
)
def test_packing_keeps_every_rule(
    items: list[Item], lanes: list[Lane], bound: dict[bytes, bytes], max_batch: int, max_gas: int
) -> None:
    loads = pack(items, lanes, bound, max_batch, max_gas)
    taken = [item for load in loads for item in load.items]
    assert len({item.digest for item in taken}) == len(taken), "nothing goes twice"
    for load in loads:
        assert 1 <= len(load.items) <= max_batch
        assert len(load.items) == 1 or not any(item.alone for item in load.items)
        assert len(load.items) == 1 or load.gas <= max_gas
        assert all(bound.get(item.subject, load.sender) == load.sender for item in load.items)
    for lane in lanes:
        own = [load for load in loads if load.sender == lane.sender]
        assert len(own) <= lane.room
        assert sum(load.gas for load in own) <= lane.gas
    for person in PEOPLE:
        assert_in_order(person, items, loads)
    assert_nobody_waits_for_anothers_money(items, lanes, bound, loads)


def assert_nobody_waits_for_anothers_money(
    items: list[Item], lanes: list[Lane], bound: dict[bytes, bytes], loads: list[Load]
) -> None:
    """A relayer that has room and money left for the first act of a person leaves it behind for no other."""
    taken = {item.digest for load in loads for item in load.items}
    owner = bound | {item.subject: load.sender for load in loads for item in load.items}
    for person in PEOPLE:
        first = next((item for item in items if item.subject == person and item.digest not in taken), None)
        for lane in lanes:
            own = [load for load in loads if load.sender == lane.sender]
            money = lane.gas - sum(load.gas for load in own)
            if first is not None and owner.get(person, lane.sender) == lane.sender and lane.room > len(own):
                assert first.gas + BASE_GAS > money


def assert_in_order(person: bytes, items: list[Item], loads: list[Load]) -> None:
    """A person's acts leave in the order of their arrival, none is left out between, all from one relayer."""
    arrived = [item for item in items if item.subject == person]
    left = [item for load in loads for item in load.items if item.subject == person]
    assert left == arrived[: len(left)]
    assert len({load.sender for load in loads for item in load.items if item.subject == person}) <= 1


def test_alone_when_quiet_and_full_when_busy() -> None:
    items = [Item(b"%d" % number, bytes([number]) * 20, b"", 100_000) for number in range(100)]
    lanes = [Lane(SENDERS[0], 16, 10**9)]
    assert [len(load.items) for load in pack(items[:1], lanes, {}, 32, 10**7)] == [1]
    assert [len(load.items) for load in pack(items, lanes, {}, 32, 10**7)] == [32, 32, 32, 4]
    assert [len(load.items) for load in pack(items, lanes, {}, 32, 5 * 100_000 + BASE_GAS)] == [5] * 16
    assert [len(load.items) for load in pack(items, lanes, {}, 1, 10**7)] == [1] * 16


def test_a_dear_act_holds_up_its_own_person_alone() -> None:
    dear = Item(b"dear", PEOPLE[0], b"", 1_200_000, alone=True)
    later, others = Item(b"later", PEOPLE[0], b"", 100_000), Item(b"other", PEOPLE[1], b"", 100_000)
    (load,) = pack([dear, later, others], [Lane(SENDERS[0], 16, 1_000_000)], {}, 32, 10**7)
    assert load.items == (others,)


def test_the_relayer_with_the_most_room_goes_first() -> None:
    items = [Item(b"%d" % number, bytes([number]) * 20, b"", 100_000) for number in range(4)]
    loads = pack(items, [Lane(SENDERS[0], 1, 10**9), Lane(SENDERS[1], 3, 10**9)], {}, 1, 10**7)
    assert [load.sender for load in loads].count(SENDERS[1]) == 3


IMPORTED = time.time()
"""When the acts below are signed; their deadlines are ten minutes later, whenever the tests begin."""

PERSON, REQUESTER = Person(), Person()
REGISTER, OBJECT = PERSON.register(b"record")
REQUEST = REQUESTER.request(PERSON.address, REGISTER.record, Purpose.of("test"))
GRANT = PERSON.grant(REQUEST, OBJECT)
ASKED, GRANTED = {ActKind.REQUEST}, {ActKind.REQUEST, ActKind.GRANT}


def known(about: set[ActKind], *, enrolled: bool = True) -> Known:
    return Known(lambda: enrolled, lambda: about, REQUEST)


@pytest.mark.parametrize(
    ("act", "about"),
    [(REGISTER, set()), (REQUEST, set()), (GRANT, ASKED), (PERSON.deny(REQUEST), ASKED),
     (PERSON.withdraw(REQUEST), GRANTED), (PERSON.renew(REQUEST, 2**40), GRANTED)],
)  # fmt: skip
def test_what_follows_from_what_this_gateway_brought_is_foreseen(act: object, about: set[ActKind]) -> None:
    assert foreseen(act, True, known(about), IMPORTED)
    assert not foreseen(act, False, known(about), IMPORTED), "a bad signature"
    assert not foreseen(replace(act, deadline=int(IMPORTED)), True, known(about), IMPORTED)
    if about:
        for other in (set(), ASKED, GRANTED, {*GRANTED, ActKind.WITHDRAW}, {ActKind.REQUEST, ActKind.DENY}):
            assert foreseen(act, True, known(other), IMPORTED) == (other == about)


@pytest.mark.parametrize(
    "act", [PERSON.enrol(), PERSON.rotate(Person()), PERSON.deactivate(), PERSON.entrust(Person())]
)
def test_of_other_acts_the_ledger_is_asked(act: object) -> None:
    assert not foreseen(act, True, known(GRANTED), IMPORTED)


@pytest.mark.parametrize(
    "change",
    [
        lambda grant: replace(grant, purpose=b"\1" * 32),
        lambda grant: replace(grant, expiry=REQUEST.expiry + 1),
        lambda grant: replace(grant, expiry=int(IMPORTED)),
    ],
)
def test_a_grant_of_something_else_than_was_asked_for_is_not_foreseen(change: Callable[..., object]) -> None:
    assert not foreseen(change(GRANT), True, known(ASKED), IMPORTED)


def test_the_policy_has_sane_defaults() -> None:
    embedded, external = parse_policy({}, False), parse_policy({}, True)
    assert (embedded.spending, external.spending) == (None, 10**9)
    assert (external.kiosk, external.person) == (Rate(120, 600), Rate(30, 150))
    assert external.requests == Rate(60, 300)
    assert (embedded.spending_on_requests, external.spending_on_requests) == (None, 5 * 10**8)
    assert parse_policy({"kiosk_per_minute": 0}, True).kiosk is None


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ([], "must be a table"),
        ({"max_batches": 5}, "relay.max_batches"),
        ({"max_batch": 0}, "relay.max_batch"),
        ({"max_batch": 33}, "relay.max_batch"),
        ({"max_pending": True}, "relay.max_pending"),
        ({"fee_cap_gwei": "5"}, "relay.fee_cap_gwei"),
        ({"retired": "0x12"}, "relay.retired"),
        ({"retired": ["0x12"]}, "relay.retired"),
    ],
)
def test_a_policy_that_cannot_be_followed_is_named(table: object, words: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(table, True)
    assert words in str(caught.value)
