"""What the contract refuses, each by its reason, and with nothing changed."""

import re
from dataclasses import replace
from importlib.resources import files

import pytest

from contracts import registry, signing
from contracts.acts import ActKind, Enrol
from contracts.envelope import MAX_PUBLISHED_OBJECT
from contracts.errors import MalformedError
from contracts.registry import REASONS, ConsentState, call_arguments, explain
from tests.contracts.evm import CHAIN_ID, NOW
from tests.contracts.people import Person
from tests.contracts.world import DEADLINE, EXPIRY, OBJECT, RECORD

REPEATED = {
    ActKind.ENROL: "already enrolled",
    ActKind.REGISTER: "used nonce",
    ActKind.REQUEST: "already requested",
    ActKind.GRANT: "not requested",
    ActKind.DENY: "not requested",
    ActKind.WITHDRAW: "not granted",
    ActKind.RENEW: "used nonce",
    ActKind.ROTATE: "wrong signer",
    ActKind.ENTRUST: "used nonce",
    ActKind.RECOVER: "already begun",
    ActKind.CONTEST: "no such recovery",
    ActKind.DEACTIVATE: "deactivated",
}


def refused(outcome, reason):
    assert outcome.reason == reason
    assert not outcome.logs


@pytest.mark.parametrize("kind", ActKind)
def test_no_act_counts_twice(world, kind):
    act = world.ready_for(kind)
    world.done(act)
    refused(world.submit(act), REPEATED[kind])


def alterations(value, path=()):
    """Every leaf of a call's arguments, once each, changed by the least."""
    if isinstance(value, tuple):
        for index, item in enumerate(value):
            for where, changed in alterations(item, (*path, index)):
                yield where, (*value[:index], changed, *value[index + 1 :])
    elif isinstance(value, bytes):
        yield path, value[:-1] + bytes([value[-1] ^ 1])
    else:
        yield path, value - 1


@pytest.mark.parametrize("kind", ActKind)
def test_no_argument_can_be_altered(world, kind):
    act = world.ready_for(kind)
    name, arguments = call_arguments(act, world.sign(act), world.asked)
    before = world.state()
    altered = list(alterations(arguments))
    assert len(altered) >= 3
    for where, changed in altered:
        outcome = world.registry.call(name, *changed)
        assert outcome.reason in REASONS, f"argument {where}: {outcome.reason!r}"
        assert not outcome.logs
    assert world.state() is before
    world.done(act)


@pytest.mark.parametrize("kind", ActKind)
@pytest.mark.parametrize(
    "elsewhere",
    [{"chain_id": CHAIN_ID + 1}, {"contract": b"\x01" * 20}, {"environment": "another"}],
    ids=["chain", "contract", "environment"],
)
def test_a_signature_for_elsewhere_does_not_count(world, kind, elsewhere):
    act = world.ready_for(kind)
    signature = world.signer_of(act).sign_for_ledger(act, replace(world.domain, **elsewhere))
    refused(world.submit(act, signature), "wrong signer")


@pytest.mark.parametrize("kind", ActKind)
def test_another_cannot_sign(world, kind):
    act = world.ready_for(kind)
    refused(world.submit(act, Person(9).sign_for_ledger(act, world.domain)), "wrong signer")


@pytest.mark.parametrize("kind", ActKind)
def test_the_high_s_twin_does_not_count(world, kind):
    act = world.ready_for(kind)
    signature = world.sign(act)
    s = int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + (signing.ORDER - s).to_bytes(32, "big") + bytes([55 - signature[64]])
    refused(world.submit(act, twin), "high s")


@pytest.mark.parametrize("kind", ActKind)
def test_the_other_recovery_id_and_the_old_ones_do_not_count(world, kind):
    act = world.ready_for(kind)
    signature = world.sign(act)
    for recovery in (55 - signature[64], signature[64] - 27, 0, 29, 255):
        refused(world.submit(act, signature[:64] + bytes([recovery])), "wrong signer")


@pytest.mark.parametrize("kind", ActKind)
@pytest.mark.parametrize(
    ("length", "reason"), [(0, "wrong signature length"), (64, "wrong signature length"), (66, "")]
)
def test_a_signature_has_65_bytes(world, kind, length, reason):
    """One that is too long does not even fit the argument's type."""
    act = world.ready_for(kind)
    name, arguments = call_arguments(act, world.sign(act), world.asked)
    signature = (arguments[-1] + b"\x00")[:length]
    refused(world.registry.call(name, *arguments[:-1], signature), reason)


@pytest.mark.parametrize("kind", ActKind)
def test_an_act_counts_up_to_its_deadline(world, kind):
    act = world.ready_for(kind)
    world.evm.time = DEADLINE + 1
    refused(world.submit(act), "past deadline")
    world.evm.time = DEADLINE
    world.done(act)


def test_nobody_enrols_as_nobody(world):
    """ecrecover answers with the empty address where there is no signer; that must not pass for one."""
    act = Enrol(bytes(20), bytes(32), 0, DEADLINE)
    refused(world.submit(act, bytes(64) + b"\x1b"), "wrong signer")
    refused(world.submit(replace(world.asked, requester=bytes(20)), bytes(64) + b"\x1b"), "unknown record")
    world.ready_for(ActKind.REQUEST)
    refused(world.submit(replace(world.asked, requester=bytes(20)), bytes(64) + b"\x1b"), "wrong signer")


def test_a_stranger_registers_nothing(world):
    refused(world.submit(world.register()), "not enrolled")


def test_an_empty_commitment_is_none(world):
    act = replace(world.ready_for(ActKind.REGISTER), commitment=bytes(32))
    refused(world.submit(act), "empty commitment")


def test_what_is_not_registered_cannot_be_requested(world):
    refused(world.submit(world.asked), "unknown record")
    world.ready_for(ActKind.REQUEST)
    refused(world.submit(world.request(record=b"\x99" * 32)), "unknown record")


def test_anothers_record_of_the_same_id_is_not_registered(world):
    world.ready_for(ActKind.REQUEST)
    refused(world.submit(replace(world.asked, subject=Person(3).address)), "unknown record")


@pytest.mark.parametrize(
    ("expiry", "reason"), [(NOW - 1, "past expiry"), (NOW, "past expiry"), (NOW + 1, None)]
)
def test_a_request_is_for_a_time_to_come(world, expiry, reason):
    world.ready_for(ActKind.REQUEST)
    assert world.submit(world.request(expiry=expiry)).reason == reason


@pytest.mark.parametrize(
    ("expiry", "reason"),
    [
        (0, "past expiry"),
        (NOW, "past expiry"),
        (NOW + 1, None),
        (EXPIRY, None),
        (EXPIRY + 1, "late expiry"),
        (2**64 - 1, "late expiry"),
    ],
)
def test_a_grant_ends_between_now_and_the_requests_end(world, expiry, reason):
    world.ready_for(ActKind.GRANT)
    assert world.submit(world.grant(expiry=expiry)).reason == reason


def test_a_request_that_is_over_cannot_be_granted(world):
    world.asked = world.request(expiry=NOW + 10)
    world.ready_for(ActKind.GRANT)
    world.evm.time = NOW + 10
    refused(world.submit(world.grant(expiry=NOW + 10)), "past expiry")


def test_a_grant_for_another_purpose_is_refused(world):
    grant = replace(world.ready_for(ActKind.GRANT), purpose=b"\x01" * 32)
    refused(world.submit(grant), "wrong signer")
    elsewhere = replace(world.asked, purpose=b"\x01" * 32)
    grant = replace(grant, request=elsewhere.hash_struct())
    refused(world.registry.submit(grant, world.sign(grant), elsewhere), "not requested")
    assert world.state() is ConsentState.REQUESTED


@pytest.mark.parametrize("length", [0, 79])
def test_a_sealed_key_has_80_bytes(world, length):
    act = world.ready_for(ActKind.GRANT)
    name, arguments = call_arguments(act, world.sign(act), world.asked)
    changed = (*arguments[:2], bytes(length), *arguments[3:])
    refused(world.registry.call(name, *changed), "wrong sealed key")


@pytest.mark.parametrize("kind", [ActKind.GRANT, ActKind.DENY])
@pytest.mark.parametrize("end", ["nothing", "grant", "deny", "withdraw"])
def test_only_a_waiting_request_can_be_answered(world, kind, end):
    world.ready_for(ActKind.GRANT if end != "nothing" else ActKind.REQUEST)
    if end == "withdraw":
        world.done(world.grant())
    if end != "nothing":
        world.done(getattr(world, end)())
    refused(world.submit(world.grant() if kind is ActKind.GRANT else world.deny()), "not requested")


@pytest.mark.parametrize("end", ["nothing", "request", "deny", "withdraw"])
def test_only_a_granted_consent_can_be_withdrawn(world, end):
    if end == "nothing":
        world.ready_for(ActKind.REQUEST)
    elif end == "withdraw":
        world.done(world.ready_for(ActKind.WITHDRAW))
    else:
        world.ready_for(ActKind.DENY)
        if end == "deny":
            world.done(world.deny())
    refused(world.submit(world.withdraw()), "not granted")


def test_another_person_cannot_answer_or_withdraw(world):
    """Even one who is enrolled, and who signs for the very same request."""
    other = Person(3)
    enrol = Enrol(other.address, other.encryption_public_key, 0, DEADLINE)
    assert world.submit(enrol, other.sign_for_ledger(enrol, world.domain)).reason is None
    world.ready_for(ActKind.GRANT)
    for act in (world.deny(), world.grant()):
        theirs = replace(act, subject=other.address)
        refused(world.submit(theirs, other.sign_for_ledger(theirs, world.domain)), "wrong signer")
    world.done(world.grant())
    theirs = replace(world.withdraw(), subject=other.address)
    refused(world.submit(theirs, other.sign_for_ledger(theirs, world.domain)), "wrong signer")
    assert world.state() is ConsentState.GRANTED


def test_a_used_nonce_stops_a_grant_too(world):
    world.ready_for(ActKind.GRANT)
    nonce = world.register().nonce
    world.done(replace(world.register(), nonce=nonce))
    refused(world.submit(replace(world.grant(), nonce=nonce)), "used nonce")
    world.done(world.grant())


@pytest.mark.parametrize("kind", ActKind)
def test_no_act_counts_again_later(world, kind):
    """Nothing that happens afterwards frees what an act used up."""
    act = world.ready_for(kind)
    signature = world.sign(act)
    assert world.submit(act, signature).reason is None
    world.recover()
    for then in (
        world.register, world.grant, world.renew, world.withdraw, world.deny,
        world.contest, world.entrust, world.recover, world.contest, world.rotate, world.deactivate,
    ):  # fmt: skip
        world.submit(then())
        assert world.submit(act, signature).reason in REPEATED.values()


def test_only_what_was_committed_to_is_published(world):
    subject = world.person.address
    refused(world.registry.call("publish", subject, RECORD, OBJECT), "unknown record")
    world.ready_for(ActKind.REQUEST)
    for wrong in (OBJECT + b"\x00", OBJECT[:-1], b""):
        refused(world.registry.call("publish", subject, RECORD, wrong), "wrong object")
    refused(world.registry.call("publish", subject, RECORD, bytes(MAX_PUBLISHED_OBJECT + 1)), "")
    assert world.registry.call("publish", subject, RECORD, OBJECT).reason is None


def test_every_reason_in_the_source_is_explained():
    source = files("contracts").joinpath("ConsentRegistry.vy").read_text()
    reasons = re.findall(r'^    assert .*, "([^"]+)"$', source, re.MULTILINE)
    assert source.count("    assert ") == len(reasons)
    assert set(reasons) == set(REASONS)
    assert all(explain(reason) == REASONS[reason] for reason in reasons)
    assert max(map(len, reasons)) <= 32  # what the event of a skipped act has room for
    assert "out of gas" in explain("out of gas")


def test_a_call_is_not_made_with_what_cannot_fit(world):
    grant = world.grant()
    with pytest.raises(MalformedError, match="together with the request"):
        call_arguments(grant, bytes(65))
    with pytest.raises(MalformedError, match="another request"):
        call_arguments(grant, bytes(65), world.request())
    with pytest.raises(MalformedError, match="65 bytes"):
        call_arguments(grant, bytes(64), world.asked)
    with pytest.raises(MalformedError, match="keep it in the store"):
        registry.publish_arguments(bytes(20), RECORD, bytes(MAX_PUBLISHED_OBJECT + 1))
    with pytest.raises(MalformedError):
        registry.publish_arguments(bytes(19), RECORD, b"")
