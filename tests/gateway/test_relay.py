"""The relay on a real ledger: crashes between any two steps, nodes that choke, acts that are refused."""

import contextlib
import json
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from contracts.acts import Act
from contracts.hexes import to_hex
from contracts.messages import KioskMessage, ReceiptStatus
from contracts.purpose import Purpose
from contracts.registry import EVENT_OF, PUBLISHED, ConsentState
from gateway.entries import State
from gateway.journal.moves import Moves
from gateway.journal.sqlite import SqliteDatabase
from gateway.ledger.errors import LedgerUnreachableError
from tests.gateway.actors import Person
from tests.gateway.bench import ENVIRONMENT, Bench, Ground

ONCE, TWICE = ["verify", "next_step", "finish"], ["sign", "accept", "mine", "close_shipment"]
MOMENTS = [(write, 0) for write in ONCE + TWICE] + [(write, 1) for write in TWICE]
"""The journal's moves that a record takes whose object goes on the ledger, in two transactions."""


def killed(directory: Path, bench: Bench, write: str, *, before: bool, at: int) -> int:
    """Run the relay in a child process that kills itself around the n-th call of a move; its exit status.

    After a move is after the transaction of the journal in which it stands, with others perhaps.
    """
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    with contextlib.suppress(BaseException):
        real_move, real_writing = getattr(Moves, write), SqliteDatabase.writing
        calls, is_due = count(), threading.Event()

        def move(*arguments: Any, **named: Any) -> Any:
            if next(calls) == at:
                is_due.set()
                if before:
                    os.kill(os.getpid(), signal.SIGKILL)
            return real_move(*arguments, **named)

        @contextlib.contextmanager
        def writing(database: SqliteDatabase) -> Iterator[Any]:
            with real_writing(database) as connection:
                yield connection
            if is_due.is_set() and not connection.in_transaction:
                os.kill(os.getpid(), signal.SIGKILL)

        setattr(Moves, write, move)
        SqliteDatabase.writing = writing  # type: ignore[method-assign]  # in this process alone
        Bench(bench.ground, directory, kiosk=bench.kiosk, gateway_key=bench.gateway_key).relay.advance()
    os._exit(0)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(("write", "at"), MOMENTS)
def test_killed_around_any_move_it_loses_and_doubles_nothing(
    bench: Bench, tmp_path: Path, write: str, at: int, before: bool
) -> None:
    person = Person()
    bench.relay_all((person, person.enrol()))
    act, data = person.register(b"record")
    entry = bench.receive(person, act, data, on_ledger=True)
    bench.journal.close()
    assert killed(tmp_path, bench, write, before=before, at=at) == signal.SIGKILL
    bench.build()
    bench.relay.advance()
    assert bench.receipt(entry).status is ReceiptStatus.FINAL
    assert (bench.events(EVENT_OF[type(act)], person), bench.events(PUBLISHED, person)) == (1, 1)
    assert bench.store.get(act.commitment) == data
    assert bench.journal.shipments(State.SIGNED, State.ACCEPTED, State.MINED) == []


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_killed_around_a_rejection_it_rejects_once(bench: Bench, tmp_path: Path, before: bool) -> None:
    stranger = Person()
    entry = bench.receive(stranger, *stranger.register(b"record"))
    bench.journal.close()
    assert killed(tmp_path, bench, "reject", before=before, at=0) == signal.SIGKILL
    bench.build()
    first = bench.now(entry).receipt
    assert (first is None) == before
    bench.relay.advance()
    assert bench.receipt(entry).status is ReceiptStatus.REJECTED
    assert first in (None, bench.now(entry).receipt), "the same receipt, byte for byte"


def test_acts_of_one_person_go_in_the_order_of_their_arrival(bench: Bench) -> None:
    person = Person()
    act, data = person.register(b"record")
    entries = bench.relay_all((person, person.enrol()), (person, act, data))
    assert [entry.state for entry in entries] == [State.FINAL, State.FINAL]


@pytest.mark.parametrize("state", [State.RECEIVED, State.VERIFIED, State.SIGNED, State.ACCEPTED, State.MINED])
def test_an_act_of_a_kiosk_that_was_banned_meanwhile_ends_well_if_it_was_sent_and_else_is_refused(
    bench: Bench, state: State
) -> None:
    person = Person()
    entry = bench.receive(person, person.enrol())
    bench.bring(entry, state)
    bench.kiosk_is_banned = True
    bench.crash()
    assert bench.relay.advance() is False
    receipt = bench.receipt(entry)
    if state in (State.RECEIVED, State.VERIFIED):
        assert (receipt.status, "is known here" in receipt.reason) == (ReceiptStatus.REJECTED, True)
    else:
        assert receipt.status is ReceiptStatus.FINAL


def test_an_unreachable_ledger_loses_nothing(bench: Bench) -> None:
    person = Person()
    entry = bench.receive(person, person.enrol())
    bench.network.is_down = True
    with pytest.raises(LedgerUnreachableError):
        bench.relay.advance()
    assert bench.now(entry).state is State.RECEIVED
    bench.network.is_down = False
    bench.relay.advance()
    assert bench.receipt(entry).status is ReceiptStatus.FINAL


@pytest.mark.parametrize("state", [State.SIGNED, State.ACCEPTED, State.MINED])
def test_a_ledger_that_goes_away_in_the_middle_loses_nothing(bench: Bench, state: State) -> None:
    person = Person()
    entry = bench.receive(person, person.enrol())
    bench.bring(entry, state)
    bench.network.is_down = True
    with pytest.raises(LedgerUnreachableError):
        bench.relay.advance()
    assert bench.now(entry).state is state
    bench.network.is_down = False
    bench.relay.advance()
    assert bench.now(entry).state is State.FINAL


def test_a_block_that_the_ledger_took_back_is_waited_for_again(bench: Bench, ground: Ground) -> None:
    """Without anvil to take blocks back, the ledger's word for it must do."""
    bench.with_policy(confirmations=3)
    person = Person()
    entry = bench.receive(person, person.enrol())
    assert bench.relay.advance() is True
    assert bench.now(entry).state is State.MINED
    bench.network.answers["eth_getTransactionReceipt"] = lambda _: None
    bench.relay.confirming.turn()
    assert (bench.now(entry).state, bench.shipment(entry).block) == (State.SIGNED, None)
    bench.network.answers.clear()
    assert bench.relay.advance() is True
    for _ in range(2):
        bench.registry.submit(ground.relayer, bench.registry.encode("keyOf", (person.address,)))
    assert bench.relay.advance() is False
    assert bench.receipt(entry).status is ReceiptStatus.FINAL
    assert bench.events("Enrolled", person) == 1


def test_what_is_deep_enough_at_the_first_look_is_looked_at_again(bench: Bench, ground: Ground) -> None:
    bench.with_policy(confirmations=3)
    person = Person()
    entry = bench.receive(person, person.enrol())
    bench.bring(entry, State.ACCEPTED)
    for _ in range(3):
        bench.registry.submit(ground.relayer, bench.registry.encode("keyOf", (person.address,)))
    bench.relay.confirming.turn()
    assert (bench.now(entry).state, bench.now(entry).receipt) == (State.MINED, None)
    bench.network.answers["eth_getTransactionReceipt"] = lambda _: None
    bench.relay.confirming.turn()
    assert (bench.now(entry).state, bench.counts["reorganised"]) == (State.SIGNED, 1)
    bench.network.answers.clear()
    assert bench.relay.advance() is False
    assert bench.receipt(entry).status is ReceiptStatus.FINAL


LIMITED = {"code": -32005, "message": "limit exceeded"}
"""What a hosted node answers to somebody who asks too much (EIP-1474)."""


@pytest.mark.parametrize("state", [State.ACCEPTED, State.MINED])
def test_a_node_that_does_not_say_where_a_transaction_is_has_not_lost_it(bench: Bench, state: State) -> None:
    bench.with_policy(confirmations=3)
    person = Person()
    entry = bench.receive(person, person.enrol())
    bench.bring(entry, state)
    bench.network.answers |= {
        "eth_getTransactionReceipt": lambda _: LIMITED,
        "eth_getTransactionByHash": lambda _: None,
    }
    for _ in range(3):
        bench.relay.advance()
    assert bench.now(entry).state is state
    assert "limit exceeded" in bench.now(entry).trouble
    assert (bench.counts["reorganised"], len(bench.network.sent)) == (0, 1)
    bench.network.answers.clear()
    bench.with_policy(confirmations=1)
    assert bench.relay.advance() is False
    assert bench.now(entry).state is State.FINAL


def test_one_candidate_in_a_block_is_enough_whatever_the_node_says_of_another(bench: Bench) -> None:
    person = Person()
    entry = bench.receive(person, person.enrol())
    bench.bring(entry, State.ACCEPTED)
    mined = bench.shipment(entry).latest
    bench.journal.bump(bench.shipment(entry).number, replace(mined, hash=b"\1" * 32, most=mined.most + 1), 1)
    bench.network.answers["eth_getTransactionReceipt"] = lambda params: (
        ... if params[0] == to_hex(mined.hash) else LIMITED
    )
    assert bench.relay.advance() is False
    assert bench.receipt(entry).transaction == mined.hash


def test_a_transaction_that_the_node_forgot_is_sent_again(bench: Bench) -> None:
    person = Person()
    entry = bench.receive(person, person.enrol())
    swallowed: list[object] = []

    def swallow(parameters: list[object]) -> object:
        if swallowed:
            return ...
        swallowed.append(parameters[0])
        return "0x" + "00" * 32

    bench.network.answers["eth_sendRawTransaction"] = swallow
    bench.relay.advance()
    assert bench.now(entry).state is State.FINAL
    assert bench.network.sent == [swallowed[0], swallowed[0]]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"code": -32603, "message": "internal error"}, "internal error"),
        ("garbage", "its answer to eth_call is ill-formed"),
    ],
)
def test_one_act_that_the_node_chokes_on_does_not_stop_the_others(
    bench: Bench, answer: object, words: str
) -> None:
    victim, other = Person(), Person()

    def choke(parameters: list[object]) -> object:
        return answer if victim.address.hex() in json.dumps(parameters) else ...

    bench.network.answers["eth_call"] = choke
    stuck, fine = bench.receive(victim, victim.enrol()), bench.receive(other, other.enrol())
    assert bench.relay.advance() is True
    assert (bench.now(stuck).state, bench.now(fine).state) == (State.RECEIVED, State.FINAL)
    assert words in bench.now(stuck).trouble
    bench.network.answers.clear()
    assert bench.relay.advance() is False
    assert bench.now(stuck).state is State.FINAL


def test_a_transaction_to_which_the_node_answers_gibberish_does_not_stop_the_others(bench: Bench) -> None:
    bench.with_policy(max_batch=1)
    first, second = (bench.receive(person, person.enrol()) for person in (Person(), Person()))
    bench.bring(second, State.SIGNED)
    victim = f"0x{bench.shipment(second).latest.raw.hex()}"
    bench.network.answers["eth_sendRawTransaction"] = lambda params: "0x12" if params[0] == victim else ...
    assert bench.relay.advance() is True
    assert (bench.now(first).state, bench.now(second).state) == (State.FINAL, State.SIGNED)
    assert "its answer to eth_sendRawTransaction is ill-formed" in bench.now(second).trouble
    bench.network.answers.clear()
    assert bench.relay.advance() is False
    assert bench.now(second).state is State.FINAL


def refused(bench: Bench, person: Person, act: Act, data: bytes | None = None) -> str:
    """The reason for which an act is refused, without a transaction."""
    sent = len(bench.network.sent)
    entry = bench.receive(person, act, data)
    bench.relay.advance()
    receipt = bench.receipt(entry)
    assert receipt.status is ReceiptStatus.REJECTED
    assert len(bench.network.sent) == sent
    return receipt.reason


def test_a_record_without_its_object_is_refused(bench: Bench) -> None:
    person = Person()
    bench.relay_all((person, person.enrol()))
    act, _ = person.register(b"record")
    assert "did not come" in refused(bench, person, act)


def test_an_object_of_another_record_is_refused_and_not_kept(bench: Bench) -> None:
    person = Person()
    bench.relay_all((person, person.enrol()))
    act, data = person.register(b"record")
    other = type(act)(act.subject, b"\1" * 32, act.kind, act.commitment, act.nonce, act.deadline)
    assert "another record" in refused(bench, person, other, data)
    assert bench.store.get(act.commitment) is None


def test_a_strangers_object_is_not_kept(bench: Bench) -> None:
    stranger = Person()
    act, data = stranger.register(b"record")
    assert "not enrolled" in refused(bench, stranger, act, data)
    assert bench.store.get(act.commitment) is None


def test_an_altered_act_is_refused(bench: Bench) -> None:
    person = Person()
    act = person.enrol()
    altered = type(act)(act.subject, b"\7" * 32, act.nonce, act.deadline)
    signature = person.sign(act, bench.ground.domain)
    entry = bench.admit(KioskMessage(ENVIRONMENT, altered, signature, 0))
    bench.relay.advance()
    assert "altered on the way" in bench.receipt(entry).reason


def test_a_forged_attempt_does_not_keep_the_genuine_act_out(bench: Bench) -> None:
    person, forger = Person(), Person()
    act = person.enrol()
    forged = bench.admit(KioskMessage(ENVIRONMENT, act, forger.sign(act, bench.ground.domain), 0))
    bench.relay.advance()
    assert bench.receipt(forged).status is ReceiptStatus.REJECTED
    genuine = bench.receive(person, act)
    assert genuine.number == forged.number, "the same act, known by its digest"
    bench.relay.advance()
    assert bench.receipt(genuine).status is ReceiptStatus.FINAL


def test_an_act_past_its_deadline_is_refused(bench: Bench) -> None:
    person = Person()
    act = person.enrol()
    late = type(act)(act.subject, act.encryption_key, act.nonce, 1)
    assert "deadline" in refused(bench, person, late)


def test_a_grant_finds_its_request_on_the_ledger_if_another_gateway_brought_it(
    bench: Bench, ground: Ground
) -> None:
    person, requester = Person(), Person()
    act, data = person.register(b"record")
    bench.relay_all((person, person.enrol()), (person, act, data))
    purpose = Purpose.of("test")
    request = requester.request(person.address, act.record, purpose)
    signed = requester.signed_request(request, purpose, ground.domain)
    (bench.directory / "elsewhere").mkdir()
    elsewhere = Bench(ground, bench.directory / "elsewhere")
    elsewhere.desk.submit(signed.encode())
    elsewhere.relay.advance()
    assert bench.journal.request(request.hash_struct()) is None
    (granted,) = bench.relay_all((person, person.grant(request, data)))
    assert granted.state is State.FINAL
    assert bench.registry.consent_of(request.hash_struct())[0] is ConsentState.GRANTED


def test_a_grant_of_nothing_is_refused(bench: Bench) -> None:
    person, requester = Person(), Person()
    act, data = person.register(b"record")
    bench.relay_all((person, person.enrol()), (person, act, data))
    request = requester.request(person.address, act.record, Purpose.of("test"))
    assert "not on the ledger" in refused(bench, person, person.grant(request, data))


def test_each_settled_act_is_told_once(bench: Bench) -> None:
    person = Person()
    bench.relay_all((person, person.enrol()))
    bench.relay.advance()
    assert [entry.state for entry in bench.settled] == [State.FINAL]
    assert bench.counts["final"] == 1
