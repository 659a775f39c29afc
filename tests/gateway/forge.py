"""Histories that no ledger would write: headers that fit, around events that need not."""

from dataclasses import dataclass, field, fields

import rlp
from eth_abi.abi import encode

from contracts.acts import Act, Request
from contracts.eip712 import Domain, environment_salt
from contracts.registry import EVENT_OF, PUBLISHED, RECOVERED, SKIPPED, event_topic
from gateway.audit.headers import bloom_bits
from gateway.audit.history import History, HistoryBlock, LoggedEvent
from gateway.ledger.answers import hash_of_header
from gateway.ledger.events import SHAPES
from gateway.ledger.signatures import with_recovery_id
from tests.gateway.actors import Person

START = 1_900_000_000
FAR = START + 10**6
FIRST = 5


def logged(name_of_topic: bytes, members: dict[str, object]) -> LoggedEvent:
    """An event as the contract writes it."""
    shape = SHAPES[name_of_topic]
    topics = tuple(encode([kind], [members[name]]) for name, kind in shape.indexed)
    data = encode([kind for _, kind in shape.plain], [members[name] for name, _ in shape.plain])
    return LoggedEvent((name_of_topic, *topics), data)


def topic_of(act: type[Act]) -> bytes:
    return event_topic(EVENT_OF[act])


@dataclass
class Forge:
    """Writes one event a block, ten seconds apart."""

    domain: Domain = field(default_factory=lambda: Domain(77, b"\xcc" * 20, "forged"))
    time: int = START
    number: int = FIRST
    parent: bytes = bytes(32)
    blocks: list[HistoryBlock] = field(default_factory=list)
    subject: bytes | None = None

    def act(
        self, signer: Person, act: Act, *, signed: Act | None = None, request: bytes | None = None
    ) -> None:
        """An act; `signed` is what the signature is really for, `request` the id that the event says."""
        really = signed or act
        digest = really.digest(self.domain)
        members: dict[str, object] = {member.name: getattr(act, member.name) for member in fields(act)}
        members["signature"] = with_recovery_id(digest, signer.sign(really, self.domain), signer.address)
        if isinstance(act, Request):
            members["request"] = request or act.hash_struct()
        self.event(logged(topic_of(type(act)), members))

    def publish(self, subject: bytes, record: bytes, data: bytes) -> None:
        self.event(logged(event_topic(PUBLISHED), {"subject": subject, "record": record, "object": data}))

    def recovered(self, subject: bytes, recovery: bytes) -> None:
        self.event(logged(event_topic(RECOVERED), {"subject": subject, "recovery": recovery}))

    def skipped(self, position: int, reason: bytes) -> None:
        self.event(logged(event_topic(SKIPPED), {"position": position, "reason": reason}))

    def event(self, *events: LoggedEvent, bloomed: tuple[LoggedEvent, ...] | None = None) -> None:
        """A block with these events, its filter made of `bloomed` if that is given."""
        bloom = 0
        for event in events if bloomed is None else bloomed:
            for entry in (self.domain.contract, *event.topics):
                bloom |= bloom_bits(entry)
        header = rlp.encode([
            self.parent, bytes(32), bytes(20), bytes(32), bytes(32), bytes(32), bloom.to_bytes(256, "big"),
            0, self.number, 30_000_000, 21_000, self.time, b"", bytes(32), bytes(8), 7,
        ])  # fmt: skip
        self.parent = hash_of_header(header)
        self.blocks.append(HistoryBlock(self.parent, header, events))
        self.number += 1
        self.time += 10

    def history(self, *, unbroken: bool = True) -> History:
        salt = environment_salt(self.domain.environment)
        return History(
            self.domain.chain_id, self.domain.contract, salt, self.subject, FIRST, unbroken,
            proven=False, blocks=tuple(self.blocks),
        )  # fmt: skip
