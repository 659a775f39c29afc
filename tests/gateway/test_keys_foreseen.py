"""A signature by a key that was replaced is seen before any gas is paid for it."""

import pytest

from contracts.acts import Act
from contracts.messages import ReceiptStatus
from gateway.ledger.signatures import with_recovery_id
from tests.gateway.actors import Person
from tests.gateway.bench import Bench
from tests.gateway.recovering import Watch


@pytest.fixture
def person(bench: Bench) -> Person:
    """Somebody who enrolled here, with a record, so that this gateway foresees the next one."""
    person = Person()
    bench.relay_all((person, person.enrol()), (person, *person.register(b"record")))
    return person


def replace_key(person: Person, how: str) -> Act:
    return person.rotate(Person()) if how == "rotate" else person.deactivate()


def refused_for_nothing(bench: Bench, person: Person, why: str) -> None:
    sent = len(bench.network.sent)
    entry = bench.receive(person, *person.register(b"another"))
    bench.relay.advance()
    receipt = bench.receipt(entry)
    assert (receipt.status, why in receipt.reason) == (ReceiptStatus.REJECTED, True)
    assert len(bench.network.sent) == sent, "no gas was paid for it"


def test_the_first_key_of_somebody_who_enrolled_here_is_taken_for_granted(
    bench: Bench, person: Person
) -> None:
    asked = bench.network.asked["eth_call"]
    (entry,) = bench.relay_all((person, *person.register(b"another")))
    assert bench.receipt(entry).status is ReceiptStatus.FINAL
    assert bench.network.asked["eth_call"] == asked


def by_another_gateway(bench: Bench, person: Person, act: Act) -> None:
    """An act on the ledger that this gateway has not brought."""
    ground = bench.ground
    digest = act.digest(ground.domain)
    full = with_recovery_id(digest, person.sign(act, ground.domain), person.address)
    bench.registry.submit(ground.relayer, bench.registry.encode_act(act, full))


def test_the_key_of_somebody_who_enrolled_elsewhere_is_asked_for_once(bench: Bench) -> None:
    person = Person()
    by_another_gateway(bench, person, person.enrol())
    asked = []
    for data in (b"record", b"another", b"one more"):
        before = bench.network.asked["eth_call"]
        (entry,) = bench.relay_all((person, *person.register(data)))
        assert bench.receipt(entry).status is ReceiptStatus.FINAL
        asked.append(bench.network.asked["eth_call"] - before)
    assert asked == [2, 1, 1], "the key and the act; then the act alone"


@pytest.mark.parametrize("how", ["rotate", "deactivate"])
def test_and_again_when_it_was_replaced(bench: Bench, how: str) -> None:
    watch, person = Watch(bench), Person()
    by_another_gateway(bench, person, person.enrol())
    bench.relay_all((person, *person.register(b"record")))
    by_another_gateway(bench, person, replace_key(person, how))
    watch.look()
    refused_for_nothing(bench, person, WORDS[how])


WORDS = {"rotate": "not by the person's key", "deactivate": "ended by its person"}


@pytest.mark.parametrize("how", WORDS)
def test_after_this_gateway_has_brought_another_key(bench: Bench, person: Person, how: str) -> None:
    bench.relay_all((person, replace_key(person, how)))
    refused_for_nothing(bench, person, WORDS[how])


@pytest.mark.parametrize("how", WORDS)
def test_after_another_gateway_has_brought_another_key(bench: Bench, person: Person, how: str) -> None:
    watch = Watch(bench)
    by_another_gateway(bench, person, replace_key(person, how))
    watch.look()
    refused_for_nothing(bench, person, WORDS[how])


def test_the_new_key_is_foreseen_too(bench: Bench, person: Person) -> None:
    heir = Person()
    bench.relay_all((person, person.rotate(heir)))
    act, data = person.register(b"another")
    (entry,) = bench.relay_all((heir, act, data))
    assert bench.receipt(entry).status is ReceiptStatus.FINAL
