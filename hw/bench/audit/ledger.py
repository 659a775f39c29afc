"""A ledger full of consents, each signed and executed, written straight into the embedded node's own store.

What a year at a busy city looks like to an audit: people who enrol and register a record, requests, grants,
some withdrawals, in batches as full as the relay makes them under load.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from contracts import registry
from contracts.acts import Act, Request
from contracts.eip712 import Domain
from contracts.hexes import ADDRESS_LENGTH, from_hex, to_hex
from contracts.registry import MAX_BATCH
from gateway.ledger.account import Fees, Relayer
from gateway.ledger.node.chain import Chain
from gateway.ledger.node.run import LEDGER_FILE
from gateway.ledger.node.store import Store
from hw.bench.crowd.account import Account
from hw.bench.crowd.people import Person, Requester
from hw.bench.gas.evm import encode_call
from hw.errors import BenchError, FileTroubleError

FACTS_FILE = "facts.json"
CHAIN_ID = 20_022
ENVIRONMENT = "bench"
CONSENTS_EACH = 50
"""Consents of one person."""

WITHDRAWN_EACH = 10
"""One consent in so many is withdrawn."""

VALID_SECONDS = 10 * 365 * 86_400
BATCH_GAS = 12_000_000
FEES = Fees(most=10**11, tip=0)


class RefusedTransactionError(BenchError):
    """The ledger did not take a transaction of the benchmark whole."""


class Ledger:
    """The embedded node's chain in a directory, and the contract on it."""

    def __init__(self, state: Path, relayer: Relayer) -> None:
        """Begin a chain and deploy the contract."""
        self._store = Store(state / LEDGER_FILE)
        self._chain = Chain(self._store, CHAIN_ID, (relayer.address,))
        self._relayer, self._nonce = relayer, 0
        deployed = self._send(None, registry.deployment_code(ENVIRONMENT))
        assert deployed is not None  # noqa: S101 - a transaction without a recipient creates a contract
        self.contract = deployed
        self._domain = Domain(CHAIN_ID, self.contract, ENVIRONMENT)

    def close(self) -> None:
        """Let go of the file, so that a node can serve it."""
        self._store.close()

    def fill(self, consents: int, progress: Callable[[int], None]) -> int:
        """Write so many consents and what they need; the number of acts.

        Args:
            consents: Grants in all.
            progress: Called with the number of acts so far.
        """
        batch: list[bytes] = []
        written = 0
        for signer, act, asked in _acts(consents):
            batch.append(self._call(signer, act, asked))
            written += 1
            if len(batch) == MAX_BATCH:
                self._submit(batch)
                progress(written)
                batch = []
        if batch:
            self._submit(batch)
        progress(written)
        return written

    def _submit(self, batch: list[bytes]) -> None:
        name, arguments = registry.batch_arguments(batch)
        self._send(self.contract, encode_call(registry.ABI, name, *arguments))

    def _call(self, signer: Account, act: Act, asked: Request | None) -> bytes:
        signature = signer.sign(act.digest(self._domain))
        name, arguments = registry.call_arguments(act, signature, asked)
        return encode_call(registry.ABI, name, *arguments)

    def _send(self, to: bytes | None, data: bytes) -> bytes | None:
        signed = self._relayer.sign(
            chain_id=CHAIN_ID, nonce=self._nonce, to=to, data=data, gas=BATCH_GAS, fees=FEES
        )
        mined = self._chain.send(signed.raw)
        if not mined.succeeded:
            raise RefusedTransactionError("the contract refused a transaction of the benchmark")
        self._nonce += 1
        return mined.contract


@dataclass(frozen=True)
class Facts:
    """What a ledger that was written holds.

    Attributes:
        contract: address of the contract.
        consents: grants on it.
        acts: all acts.
    """

    contract: bytes
    consents: int
    acts: int


def written(state: Path, consents: int, progress: Callable[[int], None]) -> Facts:
    """A ledger with so many consents in a directory: the one that is there, or a new one.

    Raises:
        FileTroubleError: another one is there, or one that was not finished.
    """
    path = state / FACTS_FILE
    if path.exists():
        kept = json.loads(path.read_text())
        facts = Facts(from_hex(kept["contract"], ADDRESS_LENGTH), kept["consents"], kept["acts"])
        if facts.consents == consents:
            return facts
    if (state / LEDGER_FILE).exists():
        raise FileTroubleError(f"{state} holds another ledger than one of {consents} consents; empty it")
    ledger = Ledger(state, Relayer(ec.generate_private_key(ec.SECP256K1())))
    try:
        acts = ledger.fill(consents, progress)
    finally:
        ledger.close()
    path.write_text(json.dumps({"contract": to_hex(ledger.contract), "consents": consents, "acts": acts}))
    return Facts(ledger.contract, consents, acts)


def acts_for(consents: int) -> int:
    """How many acts so many consents come to."""
    people = -(-consents // CONSENTS_EACH)
    return 2 * people + 2 * consents + consents // WITHDRAWN_EACH


def _acts(consents: int) -> Iterator[tuple[Account, Act, Request | None]]:
    """Who signs what, in the order of the ledger; a grant goes with its request."""
    deadline = int(time.time()) + VALID_SECONDS
    requester = Requester("bench audit requester", deadline, deadline)
    people = []
    for number in range(-(-consents // CONSENTS_EACH)):
        person = Person(f"bench audit {number}", deadline)
        people.append(person)
        yield person, person.enrol(), None
        yield person, person.register(person.octets("commitment", 32)), None
    for number in range(1, consents + 1):
        person = people[number % len(people)]
        asked = requester.ask(person)
        yield requester, asked, None
        yield person, person.grant(asked), asked
        if number % WITHDRAWN_EACH == 0:
            yield person, person.withdraw(asked), None
