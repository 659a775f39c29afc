"""One phone that is here: its talk, and what can be asked of it."""

import threading
from collections.abc import Callable
from hashlib import sha256
from queue import Empty, Queue
from time import monotonic

from contracts.phone import (
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
from edge.phones.talk import Talk

ANSWER_SECONDS = 30.0
"""How long a phone may take to send or store a record: some KB at the pace of an old radio."""

PARCEL_SECONDS = 60.0
"""How long it may take to bring a message to the gateway, over whatever network it has."""

FINGER_SECONDS = 300.0
"""How long a pairing waits for the finger: three presses, and a person who reads first."""

LOOK_SECONDS = 0.25

REPLIES = (RecordLent, RecordAbsent, RecordKept, ParcelPosted, ParcelRefused, Remembered)
"""What a phone says when it was asked."""


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
        self._asking = threading.Lock()
        self._replies: Queue[PhoneMessage] = Queue(maxsize=4)

    @property
    def key(self) -> bytes:
        """Its long-term key, 32 bytes."""
        return self.talk.channel.remote_key

    def close(self) -> None:
        """End the talk."""
        self.talk.close()

    def replied(self, message: PhoneMessage) -> None:
        """Take a reply; one that nobody asked for is let go."""
        if self._asking.locked() and not self._replies.full():
            self._replies.put(message)

    def brought(self, cancelled: Callable[[], bool]) -> RecordLent | None:
        """The record that came with a phone in a pairing; None if it brought none, or does not say.

        Raises:
            DuplexClosedError: the phone has left.
            CancelledError: the person has.
        """
        reply = self._ask(RecordWanted(NOBODY), ANSWER_SECONDS, cancelled)
        return reply if isinstance(reply, RecordLent) else None

    def confirm(self, paired: Paired) -> None:
        """Tell the phone that the finger has confirmed the pairing; when this returns, it remembers it.

        Raises:
            RefusedError: it did not say so.
            DuplexClosedError: it has left.
        """
        self.subject = paired.subject
        if not isinstance(self._ask(paired, ANSWER_SECONDS, lambda: False), Remembered):
            raise RefusedError("the phone did not confirm that it remembers the pairing; begin anew")

    def decline(self, why: str) -> None:
        """Tell it that nothing came of it."""
        self.talk.send(Answer(False, why))

    def lend(self, subject: bytes, cancelled: Callable[[], bool]) -> bytes | None:
        """The sealed record that it carries of a person; None if it has none or does not answer.

        Raises:
            CancelledError: the person has left.
        """
        reply = self._ask(RecordWanted(subject), ANSWER_SECONDS, cancelled)
        return reply.sealed if isinstance(reply, RecordLent) and reply.subject == subject else None

    def hand_over(self, subject: bytes, sealed: bytes, cancelled: Callable[[], bool]) -> None:
        """Have it keep a person's sealed record; when this returns, the record is on its disk.

        Raises:
            RefusedError: it did not say so.
            CancelledError: the person has left.
        """
        reply = self._ask(RecordHanded(subject, sealed), ANSWER_SECONDS, cancelled)
        if reply != RecordKept(subject, sha256(sealed).digest()):
            raise RefusedError("the phone did not confirm that it has the record; the kiosk keeps it")

    def carry(self, message: bytes) -> str | None:
        """Have it bring a message to the gateway.

        Returns:
            None once the gateway has taken it, or else why not.

        Raises:
            DuplexClosedError: the phone has left meanwhile; nobody knows whether the message arrived.
        """
        parcel = sha256(message).digest()
        match self._ask(Parcel(message), PARCEL_SECONDS, lambda: False):
            case ParcelPosted(parcel=posted) if posted == parcel:
                return None
            case ParcelRefused(parcel=refused, reason=reason) if refused == parcel:
                return reason or "the gateway refused"
        return "the phone did not say in time whether the gateway has it"

    def _ask(
        self, question: PhoneMessage, seconds: float, cancelled: Callable[[], bool]
    ) -> PhoneMessage | None:
        with self._asking:
            while not self._replies.empty():  # of a question that was given up
                self._replies.get()
            self.talk.send(question)
            end = monotonic() + seconds
            while monotonic() < end:
                try:
                    return self._replies.get(timeout=LOOK_SECONDS)
                except Empty:
                    if cancelled():
                        raise CancelledError("cancelled; nothing was signed") from None
                    if self.talk.closed:
                        raise DuplexClosedError("the phone has left") from None
        return None
