"""Kiosk and gateway introduce themselves over a call by Bluetooth; a kiosk goes on with its own gateway."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts.errors import VerificationError
from contracts.gatt import Refusal, refusal_words
from contracts.introduction import KioskIntroduction, Sealed
from drivers.bluetooth.calling import Call
from drivers.bluetooth.errors import EndedError, GattError, LinkLostError

ANSWER_SECONDS = 15.0
"""Longest wait for a gateway's part of the introduction."""

FOR_THE_OPERATOR = frozenset({Refusal.UNKNOWN_PEER, Refusal.WRONG_VERSION})


class StrangerError(Exception):
    """A gateway was there, but it or we are not who the other takes us for."""


@dataclass(frozen=True)
class Identity:
    """Who this kiosk is, and whom it talks with.

    Attributes:
        device_key: the kiosk's.
        gateway_key: its gateway's.
        environment: name of the deployment.
    """

    device_key: Ed25519PrivateKey
    gateway_key: Ed25519PublicKey
    environment: str

    def introduction(self) -> KioskIntroduction:
        """The kiosk's side of a new introduction."""
        return KioskIntroduction(self.device_key, self.gateway_key, self.environment)


def introduce(call: Call, identity: Identity) -> Sealed:
    """Go through the introduction on a call that has just begun.

    Raises:
        StrangerError: the gateway is not ours, or does not know us.
        BluetoothError, ContractError: it came to nothing; the next time it may.
    """
    introduction = identity.introduction()
    try:
        call.send(introduction.hello())
        proof, sealed = introduction.hear(_due(call), _due(call))
        call.send(proof)
        sealed.hear_welcome(_due(call))
    except VerificationError as error:
        raise StrangerError(f"this is not the kiosk's gateway: {error}") from None
    except (GattError, EndedError) as error:
        words = f"the gateway refused this kiosk: {refusal_words(error.code)}"
        kind = StrangerError if error.code in FOR_THE_OPERATOR else LinkLostError
        raise kind(words) from None
    return sealed


def _due(call: Call) -> bytes:
    message = call.receive(ANSWER_SECONDS)
    if message is None:
        raise LinkLostError(f"the gateway did not answer in {ANSWER_SECONDS:.0f} s")
    return message
