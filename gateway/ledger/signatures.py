"""The 65th byte: which of a curve's points signed. Kiosks sign 64 bytes, the contract takes 65."""

from coincurve import PublicKey

from contracts.keccak import keccak256
from contracts.signing import HALF_ORDER, LEDGER_SIGNATURE_LENGTH, SIGNATURE_LENGTH

FIRST_V = 27
"""What ecrecover calls recovery id 0 (yellow paper, appendix F); 28 is 1."""


def recover(digest: bytes, signature: bytes) -> bytes | None:
    """The address whose key made a signature, by the contract's own rules.

    Args:
        digest: The 32 bytes that were signed.
        signature: r ‖ s ‖ v, 65 bytes, v being 27 or 28.

    Returns:
        20 bytes, or None if it is no signature or has s in the upper half.
    """
    if len(signature) != LEDGER_SIGNATURE_LENGTH or signature[64] - FIRST_V not in (0, 1):
        return None
    if int.from_bytes(signature[32:64], "big") > HALF_ORDER:
        return None
    try:
        key = PublicKey.from_signature_and_message(
            signature[:64] + bytes([signature[64] - FIRST_V]), digest, hasher=None
        )
    except Exception:  # noqa: BLE001 - coincurve raises bare Exception where no key can be recovered
        return None
    return keccak256(key.format(compressed=False)[1:])[-20:]


def signed_by(digest: bytes, signature: bytes, signer: bytes) -> bytes | None:
    """A 64-byte signature as the contract takes it, 65 bytes; None if it is not the signer's.

    Args:
        digest: The 32 bytes that were signed.
        signature: r ‖ s, 64 bytes.
        signer: Address of the key that should have signed.
    """
    if len(signature) != SIGNATURE_LENGTH:
        return None
    candidates = [signature + bytes([FIRST_V + recovery_id]) for recovery_id in (0, 1)]
    return next((full for full in candidates if recover(digest, full) == signer), None)


def with_recovery_id(digest: bytes, signature: bytes, signer: bytes) -> bytes:
    """As `signed_by`; if the signature is not the signer's, 65 bytes of which the contract will say so."""
    return signed_by(digest, signature, signer) or signature + bytes([FIRST_V])
