"""A node that refuses to be searched holds up the act that is looked for, in each stage, and no other."""

import pytest

from contracts.acts import Act
from contracts.messages import ReceiptStatus
from gateway.entries import Entry, State
from gateway.ledger.signatures import with_recovery_id
from gateway.relay import verdicts
from tests.gateway.actors import Person
from tests.gateway.bench import Bench

TOO_LARGE = {"code": -32602, "message": "block range too large"}


def bring(bench: Bench, person: Person, act: Act) -> None:
    """Another gateway's work."""
    digest = act.digest(bench.ground.domain)
    full = with_recovery_id(digest, person.sign(act, bench.ground.domain), person.address)
    bench.registry.submit(bench.ground.relayer, bench.registry.encode_act(act, full))


def held_up(bench: Bench, bad: Entry, state: State, someone: Person) -> None:
    """One act waits where it is, another one passes it; and it is final as soon as the node is searched."""
    good = bench.receive(someone, *someone.register(b"record"))
    assert bench.relay.advance() is True
    assert (bench.now(bad).state, bench.now(good).state) == (state, State.FINAL)
    assert "block range too large" in bench.now(bad).trouble
    refusals = bench.network.asked["eth_getLogs"]
    bench.relay.advance()
    assert bench.network.asked["eth_getLogs"] == refusals, "the node is left in peace for a while"
    bench.network.answers.clear()
    bench.crash()
    assert bench.relay.advance() is False
    assert bench.receipt(bad).status is ReceiptStatus.FINAL


@pytest.fixture
def someone(bench: Bench) -> Person:
    """Somebody with a record, so that what registering costs is known."""
    person = Person()
    bench.relay_all((person, person.enrol()), (person, *person.register(b"record")))
    return person


def test_while_verifying(bench: Bench, someone: Person) -> None:
    person = Person()
    act = person.enrol()
    bring(bench, person, act)
    bench.network.answers["eth_getLogs"] = lambda _: TOO_LARGE
    held_up(bench, bench.receive(person, act), State.RECEIVED, someone)


def test_while_signing(bench: Bench, someone: Person) -> None:
    bench.crash()  # nothing is known of costs
    person = Person()
    bad = bench.receive(person, act := person.enrol())
    bench.bring(bad, State.VERIFIED)
    bring(bench, person, act)
    bench.network.answers["eth_getLogs"] = lambda _: TOO_LARGE
    held_up(bench, bad, State.VERIFIED, someone)


@pytest.mark.parametrize("batch", [False, True], ids=["alone", "in a batch"])
def test_while_confirming(bench: Bench, someone: Person, batch: bool) -> None:
    person, companion = Person(), Person()
    act, data = person.register(b"record")
    bench.relay_all((person, person.enrol()), (companion, companion.enrol()))
    bring(bench, person, act)  # which this gateway does not foresee
    bench.network.answers["eth_getLogs"] = lambda _: TOO_LARGE
    bad = bench.receive(person, act, data)
    beside = bench.receive(companion, *companion.register(b"theirs")) if batch else None
    bench.relay.prepare()
    number = bench.now(bad).shipment
    held_up(bench, bad, State.MINED, someone)
    if beside is not None:
        assert bench.now(beside).shipment == number, "one transaction brought both"
        assert bench.receipt(beside).status is ReceiptStatus.FINAL
    assert bench.journal.shipments(State.SIGNED, State.ACCEPTED, State.MINED) == []


def test_the_reason_of_a_failure_that_cannot_be_had_is_waited_for(bench: Bench, someone: Person) -> None:
    person = Person()
    act, data = person.register(b"record")
    bench.relay_all((person, person.enrol()))
    bring(bench, person, act)
    bad = bench.receive(person, act, data)
    bench.relay.prepare()
    good = bench.receive(someone, *someone.register(b"another"))
    bench.relay.prepare()
    bench.relay.send()
    bench.network.answers["eth_call"] = lambda _: {"code": -32603, "message": "internal error"}
    bench.relay.confirming.turn()
    assert (bench.now(bad).state, bench.now(good).state) == (State.MINED, State.FINAL)
    assert "internal error" in bench.now(bad).trouble
    bench.network.answers.clear()
    assert bench.relay.advance() is False
    assert bench.receipt(bad).status is ReceiptStatus.FINAL


def test_a_search_is_tried_again_after_a_pause(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "PAUSE", 0)
    person = Person()
    act = person.enrol()
    bring(bench, person, act)
    bench.network.answers["eth_getLogs"] = lambda _: TOO_LARGE
    entry = bench.receive(person, act)
    bench.relay.advance()
    bench.network.answers.clear()
    bench.relay.advance()
    assert bench.receipt(entry).status is ReceiptStatus.FINAL
