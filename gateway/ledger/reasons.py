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


REVERT_CODES = (3, -32000)
"""Error codes of a reverted execution that comes without the contract's own text, told apart by the message:
3 in geth and here, -32000 in others, which give it to other errors, too."""


def reason_of(output: bytes) -> str:
    """The text of `Error(string)`; empty if the contract gave another reason or none."""
    if output[:4] != ERROR_SELECTOR:
        return ""
    try:
        return clean(str(decode(["string"], output[4:])[0]), MAX_REASON)
    except (DecodingError, UnicodeDecodeError, OverflowError):
        return ""


def output_of(data: object) -> bytes:
    """What a contract returned, out of the `data` of a JSON-RPC error; empty if there is nothing of it.

    Ledgers differ: most give the bytes alone, some say `Reverted 0x…`, others wrap them once more.
    """
    if isinstance(data, dict):
        data = data.get("data")
    if not isinstance(data, str):
        return b""
    try:
        return bytes.fromhex(data.removeprefix("Reverted ").removeprefix("0x"))
    except ValueError:
        return b""


def is_revert(code: int, message: str, data: object) -> bool:
    """Whether a JSON-RPC error says that a contract refused, and not that the ledger did.

    The code does not tell: it is 3, -32000, -32015 or another one; only the contract itself gives a text in
    this form.
    """
    return output_of(data)[:4] == ERROR_SELECTOR or (code in REVERT_CODES and "revert" in message.lower())


def reverted(data: object, message: str) -> RevertedError:
    """The error for a reverted execution, from the `data` and the `message` of a JSON-RPC error.

    Ledgers differ: geth gives the contract's bytes as `data`, some only a message that ends with the reason.
    """
    reason = reason_of(output_of(data))
    if not reason and "reverted: " in message:
        reason = message.partition("reverted: ")[2]
    return RevertedError(reason, explain(reason))


def explain(reason: str) -> str:
    """One line for a person who reads that the contract refused."""
    if not reason:
        return "the contract refused and gave no reason"
    return f"the contract refused: {REASONS.get(reason, reason)}"
