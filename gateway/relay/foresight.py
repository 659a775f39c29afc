"""Which acts the contract will take, by what this gateway itself has brought there. Pure.

Asking the ledger about an act makes the node execute it, which is most of the work of a transaction. So the
ledger is asked where something is not known here, and always before an act is refused. If a foresight is
wrong, since another gateway was quicker, the contract refuses the act in its block; that costs some gas.
"""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.acts import Act, ActKind, Deny, Enrol, Grant, Register, Renew, Request, Withdraw

MARGIN = 60
"""Seconds that deadline and expiry must be away: blocks have a clock of their own."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the journal knows around an act.

    Attributes:
        is_enrolled: The person enrolled by way of this gateway.
        about_request: Kinds of final acts about the act's request.
        request: The request that a grant answers.
    """

    is_enrolled: Callable[[], bool]
    about_request: Callable[[], set[ActKind]]
    request: Request | None


def foreseen(act: Act, is_signed: bool, known: Known, now: float) -> bool:
    """Whether the contract takes this act, as far as can be told without asking.

    Args:
        act: The act.
        is_signed: Its signature is by the key that should have signed.
        known: What the journal knows.
        now: Unix time.
    """
    if not is_signed or act.deadline <= now + MARGIN:
        return False
    match act:
        case Register():
            return known.is_enrolled()
        case Request():
            # The requesters' desk has looked up person and record before it let this in.
            return act.expiry > now + MARGIN
        case Grant():
            asked = known.request
            return (
                asked is not None
                and asked.purpose == act.purpose
                and now + MARGIN < act.expiry <= asked.expiry
                and known.about_request() == {ActKind.REQUEST}
            )
        case Deny():
            return known.about_request() == {ActKind.REQUEST}
        case Withdraw():
            return known.about_request() == {ActKind.REQUEST, ActKind.GRANT}
        case Renew():
            return (
                act.expiry > now + MARGIN
                and ActKind.GRANT in (about := known.about_request())
                and (ActKind.WITHDRAW not in about)
            )
        case Enrol() | _:
            return False
