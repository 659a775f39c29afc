"""Acts of many in one transaction: a bad one is skipped and told of, the others count."""

from bisect import bisect_left
from dataclasses import replace

import pytest

from contracts import registry
from contracts.acts import ActKind, Enrol
from contracts.errors import MalformedError
from contracts.registry import MAX_BATCH, MAX_CALL, ConsentState, batch_arguments, call_arguments
from tests.contracts.evm import calldata, decode_log
from tests.contracts.people import Person
from tests.contracts.world import DEADLINE, EXPIRY


def call_of(world, act, signature=None):
    return calldata(*call_arguments(act, signature or world.sign(act), world.asked))


def submit(world, calls):
    """Which calls were taken, the reasons of the others by position, and the events of those taken."""
    outcome = world.registry.submit_batch(calls)
    assert outcome.reason is None
    events = [decode_log(log) for log in outcome.logs]
    skipped = {each["position"]: each["reason"] for name, each in events if name == registry.SKIPPED}
    taken = int.from_bytes(outcome.output, "big")
    assert {position for position in range(len(calls)) if not taken >> position & 1} == set(skipped)
    assert taken >> len(calls) == 0
    reasons = {position: reason.rstrip(b"\0").decode() for position, reason in skipped.items()}
    return reasons, [name for name, _ in events if name != registry.SKIPPED]


def enrolments(world, numbers):
    for number in numbers:
        person = Person(number)
        act = Enrol(person.address, person.encryption_public_key, 0, DEADLINE)
        yield call_of(world, act, person.sign_for_ledger(act, world.domain))


def test_one_persons_acts_follow_each_other_in_a_batch(world):
    acts = [world.enrol(), world.register(), world.asked, world.grant(), world.renew(), world.withdraw()]
    reasons, events = submit(world, [call_of(world, act) for act in acts])
    assert reasons == {}
    assert events == ["Enrolled", "Registered", "Requested", "Granted", "Renewed", "Withdrawn"]
    assert world.state() is ConsentState.WITHDRAWN


@pytest.mark.parametrize("bad", [0, 3, 6])
def test_a_bad_item_anywhere_is_skipped_and_told_of(world, bad):
    calls = list(enrolments(world, range(20, 26)))
    calls.insert(bad, call_of(world, world.register()))
    reasons, events = submit(world, calls)
    assert reasons == {bad: "not enrolled"}
    assert events == ["Enrolled"] * 6


@pytest.mark.parametrize(
    "junk", [b"", b"\x00", b"\xde\xad\xbe\xef", bytes(MAX_CALL), registry.selector("grant")]
)
def test_junk_is_skipped(world, junk):
    first, second = enrolments(world, (20, 21))
    reasons, events = submit(world, [first, junk, second])
    assert reasons == {1: ""}
    assert len(events) == 2


def test_the_same_act_twice_in_a_batch_counts_once(world):
    grant = world.ready_for(ActKind.GRANT)
    reasons, events = submit(world, [call_of(world, grant)] * 3)
    assert reasons == {1: "not requested", 2: "not requested"}
    assert events == ["Granted"]


@pytest.mark.parametrize("kind", ActKind)
def test_every_act_fits_a_batch_and_is_checked_there_as_alone(world, kind):
    act = world.ready_for(kind)
    good = call_of(world, act)
    bad = call_of(world, act, Person(9).sign_for_ledger(act, world.domain))
    reasons, events = submit(world, [bad, good])
    assert reasons == {0: "wrong signer"}
    assert events == [registry.EVENT_OF[type(act)]]
    assert len(good) <= MAX_CALL


def test_an_act_of_a_batch_does_not_count_again_alone(world):
    act = world.ready_for(ActKind.GRANT)
    submit(world, [call_of(world, act)])
    assert world.submit(act).reason == "not requested"


def test_a_batch_inside_a_batch_gains_nothing(world):
    act = world.ready_for(ActKind.WITHDRAW)
    inner = calldata(*batch_arguments([call_of(world, act)]))
    outcome = world.registry.submit_batch([inner, call_of(world, act)])
    names = [decode_log(log)[0] for log in outcome.logs]
    assert names == ["Withdrawn", "Skipped"]
    assert world.state() is ConsentState.WITHDRAWN


def test_a_full_batch_and_no_more(world):
    calls = list(enrolments(world, range(20, 20 + MAX_BATCH)))
    reasons, events = submit(world, calls)
    assert (reasons, len(events)) == ({}, MAX_BATCH)
    types = calldata("submit", ([*calls, calls[0]],))
    assert world.evm.transact(world.registry.address, types).reason == ""


def test_the_items_do_not_share_their_deadlines_and_expiries(world):
    register = world.ready_for(ActKind.REGISTER)
    late = replace(register, deadline=world.evm.time - 1)
    asked = replace(world.asked, expiry=EXPIRY)
    reasons, events = submit(world, [call_of(world, late), call_of(world, register), call_of(world, asked)])
    assert reasons == {0: "past deadline"}
    assert events == ["Registered", "Requested"]


@pytest.mark.parametrize("calls", [[], [b""] * (MAX_BATCH + 1), [bytes(MAX_CALL + 1)]])
def test_a_batch_is_not_made_of_what_cannot_fit(calls):
    with pytest.raises(MalformedError):
        batch_arguments(calls)


def events_with(world, data, gas):
    """What a transaction with so much gas tells of; None if it fails. It is undone."""
    world.evm.snapshot()
    outcome = world.evm.transact(world.registry.address, data, gas=gas)
    world.evm.revert()
    assert outcome.reason in (None, "")
    return tuple(decode_log(log)[0] for log in outcome.logs) if outcome.reason is None else None


def test_want_of_gas_skips_nothing(world):
    """A stingy transaction fails as a whole; it cannot pass off an act as refused."""
    data = calldata(*batch_arguments(list(enrolments(world, (20, 21, 22)))))
    seen = {events_with(world, data, gas) for gas in range(60_000, 220_000, 4_000)}
    assert seen == {None, ("Enrolled",) * 3}


def test_not_a_unit_of_gas_too_little_passes_for_a_refusal(world):
    """Nor for the costliest act, of which most is left outside the call when the gas in it runs out."""
    recover = replace(world.ready_for(ActKind.RECOVER), nonce=2**200)  # in a word of nonces that is new
    data = calldata(*batch_arguments([call_of(world, recover)]))
    enough = bisect_left(
        range(200_000), 1, key=lambda gas: events_with(world, data, gas) == ("RecoveryBegun",)
    )
    assert enough < 200_000
    assert {events_with(world, data, gas) for gas in range(enough - 400, enough)} == {None}
