"""The whole way through the kiosk with real parts: sensor process, biometrics, broker, signed receipts."""

import base64
import json
import time
from contextlib import suppress
from dataclasses import fields
from typing import Any

import pytest

from contracts import sealing
from contracts.acts import ActKind, Deny, Enrol, Grant, RecordKind, Register, Withdraw
from contracts.envelope import MAX_PLAINTEXT, Envelope, commitment, decrypt
from contracts.hexes import from_hex, to_hex
from contracts.messages import SignedRequest
from edge import client
from edge.client import ErrandError
from edge.events import Event
from tests.edge.conftest import BLANK, OWNER, SECOND_OWNER, STRANGER, World
from tests.edge.standin import DOMAIN, Person, Requester, until

DOCUMENT = json.dumps({"number": "X00000000", "name": "Erika"}).encode()
ONE_PRESS = ["place_finger", "captured", "lift_finger", "quality"]


@pytest.fixture(scope="module")
def subject(world: World) -> bytes:
    done = world.ask(world.person(OWNER), "enrol")
    assert done["state"] == "final"
    return from_hex(done["subject"], 20)


@pytest.fixture(scope="module")
def record(world: World, subject: bytes) -> bytes:
    person = world.person(OWNER)
    done = world.ask(
        person,
        "store",
        document=base64.b64encode(DOCUMENT).decode(),
        kind="identity-document",
        subject=to_hex(subject),
    )
    assert done["state"] == "final"
    assert done["seconds"].keys() == {"capture", "unlock", "sign"}
    assert done["seconds"]["capture"] > 0
    assert all(seconds >= 0 for seconds in done["seconds"].values())  # signing may take less than is told
    return from_hex(done["record"], 32)


def asked(world: World, signed: SignedRequest) -> str:
    """A request that has reached the kiosk."""
    world.gateway.notify(signed)
    request = to_hex(signed.request.hash_struct())
    until(lambda: listed(world, request))
    return request


def listed(world: World, request: str) -> dict[str, Any] | None:
    found = world.ask(world.person(), "requests")["requests"]
    return next((each for each in found if each["request"] == request), None)


def last_act(world: World) -> Any:
    return world.gateway.heard[-1].act


def test_ready_line(world: World) -> None:
    assert world.ready["kiosk"] == world.gateway.kiosk_id
    assert world.ready["sensor"] == "R307"
    assert world.ready["broker"] == "up"


def test_enrol_takes_three_presses_and_registers_keys(world: World) -> None:
    person = world.person(SECOND_OWNER)
    done = world.ask(person, "enrol")
    assert [name for name in person.names() if name != "quality"][-3:] == ["signed", "queued", "receipt"]
    assert person.names().count("place_finger") >= 3
    act = last_act(world)
    assert isinstance(act, Enrol)
    assert to_hex(act.subject) == done["subject"]
    assert to_hex(act.digest(DOMAIN)) == done["digest"]
    assert time.time() < act.deadline < time.time() + 4 * 24 * 3600


class ManyFingers(Person):
    """Somebody who presses a different finger each time, until the owner takes over."""

    def __init__(self, world: World, fingers: list[int]) -> None:
        self._others = iter(fingers)
        self._owner = world.person(SECOND_OWNER)
        super().__init__(world.remote, self._owner.finger, self._owner.impressions)

    def __call__(self, event: dict[str, Any]) -> None:
        if event["event"] == "place_finger":
            other = next(self._others, None)
            self.finger = other or self._owner.finger
            self.impressions = iter([1]) if other else self._owner.impressions
        super().__call__(event)


def test_presses_of_other_fingers_are_left_out_and_more_asked_for(world: World) -> None:
    person = ManyFingers(world, [OWNER, STRANGER, SECOND_OWNER])
    done = world.ask(person, "enrol")
    assert person.names().count("one_more") >= 1
    assert done["state"] == "final"


def test_presses_of_different_fingers_enrol_nobody(world: World) -> None:
    before = world.ask(world.person(), "status")["subjects"]
    person = ManyFingers(world, [OWNER, STRANGER, SECOND_OWNER] * 2)
    with pytest.raises(ErrandError, match="was not enrolled") as error:
        world.ask(person, "enrol")
    assert error.value.exit_code == 1
    assert "signed" not in person.names()
    assert world.ask(world.person(), "status")["subjects"] == before


def test_every_event_is_one_of_the_documented(world: World, record: bytes) -> None:
    person = world.person(OWNER)
    request = asked(world, world.known.ask(subject_of(world, record), record))
    world.ask(person, "deny", request=request)
    documented = {
        event.name: {"event", "step", *(field.name for field in fields(event))}
        for event in Event.__subclasses__()
    }
    assert person.events
    for event in person.events:
        assert event.keys() == documented[event["event"]]


def subject_of(world: World, record: bytes) -> bytes:
    status = world.ask(world.person(), "status")
    return from_hex(
        next(each for each in status["records"] if each["record"] == to_hex(record))["subject"], 20
    )


def test_the_transfer_is_reported_to_its_end(world: World, record: bytes) -> None:
    person = world.person(OWNER)
    request = asked(world, world.known.ask(subject_of(world, record), record))
    world.ask(person, "deny", request=request)
    transfers = [(event["done"], event["total"]) for event in person.events if event["event"] == "transfer"]
    assert transfers[-1] == (256 * 288 // 2, 256 * 288 // 2)
    assert transfers == sorted(transfers)


def test_a_grant_opens_the_record_for_the_requester_alone(
    world: World, subject: bytes, record: bytes
) -> None:
    requester = world.known
    signed = requester.ask(subject, record, "to prepare the admission")
    request = asked(world, signed)
    person = world.person(OWNER)
    done = world.ask(person, "grant", request=request[:12])
    assert person.events[0]["event"] == "asked"
    assert person.events[0]["requester_name"] == "City hospital"
    assert person.events[0]["purpose"] == "to prepare the admission"
    assert person.events[0]["kind"] == "identity-document"
    assert person.names()[1:5] == ONE_PRESS
    act = last_act(world)
    assert isinstance(act, Grant)
    assert (act.request, act.purpose, act.expiry) == (
        signed.request.hash_struct(),
        signed.request.purpose,
        signed.request.expiry,
    )
    assert done["state"] == "final"
    assert (listed(world, request) or {})["state"] == "granted"

    info = sealing.seal_info(signed.request.hash_struct())
    stored = next(m for m in world.gateway.heard if isinstance(m.act, Register) and m.act.record == record)
    assert stored.object is not None
    assert commitment(stored.object) == stored.act.commitment  # type: ignore[union-attr]  # it is a Register
    opened = decrypt(
        Envelope.decode(stored.object), sealing.open_sealed(requester.encryption_key, act.sealed_key, info)
    )
    assert opened == DOCUMENT
    assert DOCUMENT not in stored.object


def test_an_unknown_requester_is_called_unknown(world: World, subject: bytes, record: bytes) -> None:
    stranger = Requester()
    request = asked(world, stranger.ask(subject, record, "City hospital asks again"))
    person = world.person(OWNER)
    world.ask(person, "deny", request=request)
    assert person.events[0]["requester_name"] == f"unknown requester {to_hex(stranger.address)}"
    assert isinstance(last_act(world), Deny)
    assert (listed(world, request) or {})["state"] == "denied"
    with pytest.raises(ErrandError, match="denied; it cannot be answered"):
        world.ask(world.person(OWNER), "grant", request=request)


def test_a_grant_can_end_earlier_but_not_later(world: World, subject: bytes, record: bytes) -> None:
    signed = world.known.ask(subject, record)
    request = asked(world, signed)
    for end in (signed.request.expiry + 1, int(time.time()) - 1):
        with pytest.raises(ErrandError, match="ends in the future") as error:
            world.ask(world.person(OWNER), "grant", request=request, until=end)
        assert error.value.exit_code == 2
    earlier = signed.request.expiry - 1800
    assert world.ask(world.person(OWNER), "grant", request=request, until=earlier)["expiry"] == earlier
    assert last_act(world).deadline <= earlier


def test_only_a_granted_consent_can_be_withdrawn(world: World, subject: bytes, record: bytes) -> None:
    request = asked(world, world.known.ask(subject, record))
    with pytest.raises(ErrandError, match="open; only a granted one"):
        world.ask(world.person(OWNER), "withdraw", request=request)
    world.ask(world.person(OWNER), "grant", request=request)
    world.ask(world.person(OWNER), "withdraw", request=request)
    assert isinstance(last_act(world), Withdraw)
    assert (listed(world, request) or {})["state"] == "withdrawn"
    with pytest.raises(ErrandError, match="withdrawn; only a granted one"):
        world.ask(world.person(OWNER), "withdraw", request=request)


def test_the_wrong_finger_signs_nothing(world: World, subject: bytes, record: bytes) -> None:
    request = asked(world, world.known.ask(subject, record))
    before = len(world.gateway.heard)
    person = world.person(STRANGER)
    with pytest.raises(ErrandError, match="finger not recognised") as error:
        world.ask(person, "grant", request=request)
    assert error.value.exit_code == 1
    refused = [event["press"] for event in person.events if event["event"] == "not_recognised"]
    assert refused == [1, 2, 3]
    assert "signed" not in person.names()
    assert len(world.gateway.heard) == before
    assert (listed(world, request) or {})["state"] == "open"


def test_a_weak_press_is_no_wrong_finger(world: World, subject: bytes, record: bytes) -> None:
    """Blank captures are refused with their reason; the good press after them is the first that counts."""
    request = asked(world, world.known.ask(subject, record))
    person = WeakAtFirst(world.person(OWNER), 2)
    world.ask(person, "deny", request=request)
    judged = [event for event in person.events if event["event"] == "quality"]
    assert [event["acceptable"] for event in judged[:2]] == [False, False]
    assert all(event["reasons"] and event["hints"] for event in judged[:2])
    assert "not_recognised" not in person.names()


def test_weak_presses_without_end_are_bounded(world: World, subject: bytes, record: bytes) -> None:
    request = asked(world, world.known.ask(subject, record))
    person = WeakAtFirst(world.person(OWNER), 99)
    with pytest.raises(ErrandError, match="too weak to judge") as error:
        world.ask(person, "deny", request=request)
    assert error.value.exit_code == 1
    assert person.names().count("place_finger") == 5
    assert "not_recognised" not in person.names()


class WeakAtFirst(Person):
    """Somebody who at first touches the glass with something that leaves no print."""

    def __init__(self, person: Person, presses: int) -> None:
        super().__init__(person.remote, person.finger, person.impressions)
        self._owner = person
        self._weak = presses

    def __call__(self, event: dict[str, Any]) -> None:
        if event["event"] == "place_finger":
            weak, self._weak = self._weak > 0, self._weak - 1
            self.finger = BLANK if weak else self._owner.finger
            self.impressions = iter([1]) if weak else self._owner.impressions
        super().__call__(event)


def test_a_rejection_is_told_and_leaves_the_request_open(world: World, subject: bytes, record: bytes) -> None:
    request = asked(world, world.known.ask(subject, record))
    world.gateway.reason = "the request has expired"
    try:
        person = world.person(OWNER)
        with pytest.raises(ErrandError, match="deny was rejected: the request has expired") as error:
            world.ask(person, "deny", request=request)
    finally:
        world.gateway.reason = ""
    assert error.value.exit_code == 1
    assert person.events[-1]["event"] == "receipt"
    assert person.events[-1]["status"] == "rejected"
    assert (listed(world, request) or {})["state"] == "open"
    assert world.ask(world.person(OWNER), "deny", request=request)["state"] == "final"


def test_without_a_receipt_the_message_stays_queued(world: World, subject: bytes, record: bytes) -> None:
    request = asked(world, world.known.ask(subject, record))
    world.gateway.silent = True
    try:
        done = world.ask(world.person(OWNER), "grant", request=request, wait=0)
        assert done["state"] == "queued"
        assert (listed(world, request) or {})["state"] == "granting"
        assert world.ask(world.person(), "status")["waiting"] == 1
        until(lambda: world.gateway.heard[-1].act.digest(DOMAIN) == from_hex(done["digest"], 32))
    finally:
        world.gateway.silent = False
    world.gateway.answer_all()
    until(lambda: world.ask(world.person(), "status")["waiting"] == 0)
    assert (listed(world, request) or {})["state"] == "granted"


def test_an_expired_request_cannot_be_answered(world: World, subject: bytes, record: bytes) -> None:
    request = asked(world, world.known.ask(subject, record, expires_in=-1))
    assert (listed(world, request) or {})["state"] == "expired"
    with pytest.raises(ErrandError, match="expired"):
        world.ask(world.person(OWNER), "grant", request=request)


def test_a_record_from_elsewhere_cannot_be_granted_but_denied(world: World, subject: bytes) -> None:
    request = asked(world, world.known.ask(subject, b"\x77" * 32))
    with pytest.raises(ErrandError, match="was not stored from this kiosk") as error:
        world.ask(world.person(OWNER), "grant", request=request)
    assert error.value.exit_code == 66
    assert world.ask(world.person(OWNER), "deny", request=request)["state"] == "final"


def test_the_finger_tells_whose_record_it_is(world: World, subject: bytes, record: bytes) -> None:
    """With two people enrolled and nobody named, the record goes to the one who presses."""
    assert len(world.ask(world.person(), "status")["subjects"]) >= 2
    person = world.person(OWNER)
    done = world.ask(person, "store", document=base64.b64encode(b"x").decode(), kind="digital-asset")
    assert from_hex(done["subject"], 20) == subject
    act = last_act(world)
    assert isinstance(act, Register)
    assert act.kind == RecordKind.DIGITAL_ASSET.identifier


def test_one_person_at_a_time_and_leaving_ends_the_errand(
    world: World, subject: bytes, record: bytes
) -> None:
    request = asked(world, world.known.ask(subject, record))
    seen: list[str] = []

    class WalksAwayError(Exception):
        pass

    def walk_away(event: dict[str, Any]) -> None:
        seen.append(event["event"])
        if event["event"] == "place_finger":
            with pytest.raises(ErrandError, match="busy with another person") as error:
                world.ask(world.person(OWNER), "deny", request=request)
            assert error.value.exit_code == 69
            assert world.ask(world.person(), "status")["sensor"] == "R307"
            raise WalksAwayError

    with pytest.raises(WalksAwayError):
        client.ask(world.panel, {"do": "deny", "request": request}, walk_away)
    assert seen == ["asked", "place_finger"]

    def free() -> bool:
        with suppress(ErrandError):
            return bool(world.ask(world.person(OWNER), "deny", request=request))
        return False

    until(free)


@pytest.mark.parametrize(
    ("request_", "words", "exit_code"),
    [
        ({"do": "dance"}, "the kiosk can do: enrol", 2),
        ({}, "'do' is missing", 2),
        ({"do": 7}, "'do' must be a text", 2),
        ({"do": "grant"}, "'request' is missing", 2),
        ({"do": "grant", "request": "0xzz"}, "no such request", 66),
        ({"do": "grant", "request": "00", "until": -1}, "'until' must be a number", 2),
        ({"do": "grant", "request": "00", "until": True}, "'until' must be a number", 2),
        ({"do": "enrol", "wiat": 3}, "unknown argument 'wiat'", 2),
        ({"do": "enrol", "policy": "three"}, "'policy' is one of: any, two", 2),
        ({"do": "renew", "request": "00"}, "'until' is missing", 2),
        ({"do": "renew", "request": "00" * 32, "until": 2**40}, "no such request", 66),
        ({"do": "entrust"}, "say whom", 2),
        ({"do": "entrust", "paper": True, "nobody": True}, "say whom", 2),
        ({"do": "entrust", "guardian": "0x12"}, "20 bytes", 65),
        ({"do": "recover", "code": "4K7M"}, "'subject' is missing", 2),
        ({"do": "recover", "subject": "0x" + "00" * 20, "code": "4K7M"}, "a recovery code has 32", 65),
        ({"do": "contest", "recovery": "0x12"}, "32 bytes", 65),
        ({"do": "deactivate"}, "ends the identity and every consent", 2),
        ({"do": "rotate", "fingers": ["nose"]}, "a finger is one of", 65),
        ({"do": "store", "document": "!", "kind": "digital-asset"}, "base64", 65),
        ({"do": "store", "document": "", "kind": "digital-asset"}, "'document' is missing", 2),
        ({"do": "store", "document": "AA==", "kind": "song"}, "the kind of a record", 2),
        ({"do": "store", "document": "AA==", "kind": "digital-asset", "subject": "0x12"}, "20 bytes", 65),
        (
            {"do": "store", "document": "AA==", "kind": "digital-asset", "subject": "0x" + "00" * 20},
            "not enrolled",
            66,
        ),
        (
            {
                "do": "store",
                "document": base64.b64encode(bytes(MAX_PLAINTEXT + 1)).decode(),
                "kind": "digital-asset",
            },
            "there is room for",
            65,
        ),
        ({"do": "export", "digest": "0x" + "00" * 32}, "no message with digest", 66),
    ],
)
def test_what_cannot_be_done_is_said_before_any_press(
    world: World, subject: bytes, request_: dict[str, object], words: str, exit_code: int
) -> None:
    seen: list[object] = []
    with pytest.raises(ErrandError, match=words) as error:
        client.ask(world.panel, request_, seen.append)
    assert error.value.exit_code == exit_code
    assert seen == []


def test_the_exported_message_is_the_one_that_was_sent(world: World, subject: bytes, record: bytes) -> None:
    request = asked(world, world.known.ask(subject, record))
    done = world.ask(world.person(OWNER), "deny", request=request)
    exported = world.ask(world.person(), "export", digest=done["digest"])
    assert from_hex(exported["message"], len(world.gateway.raw[-1])) == world.gateway.raw[-1]
    assert exported["act"] == ActKind.DENY.name.lower()


def test_nothing_personal_in_clear_on_the_kiosks_disk(world: World, record: bytes) -> None:
    for path in (world.directory / "kiosk").iterdir():
        if path.is_file():
            content = path.read_bytes()
            assert DOCUMENT not in content
            assert b"Erika" not in content
