"""A new finger, or two that open together: presses until they fit, and out of them a sealed record."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from edge.biometrics import enrolment
from edge.biometrics.enrolment import MOST_PRESSES, PRESSES, Draft, EnrolmentError
from edge.biometrics.joint import bind_two
from edge.biometrics.minutiae import Minutiae
from edge.biometrics.parameters import for_sensor
from edge.biometrics.protected_record import ProtectedRecord
from edge.biometrics.quality import Reason
from edge.biometrics.unlocking import unlock
from edge.errors import RefusedError, UsageError
from edge.events import NextFinger, OneMore
from edge.identity import files
from edge.identity.keyring import MOST_BINDINGS, Binding, Policy, Position, wrap_root
from edge.identity.keys import wipe
from edge.journeys.press import good_press
from edge.journeys.visit import Visit

SAME_FINGER_TRIALS = 2**20
"""Decoding trials by which a finger is known again that is already enrolled."""


@dataclass(frozen=True)
class Bound:
    """What a finger, or two, has become.

    Attributes:
        fingers: which.
        sealed: their record under the pepper.
        secret: the record's 32 bytes; wiped by its user.
    """

    fingers: tuple[Position, ...]
    sealed: bytes = field(repr=False)
    secret: bytearray = field(repr=False)


def check_fingers(fingers: Sequence[Position], policy: Policy) -> None:
    """Whether so many fingers make sense.

    Raises:
        UsageError: too many, one twice, or an odd one under the policy of two.
    """
    named = [finger for finger in fingers if finger is not Position.UNNAMED]
    if len(set(named)) != len(named):
        raise UsageError("a finger is named twice; each is enrolled once")
    if policy is Policy.TWO and len(fingers) != Policy.TWO.fingers:
        raise UsageError("the policy of two takes two fingers at a time; name both with --finger")
    if not 1 <= len(fingers) <= MOST_BINDINGS:
        raise UsageError(f"a person enrols one to {MOST_BINDINGS} fingers")


def bind_fingers(
    visit: Visit, fingers: Sequence[Position], policy: Policy, known: Sequence[ProtectedRecord] = ()
) -> list[Bound]:
    """Have the person press each finger in turn, and make their records.

    Args:
        visit: the errand.
        fingers: which, as `check_fingers` allows.
        policy: a record of each finger, or one of two.
        known: records that these fingers must not open: each finger is enrolled once.

    Raises:
        EnrolmentError: the presses of a finger never fitted together; it says what to do.
        RefusedError: a finger is enrolled already.
        WeakCaptureError, CancelledError, SensorError: as everywhere.
    """
    with ExitStack() as held, ExitStack() as unless_done:
        locked: list[Draft] = []
        records, secrets = list(known), []
        for number, _ in enumerate(fingers, 1):
            if len(fingers) > 1:
                visit.report(NextFinger(number, len(fingers)))
            locked.append(held.enter_context(_features(visit, records)))
            one = enrolment.bind(locked[-1].frames, locked[-1].parameters)
            unless_done.callback(wipe, one.secret)
            records.append(one.record)
            secrets.append(one.secret)
        pepper = files.pepper(visit.desk.state)
        held.callback(wipe, pepper)
        if policy is Policy.ANY:
            made = zip(fingers, records[len(known) :], secrets, strict=True)
            bound = [Bound((finger,), record.seal(pepper), secret) for finger, record, secret in made]
            unless_done.pop_all()
            return bound
        first, second = ((draft.parameters, draft.frames) for draft in locked)
        both = bind_two(first, second)
        return [Bound(tuple(fingers), both.record.seal(pepper), both.secret)]


def bound_to(made: Sequence[Bound], root: bytearray, subject: bytes, now: int) -> tuple[Binding, ...]:
    """The first bindings of a keyring: each finger's, or pair's, record with its copy of the root.

    Args:
        made: what the fingers have become; the secrets stay as they are.
        root: of the identity.
        subject: its identifier.
        now: Unix time.
    """
    return tuple(
        Binding(number, bound.fingers, bound.sealed, wrap_root(root, bound.secret, subject), now)
        for number, bound in enumerate(made, 1)
    )


@contextmanager
def _features(visit: Visit, known: Sequence[ProtectedRecord]) -> Iterator[Draft]:
    """What is to be locked of one finger, from presses that fit together; wiped when the `with` ends."""
    draft = _presses_that_fit(visit, known)
    try:
        yield draft
    finally:
        draft.wipe()


def _presses_that_fit(visit: Visit, known: Sequence[ProtectedRecord]) -> Draft:
    """Three good presses, and up to three more while they do not fit together or show too little."""
    info = visit.desk.sensor.info
    parameters = for_sensor(info.width, info.height, info.dpi)
    with ExitStack() as held:
        presses: list[Minutiae] = []
        for number in range(1, MOST_PRESSES + 1):
            presses.append(held.enter_context(good_press(visit, number, max(number, PRESSES))))
            with visit.timing("unlock"):
                _check_new(visit, presses[-1], known)
                if number < PRESSES:
                    continue
                try:
                    draft = enrolment.draft(presses, parameters)
                except EnrolmentError as error:
                    if number == MOST_PRESSES:
                        raise
                    wanted = error.reason
                else:
                    if draft.enough or number == MOST_PRESSES:
                        return draft
                    draft.wipe()
                    wanted = Reason.SHOW_MORE
            visit.report(OneMore(wanted.name, wanted.sentence))
    raise AssertionError("the last press returns or raises")


def _check_new(visit: Visit, press: Minutiae, known: Sequence[ProtectedRecord]) -> None:
    with visit.cancelling() as cancel:
        for record in known:
            secret = unlock(record, press, trials=SAME_FINGER_TRIALS, cancel=cancel)
            if secret is not None:
                wipe(secret)
                raise RefusedError("this finger is enrolled already; use another one")
    visit.check_cancelled()  # a search that was cut short has not shown that the finger is new
