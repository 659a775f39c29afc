"""A registry with one person, one record and one requester, brought to the state that a test needs."""

from dataclasses import dataclass, field
from itertools import count

from contracts import registry
from contracts.acts import Act, ActKind, Deny, Enrol, Grant, RecordKind, Register, Request, Withdraw
from contracts.envelope import commitment
from contracts.purpose import Purpose
from tests.contracts.evm import NOW, Evm, Outcome, Registry
from tests.contracts.people import Person

DEADLINE = NOW + 600
EXPIRY = NOW + 86_400
RECORD = b"\x11" * 32
KIND = RecordKind.IDENTITY_DOCUMENT.identifier
OBJECT = b"an encrypted record"
PURPOSE = Purpose("Rent of a flat", bytes(range(16)))
SEALED_KEY = bytes(range(80))
SIGNED_BY_REQUESTER = {ActKind.REQUEST}


@dataclass
class World:
    evm: Evm = field(default_factory=Evm)
    person: Person = field(default_factory=lambda: Person(1))
    requester: Person = field(default_factory=lambda: Person(2))
    # One word of 256 nonces, as a kiosk would take for itself.
    nonces: count = field(default_factory=lambda: count(7 << 8))

    def __post_init__(self) -> None:
        self.registry = Registry(self.evm)
        self.domain = self.registry.domain
        self.asked = self.request()

    def enrol(self) -> Enrol:
        return Enrol(self.person.address, self.person.encryption_public_key, next(self.nonces), DEADLINE)

    def register(self, object_bytes: bytes = OBJECT) -> Register:
        commits = commitment(object_bytes)
        return Register(self.person.address, RECORD, KIND, commits, next(self.nonces), DEADLINE)

    def request(self, expiry: int = EXPIRY, record: bytes = RECORD) -> Request:
        return Request(
            self.requester.address,
            self.person.address,
            record,
            PURPOSE.commitment(),
            self.requester.encryption_public_key,
            expiry,
            next(self.nonces),
            DEADLINE,
        )

    def grant(self, expiry: int | None = None) -> Grant:
        answer = (self.asked.subject, self.asked.hash_struct(), self.asked.purpose)
        until = self.asked.expiry if expiry is None else expiry
        return Grant(*answer, until, SEALED_KEY, next(self.nonces), DEADLINE)

    def deny(self) -> Deny:
        return Deny(self.asked.subject, self.asked.hash_struct(), DEADLINE)

    def withdraw(self) -> Withdraw:
        return Withdraw(self.asked.subject, self.asked.hash_struct(), DEADLINE)

    def signer_of(self, act: Act) -> Person:
        return self.requester if act.KIND in SIGNED_BY_REQUESTER else self.person

    def sign(self, act: Act) -> bytes:
        return self.signer_of(act).sign_for_ledger(act, self.domain)

    def submit(self, act: Act, signature: bytes | None = None) -> Outcome:
        return self.registry.submit(act, signature or self.sign(act), self.asked)

    def done(self, act: Act) -> Outcome:
        outcome = self.submit(act)
        assert outcome.reason is None, outcome.reason
        return outcome

    def ready_for(self, kind: ActKind) -> Act:
        """Do what must come before an act of this kind; returns the act, not yet submitted."""
        if kind is ActKind.ENROL:
            return self.enrol()
        self.done(self.enrol())
        if kind is ActKind.REGISTER:
            return self.register()
        self.done(self.register())
        if kind is ActKind.REQUEST:
            return self.asked
        self.done(self.asked)
        if kind is ActKind.GRANT:
            return self.grant()
        if kind is ActKind.DENY:
            return self.deny()
        self.done(self.grant())
        return self.withdraw()

    def state(self) -> registry.ConsentState:
        return registry.ConsentState(self.registry.view("consentOf", self.asked.hash_struct())[0])

    def is_granted(self, request: Request | None = None) -> bool:
        return bool(self.registry.view("isGranted", registry.request_tuple(request or self.asked)))
