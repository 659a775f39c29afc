"""What a kiosk, or somebody who pretends to be one, may put on the wire."""

from collections import Counter
from pathlib import Path

import pytest

from contracts.eip712 import Domain
from contracts.messages import KioskMessage
from contracts.purpose import Purpose
from gateway import room as room_module
from gateway.entries import Entry, State, Verdict
from gateway.intake import Intake
from gateway.journal import Journal
from tests.gateway.actors import KioskKey, Person

DOMAIN = Domain(20_022, b"\1" * 20, "test")
KIOSK, OTHER, STRANGER = KioskKey(), KioskKey(), KioskKey()
PERSON = Person()


class Ear:
    """An intake with all that it answers and counts."""

    def __init__(self, path: Path) -> None:
        self.journal = Journal(path)
        self.counts: Counter[str] = Counter()
        self.sent: list[tuple[str, bytes]] = []
        self.wakes = 0
        kiosks = {kiosk.kid: kiosk.public for kiosk in (KIOSK, OTHER)}
        self.intake = Intake(
            self.journal, kiosks, DOMAIN, lambda *sent: self.sent.append(sent), self.wake, self.counts
        )

    def entry(self) -> Entry:
        """The one entry that the journal has."""
        (entry,) = self.journal.under_way()
        return entry

    def wake(self) -> None:
        self.wakes += 1


@pytest.fixture
def ear(tmp_path: Path) -> Ear:
    return Ear(tmp_path / "journal.sqlite")


def message(environment: str = "test") -> KioskMessage:
    act = PERSON.enrol()
    return KioskMessage(environment, act, PERSON.sign(act, DOMAIN), 0)


def test_a_message_of_a_known_kiosk_is_on_the_disk_when_it_has_been_received(ear: Ear) -> None:
    payload = message().sign(KIOSK.key)
    ear.intake.receive(KIOSK.id, payload)
    entry = ear.entry()
    assert (entry.state, entry.message, entry.kiosk) == (State.RECEIVED, payload, KIOSK.kid)
    assert ear.wakes == 1


def request_message() -> bytes:
    purpose = Purpose.of("test")
    request = PERSON.request(PERSON.address, b"\1" * 32, purpose)
    return KioskMessage("test", request, PERSON.sign(request, DOMAIN), 0).sign(KIOSK.key)


def altered(payload: bytes) -> bytes:
    middle = len(payload) // 2
    return payload[:middle] + bytes([payload[middle] ^ 1]) + payload[middle + 1 :]


@pytest.mark.parametrize(
    ("kiosk_id", "payload", "cause"),
    [
        pytest.param(KIOSK.id, b"", "forged", id="empty"),
        pytest.param(KIOSK.id, b"\x00" * 100, "forged", id="no CBOR"),
        pytest.param(KIOSK.id, b"\xff" * 400_000, "forged", id="too long"),
        pytest.param(STRANGER.id, message().sign(STRANGER.key), "forged", id="by a stranger"),
        pytest.param(KIOSK.id, altered(message().sign(KIOSK.key)), "forged", id="altered"),
        pytest.param(KIOSK.id, message().sign(KIOSK.key) + b"\0", "forged", id="trailing byte"),
        pytest.param(KIOSK.id, message().sign(OTHER.key), "misplaced", id="on another kiosk's topic"),
        pytest.param(KIOSK.id, message("live").sign(KIOSK.key), "other environment", id="other environment"),
        pytest.param(KIOSK.id, request_message(), "misplaced", id="a request"),
    ],
)
def test_what_does_not_belong_is_dropped_and_counted(
    ear: Ear, kiosk_id: str, payload: bytes, cause: str
) -> None:
    ear.intake.receive(kiosk_id, payload)
    assert ear.counts == {f"dropped: {cause}": 1}
    assert (ear.journal.under_way(), ear.sent, ear.wakes) == ([], [], 0)


def test_a_repeat_is_answered_with_the_receipt_that_is_there(ear: Ear) -> None:
    payload = message().sign(KIOSK.key)
    ear.intake.receive(KIOSK.id, payload)
    ear.intake.receive(KIOSK.id, payload)
    assert ear.sent == [], "there is no receipt yet"
    entry = ear.entry()
    ear.journal.reject(Verdict(entry.digest, b"receipt", "no"))
    ear.intake.receive(KIOSK.id, payload)
    ear.intake.receive(KIOSK.id, payload)
    assert ear.sent == [(KIOSK.id, b"receipt")] * 2
    assert ear.counts == {"received": 1, "repeated": 3}


def test_resends_are_counted_whether_or_not_the_first_one_came(ear: Ear) -> None:
    first, second = message().sign(KIOSK.key), message().sign(KIOSK.key)
    ear.intake.receive(KIOSK.id, first)
    ear.intake.receive(KIOSK.id, first, again=True)
    ear.intake.receive(KIOSK.id, second, again=True)
    ear.intake.receive(KIOSK.id, b"forged", again=True)
    assert ear.counts == {"received": 2, "repeated": 1, "sent again": 2, "dropped: forged": 1}


def test_the_same_act_by_way_of_another_kiosk_is_a_repeat(ear: Ear) -> None:
    same = message()
    ear.intake.receive(KIOSK.id, same.sign(KIOSK.key))
    ear.intake.receive(OTHER.id, same.sign(OTHER.key))
    assert ear.counts == {"received": 1, "repeated": 1}


def test_there_is_room_for_so_many_acts(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "MAX_UNDER_WAY", 2)
    monkeypatch.setattr(room_module, "LOOK_SECONDS", 0)
    for _ in range(3):
        ear.intake.receive(KIOSK.id, message().sign(KIOSK.key))
    assert ear.counts == {"received": 2, "dropped: no room": 1}


def test_one_kiosk_takes_no_more_than_its_share_of_the_room(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_module, "MAX_OF_ONE", 2)
    monkeypatch.setattr(room_module, "LOOK_SECONDS", 0)
    for _ in range(3):
        ear.intake.receive(KIOSK.id, message().sign(KIOSK.key))
    ear.intake.receive(OTHER.id, message().sign(OTHER.key))
    assert ear.counts == {"received": 3, "dropped: no room": 1}
    assert [entry.kiosk for entry in ear.journal.under_way()] == [KIOSK.kid, KIOSK.kid, OTHER.kid]
