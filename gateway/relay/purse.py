"""What a relayer may still commit itself to: of what it owns, and of what it may spend in 24 hours."""

import time

from gateway.entries import Shipment
from gateway.journal import Journal
from gateway.relay.policy import GWEI

DAY = 86_400  # seconds


class Purse:
    """Counts what transactions may cost at most until they are in a block, then what they have cost.

    Ask within `journal.together()`, and sign there: else two threads might spend the same money.
    """

    def __init__(self, journal: Journal) -> None:
        """Connect it to the journal, which knows what was signed."""
        self._journal = journal

    def left(
        self, relayer: bytes, balance: int, held: int, limit: int | None, instead_of: Shipment | None = None
    ) -> int:
        """Gwei that one more transaction may cost at most; below 0 if more is committed than there is.

        Args:
            relayer: Who pays.
            balance: What it owns, in wei.
            held: Gwei that its transactions under way may cost, as they were before the ledger was asked
                for the balance: one that is paid for meanwhile counts twice, which does no harm.
            limit: Gwei that it may spend in 24 hours; None for no limit.
            instead_of: What the transaction takes the place of, and need not be paid for then.
        """
        funds = balance // GWEI - held + (instead_of.cost if instead_of else 0)
        if limit is None:
            return funds
        since, replaced = int(time.time()) - DAY, instead_of.number if instead_of else None
        return min(funds, limit - self._journal.spent_since(relayer, since, replaced))
