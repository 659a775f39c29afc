"""Recoveries beside the relay's parts, and what kiosks hear of them."""

from dataclasses import dataclass, field

from contracts.acts import Recover
from contracts.messages import IdentityNotice
from gateway.recoveries import Recoveries
from tests.gateway.actors import Person
from tests.gateway.bench import ENVIRONMENT, Bench


@dataclass
class Watch:
    """What looks after identities, on a bench."""

    bench: Bench
    heard: list[tuple[str, IdentityNotice]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.build()
        self.recoveries.look()  # from here on

    def build(self) -> None:
        """Anew, as after a crash."""
        bench = self.bench
        self.recoveries = Recoveries(
            bench.journal,
            bench.registry,
            ENVIRONMENT,
            bench.gateway_key,
            bench.policy.confirmations,
            self._hear,
            bench.relay.signing.want,
        )

    def look(self) -> list[tuple[str, IdentityNotice]]:
        """What is heard of it."""
        self.heard.clear()
        self.recoveries.look()
        return list(self.heard)

    def begun(self, person: Person, guardian: Person, heir: Person) -> Recover:
        """A recovery that is on the ledger."""
        self.bench.receive(person, person.enrol())
        self.bench.relay.advance()
        self.bench.receive(person, person.entrust(guardian))
        self.bench.relay.advance()
        act = person.recover(heir)
        self.bench.receive(guardian, act)
        self.bench.relay.advance()
        assert self.bench.registry.recovery_of(person.address) is not None
        return act

    def _hear(self, kiosk_id: str, message: bytes) -> None:
        self.heard.append((kiosk_id, IdentityNotice.verify(message, self.bench.gateway_key.public_key())))
