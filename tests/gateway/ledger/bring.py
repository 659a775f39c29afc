"""Bringing acts to the contract, as the relay does in many more steps."""

from dataclasses import dataclass

from contracts.acts import Act, Request
from contracts.eip712 import Domain
from contracts.purpose import Purpose
from contracts.registry import publish_arguments
from gateway.ledger.account import Relayer
from gateway.ledger.answers import TransactionReceipt
from gateway.ledger.registry import Registry
from gateway.ledger.signatures import with_recovery_id
from tests.gateway.actors import Person


@dataclass(frozen=True)
class Bringer:
    """The contract, who pays, and where signatures count."""

    registry: Registry
    relayer: Relayer
    domain: Domain

    def __call__(self, signer: Person, act: Act, request: Request | None = None) -> TransactionReceipt:
        signature = signer.sign(act, self.domain)
        full = with_recovery_id(act.digest(self.domain), signature, signer.address)
        return self.registry.submit(self.relayer, self.registry.encode_act(act, full, request))

    def publish(self, subject: bytes, record: bytes, data: bytes) -> TransactionReceipt:
        call = self.registry.encode(*publish_arguments(subject, record, data))
        return self.registry.submit(self.relayer, call)


@dataclass(frozen=True)
class Story:
    """A person with one record, and a requester who asked for it twice."""

    person: Person
    requester: Person
    record: bytes
    data: bytes
    granted: Request
    denied: Request


def tell(bring: Bringer, *, publish: bool = False) -> Story:
    """Every act once: enrol, register, request, grant, withdraw, another request, deny."""
    person, requester = Person(), Person()
    bring(person, person.enrol())
    register, data = person.register(b"a document")
    bring(person, register)
    if publish:
        bring.publish(person.address, register.record, data)
    granted, denied = (
        requester.request(person.address, register.record, Purpose.of(text))
        for text in ("a loan", "a stroll")
    )
    bring(requester, granted)
    bring(person, person.grant(granted, data), granted)
    bring(person, person.withdraw(granted))
    bring(requester, denied)
    bring(person, person.deny(denied))
    return Story(person, requester, register.record, data, granted, denied)
