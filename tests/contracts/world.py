"""A registry with one person, one record and one requester, brought to the state that a test needs."""

from dataclasses import dataclass, field
from itertools import count

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
    RecordKind,
    Recover,
    Register,
    Renew,
    Request,
    Rotate,
    Withdraw,
)
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


@dataclass
class World:
    evm: Evm = field(default_factory=Evm)
    person: Person = field(default_factory=lambda: Person(1))
    requester: Person = field(default_factory=lambda: Person(2))
    guardian: Person = field(default_factory=lambda: Person(5))
    heir: Person = field(default_factory=lambda: Person(6))  # whose key takes over
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

    def renew(self, expiry: int = EXPIRY + 1000) -> Renew:
        return Renew(self.asked.subject, self.asked.hash_struct(), expiry, next(self.nonces), DEADLINE)

    def rotate(self) -> Rotate:
        keys = (self.heir.address, self.heir.encryption_public_key)
        return Rotate(self.person.address, *keys, next(self.nonces), DEADLINE)

    def entrust(self) -> Entrust:
        return Entrust(self.person.address, self.guardian.address, next(self.nonces), DEADLINE)

    def recover(self) -> Recover:
        keys = (self.heir.address, self.heir.encryption_public_key)
        self.recovery = Recover(self.person.address, *keys, next(self.nonces), DEADLINE)
        return self.recovery

    def contest(self) -> Contest:
        return Contest(self.person.address, self.recovery.hash_struct(), DEADLINE)

    def complete(self) -> Outcome:
        return self.registry.call("complete", self.person.address, self.recovery.hash_struct())

    def deactivate(self) -> Deactivate:
        return Deactivate(self.person.address, DEADLINE)

    def signer_of(self, act: Act) -> Person:
        signers = {ActKind.REQUEST: self.requester, ActKind.RECOVER: self.guardian}
        return signers.get(act.KIND, self.person)

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
        if kind >= ActKind.ROTATE:
            return self._ready_for_identity(kind)
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
        return self.withdraw() if kind is ActKind.WITHDRAW else self.renew()

    def _ready_for_identity(self, kind: ActKind) -> Act:
        if kind in (ActKind.ROTATE, ActKind.ENTRUST, ActKind.DEACTIVATE):
            act: Act = getattr(self, kind.name.lower())()
            return act
        self.done(self.entrust())
        if kind is ActKind.RECOVER:
            return self.recover()
        self.done(self.recover())
        return self.contest()

    def state(self) -> registry.ConsentState:
        return registry.ConsentState(self.registry.view("consentOf", self.asked.hash_struct())[0])

    def is_granted(self, request: Request | None = None) -> bool:
        return bool(self.registry.view("isGranted", registry.request_tuple(request or self.asked)))
