"""A person's sealed record, from the kiosk's disk or from the phone that carries it."""

import hmac
import time
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from edge.errors import NotFoundError
from edge.events import PhoneWanted
from edge.journeys.visit import Visit
from edge.state import phones, subjects
from edge.state.subjects import Subject

PHONE_SECONDS = 60.0
"""How long the kiosk waits for the phone: out of the bag, unlocked, the app opened."""

LOOK_SECONDS = 0.25

NOT_HERE = "the phone that carries this person's record is not here; open it beside the kiosk and try again"


def whose(visit: Visit, address: bytes) -> Subject:
    """The person of this address: enrolled here, or here with a phone that is theirs.

    Raises:
        NotFoundError: neither.
    """
    try:
        return subjects.find(visit.desk.database, address)
    except NotFoundError:
        if not visit.desk.room.phones_of(address):
            raise
        return Subject(address, b"", visit.desk.now())


def with_records(visit: Visit, people: Sequence[Subject]) -> list[Subject]:
    """People with their sealed records, of whom one is about to press a finger.

    Where it is clear who it is, the kiosk waits for their phone. Among several, those count whose record is
    at hand.

    Raises:
        NotFoundError: nobody's is.
        CancelledError: the person has left.
    """
    if len(people) == 1:
        return [borrowed(visit, people[0])]
    here = [person for person in people if person.sealed or visit.desk.room.phones_of(person.address)]
    if not here:
        raise NotFoundError(NOT_HERE)
    return [borrowed(visit, person) for person in here]


def borrowed(visit: Visit, person: Subject) -> Subject:
    """The person with their sealed record, which stays in memory, for this journey alone.

    A phone can lend only what a kiosk with this pepper sealed; whether it is the person's own, the key that
    comes out of it shows.

    Raises:
        NotFoundError: no phone of theirs came, or none had it.
        CancelledError: the person has left.
    """
    if person.sealed:
        return person
    visit.report(PhoneWanted(person.address))
    end = time.monotonic() + PHONE_SECONDS
    while time.monotonic() < end:
        for guest in visit.desk.room.phones_of(person.address):
            sealed = guest.lend(person.address, visit.cancelled)
            if sealed is not None and _is_the_one(visit, person.address, sealed):
                return replace(person, sealed=sealed)
        visit.check_cancelled()
        time.sleep(LOOK_SECONDS)
    raise NotFoundError(NOT_HERE)


def _is_the_one(visit: Visit, address: bytes, sealed: bytes) -> bool:
    """Whether this is the record that was handed over here; at another kiosk nobody can tell yet."""
    digest = phones.carried_digest(visit.desk.database, address)
    return digest is None or hmac.compare_digest(digest, sha256(sealed).digest())
