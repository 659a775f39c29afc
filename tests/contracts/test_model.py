"""The contract against a model in plain Python: the same acts, refused or taken alike, leave the same."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from contracts import registry
from contracts.acts import Act, Deny, Enrol, Grant, Register, Request, Withdraw
from contracts.registry import ConsentState
from tests.contracts.evm import NOW, Evm, Registry
from tests.contracts.people import Person

PERSONS = (Person(1), Person(2), Person(3))
REQUESTER = Person(4)
RECORDS = (b"\x01" * 32, b"\x02" * 32)

# Few values, so that they meet each other: nonces collide, deadlines and expiries pass.
persons = st.sampled_from(PERSONS)
records = st.sampled_from(RECORDS)
nonces = st.sampled_from([*range(12), 255, 256, 2**256 - 1])
times = st.sampled_from([NOW - 1, NOW, NOW + 10, *[NOW + 40] * 7])
signers = st.sampled_from([*[None] * 8, *PERSONS])


class Model(RuleBasedStateMachine):
    """Written from the rules in words, not from the contract: each rule says when an act must be taken."""

    requests = Bundle("requests")

    def __init__(self):
        super().__init__()
        self.evm = Evm()
        self.registry = Registry(self.evm)
        self.enrolled = set()
        self.used = set()
        self.registered = {}
        self.consents = {}

    def submit(self, act: Act, owner: Person, signer: Person | None, allowed: bool, request=None) -> bool:
        """Submit, expecting it to be taken if the rules allow it and its owner signed in time."""
        signature = (signer or owner).sign_for_ledger(act, self.registry.domain)
        outcome = self.registry.submit(act, signature, request)
        expected = allowed and (signer or owner) == owner and self.evm.time <= act.deadline
        assert (outcome.reason is None) == expected, outcome.reason
        assert len(outcome.logs) == expected
        return expected

    def fresh(self, person: Person, nonce: int) -> bool:
        return (person, nonce) not in self.used

    @initialize(target=requests)
    def begin(self):
        """Two persons with a request each, so that runs come to answers; the third starts from nothing."""
        asked = []
        for person, expiry in ((PERSONS[0], NOW + 40), (PERSONS[1], NOW + 10)):
            self.enrol(person, 1 << 9, NOW, None)
            self.register(person, RECORDS[0], RECORDS[0], 1 << 10, NOW, None)
            asked.append(self.asked(person, RECORDS[0], 0, expiry, None))
        return multiple(*asked)

    @rule(seconds=st.integers(1, 15))
    def wait(self, seconds):
        self.evm.time += seconds

    @rule(person=persons, nonce=nonces, deadline=times, signer=signers)
    def enrol(self, person, nonce, deadline, signer):
        act = Enrol(person.address, person.encryption_public_key, nonce, deadline)
        allowed = person not in self.enrolled and self.fresh(person, nonce)
        if self.submit(act, person, signer, allowed):
            self.enrolled.add(person)
            self.used.add((person, nonce))

    @rule(person=persons, record=records, commits=records, nonce=nonces, deadline=times, signer=signers)
    def register(self, person, record, commits, nonce, deadline, signer):
        act = Register(person.address, record, bytes(32), commits, nonce, deadline)
        allowed = person in self.enrolled and self.fresh(person, nonce)
        if self.submit(act, person, signer, allowed):
            self.registered[person, record] = commits
            self.used.add((person, nonce))

    @rule(target=requests, person=persons, record=records, nonce=nonces, expiry=times, signer=signers)
    def request(self, person, record, nonce, expiry, signer):
        asked = self.asked(person, record, nonce, expiry, signer)
        return multiple() if asked is None else asked

    def asked(self, person, record, nonce, expiry, signer):
        parties = (REQUESTER.address, person.address)
        act = Request(*parties, record, bytes(32), bytes(32), expiry, nonce, NOW + 30)
        allowed = (
            (person, record) in self.registered and act not in self.consents and self.evm.time < act.expiry
        )
        if not self.submit(act, REQUESTER, signer, allowed):
            return None
        self.consents[act] = (ConsentState.REQUESTED, expiry)
        return person, act

    @rule(asked=requests, nonce=nonces, expiry=times, deadline=times, signer=signers)
    def grant(self, asked, nonce, expiry, deadline, signer):
        person, request = asked
        answer = (person.address, request.hash_struct(), request.purpose)
        act = Grant(*answer, expiry, bytes(80), nonce, deadline)
        waiting = self.consents[request][0] is ConsentState.REQUESTED
        in_time = self.evm.time < expiry <= request.expiry
        if self.submit(act, person, signer, waiting and in_time and self.fresh(person, nonce), request):
            self.consents[request] = (ConsentState.GRANTED, expiry)
            self.used.add((person, nonce))

    @rule(asked=requests, deadline=times, signer=signers)
    def deny(self, asked, deadline, signer):
        self.close(Deny, asked, deadline, signer, ConsentState.REQUESTED, ConsentState.DENIED)

    @rule(asked=requests, deadline=times, signer=signers)
    def withdraw(self, asked, deadline, signer):
        self.close(Withdraw, asked, deadline, signer, ConsentState.GRANTED, ConsentState.WITHDRAWN)

    def close(self, kind, asked, deadline, signer, before, after):
        person, request = asked
        act = kind(person.address, request.hash_struct(), deadline)
        state, expiry = self.consents[request]
        if self.submit(act, person, signer, state is before):
            self.consents[request] = (after, expiry)

    @invariant()
    def consents_are_the_same(self):
        for request, (state, expiry) in self.consents.items():
            assert self.registry.view("consentOf", request.hash_struct()) == (state, expiry)
            granted = state is ConsentState.GRANTED and self.evm.time < expiry
            assert self.registry.view("isGranted", registry.request_tuple(request)) is granted

    def teardown(self):
        for person, nonce in self.used:
            assert self.registry.view("isNonceUsed", person.address, nonce)
        for (person, record), commits in self.registered.items():
            assert self.registry.view("commitmentOf", person.address, record) == commits


quick = settings(
    max_examples=60, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestModel = Model.TestCase
TestModel.settings = quick


@pytest.mark.long
def test_many_more_sequences():
    run_state_machine_as_test(Model, settings=settings(quick, max_examples=2000))
