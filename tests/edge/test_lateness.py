"""An act whose deadline passes on the way, or that is rejected later: its person is told, once."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.acts import ACT_LIFETIME, RecordKind
from contracts.messages import Receipt, ReceiptStatus
from edge.errors import RefusedError, UnavailableError
from edge.events import EndedBadly
from edge.identity import files
from edge.journeys import unlocking
from edge.journeys.asked import overview
from edge.journeys.consent import deny, grant
from edge.journeys.enrol import enrol
from edge.journeys.handing_in import SignedAct
from edge.journeys.store import store
from edge.journeys.unlocking import unlocked
from edge.journeys.visit import Desk, Visit
from edge.journeys.withdraw import withdraw
from edge.links.outbox import Outbox
from edge.state import requests, subjects
from edge.state.database import FILE_NAME, Database
from tests.edge.standin import DOMAIN, Requester
from tests.edge.test_finger_journeys import INDEX, STRANGER, Person

DAY = 24 * 3600.0


@dataclass
class Kiosk:
    """A desk with a clock in the hand, and one person's finger."""

    desk: Desk
    person: Person
    clock: list[float]
    heard: list[EndedBadly] = field(default_factory=list)

    @property
    def outbox(self) -> Outbox:
        return self.desk.outbox

    def visit(self) -> Visit:
        self.person.presses(*[INDEX] * 12)
        return Visit(self.desk, self._report)

    def told(self) -> list[tuple[str, str]]:
        """Acts and outcomes that the person has heard of since the last look."""
        told = [(event.act, event.outcome) for event in self.heard]
        self.heard.clear()
        return told

    def press(self) -> None:
        """The person comes by and is recognised."""
        with unlocked(self.visit(), [subjects.everyone(self.desk.database)[0]]):
            pass

    def answer(self, signed: SignedAct, reason: str = "") -> None:
        status = ReceiptStatus.REJECTED if reason else ReceiptStatus.FINAL
        final = (None, None) if reason else (bytes(32), 1)
        receipt = Receipt("test", signed.digest, status, *final, reason, 1)
        assert self.outbox.settle(receipt, b"receipt")

    def ask(self, record: bytes) -> str:
        """A request that is good for two weeks."""
        subject = subjects.everyone(self.desk.database)[0].address
        signed = Requester().ask(subject, record, expires_in=14 * 24 * 3600)
        requests.add(self.desk.database, signed.request.hash_struct(), signed, int(self.clock[0]))
        return signed.request.hash_struct().hex()

    def _report(self, event: object) -> None:
        if isinstance(event, EndedBadly):
            self.heard.append(event)


@pytest.fixture
def kiosk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kiosk]:
    for name, trials in (("unlock", 2**19), ("unlock_two", 2**20)):
        monkeypatch.setattr(unlocking, name, partial(getattr(unlocking, name), trials=trials))
    files.initialise(tmp_path)
    clock = [time.time()]
    person = Person()
    with Database(tmp_path / FILE_NAME) as database:
        desk = Desk(
            sensor=person,  # type: ignore[arg-type]  # what a journey uses of it
            extractor=person,  # type: ignore[arg-type]
            database=database,
            outbox=Outbox(database, limit=20, clock=lambda: clock[0]),
            state=tmp_path,
            device_key=Ed25519PrivateKey.generate(),
            domain=DOMAIN,
            on_ledger=False,
            requesters={},
            clock=lambda: clock[0],
        )
        yield Kiosk(desk, person, clock)


@pytest.fixture
def record(kiosk: Kiosk) -> bytes:
    """Somebody who has enrolled and stored a record, both on the ledger."""
    kiosk.answer(enrol(kiosk.visit()))
    stored = store(kiosk.visit(), b"a passport", RecordKind.IDENTITY_DOCUMENT)
    kiosk.answer(stored)
    assert kiosk.told() == []
    return bytes(stored.act.record)  # type: ignore[union-attr]  # it is a Register


def state(kiosk: Kiosk) -> tuple[object, object]:
    (row,) = overview(kiosk.desk)
    return row["state"], row["late"]


def test_a_day_off_line_is_no_reason_to_tell_anything(kiosk: Kiosk, record: bytes) -> None:
    signed = grant(kiosk.visit(), kiosk.ask(record))
    kiosk.clock[0] += DAY
    kiosk.press()
    assert kiosk.told() == []
    assert state(kiosk) == ("granting", None)
    kiosk.answer(signed)
    assert state(kiosk) == ("granted", None)


def test_a_late_grant_is_told_once_and_can_be_given_again(kiosk: Kiosk, record: bytes) -> None:
    request = kiosk.ask(record)
    first = grant(kiosk.visit(), request)
    kiosk.clock[0] += ACT_LIFETIME + 1
    assert state(kiosk) == ("open", "grant")
    assert kiosk.outbox.waiting() == 1  # only a receipt takes it out
    second = grant(kiosk.visit(), request)
    assert kiosk.told() == [("grant", "late")]
    kiosk.press()
    assert kiosk.told() == []
    assert [head.digest for head in kiosk.outbox.heads()] == [first.digest]  # in order, also now
    kiosk.answer(first, "the deadline has passed")
    kiosk.answer(second)
    kiosk.press()
    assert kiosk.told() == [("grant", "rejected")]
    assert state(kiosk) == ("granted", None)


def test_what_was_told_late_and_had_arrived_is_put_right(kiosk: Kiosk, record: bytes) -> None:
    signed = grant(kiosk.visit(), kiosk.ask(record))
    kiosk.clock[0] += ACT_LIFETIME + 1
    kiosk.press()
    assert kiosk.told() == [("grant", "late")]
    kiosk.answer(signed)
    kiosk.press()
    assert kiosk.told() == [("grant", "final")]
    kiosk.press()
    assert kiosk.told() == []


def test_a_late_grant_that_may_have_arrived_can_be_withdrawn(kiosk: Kiosk, record: bytes) -> None:
    request = kiosk.ask(record)
    grant(kiosk.visit(), request)
    kiosk.clock[0] += ACT_LIFETIME + 1
    withdraw(kiosk.visit(), request)
    assert state(kiosk) == ("withdrawing", None)


def test_a_late_withdrawal_can_be_signed_again(kiosk: Kiosk, record: bytes) -> None:
    request = kiosk.ask(record)
    kiosk.answer(grant(kiosk.visit(), request))
    withdraw(kiosk.visit(), request)
    kiosk.clock[0] += ACT_LIFETIME + 1
    assert state(kiosk) == ("granted", "withdraw")
    kiosk.answer(withdraw(kiosk.visit(), request), "the deadline of an earlier act has passed")
    assert ("withdraw", "late") in kiosk.told()


def test_a_rejection_that_came_when_they_had_left_is_told(kiosk: Kiosk, record: bytes) -> None:
    signed = deny(kiosk.visit(), kiosk.ask(record))
    kiosk.answer(signed, "the request was answered elsewhere")
    kiosk.press()
    assert [event.reason for event in kiosk.heard] == ["the request was answered elsewhere"]
    kiosk.press()
    assert kiosk.told() == [("deny", "rejected")]


def test_nobody_else_hears_of_it(kiosk: Kiosk, record: bytes) -> None:
    kiosk.answer(deny(kiosk.visit(), kiosk.ask(record)), "no")
    visit = kiosk.visit()
    kiosk.person.presses(*[STRANGER] * 3)
    with (
        pytest.raises(Exception, match="not recognised"),
        unlocked(visit, [subjects.everyone(kiosk.desk.database)[0]]),
    ):
        pass
    assert kiosk.told() == []


def test_a_full_queue_is_said_before_a_finger_is_asked_for(kiosk: Kiosk, record: bytes) -> None:
    request = kiosk.ask(record)
    grant(kiosk.visit(), request)
    kiosk.outbox.limit = 1
    visit = kiosk.visit()
    kiosk.person.presses()  # nobody presses
    for journey in (
        lambda: enrol(visit),
        lambda: store(visit, b"x", RecordKind.DIGITAL_ASSET),
        lambda: grant(visit, request),
        lambda: deny(visit, request),
        lambda: withdraw(visit, request),
    ):
        with pytest.raises((UnavailableError, RefusedError), match="Nothing was lost"):
            journey()


def test_an_answer_said_again_in_the_second_of_its_rejection_is_another_act(
    kiosk: Kiosk, record: bytes
) -> None:
    request = kiosk.ask(record)
    first = deny(kiosk.visit(), request)
    kiosk.answer(first, reason="the ledger is closed")
    again = deny(kiosk.visit(), request)  # the clock has not moved
    assert again.digest != first.digest
    assert kiosk.outbox.entry(first.digest).status is ReceiptStatus.REJECTED
    assert kiosk.outbox.entry(again.digest).status is None
