"""The whole life of the contract as transactions signed beforehand: the same bytes for every engine."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import rlp
from cryptography.hazmat.primitives.asymmetric import ec

from contracts.acts import Act, Request
from contracts.eip712 import Domain
from contracts.keccak import keccak256
from contracts.purpose import Purpose
from contracts.registry import (
    batch_arguments,
    call_arguments,
    deployment_code,
    publish_arguments,
    request_tuple,
)
from gateway.ledger.account import Fees, Relayer
from gateway.ledger.client import LedgerClient
from gateway.ledger.signatures import with_recovery_id
from tests.contracts.evm import calldata
from tests.gateway.actors import Person

ENVIRONMENT = "engines"
GAS = 3_000_000
FEES = Fees(most=10**11, tip=0)

Sent = tuple[str, bytes]
"""What a transaction is called here, and its bytes."""


@dataclass
class Life:
    """Signs transaction after transaction of one relayer; nothing is sent."""

    chain_id: int
    relayer: Relayer = field(default_factory=lambda: Relayer(ec.generate_private_key(ec.SECP256K1())))
    transactions: list[Sent] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)
    person: Person = field(default_factory=Person)

    def __post_init__(self) -> None:
        # A contract's address, of who created it and that account's nonce (yellow paper, section 7).
        self.contract = keccak256(rlp.encode([self.relayer.address, 0]))[12:]
        self.domain = Domain(self.chain_id, self.contract, ENVIRONMENT)

    def transact(self, name: str, data: bytes, *, to: bytes | None, gas: int = GAS) -> None:
        signed = self.relayer.sign(
            chain_id=self.chain_id, nonce=len(self.transactions), to=to, data=data, gas=gas, fees=FEES
        )
        self.transactions.append((name, signed.raw))

    def call(self, signer: Person, act: Act, request: Request | None = None) -> bytes:
        digest = act.digest(self.domain)
        signature = with_recovery_id(digest, signer.sign(act, self.domain), signer.address)
        return calldata(*call_arguments(act, signature, request))

    def act(self, signer: Person, act: Act, request: Request | None = None, note: str = "") -> bytes:
        data = self.call(signer, act, request)
        self.transact(f"{type(act).__name__.lower()}{note}", data, to=self.contract)
        return data

    def batch(self, name: str, calls: Sequence[bytes]) -> None:
        self.transact(name, calldata(*batch_arguments(calls)), to=self.contract)


def whole_life(chain_id: int) -> Life:
    """Every act of the contract, in every way that it ends: taken, refused, skipped, out of gas."""
    life = Life(chain_id)
    life.transact("deploy", deployment_code(ENVIRONMENT), to=None)
    person, requester = life.person, Person()
    life.act(person, person.enrol())
    register, data = person.register(b"a document")
    life.act(person, register)
    publication = calldata(*publish_arguments(person.address, register.record, data))
    life.transact("publish", publication, to=life.contract)
    granted, denied, batched = (
        requester.request(person.address, register.record, Purpose.of(text))
        for text in ("a loan", "a stroll", "a batch")
    )
    life.asked += [granted, denied, batched]
    life.act(requester, granted)
    grant = life.act(person, person.grant(granted, data), granted)
    life.transact("grant again, refused", grant, to=life.contract)
    life.act(person, person.renew(granted, granted.expiry + 1000))
    life.act(person, person.withdraw(granted))
    life.act(requester, denied)
    life.act(person, person.deny(denied))
    life.act(person, replace(person.deny(denied), deadline=1), note=" too late, refused")
    _batches(life, requester, batched, data)
    _identity(life, person)
    life.transact("grant without gas", grant, to=life.contract, gas=40_000)
    life.transact("junk, refused", b"\xde\xad\xbe\xef", to=life.contract)
    return life


def _batches(life: Life, requester: Person, request: Request, data: bytes) -> None:
    """Several people in one transaction, with a bad item, junk, and what depends on what came before it."""
    person, newcomer, stranger = life.person, Person(), Person()
    bad = life.call(stranger, stranger.register(b"of nobody")[0])
    life.batch(
        "batch with bad items",
        [
            life.call(newcomer, newcomer.enrol()),
            bad,
            life.call(requester, request),
            b"\xde\xad\xbe\xef",
            life.call(person, person.grant(request, data), request),
            life.call(person, person.grant(request, data), request),
        ],
    )
    life.batch("batch of bad items alone", [bad, b""])


def _identity(life: Life, person: Person) -> None:
    guardian, heir = Person(), Person()
    life.act(person, person.entrust(guardian))
    recovery = person.recover(heir)
    life.act(guardian, recovery)
    early = calldata("complete", (person.address, recovery.hash_struct()))
    life.transact("complete too early, refused", early, to=life.contract)
    life.act(person, person.contest(recovery))
    life.act(person, person.rotate(heir))
    life.act(person, person.entrust(guardian), note=" by the old key, refused")
    life.act(heir, person.deactivate())


def questions(life: Life) -> list[tuple[str, bytes]]:
    """Every view of the contract, for the end of the life: what it is called, and its call data."""
    ids = [request.hash_struct() for request in life.asked]
    subject, record = life.person.address, life.asked[0].record
    asked: list[tuple[str, tuple[object, ...]]] = [
        ("keyOf", (subject,)),
        ("guardianOf", (subject,)),
        ("recoveryOf", (subject,)),
        ("commitmentOf", (subject, record)),
        ("isNonceUsed", (subject, 0)),
        ("domainSeparator", ()),
        *((name, (request,)) for name in ("consentOf", "subjectOf", "isValid") for request in ids),
        *(("isGranted", (request_tuple(request),)) for request in life.asked),
    ]
    return [(name, calldata(name, arguments)) for name, arguments in asked]


def play(life: Life, client: LedgerClient) -> list[tuple[str, dict[str, object]]]:
    """Send the transactions one after the other; each one's name, and what the engine says became of it."""
    outcomes = []
    for name, raw in life.transactions:
        receipt = client.wait(client.send(raw))
        outcomes.append(
            (
                name,
                {
                    "hash": receipt.transaction,
                    "status": receipt.succeeded,
                    "gas": receipt.gas_used,
                    "contract": receipt.contract,
                    "logs": [(log.address, log.topics, log.data, log.position) for log in receipt.logs],
                },
            )
        )
    return outcomes
