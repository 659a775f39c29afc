"""The relay's parts on a real ledger, without the process around them: to be stepped, crashed and lied to."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.acts import Act
from contracts.eip712 import Domain
from contracts.messages import KioskMessage, Receipt
from contracts.registry import event_topic
from gateway.calls import Calls
from gateway.desk import RequestDesk
from gateway.entries import Entry, Shipment, State
from gateway.intake import arrival_of
from gateway.journal import Journal
from gateway.ledger.account import Relayer
from gateway.ledger.client import LedgerClient
from gateway.ledger.registry import Registry
from gateway.relay import Policy, Relay
from gateway.store import ObjectStore
from tests.gateway.actors import KioskKey, Person

ENVIRONMENT = "test"
CHAIN_ID = 20_022
POLICY = Policy(forgotten_after=0)
NEVER = 10**6  # confirmations


@dataclass(frozen=True)
class Ground:
    """A ledger with our contract, shared by tests that take new people."""

    url: str
    relayer: Relayer
    domain: Domain


class Tampered(httpx.BaseTransport):
    """The real ledger, except for answers that a test wants to be others."""

    def __init__(self) -> None:
        self._real = httpx.HTTPTransport()
        self.answers: dict[str, Callable[[list[object]], object]] = {}
        self.sent: list[str] = []
        self.asked: Counter[str] = Counter()
        self.is_down = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.is_down:
            raise httpx.ConnectError("down")
        asked = json.loads(request.content)
        calls = asked if isinstance(asked, list) else [asked]
        self.asked.update(call["method"] for call in calls)
        self.sent += [call["params"][0] for call in calls if call["method"] == "eth_sendRawTransaction"]
        answers = [self._answer(call, request.url) for call in calls]
        return httpx.Response(200, json=answers if isinstance(asked, list) else answers[0])

    def _answer(self, call: dict[str, Any], url: httpx.URL) -> object:
        answer = self.answers.get(call["method"], lambda _: ...)(call["params"])
        if answer is ...:
            forwarded = httpx.Request("POST", url, json=call)
            return json.loads(self._real.handle_request(forwarded).read())
        member = "error" if isinstance(answer, dict) and "code" in answer else "result"
        return {"jsonrpc": "2.0", "id": call["id"], member: answer}


@dataclass
class Bench:
    """The relay's parts on one state directory, to be thrown away and built anew as a crash would."""

    ground: Ground
    directory: Path
    policy: Policy = POLICY
    relayers: list[Relayer] = field(default_factory=list)
    kiosk_is_banned: bool = False
    kiosk: KioskKey = field(default_factory=KioskKey)
    gateway_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    settled: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.network = Tampered()
        self.build()

    def build(self) -> None:
        kiosks = {kiosk.kid: kiosk.public for kiosk in self.directory_of_kiosks()}
        self.journal = Journal(self.directory / "journal.sqlite")
        self.store = ObjectStore(self.directory / "objects")
        self.client = LedgerClient(self.ground.url, transport=self.network)
        self.registry = Registry(self.client, self.ground.domain.contract)
        self.desk = RequestDesk(self.journal, self.registry, self.ground.domain, lambda: None)
        calls = Calls(self.registry, self.journal, kiosks, self.ground.domain)
        self.relay = self.relay_with(self.policy, calls)
        self.patient = self.relay_with(replace(self.policy, confirmations=NEVER), calls)

    def relay_with(self, policy: Policy, calls: Calls) -> Relay:
        return Relay(
            self.journal, self.store, self.registry, self.relayers or [self.ground.relayer],
            self.ground.domain, self.gateway_key, policy, calls, self.settled.append, self.counts,
        )  # fmt: skip

    def bring(self, entry: Entry, state: State) -> None:
        """Move an act on, as far as this state and no further."""
        relay = self.patient
        turns = [relay.verifying.turn, relay.signing.turn, relay.sending.turn, relay.confirming.turn]
        for turn in turns:
            if self.now(entry).state is state:
                return
            turn()
        assert self.now(entry).state is state

    def shipment(self, entry: Entry) -> Shipment:
        """The transaction that carries an act."""
        number = self.now(entry).shipment
        assert number is not None
        found = self.journal.shipment(number)
        assert found is not None
        return found

    def directory_of_kiosks(self) -> list[KioskKey]:
        return [] if self.kiosk_is_banned else [self.kiosk]

    def crash(self) -> None:
        """The process is gone and comes back; what it had in memory is not."""
        self.journal.close()
        self.build()

    def with_policy(self, **changes: Any) -> None:
        """Come back with another configuration."""
        self.policy = replace(self.policy, **changes)
        self.crash()

    def receive(
        self, person: Person, act: Act, data: bytes | None = None, *, on_ledger: bool = False
    ) -> Entry:
        return self.admit(person.message(act, self.ground.domain, data, on_ledger=on_ledger))

    def admit(self, message: KioskMessage) -> Entry:
        payload = message.sign(self.kiosk.key)
        return self.journal.admit(arrival_of(self.kiosk.kid, message, payload, self.ground.domain))[0]

    def now(self, entry: Entry) -> Entry:
        found = self.journal.find(entry.digest)
        assert found is not None
        return found

    def receipt(self, entry: Entry) -> Receipt:
        found = self.now(entry).receipt
        assert found is not None
        return Receipt.verify(found, self.gateway_key.public_key())

    def events(self, name: str, person: Person) -> int:
        topics = [[event_topic(name)], [person.address.rjust(32, b"\0")]]
        return len(self.client.logs(self.registry.contract, 0, self.client.block_number(), topics))

    def relay_all(self, *acts: tuple[Person, Act] | tuple[Person, Act, bytes]) -> list[Entry]:
        entries = [self.receive(*act) for act in acts]
        assert self.relay.advance() is False
        return [self.now(entry) for entry in entries]
