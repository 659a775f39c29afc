"""How a phone and a kiosk come to know each other, and how they recognise each other ever after. No I/O.

The kiosk shows a QR code: its long-term key, a secret that is good once, and a time after which it is good
for nothing. So the two trust each other through what the person's camera saw, and Bluetooth's own pairing is
trusted with nothing. The handshakes are those of `contracts.noise`:

    phone                                        kiosk
      |   hello   e, es under the QR's secret  -->  |   without the secret nobody gets an answer
      |  <-- reply     e, ee; a commitment          |   to the kiosk's nonce
      |   finish  s, se; the phone's name      -->  |   both hold the other's key; the code is used up
      |  <-- data      the nonce                    |   now both know the six digits

    later sessions
      |   hello   e, es, s, ss                 -->  |   the kiosk looks the phone's key up, or refuses
      |  <-- reply     e, ee, se                    |
      |   data  <->  data ...                       |   fresh keys; each message under the next number

What follows from it: who reads or alters everything on the air learns and changes nothing; who later steals
both long-term keys cannot read what was recorded (fresh ephemeral keys); a recorded hello that is sent again
gets an answer that the sender cannot use; a message that is repeated, left out or moved ends the session; a
phone whose key was struck from the list is a stranger. Who photographs the code and is quicker than they are
shows in the six digits, which must be on both screens before the person puts the finger down. The person's
phone shows none until the kiosk has said, under the keys of that handshake, that it took this phone and no
other; and nobody can choose them (`contracts.pairing.number`).
"""

from contracts.pairing.channel import Channel
from contracts.pairing.frames import (
    MAX_DATA,
    MAX_FRAME,
    MAX_HANDSHAKE,
    FrameKind,
    decode_frame,
    encode_frame,
    refusal,
    refusal_for,
)
from contracts.pairing.introductions import MAX_LABEL, KioskPairing, PhonePairing
from contracts.pairing.offer import MAX_OFFER_TEXT, OFFER_SECONDS, Offer
from contracts.pairing.refusals import OfferOverError, Refusal, RefusedByKioskError, StrangerError
from contracts.pairing.sessions import PhoneSession, kiosk_session

__all__ = [
    "MAX_DATA",
    "MAX_FRAME",
    "MAX_HANDSHAKE",
    "MAX_LABEL",
    "MAX_OFFER_TEXT",
    "OFFER_SECONDS",
    "Channel",
    "FrameKind",
    "KioskPairing",
    "Offer",
    "OfferOverError",
    "PhonePairing",
    "PhoneSession",
    "Refusal",
    "RefusedByKioskError",
    "StrangerError",
    "decode_frame",
    "encode_frame",
    "kiosk_session",
    "refusal",
    "refusal_for",
]
