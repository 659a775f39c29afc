"""The phone's side of a talk: what it does with each thing that a kiosk says."""

from hashlib import sha256
from typing import Protocol, TypeVar

from contracts.errors import ContractError
from contracts.labels import clean
from contracts.messages import Receipt, SignedRequest
from contracts.pairing import PhoneSession
from contracts.phone import (
    FROM_KIOSK,
    MAX_TEXT,
    Answer,
    CaughtUp,
    Delivery,
    Farewell,
    Follow,
    News,
    Parcel,
    ParcelPosted,
    ParcelRefused,
    PhoneMessage,
    ReadyToCarry,
    ReceiptCopy,
    RecordAbsent,
    RecordHanded,
    RecordKept,
    RecordLent,
    RecordWanted,
    WithdrawalWish,
)
from edge.errors import BadDataError, RefusedError, UnavailableError
from edge.phone.happening import Happened, Tell, receipt_json, request_json
from edge.phone.state import HeardRequest, HeldReceipt, Kiosk, PhoneState
from edge.phones.duplex import Duplex
from edge.phones.talk import Talk

ANSWER_SECONDS = 30.0
"""How long a kiosk may take to answer."""

Message = TypeVar("Message", bound=PhoneMessage)


class Carrier(Protocol):
    """The phone's own way to the gateway."""

    def post(self, message: bytes) -> None:
        """Bring a message.

        Raises:
            UnavailableError, RefusedError: the gateway has not taken it.
        """

    def receipt(self) -> bytes | None:
        """A receipt that is there now for what was brought; it asks for one at most."""


class Companion:
    """A phone in a talk with a kiosk that it is paired with."""

    def __init__(
        self, talk: Talk, kiosk: Kiosk, state: PhoneState, tell: Tell, carrier: Carrier | None = None
    ) -> None:
        """Prepare.

        Args:
            talk: the session.
            kiosk: whom it is with.
            state: the phone's memory.
            tell: told of everything that happens.
            carrier: brings messages to the gateway; None for a phone that carries none.
        """
        self._talk = talk
        self._kiosk = kiosk
        self._state = state
        self._tell = tell
        self._carrier = carrier
        self._more = False

    @classmethod
    def connect(
        cls, duplex: Duplex, kiosk: Kiosk, state: PhoneState, tell: Tell, carrier: Carrier | None = None
    ) -> "Companion":
        """Begin a session.

        Raises:
            ContractError: the kiosk refuses, or is another one.
            UnavailableError: it does not answer.
        """
        session = PhoneSession(kiosk.kiosk_id, kiosk.kiosk_key, kiosk.phone_key)
        duplex.send(session.hello())
        channel = session.finish(due(duplex))
        return cls(Talk(duplex, channel, FROM_KIOSK), kiosk, state, tell, carrier)

    def catch_up(self) -> None:
        """Hear all requests and receipts that are new.

        Raises:
            UnavailableError: the kiosk does not answer, or is gone.
        """
        self._talk.send(Follow())
        self._await(CaughtUp)

    def withdraw(self, heard: HeardRequest) -> str:
        """Start a withdrawal; what the person is to do next.

        Raises:
            RefusedError: the kiosk says why not.
            UnavailableError: it does not answer, or is gone.
        """
        self._talk.send(WithdrawalWish(heard.signed.encode()))
        answer = self._await(Answer)
        if not answer.taken:
            raise RefusedError(answer.text)
        return answer.text

    def offer_to_carry(self) -> None:
        """Let the kiosk send its messages through this phone."""
        self._talk.send(ReadyToCarry())

    def say_farewell(self) -> None:
        """Have the kiosk forget this phone."""
        self._talk.send(Farewell())

    def attend(self, seconds: float) -> PhoneMessage | None:
        """Do what the kiosk asks next, if it asks anything within `seconds`; returns what it said.

        Raises:
            DuplexClosedError: it is gone.
        """
        message = self._talk.receive(0 if self._more else seconds)
        if message is not None:
            self._handle(message)
        if self._carrier is not None:
            self._bring_back(self._carrier)
        return message

    def _bring_back(self, carrier: Carrier) -> None:
        """One receipt at most: a kiosk that asks for the record meanwhile has a person before it."""
        receipt = carrier.receipt()
        self._more = receipt is not None  # the next is looked for at once
        if receipt is not None:
            self._talk.send(Delivery(receipt))
            self._tell(Happened("brought_back", {"receipt": sha256(receipt).digest()}))

    def close(self) -> None:
        """End the talk."""
        self._talk.close()

    def _await(self, kind: type[Message]) -> Message:
        while True:
            message = self._talk.receive(ANSWER_SECONDS)
            if message is None:
                raise UnavailableError("the kiosk does not answer; stay close to it and try again")
            if isinstance(message, kind):
                return message
            self._handle(message)

    def _handle(self, message: PhoneMessage) -> None:
        try:
            self._do(message)
        except (ContractError, BadDataError) as error:  # a kiosk that is mistaken, or not honest
            self._tell(Happened("ignored", {"reason": str(error)}))

    def _do(self, message: PhoneMessage) -> None:
        match message:
            case News():
                self._hear_request(message)
            case ReceiptCopy():
                self._hear_receipt(message)
            case RecordWanted(subject=subject):
                self._lend(subject)
            case RecordHanded(subject=subject, sealed=sealed):
                self._keep(subject, sealed)
            case Parcel(message=parcel):
                self._carry(parcel)

    def _hear_request(self, news: News) -> None:
        """Take the kiosk's word for what nobody has signed, and for nothing else."""
        signed = SignedRequest.decode(news.signed_request)
        signed.check(self._kiosk.domain)
        if signed.request.subject != self._kiosk.paired.subject:
            raise BadDataError("the kiosk told of another person's request")
        heard = HeardRequest(
            signed.request.hash_struct(),
            self._kiosk.number,
            signed,
            news.requester_name,
            news.kind,
            news.state,
        )
        if self._state.put_request(heard):
            self._tell(Happened("request", request_json(heard, self._kiosk)))

    def _hear_receipt(self, copy: ReceiptCopy) -> None:
        receipt = Receipt.verify(copy.receipt, self._kiosk.gateway_key)
        if receipt.environment != self._kiosk.paired.environment:
            raise BadDataError("the kiosk sent a receipt of another environment")
        held = HeldReceipt(receipt.digest, self._kiosk.number, copy.act_name, copy.about, copy.receipt)
        if self._state.put_receipt(held):
            self._tell(Happened("receipt", receipt_json(held, receipt, self._kiosk)))

    def _lend(self, subject: bytes) -> None:
        sealed = self._state.record(subject) if subject == self._kiosk.paired.subject else None
        self._talk.send(RecordAbsent(subject) if sealed is None else RecordLent(subject, sealed))
        if sealed is not None:
            self._tell(Happened("lent", {"subject": subject}))

    def _keep(self, subject: bytes, sealed: bytes) -> None:
        if subject != self._kiosk.paired.subject:
            return
        self._state.put_record(subject, sealed)
        self._talk.send(RecordKept(subject, sha256(sealed).digest()))
        self._tell(Happened("handed_over", {"subject": subject, "bytes": len(sealed)}))

    def _carry(self, parcel: bytes) -> None:
        digest = sha256(parcel).digest()
        reason = self._post(parcel)
        if reason is None:
            self._talk.send(ParcelPosted(digest))
            self._tell(Happened("carried", {"parcel": digest, "bytes": len(parcel)}))
        else:
            self._talk.send(ParcelRefused(digest, reason))
            self._tell(Happened("not_carried", {"parcel": digest, "reason": reason}))

    def _post(self, parcel: bytes) -> str | None:
        if self._carrier is None:
            return "this phone carries no messages now"
        try:
            self._carrier.post(parcel)
        except (UnavailableError, RefusedError) as error:
            return clean(str(error), MAX_TEXT)
        return None


def due(duplex: Duplex) -> bytes:
    """The kiosk's answer in a handshake.

    Raises:
        UnavailableError: it does not answer.
    """
    reply = duplex.receive(ANSWER_SECONDS)
    if reply is None:
        raise UnavailableError("the kiosk does not answer; stay close to it and try again")
    return reply
