"""The finger opens the person's record, and their keys are there for the length of a `with`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from edge.biometrics.minutiae import Minutiae
from edge.biometrics.protected_record import ProtectedRecord
from edge.biometrics.unlocking import unlock
from edge.errors import FingerNotRecognisedError, StateError
from edge.events import NotRecognised, Unlocked
from edge.identity import files
from edge.identity.keys import Signer, signer, wipe
from edge.journeys.press import good_press
from edge.journeys.visit import Visit
from edge.state.subjects import Subject

PRESSES = 3
"""Good presses in one transaction (ISO/IEC 19795-1); the false-accept rate is stated for as many."""

SEARCH_LIMIT = 5
"""People among whom a finger is sought when nobody was named: each more is one more chance for a stranger."""


@contextmanager
def unlocked(visit: Visit, people: Sequence[Subject]) -> Iterator[Signer]:
    """The keys of the person whose finger is pressed; wiped when the `with` ends.

    Args:
        visit: the errand.
        people: whose finger it may be, one or a few.

    Raises:
        FingerNotRecognisedError: `PRESSES` good presses opened nobody's record.
        WeakCaptureError: the presses were too weak to judge.
        StateError: the record opened, but to another identity than its own.
    """
    subject, secret = _press_until_open(visit, people)
    with signer(secret) as me:
        if me.address != subject.address:
            raise StateError("the stored record belongs to another identity; restore the kiosk's state")
        yield me


def _press_until_open(visit: Visit, people: Sequence[Subject]) -> tuple[Subject, bytearray]:
    for press in range(1, PRESSES + 1):
        spent = visit.seconds.get("unlock", 0.0)
        with good_press(visit, press, PRESSES) as minutiae, visit.timing("unlock"):
            found = _search(visit, people, minutiae)
        if found is not None:
            visit.report(Unlocked(found[0].address, visit.seconds["unlock"] - spent))
            return found
        visit.report(NotRecognised(press, PRESSES))
    raise FingerNotRecognisedError(
        f"finger not recognised: {PRESSES} good presses opened no record; use the finger that was enrolled"
    )


def _search(visit: Visit, people: Sequence[Subject], minutiae: Minutiae) -> tuple[Subject, bytearray] | None:
    pepper = files.pepper(visit.desk.state)
    try:
        for subject in people:
            secret = unlock(ProtectedRecord.open(subject.sealed, pepper), minutiae)
            if secret is not None:
                return subject, secret
    finally:
        wipe(pepper)
    return None
