"""What a transaction offers for its gas (EIP-1559). Pure functions, in wei per gas."""

from gateway.ledger.account import Fees

BUMP_DIVISOR = 8
"""A replacement pays an eighth more, in both fees: nodes want a tenth (geth's PriceBump), some round up."""


def offer(base_fee: int, tip: int, cap: int) -> Fees | None:
    """What to offer for a new transaction.

    Twice the base fee is not outrun by five full blocks, each of which raises it by an eighth at most.

    Args:
        base_fee: Of the newest block.
        tip: What the node suggests to pay beyond it.
        cap: The most that is ever offered.

    Returns:
        The offer; None if not even the next block can be had under the cap, so it is better to wait.
    """
    least = base_fee + base_fee // BUMP_DIVISOR + tip
    if least > cap:
        return None
    return Fees(most=min(2 * base_fee + tip, cap), tip=tip)


def replacement(last: Fees, now: Fees, cap: int) -> Fees | None:
    """What to offer in the place of a transaction that is stuck.

    Args:
        last: What it offered.
        now: What a new transaction would offer.
        cap: The most that is ever offered.

    Returns:
        At least an eighth more of both than before; None if that is beyond the cap: then the last offer
        stands, and counts again once fees have fallen.
    """
    raised = Fees(most=max(_more(last.most), now.most), tip=max(_more(last.tip), now.tip))
    return raised if raised.most <= cap else None


def _more(fee: int) -> int:
    return max(-(-fee * (BUMP_DIVISOR + 1) // BUMP_DIVISOR), fee + 1)


def cost(gas: int, most: int) -> int:
    """Gwei that a transaction may cost, rounded up."""
    return -(-gas * most // 10**9)
