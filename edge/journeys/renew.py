"""A person gives a consent another end, sooner or later; one that has expired counts again."""

from dataclasses import replace

from contracts.acts import Renew
from edge.errors import RefusedError, UsageError
from edge.journeys.asked import describe
from edge.journeys.borrowing import whose
from edge.journeys.handing_in import SignedAct, hand_in, sign
from edge.journeys.standing import Standing, may_be_granted, standing
from edge.journeys.unlocking import unlocked
from edge.journeys.visit import Visit
from edge.state import nonces, requests

RENEWABLE = frozenset({Standing.GRANTING, Standing.GRANTED})


def renew(visit: Visit, request: str, until: int) -> SignedAct:
    """Renew a consent.

    Args:
        visit: the errand.
        request: identifier of the request that was granted, in hex, or its first digits.
        until: Unix time at which the consent ends from now on.

    Raises:
        NotFoundError: no such request was heard here.
        RefusedError: it is not granted.
        UsageError: `until` is past.
        FingerNotRecognisedError, WeakCaptureError, CancelledError, SensorError: at the press.
    """
    desk = visit.desk
    desk.outbox.check_room()
    request_id, signed = requests.find(desk.database, request)
    now = standing(desk.outbox, signed.request, desk.now())
    if now not in RENEWABLE and not may_be_granted(desk.outbox, request_id):
        raise RefusedError(f"this request is {now.value}; only a granted one can be renewed")
    if until <= desk.now():
        raise UsageError("a consent ends in the future; to end it now, withdraw it")
    visit.report(replace(describe(desk, request_id, signed), expiry=until))
    subject = signed.request.subject
    with unlocked(visit, [whose(visit, subject)]) as me:
        nonce = nonces.take(desk.database, subject)
        act = Renew(subject, request_id, until, nonce, min(visit.deadline(), until))
        signed_act = sign(visit, me, act)
    return hand_in(visit, signed_act, request_id)
