"""The phone's side of a pairing: from the scanned code to a kiosk that it knows."""

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.pairing import Offer, PhonePairing
from contracts.phone import (
    FROM_KIOSK,
    NOBODY,
    Answer,
    Paired,
    RecordAbsent,
    RecordLent,
    RecordWanted,
    Remembered,
)
from edge.errors import RefusedError, UnavailableError
from edge.phone.companion import ANSWER_SECONDS, Companion, due
from edge.phone.happening import Happened, Tell
from edge.phone.state import PhoneState
from edge.phones.duplex import Duplex
from edge.phones.talk import Talk

FINGER_SECONDS = 300.0
"""How long a pairing waits for the finger: three presses, and a person who reads first."""


def pair(
    duplex: Duplex,
    offer: Offer,
    label: str,
    state: PhoneState,
    tell: Tell,
    *,
    now: float,
    bring: bytes | None = None,
) -> Companion:
    """Pair with the kiosk whose code was scanned; returns when the person's finger has confirmed it.

    Args:
        duplex: a connection to it.
        offer: the code.
        label: what the phone is to be called.
        state: the phone's memory.
        tell: told of the six digits, and of a record that is handed over.
        now: Unix time.
        bring: address of a person whose sealed record this phone carries and the kiosk needs.

    Raises:
        ContractError: the code is over, or the other end is not the kiosk that shows it.
        RefusedError: the kiosk says that nothing came of it.
        UnavailableError: it does not answer, or is gone.
    """
    phone_key = X25519PrivateKey.generate()
    pairing = PhonePairing(offer, phone_key, now)
    duplex.send(pairing.hello())
    frame, channel = pairing.finish(due(duplex), label)
    duplex.send(frame)
    tell(Happened("number", {"number": channel.number}))
    talk = Talk(duplex, channel, FROM_KIOSK)
    said = talk.receive(ANSWER_SECONDS)
    if isinstance(said, RecordWanted):
        sealed = None if bring is None else state.record(bring)
        talk.send(RecordAbsent(NOBODY) if bring is None or sealed is None else RecordLent(bring, sealed))
        said = talk.receive(FINGER_SECONDS)
    if isinstance(said, Answer):
        raise RefusedError(said.text)
    if not isinstance(said, Paired):
        raise UnavailableError("the kiosk did not say how the pairing ended; begin anew")
    kiosk = state.add_kiosk(offer.kiosk_id, offer.kiosk_key, phone_key, said)
    talk.send(Remembered())
    companion = Companion(talk, kiosk, state, tell)
    if said.record_follows:
        companion.attend(ANSWER_SECONDS)
    return companion
