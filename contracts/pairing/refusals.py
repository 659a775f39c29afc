"""Why a kiosk does not talk with a phone, in words for the person who holds it."""

from enum import IntEnum

from contracts.errors import VerificationError


class Refusal(IntEnum):
    """Why a kiosk ends the talk before the phone is known; not authenticated, so nothing may hang on it."""

    NO_OFFER = 1
    WRONG_CODE = 2
    NOT_PAIRED = 3
    NOT_UNDERSTOOD = 4
    BUSY = 5

    @property
    def words(self) -> str:
        """Its name, as the documents have it."""
        return self.name.lower().replace("_", " ")

    @property
    def sentence(self) -> str:
        """For the person with the phone."""
        return _SENTENCES[self]


_SENTENCES = {
    Refusal.NO_OFFER: (
        "the kiosk shows no code now: it was used, or two minutes are over;"
        " give it no finger, and ask for a new code"
    ),
    Refusal.WRONG_CODE: "this is not the code that the kiosk shows; scan it again",
    Refusal.NOT_PAIRED: "the kiosk does not know this phone any more; pair it again",
    Refusal.NOT_UNDERSTOOD: "the kiosk does not understand this phone; update the older of the two",
    Refusal.BUSY: "the kiosk talks with as many phones as it can; try again in a minute",
}


class RefusedByKioskError(VerificationError):
    """The other end refused; nobody vouches for who said so.

    Attributes:
        refusal: what it said.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.sentence)
        self.refusal = refusal


class StrangerError(VerificationError):
    """A genuine handshake by a phone that is not, or no longer, on the list."""


class OfferOverError(VerificationError):
    """The code was used, or its time is over."""
