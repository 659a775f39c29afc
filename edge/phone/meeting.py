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
from edge.phones.guest import FINGER_SECONDS
from edge.phones.talk import Talk


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
    duplex.send(pairing.finish(due(duplex), label))
    channel, number = pairing.revealed(_taken(duplex))
    tell(Happened("number", {"number": number}))
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


def _taken(duplex: Duplex) -> bytes:
    """The frame by which the kiosk says that it took this phone.

    Raises:
        UnavailableError: it does not say so; then whatever digits it shows are somebody else's.
    """
    frame = duplex.receive(ANSWER_SECONDS)
    if frame is None:
        raise UnavailableError(
            "the kiosk did not say that it took this phone; if it shows digits, they are another phone's:"
            " give it no finger, and ask for a new code"
        )
    return frame
