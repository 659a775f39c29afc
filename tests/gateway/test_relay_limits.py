"""What the relay does not do at once: for money, for the rate, for order; and who does it then."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from contracts.acts import Register
from contracts.hexes import to_hex
from contracts.messages import ReceiptStatus
from contracts.purpose import Purpose
from gateway.entries import Entry, State
from gateway.intake import arrival_of
from gateway.ledger.account import Fees, Relayer
from gateway.rates import Rate
from gateway.relay import verifying
from tests.gateway.actors import KioskKey, Person
from tests.gateway.bench import Bench, Ground
from tests.gateway.running import run_here, write_config

FUNDS = 10**20
PURPOSE = Purpose.of("test")


def enrol(bench: Bench, count: int = 1) -> list[Entry]:
    return [bench.receive(person, person.enrol()) for person in (Person() for _ in range(count))]


def states(bench: Bench, entries: list[Entry]) -> set[State]:
    return {bench.now(entry).state for entry in entries}


def funded(ground: Ground, bench: Bench) -> Relayer:
    """Another relayer, to which the first has sent something."""
    relayer = Relayer(ec.generate_private_key(ec.SECP256K1()))
    client, payer = bench.client, ground.relayer
    signed = payer.sign(
        chain_id=ground.domain.chain_id, nonce=client.transaction_count(payer.address), to=relayer.address,
        data=b"", gas=21_000, fees=Fees(10**11, 0), value=FUNDS,
    )  # fmt: skip
    assert client.wait(client.send(signed.raw)).succeeded
    return relayer


def test_a_relayer_spends_no_more_in_a_day_than_it_may(bench: Bench) -> None:
    (first,) = enrol(bench)
    bench.relay.advance()
    spent = bench.journal.spent_since(bench.ground.relayer.address, 0)
    assert spent == bench.shipment(first).cost > 0, "what it was, not what it might have been"
    bench.with_policy(spending=spent)  # nothing is left: on this ledger a gwei may pay for an act
    (second,) = enrol(bench)
    assert bench.relay.advance() is True
    assert (bench.now(second).state, "spend more today" in bench.now(second).trouble) == (
        State.VERIFIED,
        True,
    )
    bench.with_policy(spending=None)
    assert bench.relay.advance() is False
    assert bench.receipt(second).status is ReceiptStatus.FINAL


def test_a_relayer_without_funds_leaves_the_work_to_the_others(bench: Bench, ground: Ground) -> None:
    bench.relayers = [Relayer(ec.generate_private_key(ec.SECP256K1())), ground.relayer]
    bench.with_policy(max_batch=1)
    entries = enrol(bench, 3)
    assert bench.relay.advance() is False
    assert {bench.shipment(entry).sender for entry in entries} == {ground.relayer.address}


def test_several_relayers_share_the_work_and_one_persons_acts_stay_with_one(
    bench: Bench, ground: Ground
) -> None:
    bench.relayers = [ground.relayer, funded(ground, bench)]
    bench.with_policy(max_batch=1, confirmations=10)
    person = Person()
    mine = [bench.receive(person, person.enrol())]
    others = enrol(bench, 3)
    bench.relay.advance()
    mine += [bench.receive(person, *person.register(b"record"))]
    bench.relay.advance()
    assert states(bench, mine + others) == {State.MINED}
    senders = [bench.shipment(entry).sender for entry in mine + others]
    assert sorted(map(senders.count, set(senders))) in ([2, 3], [1, 4])
    assert len({bench.shipment(entry).sender for entry in mine}) == 1
    bench.with_policy(confirmations=1)
    bench.relay.advance()
    assert states(bench, mine + others) == {State.FINAL}


def test_a_retired_relayer_finishes_what_it_has_and_begins_nothing(bench: Bench, ground: Ground) -> None:
    heir = funded(ground, bench)
    (old,) = enrol(bench)
    bench.bring(old, State.ACCEPTED)
    bench.relayers = [ground.relayer, heir]
    bench.with_policy(retired=frozenset({ground.relayer.address}))
    (new,) = enrol(bench)
    assert bench.relay.advance() is False
    assert bench.shipment(old).sender == ground.relayer.address
    assert bench.shipment(new).sender == heir.address


def test_a_kiosk_over_its_rate_is_deferred_and_nothing_is_dropped(bench: Bench) -> None:
    entries = []
    for person in (Person() for _ in range(4)):
        message = person.message(person.enrol(), bench.ground.domain)
        arrival = arrival_of(bench.kiosk.kid, message, message.sign(bench.kiosk.key), bench.ground.domain)
        entries.append(bench.journal.admit(arrival, Rate(per_minute=1, burst=2))[0])
    assert [entry.due > time.time() for entry in entries] == [False, False, True, True]
    assert bench.relay.advance() is True
    assert [bench.now(entry).state for entry in entries] == [State.FINAL] * 2 + [State.RECEIVED] * 2
    let_pass(bench)
    assert bench.relay.advance() is False
    assert states(bench, entries) == {State.FINAL}


def test_a_person_over_the_rate_is_deferred_and_only_what_the_person_signed_counts(bench: Bench) -> None:
    person, forger = Person(), Person()
    bench.relay_all((person, person.enrol()))
    bench.with_policy(person=Rate(per_minute=1, burst=1))
    for _ in range(3):  # somebody writes the person's name on what the person has not signed
        act, data = person.register(b"forged")
        message = replace(
            person.message(act, bench.ground.domain, data), signature=forger.sign(act, bench.ground.domain)
        )
        bench.admit(message)
    bench.relay.advance()
    genuine = [bench.receive(person, *person.register(b"genuine")) for _ in range(2)]
    assert bench.relay.advance() is True
    assert [bench.now(entry).state for entry in genuine] == [State.FINAL, State.VERIFIED]
    let_pass(bench)
    assert bench.relay.advance() is False
    assert states(bench, genuine) == {State.FINAL}


def test_what_others_sign_about_a_person_uses_up_nothing_of_the_persons_rate(bench: Bench) -> None:
    person, guardian, heir = Person(), Person(), Person()
    act, data = person.register(b"record")
    bench.relay_all((person, person.enrol()), (person, act, data), (person, person.entrust(guardian)))
    bench.with_policy(person=Rate(per_minute=1, burst=1))
    for _ in range(2):
        ask(bench, person, act)
    recovery = person.recover(heir)
    bench.receive(guardian, recovery)
    assert bench.relay.advance() is False
    (objection,) = bench.relay_all((person, person.contest(recovery)))
    assert objection.state is State.FINAL


def ask(bench: Bench, person: Person, register: Register) -> Entry:
    """Somebody whom nobody knows asks for a record."""
    stranger = Person()
    request = stranger.request(person.address, register.record, PURPOSE)
    bench.desk.submit(stranger.signed_request(request, PURPOSE, bench.ground.domain).encode())
    entry = bench.journal.request(request.hash_struct())
    assert entry is not None
    return entry


def test_acts_that_one_kiosk_floods_in_hold_up_nobody_at_another(bench: Bench) -> None:
    person, forger = Person(), Person()
    bench.relay_all((person, person.enrol()))
    for _ in range(2):
        act, data = person.register(b"forged")
        message = replace(
            person.message(act, bench.ground.domain, data), signature=forger.sign(act, bench.ground.domain)
        )
        arrival = arrival_of(bench.kiosk.kid, message, message.sign(bench.kiosk.key), bench.ground.domain)
        flood = bench.journal.admit(arrival, Rate(per_minute=1, burst=1))[0]
    assert flood.due > time.time()
    mine = bench.receive(person, *person.register(b"mine"))
    bench.relay.advance()
    assert (bench.now(mine).state, bench.now(flood).state) == (State.FINAL, State.RECEIVED)


def test_acts_that_have_to_wait_stand_in_nobodys_way(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "AT_ONCE", 2)
    person = Person()
    bench.relay_all((person, person.enrol()))
    bench.with_policy(fee_cap=1)  # so that nothing gets further than verified
    bench.receive(person, *person.register(b"under way"))
    waiting = [bench.receive(person, person.enrol()) for _ in range(5)]
    for _ in range(4):
        bench.relay.prepare()
    assert all("an earlier act" in bench.now(entry).trouble for entry in waiting)
    (new,) = enrol(bench)
    bench.relay.prepare()
    assert bench.now(new).state is State.VERIFIED

    bench.network.answers["eth_call"] = lambda _: {"code": -32603, "message": "hiccup"}
    (last,) = enrol(bench)
    bench.relay.prepare()
    bench.network.answers.clear()
    assert "hiccup" in bench.now(last).trouble
    for _ in range(4):
        bench.relay.prepare()
    assert (bench.now(last).state, states(bench, waiting)) == (State.VERIFIED, {State.RECEIVED})


def test_requests_take_half_of_the_money_and_what_persons_sign_goes_first(bench: Bench) -> None:
    person = Person()
    act, data = person.register(b"record")
    bench.relay_all((person, person.enrol()), (person, act, data))
    for _ in range(8):  # so that half of the limit is enough for an act
        bench.relay_all((person, *person.register(b"earlier")))
    spent = bench.journal.spent_since(bench.ground.relayer.address, 0)
    bench.with_policy(spending=2 * spent, max_batch=1)
    asked = [ask(bench, person, act) for _ in range(2)]
    mine = bench.receive(person, *person.register(b"mine"))
    assert bench.relay.advance() is True
    assert (states(bench, asked), bench.now(mine).state) == ({State.VERIFIED}, State.FINAL)
    assert "spend more today" in bench.now(asked[0]).trouble
    bench.with_policy(spending=None, max_pending=1)
    last = bench.receive(person, *person.register(b"last"))
    assert bench.relay.prepare()
    assert (bench.now(last).state, states(bench, asked)) == (State.SIGNED, {State.VERIFIED})
    assert bench.relay.advance() is False
    assert states(bench, asked) == {State.FINAL}


def let_pass(bench: Bench) -> None:
    """The time until everything is due."""
    with bench.journal._database.writing() as sql:
        sql.execute("UPDATE entries SET due = 0")


def test_deferred_past_its_deadline_an_act_is_refused_in_words(bench: Bench) -> None:
    person = Person()
    act = replace(person.enrol(), deadline=int(time.time()) - 1)
    entry = bench.receive(person, act)
    bench.relay.advance()
    assert (bench.receipt(entry).status, "deadline" in bench.receipt(entry).reason) == (
        ReceiptStatus.REJECTED,
        True,
    )


def test_an_act_that_fails_for_want_of_gas_is_tried_again_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = enrol(bench, 3)
    bench.network.answers["eth_estimateGas"] = lambda _: hex(1)  # and the headroom is too little for three
    assert bench.relay.prepare()
    assert len({bench.shipment(entry).number for entry in entries}) == 1
    bench.network.answers.clear()
    assert bench.relay.advance() is False
    assert states(bench, entries) == {State.FINAL}
    assert bench.counts["tried again"] == len(entries)
    assert len({bench.shipment(entry).number for entry in entries}) == len(entries)


def test_twenty_acts_of_one_person_go_in_one_transaction_in_their_order(bench: Bench) -> None:
    person = Person()
    bench.relay_all((person, person.enrol()))
    record = person.register(b"record")[0].record
    editions = [person.edition(record, b"edition %d" % number) for number in range(20)]
    entries = [bench.receive(person, *edition) for edition in editions]
    assert bench.relay.advance() is False
    assert len({bench.shipment(entry).number for entry in entries}) == 1
    assert bench.registry.commitment_of(person.address, record) == editions[-1][0].commitment


def test_the_journal_says_what_is_stuck_and_why(tmp_path: Path, ground: Ground) -> None:
    (tmp_path / "state").mkdir()
    config = str(write_config(tmp_path, "mqtt://x", [KioskKey()]))
    bench = Bench(ground, tmp_path / "state")
    (entry,) = enrol(bench)
    words = "no room [/] at all"  # a node's words, which no table takes for its own
    bench.network.answers["eth_sendRawTransaction"] = lambda _: {"code": -32000, "message": words}
    bench.relay.prepare()
    bench.relay.send()
    (listed,) = json.loads(run_here("gateway", "journal", "list", "--config", config, "--json").stdout)
    assert (listed["digest"], listed["state"], listed["act"]) == (to_hex(entry.digest), "signed", "enrol")
    assert words in listed["trouble"]
    shown = run_here("gateway", "journal", "list", "--config", config).stdout
    assert "no room" in shown
    rows = [line.split("│") for line in shown.splitlines() if line.startswith("│")]
    assert "".join(row[1].strip() for row in rows) == listed["digest"], "it is there to be copied"
    shown = json.loads(
        run_here("gateway", "journal", "show", to_hex(entry.digest), "--config", config, "--json").stdout
    )
    stored = bench.shipment(entry)
    assert shown["carried_by"]["nonce"] == stored.nonce
    assert [each["hash"] for each in shown["carried_by"]["candidates"]] == [to_hex(stored.latest.hash)]
    bench.network.answers.clear()
    bench.relay.advance()
    assert "nothing waits" in run_here("gateway", "journal", "list", "--config", config).stdout
    text = run_here("gateway", "journal", "show", to_hex(entry.digest), "--config", config).stdout
    assert "final" in text
    unknown = run_here("gateway", "journal", "show", "0x" + "11" * 32, "--config", config)
    assert (unknown.returncode, "no act" in unknown.stderr) == (66, True)
    bench.journal.close()
