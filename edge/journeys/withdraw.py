"""A person takes a consent back: one press, as it took to give it (GDPR, article 7(3))."""

from contracts.acts import Withdraw
from contracts.hexes import to_hex
from edge.errors import RefusedError
from edge.journeys.asked import describe
from edge.journeys.borrowing import whose
from edge.journeys.handing_in import SignedAct, hand_in, sign
from edge.journeys.standing import Standing, may_be_granted, standing
from edge.journeys.unlocking import unlocked
from edge.journeys.visit import Visit
from edge.state import requests

WITHDRAWABLE = frozenset({Standing.GRANTING, Standing.GRANTED})
"""Also a grant that still waits for its receipt: a person's messages leave in the order they were signed."""


def withdraw(visit: Visit, request: str | None = None) -> SignedAct:
    """Withdraw a consent.

    Args:
        visit: the errand.
        request: identifier of the request that was granted, in hex, or its first digits; None for the
            withdrawal that was started on a phone.

    Raises:
        NotFoundError: no such request was heard here, or no phone has started a withdrawal.
        RefusedError: it is not granted.
        FingerNotRecognisedError, WeakCaptureError, CancelledError, SensorError: at the press.
    """
    desk = visit.desk
    desk.outbox.check_room()
    wished = to_hex(desk.room.wished().request) if request is None else request
    request_id, signed = requests.find(desk.database, wished)
    now = standing(desk.outbox, signed.request, desk.now())
    # What a phone has started may have been granted at another kiosk, and stands as open here.
    elsewhere = request is None and now is Standing.OPEN
    if now not in WITHDRAWABLE and not elsewhere and not may_be_granted(desk.outbox, request_id):
        raise RefusedError(f"this request is {now.value}; only a granted one can be withdrawn")
    visit.report(describe(desk, request_id, signed))
    asked = signed.request
    with unlocked(visit, [whose(visit, asked.subject)]) as me:
        act = Withdraw(asked.subject, request_id, visit.deadline())
        signed_act = sign(visit, me, act)
    desk.room.fulfilled(request_id)
    return hand_in(visit, signed_act, request_id)
