"""A person adds a finger, or takes one away; their identity and its keys stay as they are.

What removing a finger does: its record and its copy of the root are overwritten in the kiosk's state, so this
kiosk will not open to it again. What it cannot do: an older copy of the kiosk's disk, with the pepper, still
opens to that finger, and gives the same root. Only another key for the identity on the ledger ends that, see
`edge.journeys.rotate`.
"""

from collections.abc import Sequence
from contextlib import ExitStack

from contracts.hexes import to_hex
from edge.biometrics.protected_record import ProtectedRecord
from edge.errors import RefusedError, StateError, UsageError
from edge.events import JsonObject
from edge.identity import files
from edge.identity.keyring import MOST_BINDINGS, Binding, Keyring, Policy, Position, wrap_root
from edge.identity.keys import wipe
from edge.journeys.finger import bind_fingers, check_fingers
from edge.journeys.unlocking import SEARCH_LIMIT, Opening, keyring_of, opened
from edge.journeys.visit import Desk, Visit
from edge.state import subjects
from edge.state.subjects import Subject


def add(visit: Visit, fingers: Sequence[Position], subject: bytes | None = None) -> JsonObject:
    """Enrol another finger of a person, or under the policy of two another pair, after one that opens.

    A new finger is held against the person's others. Those of a new pair are held against each other alone: a
    pair's record opens only to both together and tells nothing of one, so a finger may be in two pairs.

    Args:
        visit: the errand.
        fingers: which.
        subject: whose; None to find out by the finger.

    Returns:
        As `describe`.

    Raises:
        UsageError: so many fingers do not fit the person's policy, or there is no room for more.
        RefusedError: the finger is enrolled already, or a pair is one finger twice.
        EnrolmentError, FingerNotRecognisedError, WeakCaptureError, CancelledError, SensorError: as at
            enrolment.
    """
    desk = visit.desk
    people = at_home(desk, subject)
    if len(people) == 1:
        _check_room(keyring_of(people[0]), fingers)
    with opened(visit, people) as opening, ExitStack() as held:
        _check_room(opening.keyring, fingers)
        keyring = opening.keyring
        made = bind_fingers(visit, fingers, keyring.policy, _records(desk, keyring))
        for bound in made:
            held.callback(wipe, bound.secret)
        for bound in made:
            root = wrap_root(opening.root, bound.secret, opening.subject.address)
            keyring = keyring.with_binding(
                Binding(keyring.next_number, bound.fingers, bound.sealed, root, desk.now())
            )
    return _keep(visit, opening, keyring)


def remove(visit: Visit, number: int, subject: bytes | None = None) -> JsonObject:
    """Take a finger away, by a press of one that stays: so nobody locks themselves out.

    Args:
        visit: the errand.
        number: of the finger, or of the pair, as `overview` tells it.
        subject: whose; None to find out by the finger.

    Returns:
        As `describe`.

    Raises:
        NotFoundError: there is no such finger.
        RefusedError: it is the only one, or the one that was pressed.
        FingerNotRecognisedError, WeakCaptureError, CancelledError, SensorError: at the press.
    """
    people = at_home(visit.desk, subject)
    if len(people) == 1:
        _check_removable(keyring_of(people[0]), number)
    with opened(visit, people) as opening:
        _check_removable(opening.keyring, number)
        if opening.binding.number == number:
            raise RefusedError(f"finger {number} was pressed itself; press one that stays")
    return _keep(visit, opening, opening.keyring.without(number))


def overview(desk: Desk) -> list[JsonObject]:
    """The fingers of everybody whose record is here, and not on their phone."""
    people = subjects.everyone(desk.database)
    return [describe(person, keyring_of(person)) for person in people if person.sealed]


def describe(person: Subject, keyring: Keyring) -> JsonObject:
    """A person's fingers, for their screen."""
    return {
        "subject": to_hex(person.address),
        "policy": keyring.policy.value,
        "fingers": [
            {
                "number": binding.number,
                "fingers": [finger.text for finger in binding.fingers],
                "since": binding.bound_at or person.enrolled_at,
            }
            for binding in keyring.bindings
        ],
    }


def at_home(desk: Desk, subject: bytes | None) -> list[Subject]:
    """The people who may be meant, all with their records here.

    Raises:
        RefusedError: their phones carry them.
    """
    people = subjects.candidates(desk.database, subject, SEARCH_LIMIT)
    here = [person for person in people if person.sealed]
    if not here:
        raise RefusedError("this person's phone carries their record: fingers are changed where it is kept")
    return here


def _check_room(keyring: Keyring, fingers: Sequence[Position]) -> None:
    check_fingers(fingers, keyring.policy)
    more = 1 if keyring.policy is Policy.TWO else len(fingers)
    if len(keyring.bindings) + more > MOST_BINDINGS:
        raise UsageError(f"a person has at most {MOST_BINDINGS}; remove one first")


def _check_removable(keyring: Keyring, number: int) -> None:
    keyring.find(number)
    if len(keyring.bindings) == 1:
        raise RefusedError("this is the only finger, and the identity would be lost; add another one first")


def _records(desk: Desk, keyring: Keyring) -> list[ProtectedRecord]:
    """The person's records of one finger; under the policy of two there is none."""
    if keyring.policy is Policy.TWO:
        return []
    pepper = files.pepper(desk.state)
    try:
        return [ProtectedRecord.open(binding.sealed, pepper) for binding in keyring.bindings]
    finally:
        wipe(pepper)


def _keep(visit: Visit, opening: Opening, keyring: Keyring) -> JsonObject:
    """Put the keyring in the old one's place, and leave nothing of that on the disk."""
    visit.check_cancelled()
    database, person = visit.desk.database, opening.subject
    if not subjects.replace(database, person.address, person.sealed, keyring.encode()):
        raise StateError("the person's fingers were changed meanwhile; try again")
    database.scrub()
    return describe(person, keyring)
