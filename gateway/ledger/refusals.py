"""Why a node does not take a transaction, as far as its words tell. There is no standard for these."""

from gateway.ledger.errors import LedgerError, RpcError

TOO_POOR = ("insufficient funds", "upfront cost exceeds", "insufficient balance", "balance too low")
"""How geth, anvil, Besu and others say that an account cannot pay what its transaction offers."""

TOO_CHEAP = (
    "underpriced", "less than block base fee", "below current base fee", "gas price below", "fee too low",
    "feetoolow",
)  # fmt: skip
"""How they say that a transaction offers too little, for a block or in the place of another."""


def is_too_cheap(error: LedgerError) -> bool:
    """Whether a node would take the transaction if it offered more."""
    return _says(error, TOO_CHEAP)


def is_unpaid(error: LedgerError) -> bool:
    """Whether an account offers too little, or cannot pay what it offers."""
    return _says(error, TOO_CHEAP + TOO_POOR)


def _says(error: LedgerError, words: tuple[str, ...]) -> bool:
    return isinstance(error, RpcError) and any(each in error.reason.lower() for each in words)
