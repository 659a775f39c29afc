"""A kiosk's message taken apart without any check, to be thrown straight at the contract.

This is what a dishonest gateway could do. That the contract still refuses what the person did not sign is the
point of `ridgekey ledger submit`.
"""

from dataclasses import dataclass

from contracts import cbor
from contracts.acts import Act, Grant, act_from_map
from contracts.errors import ContractError, MalformedError
from contracts.keccak import keccak256
from contracts.messages import MAX_KIOSK_MESSAGE
from gateway.ledger.account import Relayer
from gateway.ledger.answers import TransactionReceipt
from gateway.ledger.errors import BadMessageError, RevertedError
from gateway.ledger.registry import Registry
from gateway.ledger.signatures import with_recovery_id

OVERHEAD = 1024
"""Bytes of the COSE envelope around the payload, with room to spare."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a message asks of the contract: the act, and the 64-byte signature of the person."""

    act: Act
    signature: bytes


def read(message: bytes) -> Submission:
    """The act and the signature in a COSE message; neither the kiosk's signature nor the person's is checked.

    Raises:
        BadMessageError: these bytes are no message of a kiosk.
    """
    try:
        match cbor.decode(message, MAX_KIOSK_MESSAGE + OVERHEAD, "a signed message"):
            case [bytes(), {}, bytes(payload), bytes()]:
                fields = cbor.decode(payload, MAX_KIOSK_MESSAGE, "a kiosk message")
            case _:
                raise MalformedError("it is not a COSE_Sign1 with an attached payload")
        match fields:
            case {2: act, 3: bytes(signature)}:
                return Submission(act_from_map(act), signature)
            case _:
                raise MalformedError("it carries no act with a signature")
    except ContractError as error:
        raise BadMessageError(f"this is no message of a kiosk: {error}") from error


def submit(registry: Registry, relayer: Relayer, submission: Submission) -> TransactionReceipt:
    """Bring an act to the contract, whatever it is worth.

    Raises:
        RevertedError: the contract refuses.
        LedgerError: the ledger cannot be asked.
    """
    act = submission.act
    separator = registry.domain_separator()
    digest = keccak256(b"\x19\x01" + separator + act.hash_struct())
    signature = with_recovery_id(digest, submission.signature, registry.signer_of(act))
    request = registry.request(act.request) if isinstance(act, Grant) else None
    if isinstance(act, Grant) and request is None:
        raise RevertedError(
            "not requested", "the contract has no such request, so it would refuse this grant"
        )
    return registry.submit(relayer, registry.encode_act(act, signature, request))
