"""What a transaction offers for its gas (EIP-1559). Pure functions, in wei per gas."""

from gateway.ledger.account import Fees

BUMP_DIVISOR = 8
"""A replacement pays an eighth more, in both fees: nodes want a tenth (geth's PriceBump), some round up."""

LEAST_DIVISOR = 10
"""What nodes want, rounded up: good enough for a last step, where an eighth would be beyond the cap."""


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
        At least an eighth more of both than before, or a last step to the cap if that is a tenth; None if
        not even that: then the last offer stands, and counts again once fees have fallen.
    """
    if _more(last.most, LEAST_DIVISOR) > cap:
        return None
    most = min(max(_more(last.most, BUMP_DIVISOR), now.most), cap)
    return Fees(most=most, tip=min(max(_more(last.tip, BUMP_DIVISOR), now.tip), most))


def _more(fee: int, divisor: int) -> int:
    return max(-(-fee * (divisor + 1) // divisor), fee + 1)


def cost(gas: int, most: int) -> int:
    """Gwei that a transaction may cost, rounded up."""
    return -(-gas * most // 10**9)
