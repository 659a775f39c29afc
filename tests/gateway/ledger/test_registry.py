"""The typed registry against the real contract on the real node."""

import dataclasses
import os
import time

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from contracts.acts import ACTS, Request
from contracts.eip712 import Domain
from contracts.purpose import Purpose
from contracts.registry import DEACTIVATED, RECOVERY_DELAY, ConsentState
from contracts.signing import ORDER
from gateway.ledger.account import Relayer
from gateway.ledger.answers import Log
from gateway.ledger.client import LedgerClient
from gateway.ledger.errors import (
    LedgerConfigurationError,
    NotOurContractError,
    RevertedError,
)
from gateway.ledger.events import (
    SHAPES,
    ActEvent,
    PublishedEvent,
    SkippedEvent,
    UndecodableEventError,
    decode,
)
from gateway.ledger.registry import Registry, separator
from gateway.ledger.signatures import recover, with_recovery_id
from gateway.ledger.transacting import transact
from tests.gateway.actors import Person
from tests.gateway.ledger import codes
from tests.gateway.ledger.bring import Bringer, Story
from tests.gateway.ledger.processes import ENVIRONMENT

# --- Is it ours? ---


def test_the_separator_is_the_domains(registry: Registry, domain: Domain) -> None:
    assert registry.domain_separator() == domain.separator()
    assert separator(domain.chain_id, domain.contract, registry.salt()) == domain.separator()


def test_ours(registry: Registry) -> None:
    registry.check(ENVIRONMENT)
    registry.check()


def test_of_another_environment(registry: Registry) -> None:
    with pytest.raises(NotOurContractError, match="another environment") as raised:
        registry.check("somewhere else")
    assert raised.value.exit_code == 78


def test_no_contract(client: LedgerClient) -> None:
    with pytest.raises(NotOurContractError, match="no contract"):
        Registry(client, b"\x11" * 20).check()


@pytest.mark.parametrize("code", [codes.STORE, codes.deployment(b"\x00" * 200)])
def test_not_our_contract(client: LedgerClient, relayer: Relayer, code: bytes) -> None:
    contract = transact(client, relayer, None, code).contract
    assert contract is not None
    with pytest.raises(NotOurContractError, match="is not the ConsentRegistry"):
        Registry(client, contract).check()
    with pytest.raises(NotOurContractError, match="does not answer"):
        Registry(client, contract).key_of(b"\x11" * 20)


def test_our_code_with_one_byte_changed(client: LedgerClient, relayer: Relayer, registry: Registry) -> None:
    code = bytearray(client.code(registry.contract))
    code[len(code) // 2] ^= 1
    length = len(code).to_bytes(2, "big").hex()
    copy = bytes.fromhex(f"61{length}600f60003961{length}6000f3").ljust(15, b"\0")
    contract = transact(client, relayer, None, copy + code).contract
    assert contract is not None
    assert client.code(contract) == code
    with pytest.raises(NotOurContractError, match="is not the ConsentRegistry"):
        Registry(client, contract).check()


def test_our_very_code_at_another_address(client: LedgerClient, relayer: Relayer, registry: Registry) -> None:
    """Its separator is that of the original, so what was signed for one would count in the other."""
    code = client.code(registry.contract)
    length = len(code).to_bytes(2, "big").hex()
    copy = bytes.fromhex(f"61{length}600f60003961{length}6000f3").ljust(15, b"\0")
    contract = transact(client, relayer, None, copy + code).contract
    assert contract is not None
    with pytest.raises(NotOurContractError, match="another chain or address"):
        Registry(client, contract).check()


def test_deploying_without_funds(client: LedgerClient, tmp_path_factory: pytest.TempPathFactory) -> None:
    poor = Relayer.create(tmp_path_factory.mktemp("poor") / "relayer.pem")
    with pytest.raises(LedgerConfigurationError, match="cannot pay"):
        Registry.deploy(client, poor, ENVIRONMENT)


# --- Acts ---


def test_every_act_and_what_the_contract_says_after_it(registry: Registry, bring: Bringer) -> None:
    person, requester = Person(), Person()
    assert registry.key_of(person.address) is None
    enrol = person.enrol()
    bring(person, enrol)
    assert registry.key_of(person.address) == person.address
    assert registry.is_nonce_used(person.address, enrol.nonce)
    assert not registry.is_nonce_used(person.address, enrol.nonce ^ 1)

    register, data = person.register(b"a document")
    assert registry.commitment_of(person.address, register.record) is None
    bring(person, register)
    assert registry.commitment_of(person.address, register.record) == register.commitment
    bring.publish(person.address, register.record, data)

    request = requester.request(person.address, register.record, Purpose.of("a loan"))
    assert registry.consent_of(request.hash_struct()) == (ConsentState.UNKNOWN, 0)
    assert registry.request(request.hash_struct()) is None
    assert registry.subject_of(request.hash_struct()) is None
    bring(requester, request)
    assert registry.subject_of(request.hash_struct()) == person.address
    assert registry.consent_of(request.hash_struct()) == (ConsentState.REQUESTED, request.expiry)
    assert registry.request(request.hash_struct()) == request
    assert not registry.is_granted(request)

    bring(person, person.grant(request, data), request)
    assert registry.consent_of(request.hash_struct())[0] is ConsentState.GRANTED
    assert registry.is_granted(request)
    assert not registry.is_granted(dataclasses.replace(request, purpose=bytes(32)))

    bring(person, person.withdraw(request))
    assert registry.consent_of(request.hash_struct())[0] is ConsentState.WITHDRAWN
    assert not registry.is_granted(request)

    other = requester.request(person.address, register.record, Purpose.of("a stroll"))
    bring(requester, other)
    bring(person, person.deny(other))
    assert registry.consent_of(other.hash_struct())[0] is ConsentState.DENIED


def test_a_grant_ends_by_itself(registry: Registry, bring: Bringer, story: Story) -> None:
    asked = story.requester.request(story.person.address, story.record, Purpose.of("a moment"))
    bring(story.requester, asked)
    grant = dataclasses.replace(story.person.grant(asked, story.data), expiry=int(time.time()) + 3)
    bring(story.person, grant, asked)
    assert registry.is_granted(asked)
    deadline = time.monotonic() + 10
    while registry.is_granted(asked):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert time.time() >= grant.expiry
    assert registry.consent_of(asked.hash_struct()) == (ConsentState.GRANTED, grant.expiry)


def test_refusals_come_with_their_reason(bring: Bringer, story: Story) -> None:
    person, requester, request = story.person, story.requester, story.granted
    stranger = Person()
    cases = [
        ("not enrolled", stranger, stranger.register(b"x")[0], None),
        ("already enrolled", person, person.enrol(), None),
        ("wrong signer", stranger, person.register(b"x")[0], None),
        ("already requested", requester, request, None),
        ("not requested", person, person.grant(request, story.data), request),
        ("not granted", person, person.withdraw(story.denied), None),
        ("past deadline", person, dataclasses.replace(person.register(b"x")[0], deadline=1), None),
        ("unknown record", requester, dataclasses.replace(request, record=os.urandom(32)), None),
    ]
    for reason, signer, act, asked in cases:
        with pytest.raises(RevertedError) as raised:
            bring(signer, act, asked)
        assert raised.value.reason == reason
        assert str(raised.value).startswith("the contract refused: ")
        assert raised.value.exit_code == 1


def test_a_replay_and_an_altered_act_are_refused(bring: Bringer, story: Story) -> None:
    register, _ = story.person.register(b"another")
    bring(story.person, register)
    with pytest.raises(RevertedError) as replayed:
        bring(story.person, register)
    assert replayed.value.reason == "used nonce"
    fresh, _ = story.person.register(b"a third")
    altered = dataclasses.replace(fresh, commitment=os.urandom(32))
    signature = with_recovery_id(
        altered.digest(bring.domain), story.person.sign(fresh, bring.domain), story.person.address
    )
    with pytest.raises(RevertedError) as refused:
        bring.registry.submit(bring.relayer, bring.registry.encode_act(altered, signature))
    assert refused.value.reason == "wrong signer"


def test_the_malleable_twin_is_refused(bring: Bringer, story: Story) -> None:
    register, _ = story.person.register(b"twin")
    digest, signature = register.digest(bring.domain), story.person.sign(register, bring.domain)
    full = with_recovery_id(digest, signature, story.person.address)
    twin = (
        full[:32] + (ORDER - int.from_bytes(full[32:64], "big")).to_bytes(32, "big") + bytes([55 - full[64]])
    )
    assert recover(digest, full) == story.person.address
    assert recover(digest, twin) is None
    with pytest.raises(RevertedError) as refused:
        bring.registry.submit(bring.relayer, bring.registry.encode_act(register, twin))
    assert refused.value.reason == "high s"


# --- History ---


def test_events_say_what_was_signed(client: LedgerClient, registry: Registry, story: Story) -> None:
    events = [decode(log) for log in registry.logs(0, client.block_number(), story.person.address)]
    kinds = [type(e.act).__name__ if isinstance(e, ActEvent) else "Published" for e in events[:8]]
    assert kinds == [
        "Enrol", "Register", "Published", "Request", "Grant", "Withdraw", "Request", "Deny",
    ]  # fmt: skip
    published, requested = events[2], events[3]
    assert isinstance(published, PublishedEvent)
    assert published.object == story.data
    assert isinstance(requested, ActEvent)
    assert requested.act == story.granted
    assert requested.request == story.granted.hash_struct()
    for event in events:
        if isinstance(event, ActEvent):
            digest = event.act.digest(Domain(client.chain_id(), registry.contract, ENVIRONMENT))
            signer = story.requester if isinstance(event.act, Request) else story.person
            assert recover(digest, event.signature) == signer.address


def test_history_of_one_person_leaves_out_others(
    client: LedgerClient, registry: Registry, bring: Bringer, story: Story
) -> None:
    other = Person()
    bring(other, other.enrol())
    last = client.block_number()
    everybody = registry.logs(0, last)
    assert len(registry.logs(0, last, other.address)) == 1
    assert len(everybody) > len(registry.logs(0, last, story.person.address))


WORDS = st.binary(min_size=32, max_size=32)
ADDRESSES = st.binary(min_size=20, max_size=20)
UINT64, UINT256 = st.integers(0, 2**64 - 1), st.integers(0, 2**256 - 1)
VALUES = {"address": ADDRESSES, "bytes32": WORDS, "uint64": UINT64, "uint256": UINT256}


@st.composite
def logged(draw: st.DrawFn) -> tuple[Log, dict[str, object]]:
    """Any event of the contract as a log, encoded by eth-abi, and its members."""
    topic = draw(st.sampled_from(sorted(SHAPES)))
    shape = SHAPES[topic]
    lengths = {"sealed_key": st.just(80), "signature": st.just(65), "object": st.integers(0, 300)}
    members: dict[str, object] = {}
    for name, kind in (*shape.indexed, *shape.plain):
        if kind == "bytes":
            length = draw(lengths[name])
            members[name] = draw(st.binary(min_size=length, max_size=length))
        else:
            members[name] = draw(VALUES[kind])
    topics = tuple(encode([kind], [members[name]]) for name, kind in shape.indexed)
    data = encode([kind for _, kind in shape.plain], [members[name] for name, _ in shape.plain])
    return Log(bytes(20), (topic, *topics), data, 1, bytes(32), bytes(32), 0), members


@given(logged())
def test_decoding_is_the_reverse_of_eth_abi(item: tuple[Log, dict[str, object]]) -> None:
    log, members = item
    event = decode(log)
    if not isinstance(event, ActEvent):
        said = dataclasses.asdict(event)
        del said["log"]
        assert said == members
        return
    found = {**dataclasses.asdict(event.act), "signature": event.signature}
    if isinstance(event.act, Request):
        found["request"] = event.request
    assert found == members


@given(item=logged(), where=st.integers(0, 10**6), flip=st.integers(1, 255))
def test_no_byte_of_an_event_is_without_meaning(
    item: tuple[Log, dict[str, object]], where: int, flip: int
) -> None:
    log, _ = item
    original = decode(log)
    everything = bytearray(b"".join(log.topics) + log.data)
    everything[where % len(everything)] ^= flip
    cut = 32 * len(log.topics)
    topics = tuple(bytes(everything[start : start + 32]) for start in range(0, cut, 32))
    altered = dataclasses.replace(log, topics=topics, data=bytes(everything[cut:]))
    try:
        event = decode(altered)
    except UndecodableEventError:
        return
    assert dataclasses.replace(event, log=log) != original


@given(item=logged(), cut=st.integers(0, 10**6), extra=st.binary(max_size=40))
def test_cut_or_longer_events_are_refused(
    item: tuple[Log, dict[str, object]], cut: int, extra: bytes
) -> None:
    log, _ = item
    shorter = log.data[: cut % max(1, len(log.data))] + extra
    if shorter != log.data:
        try:
            assert decode(dataclasses.replace(log, data=shorter)) != decode(log)
        except UndecodableEventError:
            return


@pytest.mark.parametrize("topics", [(), (bytes(32),), (min(SHAPES),), (min(SHAPES), *[bytes(32)] * 4)])
def test_not_an_event_of_ours(topics: tuple[bytes, ...]) -> None:
    with pytest.raises(UndecodableEventError):
        decode(Log(bytes(20), topics, b"", 1, bytes(32), bytes(32), 0))


def test_the_events_of_all_acts_are_known() -> None:
    assert {shape.act for shape in SHAPES.values()} == {*ACTS, None}
    assert len(SHAPES) == len(ACTS) + 3  # published, recovered, skipped


# --- Identities and batches ---


def test_an_identity_changes_hands(client: LedgerClient, registry: Registry, bring: Bringer) -> None:
    person, heir, guardian = Person(), Person(), Person()
    bring(person, person.enrol())
    assert registry.guardian_of(person.address) is None
    bring(person, person.entrust(guardian))
    assert registry.guardian_of(person.address) == guardian.address
    recover = person.recover(heir)
    assert registry.signer_of(recover) == guardian.address
    bring(guardian, recover)
    pending = registry.recovery_of(person.address)
    assert pending is not None
    assert (pending.id, pending.new_key) == (recover.hash_struct(), heir.address)
    assert pending.ready > RECOVERY_DELAY
    with pytest.raises(RevertedError) as refused:
        registry.submit(bring.relayer, registry.encode("complete", (person.address, pending.id)))
    assert refused.value.reason == "too early"
    bring(person, person.contest(recover))
    assert registry.recovery_of(person.address) is None
    bring(person, person.rotate(heir))
    assert registry.signer_of(person.deactivate()) == heir.address
    bring(heir, person.deactivate())
    assert registry.key_of(person.address) == DEACTIVATED


def test_a_renewed_consent_is_valid(registry: Registry, bring: Bringer, story: Story) -> None:
    request = story.requester.request(story.person.address, story.record, Purpose.of("another loan"))
    identifier = request.hash_struct()
    bring(story.requester, request)
    assert not registry.is_valid(identifier)
    bring(story.person, story.person.grant(request, story.data), request)
    bring(story.person, story.person.renew(request, request.expiry + 9))
    assert registry.is_valid(identifier)
    assert registry.consent_of(identifier) == (ConsentState.GRANTED, request.expiry + 9)


def test_a_batch_takes_the_good_and_tells_of_the_bad(
    client: LedgerClient, registry: Registry, bring: Bringer
) -> None:
    people = [Person() for _ in range(4)]
    acts = [people[0].enrol(), people[1].enrol(), people[2].register(b"too soon")[0], people[3].enrol()]
    calls = []
    for person, act in zip(people, acts, strict=True):
        full = with_recovery_id(
            act.digest(bring.domain), person.sign(act, bring.domain), registry.signer_of(act)
        )
        calls.append(registry.encode_act(act, full))
    receipt = registry.submit(bring.relayer, registry.encode_batch(calls))
    events = [decode(log) for log in registry.logs(receipt.block, receipt.block)]
    assert [type(event).__name__ for event in events] == ["ActEvent", "ActEvent", "SkippedEvent", "ActEvent"]
    skipped = events[2]
    assert isinstance(skipped, SkippedEvent)
    assert (skipped.position, skipped.text) == (2, "not enrolled")
    enrolled = [registry.key_of(person.address) is not None for person in people]
    assert enrolled == [True, True, False, True]
