"""Why a contract refused: out of the bytes it returned, in words for people."""

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from contracts.keccak import keccak256
from contracts.labels import clean
from contracts.registry import REASONS
from gateway.ledger.errors import RevertedError

ERROR_SELECTOR = keccak256(b"Error(string)")[:4]
"""Begin of a revert with a text (Solidity ABI, "Revert"; Vyper uses the same)."""

MAX_REASON = 100
"""Characters of a reason; those of our contract are far shorter."""


def reason_of(output: bytes) -> str:
    """The text of `Error(string)`; empty if the contract gave another reason or none."""
    if output[:4] != ERROR_SELECTOR:
        return ""
    try:
        return clean(str(decode(["string"], output[4:])[0]), MAX_REASON)
    except (DecodingError, UnicodeDecodeError, OverflowError):
        return ""


def reverted(data: object, message: str) -> RevertedError:
    """The error for a reverted execution, from the `data` and the `message` of a JSON-RPC error.

    Ledgers differ: geth gives the contract's bytes as `data`, some only a message that ends with the reason.
    """
    reason = ""
    if isinstance(data, str) and data.startswith("0x"):
        try:
            reason = reason_of(bytes.fromhex(data[2:]))
        except ValueError:
            reason = ""
    if not reason and "reverted: " in message:
        reason = message.partition("reverted: ")[2]
    return RevertedError(reason, explain(reason))


def explain(reason: str) -> str:
    """One line for a person who reads that the contract refused."""
    if not reason:
        return "the contract refused and gave no reason"
    return f"the contract refused: {REASONS.get(reason, reason)}"
