"""The requesters' door over real HTTP: who gets in, and with what."""

import time

import httpx
import pytest

from contracts.hexes import to_hex
from contracts.messages import ReceiptStatus, SignedRequest
from contracts.purpose import Purpose
from contracts.signing import sign
from gateway.access import LIFETIME, prove, read_digest
from tests.gateway.actors import Person
from tests.gateway.house import PATIENCE, House

PURPOSE = Purpose.of("To open an account")


class Door:
    """A person with a granted record, the requester who may read it, and the gateway's HTTP."""

    def __init__(self, house: House) -> None:
        self.house, self.domain = house, house.gateway.domain
        self.http = httpx.Client(base_url=house.gateway.ready["http"], timeout=PATIENCE)
        self.person, self.requester = Person(), Person()
        house.enrol(self.person)
        self.record, self.data = house.store(self.person)
        self.commitment = self.person_commitment(self.record)
        self.request = self.requester.request(self.person.address, self.record, PURPOSE)

    def person_commitment(self, record: bytes) -> bytes:
        found = self.house.gateway.registry().commitment_of(self.person.address, record)
        assert found is not None
        return found

    def post(self, signed: SignedRequest | bytes) -> httpx.Response:
        return self.http.post("/requests", content=signed if isinstance(signed, bytes) else signed.encode())

    def ask(self) -> None:
        answer = self.post(self.requester.signed_request(self.request, PURPOSE, self.domain))
        assert answer.status_code == 202, answer.text
        self.house.heard(self.request.hash_struct())

    def grant(self) -> None:
        self.ask()
        receipt = self.house.send(self.person, self.person.grant(self.request, self.data))
        assert receipt.status is ReceiptStatus.FINAL

    def read(
        self, who: Person | None = None, commitment: bytes | None = None, request: bytes | None = None
    ) -> httpx.Response:
        path = (
            f"/objects/{to_hex(commitment or self.commitment)}"
            f"?request={to_hex(request or self.request.hash_struct())}"
        )
        key = (who or self.requester).signing_key
        return self.http.get(path, headers={"authorization": prove(key, self.domain, path)})


@pytest.fixture
def door(house: House) -> Door:
    return Door(house)


def refusal(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    return str(answer.json()["error"])


def test_a_record_is_handed_out_while_it_is_granted_and_no_longer(door: Door) -> None:
    assert "no such request" in refusal(door.read(), 403)
    door.ask()
    assert "has not granted" in refusal(door.read(), 403)
    assert door.house.send(door.person, door.person.grant(door.request, door.data)).reason == ""
    assert door.read().content == door.data
    assert door.house.send(door.person, door.person.withdraw(door.request)).reason == ""
    assert "has withdrawn" in refusal(door.read(), 403)


def test_only_the_requester_of_this_very_request_reads(door: Door) -> None:
    door.grant()
    assert "another requester" in refusal(door.read(who=Person()), 403)
    assert "another requester" in refusal(door.read(who=door.person), 403)


def test_a_grant_opens_its_own_record_only(door: Door) -> None:
    door.grant()
    other, _ = door.house.store(door.person)
    assert "another record" in refusal(door.read(commitment=door.person_commitment(other)), 403)
    assert "another record" in refusal(door.read(commitment=b"\1" * 32), 403)


def test_a_replaced_edition_is_not_handed_out(door: Door) -> None:
    door.grant()
    act, data = door.person.edition(door.record, b"new edition")
    assert door.house.send(door.person, act, data).status is ReceiptStatus.FINAL
    assert "replaced" in refusal(door.read(), 403)


def test_an_object_altered_on_the_disk_is_not_handed_out_and_harms_nobody_else(door: Door) -> None:
    door.grant()
    name = door.commitment.hex()
    path = door.house.gateway.config.parent / "state" / "objects" / name[:2] / name
    path.write_bytes(door.data[:-1] + b"\0")
    assert "altered" in refusal(door.read(), 500)
    path.write_bytes(door.data)
    assert door.read().content == door.data


@pytest.mark.parametrize("header", [None, "", "Bearer x", "Ridgekey key=, time=, signature="])
def test_an_unsigned_read_is_refused(door: Door, header: str | None) -> None:
    path = f"/objects/{to_hex(door.commitment)}?request={to_hex(door.request.hash_struct())}"
    headers = {} if header is None else {"authorization": header}
    assert "not signed" in refusal(door.http.get(path, headers=headers), 403)


def test_a_copied_header_opens_no_other_path_and_ages(door: Door) -> None:
    door.grant()
    path = f"/objects/{to_hex(door.commitment)}?request={to_hex(door.request.hash_struct())}"
    copied = {"authorization": prove(door.requester.signing_key, door.domain, path)}
    assert "does not hold" in refusal(door.http.get(path + "&x=1", headers=copied), 403)
    key, at = door.requester, int(time.time()) - LIFETIME - 5
    signature = sign(key.signing_key, read_digest(door.domain, path, at)).hex()
    old = {"authorization": f"Ridgekey key={key.public_key.hex()}, time={at}, signature={signature}"}
    assert "clock" in refusal(door.http.get(path, headers=old), 403)


@pytest.mark.parametrize(
    "path", ["/objects/xyz?request=0x00", "/objects/0x00", "/requests/0x12", "/requests/x"]
)
def test_ill_formed_paths_are_refused(house: House, path: str) -> None:
    answer = httpx.get(house.gateway.ready["http"] + path, timeout=PATIENCE)
    assert "expected 32 bytes" in refusal(answer, 400)


def test_an_endless_path_is_refused(house: House) -> None:
    path = f"/objects/0x{'00' * 32}?request={'0' * 1000}"
    assert httpx.get(house.gateway.ready["http"] + path, timeout=PATIENCE).status_code == 414


def test_an_unknown_request_is_not_found(house: House) -> None:
    path = f"/requests/0x{'00' * 32}"
    assert "no such request" in refusal(httpx.get(house.gateway.ready["http"] + path, timeout=PATIENCE), 404)


def test_a_request_that_is_none_is_refused(door: Door) -> None:
    assert "signed request" in refusal(door.post(b"\xff"), 400)
    assert "at most" in refusal(door.post(bytes(10_000)), 413)


def test_a_request_in_somebody_elses_name_is_refused(door: Door) -> None:
    genuine = door.requester.signed_request(door.request, PURPOSE, door.domain)
    forged = Person().signed_request(door.request, PURPOSE, door.domain)
    wrong_signature = SignedRequest(genuine.request, PURPOSE, genuine.public_key, forged.signature)
    wrong_purpose = SignedRequest(
        genuine.request, Purpose.of("Something else"), genuine.public_key, genuine.signature
    )
    assert "not that of the requester" in refusal(door.post(forged), 400)
    assert "does not hold" in refusal(door.post(wrong_signature), 400)
    assert "purpose" in refusal(door.post(wrong_purpose), 400)


def test_a_request_that_could_only_fail_is_refused_at_the_door(door: Door) -> None:
    def posted(subject: bytes, record: bytes, valid: int = 3600) -> httpx.Response:
        request = door.requester.request(subject, record, PURPOSE, valid)
        return door.post(door.requester.signed_request(request, PURPOSE, door.domain))

    assert "enrolled" in refusal(posted(Person().address, door.record), 409)
    assert "no such record" in refusal(posted(door.person.address, b"\1" * 32), 409)
    assert "passed" in refusal(posted(door.person.address, door.record, -1), 409)


def test_the_same_request_twice_is_one_request(door: Door) -> None:
    door.ask()
    again = door.post(door.requester.signed_request(door.request, PURPOSE, door.domain))
    assert again.json() == {"request": to_hex(door.request.hash_struct())}
    standing = door.http.get(f"/requests/{to_hex(door.request.hash_struct())}").json()
    assert (standing["state"], standing["expiry"]) == ("requested", door.request.expiry)


def test_an_open_request_is_announced_again_when_the_kiosk_comes_up(door: Door) -> None:
    door.ask()
    door.house.kiosk.say_online()
    assert door.house.heard(door.request.hash_struct())
    receipt = door.house.send(door.person, door.person.deny(door.request))
    assert receipt.status is ReceiptStatus.FINAL


def test_health_says_what_works_and_who_answers(house: House) -> None:
    answer = httpx.get(house.gateway.ready["http"] + "/health", timeout=PATIENCE)
    health = answer.json()
    assert answer.status_code == 200
    assert (health["ok"], health["links"], health["ledger_answers"]) == (True, {"mqtt": True}, True)
    assert house.gateway.ready.items() <= health.items()


def test_forged_messages_are_counted(house: House) -> None:
    def dropped() -> int:
        health = httpx.get(house.gateway.ready["http"] + "/health", timeout=PATIENCE).json()
        return int(health["counts"].get("dropped: forged", 0))

    before = dropped()
    house.kiosk.publish(b"forged")
    deadline = time.monotonic() + PATIENCE
    while dropped() == before:
        assert time.monotonic() < deadline
        time.sleep(0.05)
