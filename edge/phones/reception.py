"""Lets phones in: the handshake, then the talk, each phone on the thread that brought it."""

import logging
from hashlib import sha256
from time import monotonic

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.cose import kid_of
from contracts.errors import ContractError
from contracts.messages import SignedRequest
from contracts.pairing import (
    FrameKind,
    KioskPairing,
    Refusal,
    decode_frame,
    kiosk_session,
    refusal,
    refusal_for,
)
from contracts.phone import (
    FROM_PHONE,
    Answer,
    CaughtUp,
    Delivery,
    Farewell,
    Follow,
    PhoneMessage,
    ReadyToCarry,
    WithdrawalWish,
)
from edge.errors import StateError
from edge.journeys.standing import Standing, standing
from edge.journeys.visit import Desk
from edge.journeys.withdraw import WITHDRAWABLE
from edge.links.link import Hear
from edge.phones.duplex import Duplex, DuplexClosedError
from edge.phones.guest import FINGER_SECONDS, REPLIES, Guest
from edge.phones.news import news
from edge.phones.room import Arrival
from edge.phones.talk import Talk
from edge.state import phones, requests

log = logging.getLogger(__name__)

GREETING_SECONDS = 15.0
"""Time for each message of a handshake, and for a session's first sealed one."""

NEWS_SECONDS = 1.0
"""Between two looks for something new to tell."""

MAX_GUESTS = 16
"""Phones at a time."""


class _LeavingError(Exception):
    """The phone has said goodbye."""


class Reception:
    """The kiosk's side of every phone.

    Args:
        desk: the kiosk's parts, with the room.
        kiosk_key: the kiosk's long-term key for phones.
        hear: takes what a phone brings from the gateway.
    """

    def __init__(self, desk: Desk, kiosk_key: X25519PrivateKey, hear: Hear) -> None:
        self._desk = desk
        self._kiosk_id = kid_of(desk.device_key.public_key())
        self._kiosk_key = kiosk_key
        self._hear = hear

    def arrived(self, duplex: Duplex) -> None:
        """A phone has connected; returns when it has left."""
        try:
            guest = self._let_in(duplex)
            if guest is not None:
                self._attend(duplex, guest)
        except DuplexClosedError as error:
            log.info("%s", error)
        except StateError as error:
            log.warning("a phone was sent away: %s", error)
        finally:
            duplex.close()

    def _let_in(self, duplex: Duplex) -> Guest | None:
        """The handshake; a phone that fails in it is told why, and nothing here has changed."""
        hello = duplex.receive(GREETING_SECONDS)
        if hello is None:
            return None
        kind = None
        try:
            kind, _ = decode_frame(hello)
            if len(self._desk.room.guests()) >= MAX_GUESTS:
                duplex.send(refusal(Refusal.BUSY))
                return None
            if kind is FrameKind.PAIRING_HELLO:
                return self._pair(duplex, hello)
            return self._recognise(duplex, hello)
        except ContractError as error:
            log.info("a phone was refused: %s", error)
            duplex.send(refusal(refusal_for(error, kind)))
            return None

    def _pair(self, duplex: Duplex, hello: bytes) -> Guest | None:
        showing = self._desk.room.shown()
        pairing = KioskPairing(showing.offer, self._kiosk_key, self._desk.now())
        duplex.send(pairing.reply(hello))
        finish = duplex.receive(GREETING_SECONDS)
        if finish is None:
            return None
        label, channel = pairing.finish(finish)
        showing.use_up(self._desk.now())
        duplex.know()
        guest = Guest(Talk(duplex, channel, FROM_PHONE), label, None)
        frame, number = pairing.reveal(channel)
        try:
            duplex.send(frame)
        finally:  # gone or not, the code is used: the person waits for no other phone
            showing.arrive(Arrival(guest, number))
        return guest

    def _recognise(self, duplex: Duplex, hello: bytes) -> Guest | None:
        database = self._desk.database
        reply, channel = kiosk_session(
            hello, self._kiosk_id, self._kiosk_key, lambda key: phones.find(database, key) is not None
        )
        phone = phones.find(database, channel.remote_key)
        if phone is None:  # revoked this very moment
            return None
        duplex.send(reply)
        return Guest(Talk(duplex, channel, FROM_PHONE), phone.label, phone.subject)

    def _attend(self, duplex: Duplex, guest: Guest) -> None:
        """Talk until the phone leaves.

        It is known, and in the room, once its first message has opened: before that, the hello may be a
        repeated one. Who sends no such message leaves soon, and one that is nobody's when no finger has said
        whose it is: there are few places.
        """
        told: dict[bytes, bytes] | None = None
        inside = guest.subject is None
        leaves_at = monotonic() + (FINGER_SECONDS if inside else GREETING_SECONDS)
        if inside:
            self._desk.room.enter(guest)
        try:
            while (inside and guest.subject is not None) or monotonic() < leaves_at:
                message = guest.talk.receive(NEWS_SECONDS)
                if message is not None and not inside:
                    inside = True
                    duplex.know()
                    self._desk.room.enter(guest)
                if isinstance(message, Follow):
                    told = {} if told is None else told
                    self._tell(guest, told)
                    guest.talk.send(CaughtUp())
                elif message is not None:
                    self._take(guest, message)
                elif told is not None:
                    self._tell(guest, told)
        except _LeavingError:
            pass
        finally:
            guest.close()
            self._desk.room.leave(guest)

    def _tell(self, guest: Guest, told: dict[bytes, bytes]) -> None:
        """Tell what the phone has not heard yet, or has heard otherwise."""
        if guest.subject is None:
            return
        for name, message in news(self._desk, guest.subject):
            digest = sha256(message.encode()).digest()
            if told.get(name) != digest:
                guest.talk.send(message)
                told[name] = digest

    def _take(self, guest: Guest, message: PhoneMessage) -> None:
        if isinstance(message, REPLIES):
            guest.replied(message)
        elif guest.subject is None:
            guest.talk.send(Answer(False, "this pairing still waits for the finger"))
        elif isinstance(message, WithdrawalWish):
            guest.talk.send(self._wish(guest.subject, message))
        elif isinstance(message, ReadyToCarry):
            guest.carries = True
            self._desk.room.changed()
        elif isinstance(message, Delivery):
            self._deliver(message)
        elif isinstance(message, Farewell):
            phones.remove(self._desk.database, guest.key)
            log.info("phone %r has asked to be forgotten", guest.label)
            raise _LeavingError

    def _deliver(self, message: Delivery) -> None:
        try:
            self._hear(message.message)
        except StateError as error:  # the gateway still has it, and the outbox asks again
            log.warning("%s", error)

    def _wish(self, subject: bytes, wish: WithdrawalWish) -> Answer:
        """Note a withdrawal that is to be completed with the finger, or say why that cannot be."""
        desk = self._desk
        try:
            signed = SignedRequest.decode(wish.signed_request)
            signed.check(desk.domain)
        except ContractError as error:
            return Answer(False, str(error)[:200])
        request = signed.request
        if request.subject != subject:
            return Answer(False, "this is not a request to the person whose phone this is")
        now = standing(desk.outbox, request, desk.now())
        # A consent that was given at another kiosk stands as open here; the contract knows better.
        if now not in WITHDRAWABLE and now is not Standing.OPEN:
            return Answer(False, f"this request is {now.value}; only a granted one can be withdrawn")
        requests.add(desk.database, request.hash_struct(), signed, desk.now())
        desk.room.wish(request)
        return Answer(True, "now put your finger on the kiosk")
