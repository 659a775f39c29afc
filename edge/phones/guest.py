"""One phone that is here: its talk, and what can be asked of it."""

import threading
from collections.abc import Callable
from hashlib import sha256
from queue import Empty, Queue
from time import monotonic

from contracts.labels import clean
from contracts.phone import (
    MAX_TEXT,
    NOBODY,
    Answer,
    Paired,
    Parcel,
    ParcelPosted,
    ParcelRefused,
    PhoneMessage,
    RecordAbsent,
    RecordHanded,
    RecordKept,
    RecordLent,
    RecordWanted,
    Remembered,
)
from edge.errors import CancelledError, RefusedError
from edge.phones.duplex import DuplexClosedError
from edge.phones.talk import LOOK_SECONDS, Talk

ANSWER_SECONDS = 30.0
"""How long a phone may take to send or store a record: some KB at the pace of an old radio."""

PARCEL_SECONDS = 60.0
"""How long it may take to bring a message to the gateway, over whatever network it has."""

FINGER_SECONDS = 300.0
"""How long a pairing waits for the finger: three presses, and a person who reads first."""

REPLIES = (RecordLent, RecordAbsent, RecordKept, ParcelPosted, ParcelRefused, Remembered)
"""What a phone says when it was asked."""


class _Question:
    """Something that the phone was asked; any number may be open, so that none waits for another's answer.

    Args:
        answers: whether a reply is one to this question; others may be late ones, to one that was given up.
    """

    def __init__(self, answers: Callable[[PhoneMessage], bool]) -> None:
        self.answers = answers
        self.reply: Queue[PhoneMessage] = Queue(maxsize=1)


class Guest:
    """A phone in the room. Its own thread receives (`edge.phones.reception`); any other may ask it.

    Attributes:
        label: its name, cleaned.
        subject: whose it is; None while a pairing waits for the finger.
        carries: whether it has offered to carry messages to the gateway.
    """

    def __init__(self, talk: Talk, label: str, subject: bytes | None) -> None:
        self.talk = talk
        self.label = label
        self.subject = subject
        self.carries = False
        self._lock = threading.Lock()  # held for moments only
        self._open: list[_Question] = []

    @property
    def key(self) -> bytes:
        """Its long-term key, 32 bytes."""
        return self.talk.channel.remote_key

    def close(self) -> None:
        """End the talk."""
        self.talk.close()

    def replied(self, message: PhoneMessage) -> None:
        """Take a reply; one that answers no open question is let go."""
        with self._lock:
            for question in self._open:
                if question.answers(message) and question.reply.empty():
                    question.reply.put(message)
                    return

    def brought(self, cancelled: Callable[[], bool]) -> RecordLent | None:
        """The record that came with a phone in a pairing; None if it brought none, or does not say.

        Raises:
            DuplexClosedError: the phone has left.
            CancelledError: the person has.
        """
        question = _Question(lambda reply: isinstance(reply, RecordLent | RecordAbsent))
        reply = self._ask(RecordWanted(NOBODY), question, ANSWER_SECONDS, cancelled)
        return reply if isinstance(reply, RecordLent) else None

    def confirm(self, paired: Paired) -> None:
        """Tell the phone that the finger has confirmed the pairing; when this returns, it remembers it.

        Raises:
            RefusedError: it did not say so.
            DuplexClosedError: it has left.
        """
        self.subject = paired.subject
        question = _Question(lambda reply: isinstance(reply, Remembered))
        if self._ask(paired, question, ANSWER_SECONDS, lambda: False) is None:
            raise RefusedError("the phone did not confirm that it remembers the pairing; begin anew")

    def decline(self, why: str) -> None:
        """Tell it that nothing came of it."""
        self.talk.send(Answer(False, clean(why, MAX_TEXT)))

    def lend(self, subject: bytes, cancelled: Callable[[], bool]) -> bytes | None:
        """The sealed record that it carries of a person; None if it has none or does not answer.

        Raises:
            CancelledError: the person has left.
        """
        question = _Question(
            lambda reply: isinstance(reply, RecordLent | RecordAbsent) and reply.subject == subject
        )
        reply = self._ask(RecordWanted(subject), question, ANSWER_SECONDS, cancelled)
        return reply.sealed if isinstance(reply, RecordLent) else None

    def hand_over(self, subject: bytes, sealed: bytes, cancelled: Callable[[], bool]) -> None:
        """Have it keep a person's sealed record; when this returns, the record is on its disk.

        Raises:
            RefusedError: it did not say so.
            CancelledError: the person has left.
        """
        question = _Question(lambda reply: isinstance(reply, RecordKept) and reply.subject == subject)
        reply = self._ask(RecordHanded(subject, sealed), question, ANSWER_SECONDS, cancelled)
        if reply != RecordKept(subject, sha256(sealed).digest()):
            raise RefusedError("the phone did not confirm that it has the record")

    def carry(self, message: bytes) -> str | None:
        """Have it bring a message to the gateway.

        Returns:
            None once the gateway has taken it, or else why not.

        Raises:
            DuplexClosedError: the phone has left meanwhile; nobody knows whether the message arrived.
        """
        parcel = sha256(message).digest()
        question = _Question(
            lambda reply: isinstance(reply, ParcelPosted | ParcelRefused) and reply.parcel == parcel
        )
        match self._ask(Parcel(message), question, PARCEL_SECONDS, lambda: False):
            case ParcelPosted():
                return None
            case ParcelRefused(reason=reason):
                return reason or "the gateway refused"
        return "the phone did not say in time whether the gateway has it"

    def _ask(
        self, message: PhoneMessage, question: _Question, seconds: float, cancelled: Callable[[], bool]
    ) -> PhoneMessage | None:
        """Its answer; None if none comes within `seconds` of the question."""
        with self._lock:
            self._open.append(question)
        try:
            self.talk.send(message, cancelled)
            return self._answer(question, monotonic() + seconds, cancelled)
        finally:
            with self._lock:
                self._open.remove(question)

    def _answer(self, question: _Question, end: float, cancelled: Callable[[], bool]) -> PhoneMessage | None:
        while monotonic() < end:
            try:
                return question.reply.get(timeout=LOOK_SECONDS)
            except Empty:
                if cancelled():
                    raise CancelledError("cancelled; nothing was signed") from None
                if self.talk.closed:
                    raise DuplexClosedError("the phone has left") from None
        return None
