"""What can be asked of the agent at its panel: each errand by its name, with its arguments checked."""

import base64
import binascii
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.acts import RecordKind
from contracts.hexes import ADDRESS_LENGTH, HASH_LENGTH, from_hex
from contracts.messages import Receipt, ReceiptStatus
from edge.errors import BadDataError, BusyError, RefusedError, UsageError
from edge.events import JsonObject, ReceiptCame, plain
from edge.identity.keyring import Policy, Position
from edge.journeys import fingers
from edge.journeys.asked import overview
from edge.journeys.consent import deny, grant
from edge.journeys.enrol import enrol
from edge.journeys.handing_in import SignedAct
from edge.journeys.history import history
from edge.journeys.pair import Terms, pair
from edge.journeys.store import store
from edge.journeys.telling import REJECTED
from edge.journeys.visit import Desk, Visit
from edge.journeys.withdraw import withdraw
from edge.links.entry import Entry
from edge.panel import DEFAULT_WAIT, Conversation
from edge.state import records, subjects

LONGEST_WAIT = 600.0
"""Seconds that a client may wait for a receipt; after that the message is simply still in the outbox."""

Journey = Callable[[Visit], SignedAct]


class Arguments:
    """The fields of a request at the panel, taken by name and type."""

    def __init__(self, fields: JsonObject) -> None:
        self._fields = dict(fields)

    def text(self, name: str) -> str:
        """A text that must be there."""
        value = self.optional_text(name)
        if not value:
            raise UsageError(f"{name!r} is missing")
        return value

    def optional_text(self, name: str) -> str | None:
        """A text, or None."""
        value = self._fields.pop(name, None)
        if value is not None and not isinstance(value, str):
            raise UsageError(f"{name!r} must be a text")
        return value

    def texts(self, name: str) -> list[str]:
        """A list of texts; empty if it is not there."""
        value = self._fields.pop(name, None) or []
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise UsageError(f"{name!r} must be a list of texts")
        return value

    def optional_number(self, name: str) -> float | None:
        """A number from 0 up, or None."""
        value = self._fields.pop(name, None)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 2**63:
            raise UsageError(f"{name!r} must be a number from 0 up")
        return value

    def number(self, name: str) -> float:
        """A number that must be there."""
        value = self.optional_number(name)
        if value is None:
            raise UsageError(f"{name!r} is missing")
        return value

    def flag(self, name: str) -> bool:
        """True or false; false where it is missing."""
        value = self._fields.pop(name, False)
        if not isinstance(value, bool):
            raise UsageError(f"{name!r} must be true or false")
        return value

    def finish(self) -> None:
        """Refuse what nobody took."""
        if self._fields:
            raise UsageError(f"unknown argument {next(iter(self._fields))!r}")


Errand = Callable[[Arguments, Conversation], JsonObject]
"""Does one thing that was asked for; returns what goes into the client's `done`."""


class Errands:
    """The agent's answers to its panel; one journey at a time, as there is one sensor."""

    def __init__(
        self,
        desk: Desk,
        gateway_key: Ed25519PublicKey,
        agent_status: Callable[[], JsonObject],
        more: Mapping[str, "Errand"] | None = None,
    ) -> None:
        """Prepare.

        Args:
            desk: the kiosk's parts.
            gateway_key: checks receipts.
            agent_status: the agent's part of `status`.
            more: errands of other rooms, by name.
        """
        self._desk = desk
        self._gateway_key = gateway_key
        self._agent_status = agent_status
        self._sensor_taken = threading.Lock()
        self._errands: dict[str, Errand] = {
            "enrol": self._enrol,
            "store": self._store,
            "requests": self._requests,
            "grant": self._grant,
            "deny": self._deny,
            "withdraw": self._withdraw,
            "fingers": self._fingers,
            "add-finger": self._add_finger,
            "remove-finger": self._remove_finger,
            "pair": self._pair,
            "status": self._status,
            "history": self._history,
            "export": self._export,
            **(more or {}),
        }

    @property
    def busy(self) -> bool:
        """Whether somebody is at the sensor."""
        return self._sensor_taken.locked()

    def handle(self, request: JsonObject, conversation: Conversation) -> JsonObject:
        """Run one errand; what it returns is the client's `done`."""
        arguments = Arguments(request)
        errand = self._errands.get(arguments.text("do"))
        if errand is None:
            raise UsageError(f"the kiosk can do: {', '.join(self._errands)}")
        return plain(errand(arguments, conversation))

    def _enrol(self, arguments: Arguments, conversation: Conversation) -> JsonObject:
        named = arguments.optional_text("policy")
        try:
            policy = Policy(named or Policy.ANY.value)
        except ValueError:
            raise UsageError(f"'policy' is one of: {', '.join(each.value for each in Policy)}") from None
        named_fingers = _fingers(arguments) or (Position.UNNAMED,) * policy.fingers
        return self._go(arguments, conversation, lambda visit: enrol(visit, named_fingers, policy))

    def _store(self, arguments: Arguments, conversation: Conversation) -> JsonObject:
        document = _document(arguments.text("document"))
        kind = _kind(arguments.text("kind"))
        subject = _subject(arguments)
        return self._go(arguments, conversation, lambda visit: store(visit, document, kind, subject))

    def _grant(self, arguments: Arguments, conversation: Conversation) -> JsonObject:
        request = arguments.text("request")
        until = arguments.optional_number("until")
        end = None if until is None else int(until)
        return self._go(arguments, conversation, lambda visit: grant(visit, request, end))

    def _deny(self, arguments: Arguments, conversation: Conversation) -> JsonObject:
        request = arguments.text("request")
        return self._go(arguments, conversation, lambda visit: deny(visit, request))

    def _withdraw(self, arguments: Arguments, conversation: Conversation) -> JsonObject:
        request = arguments.optional_text("request")
        return self._go(arguments, conversation, lambda visit: withdraw(visit, request))

    def _requests(self, arguments: Arguments, _: Conversation) -> JsonObject:
        arguments.finish()
        return {"requests": overview(self._desk)}

    def _fingers(self, arguments: Arguments, _: Conversation) -> JsonObject:
        arguments.finish()
        return {"people": fingers.overview(self._desk)}

    def _add_finger(self, arguments: Arguments, conversation: Conversation) -> JsonObject:
        named, subject = _fingers(arguments) or (Position.UNNAMED,), _subject(arguments)
        return self._at_home(arguments, conversation, lambda visit: fingers.add(visit, named, subject))

    def _remove_finger(self, arguments: Arguments, conversation: Conversation) -> JsonObject:
        number, subject = arguments.number("number"), _subject(arguments)
        return self._at_home(
            arguments, conversation, lambda visit: fingers.remove(visit, int(number), subject)
        )

    def _pair(self, arguments: Arguments, conversation: Conversation) -> JsonObject:
        carry, subject = arguments.flag("carry"), _subject(arguments)
        terms = Terms(self._gateway_key.public_bytes_raw(), self._desk.gateway_url)
        return self._at_home(
            arguments, conversation, lambda visit: pair(visit, terms, carry=carry, subject=subject).to_json()
        )

    def _at_home(
        self, arguments: Arguments, conversation: Conversation, journey: Callable[[Visit], JsonObject]
    ) -> JsonObject:
        """Run a journey that signs nothing and leaves all it does at this kiosk."""
        arguments.finish()
        with Visit(self._desk, conversation.report, conversation.cancelled) as visit, self._sensor():
            return journey(visit) | {"seconds": visit.seconds}

    def _status(self, arguments: Arguments, _: Conversation) -> JsonObject:
        arguments.finish()
        people = subjects.everyone(self._desk.database)
        stored = records.everything(self._desk.database)
        return self._agent_status() | {
            "waiting": self._desk.outbox.waiting(),
            "subjects": [person.address for person in people],
            "records": [{"record": each.record, "subject": each.subject} for each in stored],
        }

    def _history(self, arguments: Arguments, _: Conversation) -> JsonObject:
        subject = _subject(arguments)
        arguments.finish()
        return {"acts": history(self._desk, subject)}

    def _export(self, arguments: Arguments, _: Conversation) -> JsonObject:
        digest = from_hex(arguments.text("digest"), HASH_LENGTH)
        arguments.finish()
        message = self._desk.outbox.message(digest)
        return {"digest": digest, "act": self._desk.outbox.entry(digest).act.name.lower(), "message": message}

    def _go(self, arguments: Arguments, conversation: Conversation, journey: Journey) -> JsonObject:
        """Run a journey while nobody else does, then wait for its receipt while others may."""
        wait = arguments.optional_number("wait")
        arguments.finish()
        with Visit(self._desk, conversation.report, conversation.cancelled) as visit, self._sensor():
            signed = journey(visit)
        seconds = min(DEFAULT_WAIT if wait is None else wait, LONGEST_WAIT)
        entry = self._desk.outbox.wait_settled(signed.digest, seconds, conversation.cancelled)
        return _outcome(signed, visit) | self._delivery(entry, conversation)

    @contextmanager
    def _sensor(self) -> Iterator[None]:
        if not self._sensor_taken.acquire(blocking=False):
            raise BusyError("the kiosk is busy with another person's errand; try again when it is done")
        try:
            yield
        finally:
            self._sensor_taken.release()

    def _delivery(self, entry: Entry, conversation: Conversation) -> JsonObject:
        """How far the message has come; its receipt goes to the client, and a rejection is an error."""
        if entry.receipt is None:
            return {"state": "queued"}
        receipt = Receipt.verify(entry.receipt, self._gateway_key)
        state = receipt.status.name.lower()
        conversation.report(
            ReceiptCame(
                receipt.digest,
                state,
                receipt.transaction,
                receipt.block,
                receipt.reason,
                entry.settling_seconds,
            )
        )
        if receipt.status is ReceiptStatus.REJECTED:
            if not conversation.cancelled():
                self._desk.outbox.set_told(receipt.digest, REJECTED)
            raise RefusedError(f"the {entry.act.name.lower()} was rejected: {receipt.reason}")
        return {"state": state, "transaction": receipt.transaction, "block": receipt.block}


def _outcome(signed: SignedAct, visit: Visit) -> JsonObject:
    """What was signed, and how long each phase took."""
    public = ("subject", "record", "commitment", "request", "expiry")
    about = {name: getattr(signed.act, name) for name in public if hasattr(signed.act, name)}
    return {"act": signed.name, "digest": signed.digest, **about, "seconds": visit.seconds}


def _fingers(arguments: Arguments) -> tuple[Position, ...]:
    return tuple(Position.of(text) for text in arguments.texts("fingers"))


def _subject(arguments: Arguments) -> bytes | None:
    named = arguments.optional_text("subject")
    return from_hex(named, ADDRESS_LENGTH) if named else None


def _document(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise BadDataError("'document' must be base64") from None


def _kind(name: str) -> RecordKind:
    try:
        return RecordKind(name)
    except ValueError:
        raise UsageError(
            f"the kind of a record is one of: {', '.join(k.value for k in RecordKind)}"
        ) from None
