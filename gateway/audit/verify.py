"""The whole check of a history: headers, then every event in them, then that none is missing. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from contracts.acts import Request
from contracts.eip712 import environment_salt
from contracts.registry import ConsentState
from gateway.audit import headers
from gateway.audit.headers import BadHeaderError, Header
from gateway.audit.history import History, HistoryBlock, LoggedEvent
from gateway.audit.receipts import BadReceiptError, events_in, root_of
from gateway.audit.replay import Replay
from gateway.ledger.answers import Log
from gateway.ledger.events import (
    SHAPES,
    ActEvent,
    Event,
    PublishedEvent,
    RecoveredEvent,
    SkippedEvent,
    UndecodableEventError,
    decode,
)
from gateway.ledger.registry import separator

PROGRESS_EVERY = 20
"""Blocks; a full one takes some milliseconds."""


@dataclass(frozen=True, slots=True)
class AuditedEvent:
    """An event, when it was, and what does not hold about it; `event` is None if it cannot even be read."""

    event: Event | None
    block: int
    time: int
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of an audit.

    Attributes:
        events: everything that happened, in order.
        findings: what does not hold about the history as a whole, and about each event, as lines for people.
        states: request id -> how it stood at the end, and until when.
        links: how many blocks name their predecessor here as their parent.
        last: number of the last block looked at, None if there is none.
        last_hash: its hash, by which somebody with the same ledger can compare.
    """

    events: tuple[AuditedEvent, ...]
    findings: tuple[str, ...]
    states: dict[bytes, tuple[ConsentState, int]]
    links: int
    last: int | None
    last_hash: bytes | None

    @property
    def acts(self) -> int:
        """How many signed acts there were."""
        return sum(1 for audited in self.events if isinstance(audited.event, ActEvent))

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def verify(
    history: History, environment: str | None = None, progress: Callable[[int], None] | None = None
) -> Report:
    """Check a history.

    Args:
        history: What the ledger says, or said when it was exported.
        environment: Name of the deployment that it must be of; None accepts any.
        progress: Called with the number of blocks done, now and then.

    Raises:
        AuditError, LedgerError: its blocks cannot be had to the end; see `fetch` and `load`.
    """
    audit = _Audit(history)
    if environment is not None and environment_salt(environment) != history.salt:
        audit.findings.append(f"the contract was deployed for another environment than {environment!r}")
    for done, block in enumerate(history.blocks, start=1):
        audit.take(block)
        if progress is not None and done % PROGRESS_EVERY == 0:
            progress(done)
    return audit.report()


class _Audit:
    """An audit under way."""

    def __init__(self, history: History) -> None:
        self.findings: list[str] = []
        self._history = history
        self._replay = Replay(separator(history.chain_id, history.contract, history.salt))
        self._events: list[AuditedEvent] = []
        self._previous: Header | None = None
        self._links = 0
        self._topics = tuple(SHAPES)
        self._subject = None if history.subject is None else history.subject.rjust(32, b"\0")
        self._about = headers.about(history.contract, history.subject)

    def take(self, block: HistoryBlock) -> None:
        """Check the next block."""
        try:
            header = headers.decode(block.header)
        except BadHeaderError as error:
            self.findings.append(f"block 0x{block.hash.hex()}: {error}")
            return
        self._take_header(header, block)
        for event in self._proven(header, block) if self._history.proven else self._told(header, block):
            self._take_event(event, header)

    def _proven(self, header: Header, block: HistoryBlock) -> Iterator[LoggedEvent]:
        """The events in the receipts of a block, which its header proves to be all."""
        if (block.receipts is None) is headers.may_hold(header.bloom, self._about):
            is_missing = "are missing here" if block.receipts is None else "do not belong here"
            self.findings.append(f"the receipts of block {header.number} {is_missing}")
        if block.receipts is None:
            return
        if root_of(block.receipts) != header.receipts:
            self.findings.append(f"the receipts of block {header.number} are not those of its header")
        try:
            events = [e for receipt in block.receipts for e in events_in(receipt, self._history.contract)]
        except BadReceiptError as error:
            self.findings.append(f"block {header.number}: {error}")
            return
        # Others' events stand in the same receipts.
        yield from (event for event in events if self._subject is None or self._subject in event.topics[1:])

    def _told(self, header: Header, block: HistoryBlock) -> Iterator[LoggedEvent]:
        """The events of a block by the word of the ledger, as far as its header speaks against that."""
        yield from block.events
        if not block.events and headers.hides(
            header.bloom, self._history.contract, self._topics, self._subject
        ):
            self.findings.append(f"block {header.number} holds an event of the contract that is missing here")

    def _take_header(self, header: Header, block: HistoryBlock) -> None:
        if header.hash != block.hash:
            self.findings.append(f"block {header.number} does not hash to what the ledger calls it")
        if self._previous is None:
            if self._history.unbroken and header.number != self._history.first:
                self.findings.append(f"it begins with block {header.number}, not {self._history.first}")
        else:
            wrong = headers.follows(header, self._previous)
            if wrong is not None:
                self.findings.append(wrong)
            elif header.parent == self._previous.hash:
                self._links += 1
            elif self._history.unbroken:
                gap = f"{self._previous.number} and {header.number}"
                self.findings.append(f"the blocks between {gap} are missing here")
        self._previous = header

    def _take_event(self, logged: LoggedEvent, header: Header) -> None:
        place = Log(
            self._history.contract, logged.topics, logged.data, header.number, header.hash, bytes(32), 0
        )
        event, findings = None, [] if self._history.proven else list(self._absent(logged, header))
        try:
            event = decode(place)
        except UndecodableEventError as error:
            findings.append(f"an event that cannot be read: {error}")
        else:
            findings += self._replay.apply(event, header.timestamp)
            findings += self._about_another(event)
        self._events.append(AuditedEvent(event, header.number, header.timestamp, tuple(findings)))
        name = "event" if event is None else name_of(event)
        self.findings += [f"block {header.number}, {name}: {finding}" for finding in findings]

    def _absent(self, logged: LoggedEvent, header: Header) -> Iterator[str]:
        """A block's filter never misses what is in the block."""
        entries = (self._history.contract, *logged.topics)
        if not all(headers.is_in(header.bloom, entry) for entry in entries):
            yield "the block's header says that it holds no such event"

    def _about_another(self, event: Event) -> Iterator[str]:
        subject = subject_of(event)
        if self._history.subject is not None and subject != self._history.subject:
            yield "it is about another person than was asked for"

    def report(self) -> Report:
        """The outcome."""
        return Report(
            events=tuple(self._events),
            findings=tuple(self.findings),
            states={request: (c.state, c.expiry) for request, c in self._replay.consents.items()},
            links=self._links,
            last=None if self._previous is None else self._previous.number,
            last_hash=None if self._previous is None else self._previous.hash,
        )


def subject_of(event: Event) -> bytes | None:
    """The person whom an event is about; None if it is about nobody, as a refused call in a batch."""
    match event:
        case ActEvent():
            return event.act.subject
        case SkippedEvent():
            return None
    return event.subject


def name_of(event: Event) -> str:
    """The act of an event, as people call it."""
    match event:
        case ActEvent():
            return type(event.act).__name__.lower()
        case PublishedEvent():
            return "publish"
        case RecoveredEvent():
            return "recovered"
        case SkippedEvent():
            return "skipped"


def request_of(event: Event) -> bytes | None:
    """Id of the request that an event is about, if it is about one."""
    if not isinstance(event, ActEvent):
        return None
    if isinstance(event.act, Request):
        return event.act.hash_struct()
    return getattr(event.act, "request", None)
