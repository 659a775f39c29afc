"""The finger opens the person's record, and their keys are there for the length of a `with`.

A press is tried on every record of one finger first; where somebody needs two fingers, the other one is asked
for and both are tried together. A person's keyring says what there is to open.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from contracts.acts import ActKind
from edge.biometrics.joint import unlock_two
from edge.biometrics.joint_record import JointRecord
from edge.biometrics.minutiae import Minutiae
from edge.biometrics.parameters import for_sensor
from edge.biometrics.protected_record import ProtectedRecord
from edge.biometrics.quality import Reason, is_conclusive
from edge.biometrics.unlocking import unlock
from edge.errors import FingerNotRecognisedError, RefusedError, UsageError, WeakCaptureError
from edge.events import NextFinger, NotRecognised, ShowedTooLittle, Unlocked
from edge.identity import files
from edge.identity.keyring import Binding, Keyring, Policy
from edge.identity.keys import Signer, wipe
from edge.journeys.borrowing import with_records
from edge.journeys.press import good_press
from edge.journeys.telling import tell
from edge.journeys.visit import Visit
from edge.state import successors
from edge.state.subjects import Subject

PRESSES = 3
"""Good presses, or pairs of them, in one transaction (ISO/IEC 19795-1); the false-accept rate is stated for
as many."""

SEARCH_LIMIT = 5
"""Records in which a finger is sought when nobody was named: each more is one more chance for a stranger."""


@dataclass(frozen=True)
class Opening:
    """What the presses opened.

    Attributes:
        subject: the person.
        keyring: all that they have enrolled.
        binding: what opened.
        root: the identity's 32-byte root secret; wiped when the `with` ends.
    """

    subject: Subject
    keyring: Keyring
    binding: Binding
    root: bytearray = field(repr=False)

    def signer(self) -> AbstractContextManager[Signer]:
        """The person's keys, for the length of a `with`; the root itself stays until the opening ends."""
        return self.keyring.signer(bytearray(self.root), self.subject.address)


Keyrings = Sequence[tuple[Subject, Keyring]]


@contextmanager
def unlocked(visit: Visit, people: Sequence[Subject]) -> Iterator[Signer]:
    """The keys of the person whose finger is pressed; wiped when the `with` ends.

    Args:
        visit: the errand.
        people: whose finger it may be, one or a few.

    Raises:
        FingerNotRecognisedError: `PRESSES` good presses opened nobody's record.
        WeakCaptureError: the presses were too weak to judge, or all of them showed too little to tell.
        UsageError: there are too many people to seek a finger among.
        StateError: the record opened, but to another identity than its own.
    """
    with opened(visit, people) as opening, opening.signer() as me:
        yield me


@contextmanager
def opened(visit: Visit, people: Sequence[Subject]) -> Iterator[Opening]:
    """The root of the person whose finger is pressed, and what opened it; as `unlocked`."""
    if len(people) == 1:
        _check_key(visit, people[0].address)
    keyrings = [(subject, keyring_of(subject)) for subject in with_records(visit, people)]
    if len(people) > 1 and sum(len(keyring.bindings) for _, keyring in keyrings) > SEARCH_LIMIT:
        raise UsageError("too many fingers are enrolled here to seek one; say who it is with --subject 0x…")
    opening = _press_until_open(visit, keyrings)
    try:
        with opening.signer():
            pass  # a record of another identity is found out here, before anything is told
        _check_key(visit, opening.subject.address)
        tell(visit, opening.subject.address)
        yield opening
    finally:
        wipe(opening.root)


def _check_key(visit: Visit, subject: bytes) -> None:
    """Between a rotation and its receipt nobody knows which key the ledger will take.

    Raises:
        RefusedError: it is such a time.
    """
    desk = visit.desk
    heir = successors.find(desk.database, subject)
    if heir is None:
        return
    bringing = desk.outbox.entry(heir.digest)
    if bringing.act is ActKind.ROTATE and bringing.status is None and not bringing.is_late(desk.now()):
        raise RefusedError("a new key is on its way to the ledger; come back when it is there")


def keyring_of(subject: Subject) -> Keyring:
    """What the person has enrolled."""
    return Keyring.decode(subject.sealed)


def _press_until_open(visit: Visit, keyrings: Keyrings) -> Opening:
    reason, none_tells = Reason.TOO_FEW_MINUTIAE, True
    for press in range(1, PRESSES + 1):
        spent = visit.seconds.get("unlock", 0.0)
        found, tells = _try(visit, keyrings, press)
        if found is not None:
            visit.report(Unlocked(found.subject.address, visit.seconds["unlock"] - spent))
            return found
        if tells:
            none_tells = False
            visit.report(NotRecognised(press, PRESSES))
        else:
            visit.report(ShowedTooLittle(press, PRESSES, reason.name, reason.sentence))
    if none_tells:
        raise WeakCaptureError(f"{PRESSES} presses showed too little to judge: {reason.sentence}")
    raise FingerNotRecognisedError(
        f"finger not recognised: {PRESSES} good presses opened no record; use the finger that was enrolled"
    )


def _try(visit: Visit, keyrings: Keyrings, press: int) -> tuple[Opening | None, bool]:
    """One press, or where somebody needs two fingers a pair of them.

    Returns:
        What it opened, and whether it showed enough that to open nothing means something.
    """
    info = visit.desk.sensor.info
    parameters = for_sensor(info.width, info.height, info.dpi)
    with good_press(visit, press, PRESSES) as first:
        with visit.timing("unlock"):
            found = _search(visit, keyrings, (first,))
        tells = is_conclusive(first, parameters)
        if found is None and any(keyring.policy is Policy.TWO for _, keyring in keyrings):
            visit.report(NextFinger(2, Policy.TWO.fingers))
            with good_press(visit, press, PRESSES) as second:
                with visit.timing("unlock"):
                    found = _search(visit, keyrings, (first, second))
                tells = tells and is_conclusive(second, parameters)
    return found, tells


def _search(visit: Visit, keyrings: Keyrings, presses: tuple[Minutiae, ...]) -> Opening | None:
    """Try the records of as many fingers as were pressed.

    Raises:
        CancelledError: the person left before one opened.
    """
    pepper = files.pepper(visit.desk.state)
    try:
        with visit.cancelling() as cancel:
            for subject, keyring in keyrings:
                for binding in keyring.bindings:
                    secret = _secret(binding, presses, pepper, cancel)
                    if secret is not None:
                        return Opening(subject, keyring, binding, binding.open_root(secret, subject.address))
    finally:
        wipe(pepper)
    visit.check_cancelled()  # what was cut short has not refused anybody
    return None


def _secret(
    binding: Binding, presses: tuple[Minutiae, ...], pepper: bytearray, cancel: bytearray
) -> bytearray | None:
    """What a record gives to these presses; None where it is for another number of fingers."""
    if len(binding.fingers) != len(presses):
        return None
    if len(presses) == 1:
        return unlock(ProtectedRecord.open(binding.sealed, pepper), *presses, cancel=cancel)
    return unlock_two(JointRecord.open(binding.sealed, pepper), *presses, cancel=cancel)
