"""A carrier that nobody trusts brings a kiosk's message over real HTTP and fetches the receipt."""

import time
from collections.abc import Iterator

import httpx
import pytest

from contracts.hexes import to_hex
from contracts.messages import KioskMessage, Receipt, ReceiptStatus
from gateway.api import MAX_MESSAGE
from tests.gateway.actors import KioskKey, Person
from tests.gateway.house import PATIENCE, House


@pytest.fixture
def http(house: House) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=house.gateway.ready["http"], timeout=PATIENCE) as client:
        yield client


def fetched(http: httpx.Client, digest: bytes) -> httpx.Response:
    deadline = time.monotonic() + PATIENCE
    while (answer := http.get(f"/receipts/{to_hex(digest)}")).status_code == 404:
        assert "no receipt yet" in answer.json()["error"]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return answer


def test_a_message_goes_to_the_ledger_and_its_receipt_comes_back(house: House, http: httpx.Client) -> None:
    person = Person()
    act, kiosk = person.enrol(), house.kiosk.identity
    digest = act.digest(house.gateway.domain)
    unknown = http.get(f"/receipts/{to_hex(digest)}")
    assert (unknown.status_code, "no such act" in unknown.text) == (404, True)
    message = person.message(act, house.gateway.domain).sign(kiosk.key)
    taken = http.post(f"/messages/{kiosk.id}", content=message)
    assert (taken.status_code, taken.json()["digest"]) == (202, to_hex(digest))
    answer = fetched(http, digest)
    assert answer.headers["content-type"] == "application/cose"
    receipt = Receipt.verify(answer.content, house.gateway.key)
    assert (receipt.digest, receipt.status) == (digest, ReceiptStatus.FINAL)
    assert house.kiosk.receipts.get(timeout=PATIENCE) == receipt, "the kiosk hears of it by its own link, too"
    again = http.post(f"/messages/{kiosk.id}", content=message)
    assert (again.status_code, again.json()) == (202, {"digest": to_hex(digest), "receipt": True})
    assert house.kiosk.receipts.get(timeout=PATIENCE) == receipt


def test_a_message_that_does_not_belong_is_refused_with_its_cause(house: House, http: httpx.Client) -> None:
    person, kiosk, stranger = Person(), house.kiosk.identity, KioskKey()
    message = person.message(person.enrol(), house.gateway.domain)
    elsewhere = KioskMessage("live", message.act, message.signature, message.captured_at)
    for place, body, status in [
        (kiosk.id, b"", 400),
        (kiosk.id, message.sign(stranger.key), 400),
        (stranger.id, message.sign(kiosk.key), 409),
        (kiosk.id, elsewhere.sign(kiosk.key), 409),
        (kiosk.id, b"\0" * (MAX_MESSAGE + 1), 413),
    ]:
        answer = http.post(f"/messages/{place}", content=body)
        assert answer.status_code == status, answer.text
        assert answer.json()["error"]
    assert http.get(f"/receipts/{to_hex(message.act.digest(house.gateway.domain))}").status_code == 404


def test_a_digest_that_is_none_is_refused(http: httpx.Client) -> None:
    assert http.get("/receipts/0x12").status_code == 400
