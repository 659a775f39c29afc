"""A person joins: three good presses, and out of them a key that is stored nowhere."""

from contextlib import ExitStack
from pathlib import Path

from contracts.acts import Enrol
from edge.biometrics import enrolment
from edge.biometrics.enrolment import Enrolment, EnrolmentError
from edge.biometrics.protected_record import ProtectedRecord
from edge.events import EnrolAgain
from edge.identity import files
from edge.identity.keys import signer, wipe
from edge.journeys.handing_in import SignedAct, hand_in, sign
from edge.journeys.press import good_press
from edge.journeys.visit import Visit
from edge.state import nonces, subjects
from edge.state.subjects import Subject

PRESSES = 3
"""Impressions that are put together; a fourth was measured to gain little, and costs the person's time."""

ROUNDS = 2
"""How often the person is asked for all presses anew when they do not fit together."""


def enrol(visit: Visit) -> SignedAct:
    """Enrol a finger: its protected record stays here, its public key and address go to the ledger.

    Raises:
        EnrolmentError: the presses never fitted together; it says what to do.
        WeakCaptureError, CancelledError, SensorError, UnavailableError, StateError: as everywhere.
    """
    desk = visit.desk
    desk.outbox.check_room()
    enrolled = _three_presses_that_fit(visit)
    with signer(enrolled.secret) as me:
        sealed = _seal(enrolled.record, desk.state)
        nonce = nonces.take(desk.database, me.address)
        act = Enrol(me.address, me.encryption_public_key, nonce, visit.deadline())
        signed = sign(visit, me, act)
    subject = Subject(act.subject, sealed, desk.now())
    return hand_in(visit, signed, subject.address, lambda database: subjects.add(database, subject))


def _seal(record: ProtectedRecord, state: Path) -> bytes:
    pepper = files.pepper(state)
    try:
        return record.seal(pepper)
    finally:
        wipe(pepper)


def _three_presses_that_fit(visit: Visit) -> Enrolment:
    for left in reversed(range(ROUNDS)):
        with ExitStack() as held:
            presses = [
                held.enter_context(good_press(visit, number, PRESSES)) for number in range(1, PRESSES + 1)
            ]
            try:
                with visit.timing("unlock"):
                    return enrolment.enrol(presses)
            except EnrolmentError as error:
                if not left:
                    raise
                visit.report(EnrolAgain(error.reason.name, error.reason.sentence))
    raise AssertionError("the last round returns or raises")
