"""Acts that another gateway has brought to the ledger: whatever came after them, they count here too."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, get_args

import pytest

from contracts.acts import ACT_LIFETIME, ACTS, Act, UsesNonce
from contracts.hexes import to_hex
from contracts.messages import ReceiptStatus
from contracts.purpose import Purpose
from contracts.registry import EVENT_OF, selector
from gateway.entries import Entry, State
from gateway.ledger import search
from gateway.ledger.signatures import with_recovery_id
from gateway.relay import elsewhere
from tests.gateway.actors import Person
from tests.gateway.bench import Bench

PURPOSE = Purpose.of("a loan")


@dataclass
class Other:
    """Another gateway, which brings acts to the ledger and dies before it can answer."""

    bench: Bench

    def __post_init__(self) -> None:
        self.person, self.requester, self.guardian, self.heir = Person(), Person(), Person(), Person()
        self.act, self.data = self.person.register(b"record")
        self.request = self.requester.request(self.person.address, self.act.record, PURPOSE)

    def bring(self, signer: Person, act: Act) -> Act:
        ground, registry = self.bench.ground, self.bench.registry
        digest = act.digest(ground.domain)
        full = with_recovery_id(digest, signer.sign(act, ground.domain), signer.address)
        registry.submit(ground.relayer, registry.encode_act(act, full, self.request))
        return act

    def own(self, act: Act) -> Act:
        return self.bring(self.person, act)

    def enrolled(self) -> None:
        self.own(self.person.enrol())

    def requested(self) -> None:
        self.enrolled()
        self.own(self.act)
        self.bring(self.requester, self.request)

    def granted(self) -> None:
        self.requested()
        self.own(self.person.grant(self.request, self.data))

    def recovering(self) -> Act:
        self.enrolled()
        self.own(self.person.entrust(self.guardian))
        return self.bring(self.guardian, self.person.recover(self.heir))

    # Each: an act that stands, and what makes the contract refuse it now for another reason than its nonce

    def register_then_rotate(self) -> Act:
        self.requested()
        self.own(self.person.rotate(self.heir))
        return self.act

    def register_then_deactivate(self) -> Act:
        self.requested()
        self.own(self.person.deactivate())
        return self.act

    def entrust_then_rotate(self) -> Act:
        self.enrolled()
        act = self.own(self.person.entrust(self.guardian))
        self.own(self.person.rotate(self.heir))
        return act

    def entrust_then_deactivate(self) -> Act:
        self.enrolled()
        act = self.own(self.person.entrust(self.guardian))
        self.own(self.person.deactivate())
        return act

    def rotate_then_deactivate(self) -> Act:
        self.enrolled()
        act = self.own(self.person.rotate(self.heir))
        self.bring(self.heir, self.person.deactivate())
        return act

    def rotate(self) -> Act:
        self.enrolled()
        return self.own(self.person.rotate(self.heir))

    def grant_then_withdraw(self) -> Act:
        self.requested()
        act = self.own(self.person.grant(self.request, self.data))
        self.own(self.person.withdraw(self.request))
        return act

    def renew_then_withdraw(self) -> Act:
        self.granted()
        act = self.own(self.person.renew(self.request, int(time.time()) + 900))
        self.own(self.person.withdraw(self.request))
        return act

    def renew_until_it_expired(self) -> Act:
        self.granted()
        act = self.own(self.person.renew(self.request, int(time.time()) + 2))
        while time.time() < act.expiry:
            time.sleep(0.1)
        self.own(self.person.entrust(self.guardian))  # a block, and with it a later time
        return act

    def recover_then_another_guardian(self) -> Act:
        act = self.recovering()
        self.own(self.person.entrust(self.requester))
        return act

    def recover_then_no_guardian(self) -> Act:
        act = self.recovering()
        self.own(replace(self.person.entrust(self.guardian), guardian=bytes(20)))
        return act

    def recover_then_deactivate(self) -> Act:
        act = self.recovering()
        self.own(self.person.deactivate())
        return act

    def recover(self) -> Act:
        return self.recovering()

    def enrol_then_deactivate(self) -> Act:
        act = self.own(self.person.enrol())
        self.own(self.person.deactivate())
        return act

    # Acts without a nonce

    def contest_then_another_recovery(self) -> Act:
        first = self.recovering()
        act = self.own(self.person.contest(first))
        self.bring(self.guardian, self.person.recover(self.heir))
        return act

    def deny_then_deactivate(self) -> Act:
        self.requested()
        act = self.own(self.person.deny(self.request))
        self.own(self.person.deactivate())
        return act

    def withdraw_then_rotate(self) -> Act:
        self.granted()
        act = self.own(self.person.withdraw(self.request))
        self.own(self.person.rotate(self.heir))
        return act

    def deactivate(self) -> Act:
        self.enrolled()
        return self.own(self.person.deactivate())


STORIES: list[Callable[[Other], Act]] = [
    story
    for name, story in vars(Other).items()
    if name.split("_")[0]
    in {"register", "entrust", "rotate", "grant", "renew", "recover", "enrol", "contest"}
    | {"deny", "withdraw", "deactivate"}
]


@pytest.fixture
def other(bench: Bench) -> Other:
    return Other(bench)


def repeated(other: Other, act: Act) -> Entry:
    """The same act, brought here: by the guardian, if it is a recovery."""
    signer = other.guardian if act.KIND.name == "RECOVER" else other.person
    data = other.data if act == other.act else None
    return other.bench.receive(signer, act, data)


def test_a_repetition_is_known_by_the_nonce_or_by_the_reason() -> None:
    by_nonce = {each.KIND for each in get_args(UsesNonce)}
    assert by_nonce | elsewhere.REPEATED.keys() == {each.KIND for each in ACTS}
    assert not by_nonce & elsewhere.REPEATED.keys()


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_an_act_that_stands_is_final_whatever_came_after_it(
    other: Other, story: Callable[[Other], Act]
) -> None:
    act = story(other)
    entry = repeated(other, act)
    assert other.bench.relay.advance() is False
    receipt = other.bench.receipt(entry)
    assert (receipt.status, receipt.reason) == (ReceiptStatus.FINAL, "")
    assert other.bench.client.receipt(receipt.transaction).block == receipt.block
    assert other.bench.events(EVENT_OF[type(act)], other.person) >= 1


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_an_act_that_does_not_stand_is_rejected(other: Other, story: Callable[[Other], Act]) -> None:
    """The same, signed once more with another deadline."""
    act = story(other)
    entry = repeated(other, replace(act, deadline=act.deadline + 1))
    assert other.bench.relay.advance() is False
    assert other.bench.receipt(entry).status is ReceiptStatus.REJECTED


def test_a_record_that_was_replaced_before_its_object_was_published_counts_as_registered(
    bench: Bench,
) -> None:
    person = Person()
    act, data = person.register(b"record")
    newer, _ = person.edition(act.record, b"another edition")
    bench.relay_all((person, person.enrol()))
    entry = bench.receive(person, act, data, on_ledger=True)
    for turn in (bench.relay.prepare, bench.relay.send, bench.relay.confirm):
        turn()
    assert (bench.now(entry).step, bench.now(entry).state) == (1, State.VERIFIED)
    other = Other(bench)
    other.person = person
    other.own(newer)
    assert bench.relay.advance() is False
    receipt = bench.receipt(entry)
    assert receipt.status is ReceiptStatus.FINAL
    assert bench.client.receipt(receipt.transaction).block == receipt.block


@pytest.mark.parametrize("message", ["execution reverted", "execution reverted: revert"])
def test_a_node_that_does_not_pass_the_reason_on_is_searched(other: Other, message: str) -> None:
    act = other.deny_then_deactivate()

    def mumble(parameters: list[Any]) -> object:
        is_act = parameters[0]["data"].startswith(to_hex(selector("deny")))
        return {"code": -32000, "message": message} if is_act else ...

    other.bench.network.answers["eth_call"] = mumble
    entry = repeated(other, act)
    other.bench.relay.advance()
    assert other.bench.receipt(entry).status is ReceiptStatus.FINAL


def test_an_unused_nonce_spares_the_search(other: Other) -> None:
    other.requested()
    other.own(other.person.rotate(other.heir))
    act, data = other.person.register(b"another")
    entry = other.bench.receive(other.person, act, data)
    other.bench.relay.advance()
    assert "not by the person's key" in other.bench.receipt(entry).reason
    assert other.bench.network.asked["eth_getLogs"] == 0


@pytest.fixture
def narrow(other: Other, monkeypatch: pytest.MonkeyPatch) -> Other:
    """A node that takes a block at a time, and a gateway that gives up soon."""

    def limit(parameters: list[object]) -> object:
        (query,) = parameters
        assert isinstance(query, dict)
        one = query["fromBlock"] == query["toBlock"]
        return ... if one else {"code": -32602, "message": "block range too large"}

    other.bench.network.answers["eth_getLogs"] = limit
    monkeypatch.setattr(search, "MAX_PAGES", 3)
    return other


def test_a_search_that_was_cut_off_rejects_nothing(narrow: Other) -> None:
    act = narrow.register_then_rotate()
    for _ in range(3):
        someone = Person()
        narrow.bring(someone, someone.enrol())
    entry = repeated(narrow, act)
    assert narrow.bench.relay.advance() is True
    assert narrow.bench.now(entry).state is State.RECEIVED
    assert "more blocks at once" in narrow.bench.now(entry).trouble


def test_how_far_back_is_looked_goes_by_the_acts_time(other: Other, monkeypatch: pytest.MonkeyPatch) -> None:
    """An act that comes long after its deadline is looked for where it may stand, not from today on."""
    act = other.register_then_rotate()
    monkeypatch.setattr(search, "MAX_PAGES", 1)
    registry, network = other.bench.registry, other.bench.network
    a_month_later = act.deadline + 30 * 86_400
    assert elsewhere.find(registry, act, "wrong signer", a_month_later) is not None
    before_the_ledger = replace(act, deadline=1)
    asked = network.asked["eth_getLogs"]
    assert elsewhere.find(registry, before_the_ledger, "past deadline", a_month_later) is None
    assert network.asked["eth_getLogs"] == asked, "there are no blocks of that time"


def test_an_act_that_lives_longer_than_a_kiosks_is_looked_for_from_the_contracts_beginning(
    other: Other,
) -> None:
    other.enrolled()
    act, data = other.person.register(b"record")
    act = replace(act, deadline=act.deadline + 10 * ACT_LIFETIME)
    other.own(act)
    other.own(other.person.rotate(other.heir))
    entry = other.bench.receive(other.person, act, data)
    other.bench.relay.advance()
    assert other.bench.receipt(entry).status is ReceiptStatus.FINAL
