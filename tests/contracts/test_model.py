"""The contract against a model in plain Python: the same acts, refused or taken alike, leave the same."""

from collections import Counter
from copy import copy
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import pytest
from eth_utils import to_canonical_address
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from contracts import registry
from contracts.acts import (
    Act,
    ActKind,
    Contest,
    Deactivate,
    Deny,
    Enrol,
    Entrust,
    Grant,
    Recover,
    Register,
    Renew,
    Request,
    Rotate,
    Withdraw,
)
from contracts.registry import RECOVERY_DELAY, ConsentState
from tests.contracts.evm import Evm, Registry, calldata, decode_log
from tests.contracts.people import Person

PERSONS = (Person(1), Person(2), Person(3))
REQUESTER = Person(4)
GUARDIANS = (Person(5), Person(6))
HEIRS = (Person(7), PERSONS[0])  # also somebody who has an identity of their own
STRANGER = Person(9)
RECORDS = (b"\x01" * 32, b"\x02" * 32)

# Few values, so that they meet each other: nonces collide, deadlines and expiries pass.
persons = st.sampled_from(PERSONS)
records = st.sampled_from(RECORDS)
heirs = st.sampled_from(HEIRS)
nonces = st.sampled_from([*range(12), 255, 256, 2**256 - 1])
leads = st.sampled_from([-1, 0, 10, *[40] * 7])  # seconds from now to a deadline or an expiry
signers = st.sampled_from([*[None] * 10, *PERSONS, *GUARDIANS])


@dataclass
class Recovery:
    act: Recover
    heir: Person
    ready: int


class Model(RuleBasedStateMachine):
    """Written from the rules in words, not from the contract: each rule says when an act must be taken."""

    requests = Bundle("requests")
    tally: ClassVar[Counter[tuple[str, bool]]] = Counter()  # of all runs: kinds of acts, and whether taken

    def __init__(self):
        super().__init__()
        self.in_batch = False
        self.keys = {}  # whose key signs for a person; nobody's once the identity has ended
        self.guardians = {}
        self.recoveries = {}
        self.over = [bytes(32)]  # recoveries that are no longer under way
        self.begun = set()  # recoveries, whether under way or not
        self.used = set()
        self.registered = {}
        self.consents = {}

    # --- Carrying ---

    def submit(self, act: Act, owner: Person | None, signer: Person | None, allowed: bool, request=None):
        """Submit, expecting it to be taken if the rules allow it and its owner signed in time."""
        by = signer or owner or STRANGER
        signature = by.sign_for_ledger(act, self.registry.domain)
        expected = allowed and by == owner and self.evm.time <= act.deadline
        self.tally[type(act).__name__.lower(), expected] += 1
        name, arguments = registry.call_arguments(act, signature, request)
        if self.in_batch:
            self.submit_thrice(calldata(name, arguments), expected)
        else:
            outcome = self.registry.call(name, *arguments)
            assert (outcome.reason is None) == expected, outcome.reason
            assert len(outcome.logs) == expected
        return expected

    def submit_thrice(self, call, expected):
        """In a batch, between junk and itself once more."""
        outcome = self.registry.submit_batch([b"junk", call, call])
        assert outcome.reason is None
        assert int.from_bytes(outcome.output, "big") == (0b010 if expected else 0)
        skipped = [name == registry.SKIPPED for name, _ in map(decode_log, outcome.logs)]
        assert skipped == [True, not expected, True]

    def submit_used(self, act, person, signer, allowed, request=None, owner=None):
        """As `submit`, for an act whose nonce must be fresh and is then used up."""
        fresh = (person, act.nonce) not in self.used
        taken = self.submit(act, owner or self.keys.get(person), signer, allowed and fresh, request)
        if taken:
            self.used.add((person, act.nonce))
        return taken

    def alive(self, person):
        return self.keys.get(person) is not None

    def at(self, lead):
        return max(0, self.evm.time + lead)

    @initialize(target=requests)
    def begin(self):
        """Each run goes on from the same beginning, on a fork of its own."""
        begun, asked = beginning()
        self.evm = begun.evm.fork(begun.evm.chain_id)
        self.registry = begun.registry.on(self.evm)
        for name in ("keys", "guardians", "recoveries", "begun", "used", "registered", "consents"):
            setattr(self, name, copy(getattr(begun, name)))
        return multiple(*asked)

    @rule(seconds=st.sampled_from([1, 5, 15, RECOVERY_DELAY - 1, RECOVERY_DELAY]))
    def wait(self, seconds):
        self.evm.time += seconds

    @rule(in_batch=st.booleans())
    def carry(self, in_batch):
        self.in_batch = in_batch

    # --- Records and consents ---

    @rule(person=persons, nonce=nonces, lead=leads, signer=signers)
    def enrol(self, person, nonce, lead, signer):
        act = Enrol(person.address, person.encryption_public_key, nonce, self.at(lead))
        if self.submit_used(act, person, signer, person not in self.keys, owner=person):
            self.keys[person] = person

    @rule(person=persons, record=records, commits=records, nonce=nonces, lead=leads, signer=signers)
    def register(self, person, record, commits, nonce, lead, signer):
        act = Register(person.address, record, bytes(32), commits, nonce, self.at(lead))
        if self.submit_used(act, person, signer, self.alive(person)):
            self.registered[person, record] = commits

    @rule(target=requests, person=persons, record=records, nonce=nonces, lead=leads, signer=signers)
    def request(self, person, record, nonce, lead, signer):
        asked = self.asked(person, record, nonce, lead, signer)
        return multiple() if asked is None else asked

    def asked(self, person, record, nonce, lead, signer):
        parties = (REQUESTER.address, person.address)
        expiry = self.at(lead)
        act = Request(*parties, record, bytes(32), bytes(32), expiry, nonce, self.evm.time + 30)
        known = (person, record) in self.registered
        fresh = act not in self.consents
        allowed = known and fresh and self.alive(person) and self.evm.time < act.expiry
        if not self.submit(act, REQUESTER, signer, allowed):
            return None
        self.consents[act] = (ConsentState.REQUESTED, expiry)
        return person, act

    @rule(
        asked=requests,
        nonce=nonces,
        sooner=st.sampled_from([*[0] * 5, -1, 1, 30, 50]),
        lead=leads,
        signer=signers,
    )
    def grant(self, asked, nonce, sooner, lead, signer):
        person, request = asked
        expiry = request.expiry - sooner
        answer = (person.address, request.hash_struct(), request.purpose)
        act = Grant(*answer, expiry, bytes(80), nonce, self.at(lead))
        waiting = self.consents[request][0] is ConsentState.REQUESTED
        in_time = self.evm.time < expiry <= request.expiry
        allowed = self.alive(person) and waiting and in_time
        if self.submit_used(act, person, signer, allowed, request):
            self.consents[request] = (ConsentState.GRANTED, expiry)

    @rule(asked=requests, nonce=nonces, end=leads, lead=leads, signer=signers)
    def renew(self, asked, nonce, end, lead, signer):
        person, request = asked
        act = Renew(person.address, request.hash_struct(), self.at(end), nonce, self.at(lead))
        granted = self.consents[request][0] is ConsentState.GRANTED
        if self.submit_used(
            act, person, signer, self.alive(person) and granted and self.evm.time < act.expiry
        ):
            self.consents[request] = (ConsentState.GRANTED, act.expiry)

    @rule(asked=requests, lead=leads, signer=signers)
    def deny(self, asked, lead, signer):
        self.close(Deny, asked, lead, signer, ConsentState.REQUESTED, ConsentState.DENIED)

    @rule(asked=requests, lead=leads, signer=signers)
    def withdraw(self, asked, lead, signer):
        self.close(Withdraw, asked, lead, signer, ConsentState.GRANTED, ConsentState.WITHDRAWN)

    def close(self, kind, asked, lead, signer, before, after):
        person, request = asked
        act = kind(person.address, request.hash_struct(), self.at(lead))
        state, expiry = self.consents[request]
        if self.submit(act, self.keys.get(person), signer, self.alive(person) and state is before):
            self.consents[request] = (after, expiry)

    # --- Identities ---

    @rule(person=persons, heir=heirs, nonce=nonces, lead=leads, signer=signers)
    def rotate(self, person, heir, nonce, lead, signer):
        act = Rotate(person.address, heir.address, bytes(32), nonce, self.at(lead))
        if self.submit_used(act, person, signer, self.alive(person)):
            self.keys[person] = heir

    @rule(
        person=persons, guardian=st.sampled_from([*GUARDIANS, None]), nonce=nonces, lead=leads, signer=signers
    )
    def entrust(self, person, guardian, nonce, lead, signer):
        address = guardian.address if guardian else bytes(20)
        act = Entrust(person.address, address, nonce, self.at(lead))
        if self.submit_used(act, person, signer, self.alive(person)):
            self.guardians[person] = guardian
            self.end_recovery(person)

    @rule(person=persons, heir=heirs, nonce=nonces, lead=leads, signer=signers)
    def recover(self, person, heir, nonce, lead, signer):
        act = Recover(person.address, heir.address, bytes(32), nonce, self.at(lead))
        guardian, fresh = self.guardians.get(person), act not in self.begun
        allowed = self.alive(person) and guardian is not None and person not in self.recoveries and fresh
        if self.submit(act, guardian or STRANGER, signer, allowed):
            self.begun.add(act)
            self.recoveries[person] = Recovery(act, heir, self.evm.time + RECOVERY_DELAY)

    @rule(person=persons, stale=st.booleans(), lead=leads, signer=signers)
    def contest(self, person, stale, lead, signer):
        recovery, pending = self.named_recovery(person, stale)
        act = Contest(person.address, recovery, self.at(lead))
        if self.submit(act, self.keys.get(person), signer, pending):
            self.end_recovery(person)

    @precondition(lambda self: self.recoveries)
    @rule(person=persons, stale=st.booleans())
    def complete(self, person, stale):
        recovery, pending = self.named_recovery(person, stale)
        expected = pending and self.recoveries[person].ready <= self.evm.time
        outcome = self.registry.call("complete", person.address, recovery)
        assert (outcome.reason is None) == expected, outcome.reason
        if expected:
            self.keys[person] = self.recoveries[person].heir
            self.end_recovery(person)

    @rule(person=persons, lead=leads, signer=signers, really=st.sampled_from([True, False, False]))
    def deactivate(self, person, lead, signer, really):
        """Not too often, as not much happens to an identity that has ended."""
        act = Deactivate(person.address, self.at(lead))
        if self.submit(act, self.keys.get(person), signer if really else STRANGER, self.alive(person)):
            self.keys[person] = None
            self.end_recovery(person)

    def named_recovery(self, person, stale):
        """The id of a recovery, and whether it is the person's that is under way."""
        if stale or person not in self.recoveries:
            return self.over[-1], False
        return self.recoveries[person].act.hash_struct(), True

    def end_recovery(self, person):
        if ended := self.recoveries.pop(person, None):
            self.over.append(ended.act.hash_struct())

    # --- What must be so ---

    @invariant()
    def consents_are_the_same(self):
        for request, (state, expiry) in self.consents.items():
            assert self.registry.view("consentOf", request.hash_struct()) == (state, expiry)
            assert self.registry.view("isValid", request.hash_struct()) is self.counts(request)

    def counts(self, request):
        state, expiry = self.consents[request]
        person = next(person for person in PERSONS if person.address == request.subject)
        return state is ConsentState.GRANTED and self.evm.time < expiry and self.alive(person)

    def teardown(self):
        for request in self.consents:
            assert self.registry.view("isGranted", registry.request_tuple(request)) is self.counts(request)
        for person, nonce in self.used:
            assert self.registry.view("isNonceUsed", person.address, nonce)
        for (person, record), commits in self.registered.items():
            assert self.registry.view("commitmentOf", person.address, record) == commits
        for person in PERSONS:
            self.identity_is_the_same(person)

    def identity_is_the_same(self, person):
        key = self.keys.get(person)
        ended = registry.DEACTIVATED if person in self.keys else bytes(20)
        assert self.address("keyOf", person) == (key.address if key else ended)
        guardian = self.guardians.get(person)
        assert self.address("guardianOf", person) == (guardian.address if guardian else bytes(20))
        recovery, heir, ready = self.registry.view("recoveryOf", person.address)
        pending = self.recoveries.get(person)
        none = (bytes(32), bytes(20), 0)
        expected = (pending.act.hash_struct(), pending.heir.address, pending.ready) if pending else none
        assert (recovery, to_canonical_address(heir), ready) == expected

    def address(self, view, person):
        return to_canonical_address(self.registry.view(view, person.address))


@cache
def beginning():
    """Two persons with a request and a consent each, one of them being recovered; a third has nothing."""
    model, asked = Model(), []
    model.evm = Evm()
    model.registry = Registry(model.evm)
    for person, expiry in ((PERSONS[0], 40), (PERSONS[1], 10)):
        model.enrol(person, 1 << 9, 0, None)
        model.register(person, RECORDS[0], RECORDS[0], 1 << 10, 0, None)
        model.entrust(person, GUARDIANS[0], 1 << 11, 0, None)
        asked += [model.asked(person, RECORDS[0], nonce, expiry, None) for nonce in (0, 1)]
        model.grant(asked[-1], 1 << 12, 0, 0, None)
    model.recover(PERSONS[1], HEIRS[0], 1 << 13, 0, None)
    return model, asked


quick = settings(
    max_examples=100, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestModel = Model.TestCase
TestModel.settings = quick


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_many_more_sequences():
    Model.tally.clear()
    run_state_machine_as_test(Model, settings=settings(quick, max_examples=2000))
    taken, refused = (
        {kind: n for (kind, was), n in Model.tally.items() if was is which} for which in (True, False)
    )
    counts = f"{sum(taken.values()):,} acts taken, {sum(refused.values()):,} refused"
    print(f"\n2,000 sequences: {counts}, each as the model says")
    print(f"taken: {taken}\nrefused: {refused}")
    assert set(taken) == set(refused) == {kind.name.lower() for kind in ActKind}
