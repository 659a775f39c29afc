"""A node that lacks a block which another one has shown: what it refuses is not rejected, and waits."""

import pytest

from contracts.purpose import Purpose
from gateway.entries import Entry, State
from gateway.relay import verdicts
from tests.gateway.actors import Person
from tests.gateway.bench import Bench

NOT_ENROLLED = {"code": 3, "message": "execution reverted: not enrolled"}


def fall_behind(bench: Bench) -> None:
    """From now on the node lacks the newest block."""
    head = bench.client.block_number() - 1

    def call(params: list[object]) -> object:
        if params[1] == "latest":
            params[1] = hex(head)
        return ... if int(str(params[1]), 16) <= head else {"code": -32000, "message": "header not found"}

    bench.network.answers |= {"eth_call": call, "eth_blockNumber": lambda _: hex(head)}


def waits_until_the_node_has_caught_up(bench: Bench, entry: Entry, words: str) -> None:
    bench.relay.advance()
    assert (bench.now(entry).state, bench.now(entry).receipt) == (State.RECEIVED, None)
    assert words in bench.now(entry).trouble
    bench.network.answers.clear()
    assert bench.relay.advance() is False
    assert bench.now(entry).state is State.FINAL


@pytest.mark.parametrize("anew", [False, True], ids=["which it has seen", "of which the journal knows"])
def test_an_act_that_builds_on_the_missing_block_is_not_rejected(bench: Bench, anew: bool) -> None:
    person = Person()
    bench.relay_all((person, person.enrol()))
    fall_behind(bench)
    if anew:
        bench.crash()
    entry = bench.receive(person, person.entrust(Person()))
    waits_until_the_node_has_caught_up(bench, entry, "lacks block")


def test_a_grant_whose_request_is_in_the_missing_block_is_not_rejected(bench: Bench) -> None:
    person, requester = Person(), Person()
    act, data = person.register(b"record")
    bench.relay_all((person, person.enrol()), (person, act, data))
    purpose = Purpose.of("test")
    request = requester.request(person.address, act.record, purpose)
    (bench.directory / "elsewhere").mkdir()
    elsewhere = Bench(bench.ground, bench.directory / "elsewhere")
    elsewhere.desk.submit(requester.signed_request(request, purpose, bench.ground.domain).encode())
    elsewhere.relay.advance()
    fall_behind(bench)
    entry = bench.receive(person, person.grant(request, data))
    waits_until_the_node_has_caught_up(bench, entry, "header not found")


def test_an_estimate_of_a_node_behind_rejects_nothing(bench: Bench) -> None:
    person = Person()
    entry = bench.receive(person, person.enrol())
    bench.bring(entry, State.VERIFIED)
    bench.network.answers["eth_estimateGas"] = lambda _: NOT_ENROLLED
    bench.relay.advance()
    assert bench.now(entry).state is State.VERIFIED
    bench.network.answers.clear()
    assert bench.relay.advance() is False
    assert bench.now(entry).state is State.FINAL


def test_an_act_that_somebody_brought_in_the_missing_block_is_not_rejected(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One node says that the contract has had it, the next one does not know where."""
    monkeypatch.setattr(verdicts, "PAUSE", 0)
    person = Person()
    act = person.enrol()
    (bench.directory / "elsewhere").mkdir()
    elsewhere = Bench(bench.ground, bench.directory / "elsewhere")
    elsewhere.relay_all((person, act))
    head = bench.client.block_number()
    behind = iter([head, head])
    bench.network.answers |= {
        "eth_blockNumber": lambda _: hex(next(behind, head - 1)),
        "eth_getLogs": lambda _: [],
    }
    entry = bench.receive(person, act)
    waits_until_the_node_has_caught_up(bench, entry, "lacks block")
