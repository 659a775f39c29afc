"""Several fingers of a person, with drawn minutiae: who is let in, what is kept, and what stays closed."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.hexes import from_hex
from drivers.image import FingerImage
from edge.biometrics import Minutiae, decoder, enrol, joint
from edge.errors import (
    CancelledError,
    FingerNotRecognisedError,
    NotFoundError,
    RefusedError,
    StateError,
    UsageError,
    WeakCaptureError,
)
from edge.events import Event
from edge.identity import files
from edge.identity.keyring import Keyring, Policy, Position
from edge.identity.keys import signer
from edge.journeys import finger as finger_journey
from edge.journeys import fingers, unlocking
from edge.journeys.enrol import enrol as enrol_person
from edge.journeys.press import good_press
from edge.journeys.unlocking import unlocked
from edge.journeys.visit import Desk, Visit
from edge.links.outbox import Outbox
from edge.state import subjects
from edge.state.database import FILE_NAME, Database
from edge.state.subjects import Subject
from tests.edge.biometrics.points import finger, press
from tests.edge.standin import DOMAIN

INDEX, MIDDLE, THUMB, STRANGER = 1, 2, 3, 60
RIGHT_INDEX, LEFT_INDEX = Position.RIGHT_INDEX, Position.LEFT_INDEX


@dataclass
class Person:
    """Sensor and extractor in one: each press is that of the finger whose turn it is, a little different."""

    hands: Iterator[int] = field(default_factory=lambda: iter(()))
    events: list[Event] = field(default_factory=list)
    now: int = 0
    seeds: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    info = SimpleNamespace(width=256, height=288, dpi=500)

    def wait_lifted(self, *_: object) -> bool:
        return True

    def capture(self, **_: object) -> FingerImage:
        self.now = next(self.hands, self.now)  # who is asked again presses the same finger again
        rows, columns = np.mgrid[:288, :256]
        row, column = np.random.default_rng(next(self.seeds)).uniform((-100, -100), (388, 356))
        ridges = 128 + 110 * np.sin(np.hypot(rows - row, columns - column) * 2 * np.pi / 9)
        ridges[np.hypot(rows - 144, columns - 128) > 125] = 255
        return FingerImage(bytearray(ridges.astype(np.uint8).tobytes()), 256, 288, 500)

    def extract(self, _: FingerImage) -> Minutiae:
        return press(finger(self.now), 100 * self.now + next(self.seeds), turn=0.1, shown=0.97, false=1)

    def presses(self, *hands: int) -> "Person":
        self.hands, self.events = iter(hands), []
        return self

    def names(self, event: str) -> list[Any]:
        return [each for each in self.events if each.name == event]


@pytest.fixture(autouse=True)
def _few_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn fingers open early; what is refused need not be tried for seconds."""
    monkeypatch.setattr(finger_journey, "SAME_FINGER_TRIALS", 2**18)
    monkeypatch.setattr(joint, "CENTRAL", 12)
    for name, trials in (("unlock", 2**18), ("unlock_two", 2**18)):
        monkeypatch.setattr(unlocking, name, partial(getattr(unlocking, name), trials=trials))


@pytest.fixture
def person() -> Person:
    return Person()


@pytest.fixture
def visit(tmp_path: Path, person: Person) -> Iterator[Visit]:
    files.initialise(tmp_path)
    with Database(tmp_path / FILE_NAME) as database:
        desk = Desk(
            sensor=person,  # type: ignore[arg-type]  # what a journey uses of it
            extractor=person,  # type: ignore[arg-type]
            database=database,
            outbox=Outbox(database, limit=100),
            state=tmp_path,
            device_key=Ed25519PrivateKey.generate(),
            domain=DOMAIN,
            on_ledger=False,
            requesters={},
        )
        yield Visit(desk, lambda event: person.events.append(event))


def joined(visit: Visit, person: Person, *hands: int, policy: Policy = Policy.ANY) -> Subject:
    """Somebody who enrols these fingers."""
    named = [Position(hand) for hand in hands]
    person.presses(*(hand for hand in hands for _ in range(3)))
    signed = enrol_person(visit, named, policy)
    return subjects.find(visit.desk.database, signed.act.signer_address)


def opens(visit: Visit, person: Person, subject: Subject, *hands: int) -> bool:
    """Whether these presses sign as the person; always with the key of their identity."""
    person.presses(*hands)
    try:
        with unlocked(visit, [subjects.find(visit.desk.database, subject.address)]) as me:
            assert me.address == subject.address
    except FingerNotRecognisedError:
        return False
    return True


def test_any_of_several_fingers_gives_the_same_key(visit: Visit, person: Person) -> None:
    somebody = joined(visit, person, INDEX, MIDDLE)
    assert [(event.finger, event.of) for event in person.names("next_finger")] == [(1, 2), (2, 2)]
    assert opens(visit, person, somebody, *[INDEX] * 3)
    assert opens(visit, person, somebody, *[MIDDLE] * 3)
    assert not opens(visit, person, somebody, *[STRANGER] * 3)


def test_the_policy_of_two_takes_both(visit: Visit, person: Person) -> None:
    somebody = joined(visit, person, INDEX, MIDDLE, policy=Policy.TWO)
    assert opens(visit, person, somebody, *[INDEX, MIDDLE] * 3)
    assert person.names("next_finger")
    assert not opens(visit, person, somebody, *[INDEX, STRANGER] * 3)
    keyring = Keyring.decode(somebody.sealed)
    assert (keyring.policy, len(keyring.bindings)) == (Policy.TWO, 1)


@pytest.mark.parametrize("policy", Policy)
def test_one_finger_is_enrolled_once(visit: Visit, person: Person, policy: Policy) -> None:
    person.presses(*[INDEX] * 6)
    with pytest.raises(RefusedError, match="enrolled already"):
        enrol_person(visit, (RIGHT_INDEX, LEFT_INDEX), policy)
    assert subjects.everyone(visit.desk.database) == []


def test_fingers_are_added_and_removed_and_the_identity_stays(visit: Visit, person: Person) -> None:
    somebody = joined(visit, person, INDEX)
    person.presses()
    person.hands = Until([INDEX], [MIDDLE], person)
    done: Any = fingers.add(visit, [LEFT_INDEX], somebody.address)
    assert [each["fingers"] for each in done["fingers"]] == [["right-thumb"], ["left-index"]]
    assert opens(visit, person, somebody, *[MIDDLE] * 3)

    before = subjects.find(visit.desk.database, somebody.address).sealed
    with pytest.raises(RefusedError, match="press one that stays"):
        fingers.remove(presses(visit, person, INDEX), 1, somebody.address)
    done = fingers.remove(presses(visit, person, *[MIDDLE] * 3), 1, somebody.address)
    assert [each["number"] for each in done["fingers"]] == [2]
    assert not opens(visit, person, somebody, *[INDEX] * 3)
    assert opens(visit, person, somebody, *[MIDDLE] * 3)
    with pytest.raises(RefusedError, match="the only finger"):
        fingers.remove(presses(visit, person), 2, somebody.address)
    assert_gone(visit, Keyring.decode(before).find(1).sealed)


def presses(visit: Visit, person: Person, *hands: int) -> Visit:
    person.presses(*hands)
    return visit


def assert_gone(visit: Visit, sealed: bytes) -> None:
    """No file of the kiosk holds the removed record any more."""
    for path in visit.desk.state.iterdir():
        assert sealed[-200:] not in path.read_bytes()


def test_a_pair_is_added_under_the_policy_of_two(visit: Visit, person: Person) -> None:
    somebody = joined(visit, person, INDEX, MIDDLE, policy=Policy.TWO)
    with pytest.raises(UsageError, match="two fingers at a time"):
        fingers.add(presses(visit, person), [LEFT_INDEX], somebody.address)
    person.presses()
    before = len(Keyring.decode(somebody.sealed).bindings)
    person.hands = Until([INDEX, MIDDLE], [THUMB, 4], person)
    fingers.add(visit, [Position.LEFT_THUMB, LEFT_INDEX], somebody.address)
    after = Keyring.decode(subjects.find(visit.desk.database, somebody.address).sealed)
    assert len(after.bindings) == before + 1
    assert opens(visit, person, somebody, *[THUMB, 4] * 3)


class Until:
    """Presses the pair until it has opened, then each of the new fingers three times."""

    def __init__(self, pair: list[int], new: list[int], person: Person) -> None:
        self.pair, self.person = itertools.cycle(pair), person
        self.new = iter([hand for hand in new for _ in range(3)])

    def __iter__(self) -> "Until":
        return self

    def __next__(self) -> int:
        return next(self.new) if self.person.names("unlocked") else next(self.pair)


def test_what_the_first_release_stored_still_opens_and_takes_more_fingers(
    visit: Visit, person: Person
) -> None:
    made = enrol([press(finger(INDEX), seed, shown=0.97, false=1) for seed in range(3)])
    pepper = files.pepper(visit.desk.state)
    with signer(bytearray(made.secret)) as me:
        old = Subject(me.address, made.record.seal(pepper), 7)
    subjects.add(visit.desk.database, old)
    assert opens(visit, person, old, *[INDEX] * 3)
    person.presses()
    person.hands = Until([INDEX], [MIDDLE], person)
    fingers.add(visit, [LEFT_INDEX], old.address)
    assert opens(visit, person, old, *[INDEX] * 3)
    assert opens(visit, person, old, *[MIDDLE] * 3)
    fingers.remove(presses(visit, person, *[MIDDLE] * 3), 1, old.address)
    assert not opens(visit, person, old, *[INDEX] * 3)
    [listed] = fingers.overview(visit.desk)
    assert from_hex(str(listed["subject"]), 20) == old.address


def test_a_keyring_put_in_another_s_place_opens_nothing(visit: Visit, person: Person) -> None:
    mine, theirs = joined(visit, person, INDEX), joined(visit, person, MIDDLE)
    assert subjects.replace(visit.desk.database, mine.address, mine.sealed, theirs.sealed)
    with pytest.raises(StateError, match="does not belong"):
        opens(visit, person, mine, MIDDLE)


def test_fingers_on_a_phone_are_not_changed_here(visit: Visit, person: Person) -> None:
    somebody = joined(visit, person, INDEX)
    assert subjects.replace(visit.desk.database, somebody.address, somebody.sealed, b"")
    away = replace(somebody, sealed=b"")
    for change in (
        lambda: fingers.add(visit, [LEFT_INDEX], away.address),
        lambda: fingers.remove(visit, 1, away.address),
    ):
        with pytest.raises(RefusedError, match="phone"):
            change()
    assert fingers.overview(visit.desk) == []


def test_more_fingers_than_may_be_searched_need_a_name(visit: Visit, person: Person) -> None:
    somebody = joined(visit, person, INDEX, MIDDLE)
    keyring = Keyring.decode(somebody.sealed)
    five = Keyring((*keyring.bindings, *(replace(keyring.bindings[1], number=n) for n in (3, 4, 5))))
    people = [replace(somebody, sealed=five.encode()), somebody]
    with pytest.raises(UsageError, match="say who it is"), unlocked(visit, people):
        pass


def test_what_does_not_fit_the_policy_is_said_before_any_press(visit: Visit, person: Person) -> None:
    for named, policy, words in (
        ((RIGHT_INDEX,), Policy.TWO, "two fingers at a time"),
        ((RIGHT_INDEX, RIGHT_INDEX), Policy.ANY, "named twice"),
        ((Position.UNNAMED,) * 6, Policy.ANY, "one to 5"),
    ):
        with pytest.raises(UsageError, match=words):
            enrol_person(presses(visit, person), named, policy)
    somebody = joined(visit, person, INDEX)
    with pytest.raises(NotFoundError, match="no finger 4"):
        fingers.remove(presses(visit, person), 4, somebody.address)
    with pytest.raises(UsageError, match="at most 5"):
        fingers.add(presses(visit, person), [Position.UNNAMED] * 5, somebody.address)


# Presses that show too little


def shows(person: Person, *counts: int) -> None:
    """How many of its minutiae each press shows, the strongest first."""
    left, all_of_them = iter(counts), person.extract
    person.extract = lambda image: Minutiae(all_of_them(image).table[: next(left)])  # type: ignore[method-assign]


def test_presses_that_show_too_little_to_tell_are_no_wrong_finger(visit: Visit, person: Person) -> None:
    somebody = joined(visit, person, INDEX)
    shows(person, 12, 13, 19)
    with pytest.raises(WeakCaptureError, match="too few details"):
        opens(visit, person, somebody, *[STRANGER] * 3)
    told = [(each.press, each.reason) for each in person.names("showed_too_little")]
    assert told == [(press, "TOO_FEW_MINUTIAE") for press in (1, 2, 3)]
    assert not person.names("not_recognised")


def test_one_press_that_shows_enough_is_not_recognised(visit: Visit, person: Person) -> None:
    somebody = joined(visit, person, INDEX)
    shows(person, 12, 20, 12)
    assert not opens(visit, person, somebody, *[STRANGER] * 3)
    assert [each.press for each in person.names("not_recognised")] == [2]
    assert [each.press for each in person.names("showed_too_little")] == [1, 3]


@pytest.mark.parametrize("counts", [(12, 40), (40, 12)])
def test_a_pair_tells_no_more_than_the_weaker_of_its_presses(
    visit: Visit, person: Person, counts: tuple[int, int]
) -> None:
    somebody = joined(visit, person, INDEX, MIDDLE, policy=Policy.TWO)
    shows(person, *counts * 3)
    with pytest.raises(WeakCaptureError, match="too few details"):
        opens(visit, person, somebody, *[STRANGER, THUMB] * 3)
    assert len(person.names("showed_too_little")) == 3


# Whoever leaves is not kept waiting


@dataclass
class Leaving:
    """A visit whose person leaves when told, and how long the journey then went on."""

    gone: float = 0.0

    def leave(self) -> None:
        self.gone = self.gone or time.monotonic()

    def has_left(self) -> bool:
        return self.gone > 0

    @property
    def kept_waiting(self) -> float:
        return time.monotonic() - self.gone


@pytest.fixture
def leaving(monkeypatch: pytest.MonkeyPatch) -> Leaving:
    """As soon as the decoder is at a press, its person leaves; it would go on for long."""
    leaving = Leaving()
    search = decoder.search

    def endless(frames: decoder.Frames, key: bytes, k: int, trials: int, *rest: Any, **named: Any) -> Any:
        leaving.leave()
        return search(frames, key, k, 1000 * trials, *rest, **named)

    monkeypatch.setattr(decoder, "search", endless)
    return leaving


@pytest.mark.parametrize("policy", Policy)
def test_whoever_leaves_while_the_records_are_tried_is_not_called_a_stranger(
    visit: Visit, person: Person, request: pytest.FixtureRequest, policy: Policy
) -> None:
    somebody = joined(visit, person, INDEX, MIDDLE, policy=policy)
    leaving = request.getfixturevalue("leaving")
    person.presses(*[STRANGER, THUMB] * 3)
    going = Visit(visit.desk, visit.report, leaving.has_left)
    with pytest.raises(CancelledError), unlocked(going, [somebody]):
        pass
    assert leaving.kept_waiting < 2
    assert not person.names("not_recognised")


def test_whoever_leaves_while_a_finger_is_sought_among_the_known_is_not_enrolled(
    visit: Visit, person: Person, leaving: Leaving
) -> None:
    going = Visit(visit.desk, visit.report, leaving.has_left)
    person.presses(*[INDEX] * 3, *[MIDDLE] * 3)
    with pytest.raises(CancelledError):
        enrol_person(going, (RIGHT_INDEX, LEFT_INDEX))
    assert leaving.kept_waiting < 2


def test_whoever_leaves_while_the_finger_is_lifted_is_not_captured(
    visit: Visit, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving = Leaving()

    def lifted(*_: object) -> bool:
        leaving.leave()
        return True

    monkeypatch.setattr(person, "wait_lifted", lifted)
    with pytest.raises(CancelledError):
        good_press(Visit(visit.desk, visit.report, leaving.has_left), 1, 3)
    assert person.events == []


# What is left of the secrets where something goes wrong


def kept(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[Any]:
    """Everything that a function gives from now on."""
    given: list[Any] = []
    original = getattr(module, name)

    def watched(*arguments: Any, **named: Any) -> Any:
        given.append(original(*arguments, **named))
        return given[-1]

    monkeypatch.setattr(module, name, watched)
    return given


@pytest.mark.parametrize("policy", Policy)
def test_the_first_finger_s_secret_goes_with_whoever_leaves_at_the_second(
    visit: Visit, person: Person, monkeypatch: pytest.MonkeyPatch, policy: Policy
) -> None:
    def leaves() -> Iterator[int]:
        yield from [INDEX] * 3
        raise CancelledError("cancelled")

    made = kept(monkeypatch, finger_journey.enrolment, "bind")
    person.hands = leaves()
    with pytest.raises(CancelledError):
        enrol_person(visit, (RIGHT_INDEX, LEFT_INDEX), policy)
    assert [each.secret for each in made] == [bytes(32)]


def test_under_the_policy_of_two_no_finger_s_own_secret_stays(
    visit: Visit, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = kept(monkeypatch, finger_journey.enrolment, "bind")
    joined(visit, person, INDEX, MIDDLE, policy=Policy.TWO)
    assert [each.secret for each in made] == [bytes(32)] * 2


def test_a_record_that_the_new_finger_opens_gives_a_secret_that_is_wiped(
    visit: Visit, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = kept(monkeypatch, finger_journey, "unlock")
    with pytest.raises(RefusedError, match="enrolled already"):
        enrol_person(presses(visit, person, *[INDEX] * 6), (RIGHT_INDEX, LEFT_INDEX))
    assert opened[-1] == bytes(32)


def test_no_secret_of_several_new_fingers_stays_where_one_cannot_be_added(
    visit: Visit, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody = joined(visit, person, INDEX)
    made = kept(monkeypatch, fingers, "bind_fingers")

    def fails(*_: object) -> bytes:
        raise StateError("no room")

    monkeypatch.setattr(fingers, "wrap_root", fails)
    person.presses()
    person.hands = Until([INDEX], [MIDDLE, THUMB], person)
    with pytest.raises(StateError):
        fingers.add(visit, [LEFT_INDEX, Position.LEFT_THUMB], somebody.address)
    assert [bound.secret for bound in made[0]] == [bytes(32)] * 2


# How the finger is presented


def test_the_very_same_image_is_no_new_press(visit: Visit, person: Person) -> None:
    somebody = joined(visit, person, INDEX)
    person.seeds, stays = itertools.repeat(7), INDEX
    assert opens(visit, person, somebody, stays)
    with pytest.raises(WeakCaptureError, match="earlier image once more"):
        opens(visit, person, somebody, *[stays] * 5)
    assert not person.names("not_recognised")


def test_the_print_on_the_glass_is_no_new_press(visit: Visit, person: Person) -> None:
    """Another image, and yet the same picture in the same place as the press before it."""
    first = person.presses(INDEX).capture()
    faint = FingerImage(bytearray(first.pixels), 256, 288, 500)
    for place in np.random.default_rng(0).integers(0, len(faint.pixels), 2000):
        faint.pixels[place] = 119
    pictures = iter([first, faint])
    person.capture = lambda **_: next(pictures)  # type: ignore[method-assign]
    with visit:
        good_press(visit, 1, 3)
        with pytest.raises(StopIteration):
            good_press(visit, 2, 3)
        assert visit.last[-1].detail.any()
        kept = visit.last[-1].detail

    assert [each.reasons for each in person.names("quality")] == [(), ("RESIDUE",)]
    assert not kept.any()


def test_repeats_can_be_allowed_for_a_simulated_finger(visit: Visit, person: Person) -> None:
    lenient = Visit(replace(visit.desk, seen=None), visit.report)
    person.seeds = itertools.repeat(7)
    for _ in range(2):
        person.presses(INDEX)
        good_press(replace_last(lenient), 1, 3)
    assert [each.reasons for each in person.names("quality")] == [()]


def replace_last(visit: Visit) -> Visit:
    """The next errand of the same kiosk."""
    visit.forget()
    return visit
