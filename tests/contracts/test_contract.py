"""The contract on a real EVM: what it takes, what it remembers, what its events say."""

from dataclasses import fields, replace

import pytest
from coincurve import PublicKey
from eth_abi import decode
from eth_utils import to_canonical_address

from contracts import registry
from contracts.acts import ACTS, ActKind, Enrol
from contracts.eip712 import Domain
from contracts.envelope import MAX_PUBLISHED_OBJECT, commitment
from contracts.keccak import keccak256
from contracts.registry import ConsentState
from tests.contracts.evm import NOW, Evm, Registry, decode_log
from tests.contracts.people import Person
from tests.contracts.world import DEADLINE, EXPIRY, OBJECT, RECORD, World

ACT_OF_EVENT = {name: act for act, name in registry.EVENT_OF.items()}


@pytest.mark.parametrize("kind", ActKind)
def test_the_event_of_each_act_proves_it_alone(world, kind):
    """From the log to the act, from the act to its digest, from the digest to who signed."""
    act = world.ready_for(kind)
    signature = world.sign(act)
    outcome = world.submit(act, signature)
    assert outcome.reason is None
    (log,) = outcome.logs
    assert log.address == world.registry.address
    name, values = decode_log(log)
    told = ACT_OF_EVENT[name](*(values[member.name] for member in fields(ACT_OF_EVENT[name])))
    assert told == act
    assert values["signature"] == signature
    recoverable = signature[:64] + bytes([signature[64] - 27])
    signer = PublicKey.from_signature_and_message(recoverable, told.digest(world.domain), hasher=None)
    assert signer.format() == world.signer_of(act).public_key
    if kind is ActKind.REQUEST:
        assert values["request"] == act.hash_struct()
    elif hasattr(act, "nonce"):
        assert world.registry.view("isNonceUsed", act.subject, act.nonce) is (kind is not ActKind.RECOVER)


def test_a_consent_goes_its_way(world):
    world.ready_for(ActKind.REQUEST)
    assert (world.state(), world.is_granted()) == (ConsentState.UNKNOWN, False)
    world.done(world.asked)
    assert (world.state(), world.is_granted()) == (ConsentState.REQUESTED, False)
    world.done(world.grant(expiry=EXPIRY - 1))
    assert world.registry.view("consentOf", world.asked.hash_struct()) == (ConsentState.GRANTED, EXPIRY - 1)
    assert world.is_granted()
    world.done(world.withdraw())
    assert (world.state(), world.is_granted()) == (ConsentState.WITHDRAWN, False)


def test_a_denial_opens_nothing(world):
    world.done(world.ready_for(ActKind.DENY))
    assert (world.state(), world.is_granted()) == (ConsentState.DENIED, False)


def test_a_consent_ends_with_its_last_second(world):
    world.done(world.ready_for(ActKind.GRANT))
    for time, granted in ((EXPIRY - 1, True), (EXPIRY, False), (EXPIRY + 1, False)):
        world.evm.time = time
        assert world.is_granted() is granted


def test_a_consent_is_for_its_purpose_and_requester_alone(world):
    world.done(world.ready_for(ActKind.GRANT))
    assert world.is_granted()
    for changed in (
        {"purpose": b"\x01" * 32},
        {"requester": Person(9).address},
        {"encryption_key": bytes(32)},
    ):
        assert not world.is_granted(replace(world.asked, **changed))


def test_an_expired_request_can_still_be_denied_and_an_expired_consent_withdrawn(world):
    world.asked = world.request(expiry=NOW + 10)
    denial = world.ready_for(ActKind.DENY)
    world.evm.time = NOW + 10
    world.done(denial)
    other = World()
    other.asked = other.request(expiry=NOW + 10)
    withdrawal = other.ready_for(ActKind.WITHDRAW)
    other.evm.time = NOW + 10
    other.done(withdrawal)


def test_keys_and_commitments_can_be_looked_up(world):
    subject = world.person.address
    view = world.registry.view
    assert to_canonical_address(view("keyOf", subject)) == bytes(20)
    assert view("commitmentOf", subject, RECORD) == bytes(32)
    world.ready_for(ActKind.REQUEST)
    assert to_canonical_address(view("keyOf", subject)) == subject
    assert view("commitmentOf", subject, RECORD) == commitment(OBJECT)
    assert to_canonical_address(view("keyOf", world.requester.address)) == bytes(20)


def test_whom_a_request_is_about_can_be_looked_up(world):
    request = world.ready_for(ActKind.REQUEST).hash_struct()
    assert to_canonical_address(world.registry.view("subjectOf", request)) == bytes(20)
    for act in (world.asked, world.grant(), world.withdraw()):
        world.done(act)
        assert to_canonical_address(world.registry.view("subjectOf", request)) == world.person.address


def test_a_requester_need_not_be_enrolled(world):
    world.done(world.ready_for(ActKind.REQUEST))


def test_a_new_edition_replaces_a_record(world):
    world.ready_for(ActKind.REQUEST)
    world.done(world.register(b"a new edition"))
    subject = world.person.address
    assert world.registry.view("commitmentOf", subject, RECORD) == commitment(b"a new edition")
    assert world.registry.call("publish", subject, RECORD, OBJECT).reason == "wrong object"
    assert world.registry.call("publish", subject, RECORD, b"a new edition").reason is None


@pytest.mark.parametrize("size", [1, 1000, MAX_PUBLISHED_OBJECT])
def test_a_record_can_be_published(world, size):
    published = bytes(range(256)) * 96
    published = published[:size]
    world.ready_for(ActKind.REGISTER)
    world.done(world.register(published))
    name, arguments = registry.publish_arguments(world.person.address, RECORD, published)
    outcome = world.registry.call(name, *arguments)
    assert outcome.reason is None
    subject = world.person.address
    event = (registry.PUBLISHED, {"subject": subject, "record": RECORD, "object": published})
    assert [decode_log(log) for log in outcome.logs] == [event]


def test_nonces_are_unordered_and_each_persons_own(world):
    world.done(world.enrol())
    for nonce in (2**256 - 1, 0, 255, 256, 2**200 + 5, 2**200 + 4):
        world.done(replace(world.register(), nonce=nonce))
        assert world.registry.view("isNonceUsed", world.person.address, nonce)
        assert world.submit(replace(world.register(), nonce=nonce)).reason == "used nonce"
    assert not world.registry.view("isNonceUsed", world.person.address, 1)
    other = Person(3)
    assert not world.registry.view("isNonceUsed", other.address, 0)
    enrol = Enrol(other.address, other.encryption_public_key, 0, DEADLINE)
    assert world.submit(enrol, other.sign_for_ledger(enrol, world.domain)).reason is None


def test_two_requests_that_differ_in_the_nonce_are_two(world):
    world.done(world.ready_for(ActKind.REQUEST))
    first, world.asked = world.asked, world.request()
    world.done(world.asked)
    world.done(world.grant())
    assert world.is_granted()
    assert not world.is_granted(first)


def test_the_domain_is_the_one_that_everybody_computes(world):
    assert world.registry.view("domainSeparator") == world.domain.separator()


def test_after_a_fork_the_old_chains_signatures_do_not_count(world):
    act = world.ready_for(ActKind.GRANT)
    signature = world.sign(act)
    world.registry.evm = world.evm.fork(chain_id=999)
    here = Domain(999, world.registry.address, "tests")
    assert world.registry.view("domainSeparator") == here.separator()
    assert world.submit(act, signature).reason == "wrong signer"
    assert world.submit(act, world.person.sign_for_ledger(act, here)).reason is None


def test_it_takes_no_money(world):
    assert world.evm.transact(b"", registry.deployment_code("tests"), value=1).reason == ""
    for data in (b"", registry.selector("keyOf") + bytes(32), b"\x00\x00\x00\x00"):
        outcome = world.evm.transact(world.registry.address, data, value=1)
        assert outcome.reason == ""


def test_an_unknown_function_does_nothing(world):
    assert world.evm.transact(world.registry.address, b"\xde\xad\xbe\xef").reason == ""


def test_nobody_is_in_charge():
    """No function but the acts, the publication and the views: no owner, no upgrade, no way out for funds."""
    functions = {
        entry["name"]: entry["stateMutability"] for entry in registry.ABI if entry["type"] == "function"
    }
    changing = {name for name, mutability in functions.items() if mutability != "view"}
    acts = {kind.name.lower() for kind in ActKind}
    assert changing == acts | {"publish", "complete", "submit"}
    assert "payable" not in functions.values()


def test_the_environment_is_part_of_the_deployment():
    one, other = Registry(Evm(), "one"), Registry(Evm(), "other")
    assert one.address == other.address
    assert one.view("domainSeparator") != other.view("domainSeparator")


def test_a_selector_is_the_one_of_the_abi():
    assert registry.selector("keyOf") == keccak256(b"keyOf(address)")[:4]
    struct = "(address,address,bytes32,bytes32,bytes32,uint64,uint256,uint64)"
    assert registry.selector("request") == keccak256(f"request({struct},bytes)".encode())[:4]
    assert registry.event_topic("Denied") == keccak256(b"Denied(address,bytes32,uint64,bytes)")
    with pytest.raises(KeyError):
        registry.function("upgrade")
    with pytest.raises(KeyError):
        registry.event("keyOf")


def test_every_act_has_an_event_with_all_its_fields():
    assert set(registry.EVENT_OF) == set(ACTS)
    for act, name in registry.EVENT_OF.items():
        carried = {part["name"] for part in registry.event(name)["inputs"]}
        assert carried - {"request"} == {member.name for member in fields(act)} - {"request"} | {"signature"}


def test_output_of_a_view_decodes_with_the_shipped_abi(world):
    outcome = world.registry.call("consentOf", bytes(32))
    assert decode(["uint8", "uint64"], outcome.output) == (0, 0)
