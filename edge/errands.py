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
from edge.arguments import Arguments
from edge.errors import BadDataError, BusyError, RefusedError, UsageError
from edge.events import JsonObject, ReceiptCame, plain
from edge.identity.keyring import Policy, Position
from edge.journeys import fingers
from edge.journeys.asked import overview
from edge.journeys.consent import deny, grant
from edge.journeys.contest import contest
from edge.journeys.deactivate import deactivate
from edge.journeys.enrol import enrol
from edge.journeys.entrust import NOBODY, entrust
from edge.journeys.handing_in import SignedAct
from edge.journeys.history import history
from edge.journeys.pair import Terms, pair
from edge.journeys.recover import recover
from edge.journeys.renew import renew
from edge.journeys.rotate import rotate
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
            "renew": self._renew,
            "entrust": self._entrust,
            "rotate": self._rotate,
            "recover": self._recover,
            "contest": self._contest,
            "deactivate": self._deactivate,
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
        policy, named = _presses(arguments)
        return self._go(arguments, conversation, lambda visit: enrol(visit, named, policy))

    def _store(self, arguments: Arguments, conversation: Conversation) -> JsonObject:
        document = _document(arguments.text("document"))
        kind = _kind(arguments.text("kind"))
        subject = arguments.subject
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

    def _renew(self, arguments: Arguments, conversation: Conversation) -> JsonObject:
        request, until = arguments.text("request"), int(arguments.number("until"))
        return self._go(arguments, conversation, lambda visit: renew(visit, request, until))

    def _entrust(self, arguments: Arguments, conversation: Conversation) -> JsonObject:
        subject, guardian = arguments.subject, arguments.octets("guardian", ADDRESS_LENGTH)
        ways = guardian is not None, arguments.flag("paper"), arguments.flag("nobody")
        if sum(ways) != 1:
            raise UsageError("say whom: 'guardian', 'paper' or 'nobody'")
        named = NOBODY if ways[2] else guardian
        return self._go(arguments, conversation, lambda visit: entrust(visit, named, subject))

    def _rotate(self, arguments: Arguments, conversation: Conversation) -> JsonObject:
        named, subject = arguments.fingers or (Position.UNNAMED,), arguments.subject
        return self._go(arguments, conversation, lambda visit: rotate(visit, named, subject))

    def _recover(self, arguments: Arguments, conversation: Conversation) -> JsonObject:
        subject, code = from_hex(arguments.text("subject"), ADDRESS_LENGTH), arguments.text("code")
        policy, named = _presses(arguments)
        return self._go(arguments, conversation, lambda visit: recover(visit, subject, code, named, policy))

    def _contest(self, arguments: Arguments, conversation: Conversation) -> JsonObject:
        recovery, subject = arguments.octets("recovery", HASH_LENGTH), arguments.subject
        return self._go(arguments, conversation, lambda visit: contest(visit, recovery, subject))

    def _deactivate(self, arguments: Arguments, conversation: Conversation) -> JsonObject:
        subject = arguments.subject
        if not arguments.flag("for_good"):
            raise UsageError("this ends the identity and every consent that it gave; say so: 'for_good'")
        return self._go(arguments, conversation, lambda visit: deactivate(visit, subject))

    def _requests(self, arguments: Arguments, _: Conversation) -> JsonObject:
        arguments.finish()
        return {"requests": overview(self._desk)}

    def _fingers(self, arguments: Arguments, _: Conversation) -> JsonObject:
        arguments.finish()
        return {"people": fingers.overview(self._desk)}

    def _add_finger(self, arguments: Arguments, conversation: Conversation) -> JsonObject:
        named, subject = arguments.fingers or (Position.UNNAMED,), arguments.subject
        return self._at_home(arguments, conversation, lambda visit: fingers.add(visit, named, subject))

    def _remove_finger(self, arguments: Arguments, conversation: Conversation) -> JsonObject:
        number, subject = arguments.number("number"), arguments.subject
        return self._at_home(
            arguments, conversation, lambda visit: fingers.remove(visit, int(number), subject)
        )

    def _pair(self, arguments: Arguments, conversation: Conversation) -> JsonObject:
        carry, subject = arguments.flag("carry"), arguments.subject
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
        subject = arguments.subject
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
    public = ("subject", "record", "commitment", "request", "expiry", "guardian", "recovery", "new_key")
    about = {name: getattr(signed.act, name) for name in public if hasattr(signed.act, name)}
    return {"act": signed.name, "digest": signed.digest, **about, "seconds": visit.seconds}


def _presses(arguments: Arguments) -> tuple[Policy, tuple[Position, ...]]:
    """Policy and fingers of somebody whose fingers are to be bound."""
    policy = arguments.policy
    return policy, arguments.fingers or (Position.UNNAMED,) * policy.fingers


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
