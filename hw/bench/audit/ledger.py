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

from contracts.hexes import ADDRESS_LENGTH, from_hex, to_hex
from gateway.ledger.account import Relayer
from gateway.ledger.node.run import LEDGER_FILE
from hw.bench.crowd.ledger import Ledger, Signed
from hw.bench.crowd.people import Person, Requester
from hw.errors import FileTroubleError

FACTS_FILE = "facts.json"
CONSENTS_EACH = 50
"""Consents of one person."""

WITHDRAWN_EACH = 10
"""One consent in so many is withdrawn."""

VALID_SECONDS = 10 * 365 * 86_400


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
    with Ledger(state, Relayer(ec.generate_private_key(ec.SECP256K1()))) as ledger:
        acts = ledger.write(_acts(consents), progress)
    path.write_text(json.dumps({"contract": to_hex(ledger.contract), "consents": consents, "acts": acts}))
    return Facts(ledger.contract, consents, acts)


def acts_for(consents: int) -> int:
    """How many acts so many consents come to."""
    people = -(-consents // CONSENTS_EACH)
    return 2 * people + 2 * consents + consents // WITHDRAWN_EACH


def _acts(consents: int) -> Iterator[Signed]:
    """Who signs what, in the order of the ledger; a grant goes with its request."""
    deadline = int(time.time()) + VALID_SECONDS
    requester = Requester("bench audit requester", deadline, deadline)
    people = []
    for number in range(-(-consents // CONSENTS_EACH)):
        person = Person(f"bench audit {number}", deadline)
        people.append(person)
        yield Signed(person, person.enrol())
        yield Signed(person, person.register(person.octets("commitment", 32)))
    for number in range(1, consents + 1):
        person = people[number % len(people)]
        asked = requester.ask(person)
        yield Signed(requester, asked)
        yield Signed(person, person.grant(asked), asked)
        if number % WITHDRAWN_EACH == 0:
            yield Signed(person, person.withdraw(asked))
