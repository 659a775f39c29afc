"""What comes back is believed only from the gateway, only for here, and only if it holds."""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.acts import ActKind
from contracts.eip712 import Domain
from contracts.messages import Receipt, ReceiptStatus, RequestNotice, SignedRequest
from contracts.purpose import Purpose
from edge.errors import NotFoundError, StateError
from edge.links.inbox import Inbox
from edge.links.outbox import Outbox
from edge.state import requests, subjects
from edge.state.database import Database
from edge.state.subjects import Subject
from tests.edge.standin import DOMAIN, Requester

GATEWAY, STRANGER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
DIGEST, SUBJECT, RECORD = b"\x01" * 32, b"\x02" * 20, b"\x03" * 32
FINAL = Receipt("test", DIGEST, ReceiptStatus.FINAL, bytes(32), 1, "", 1)
REQUESTER = Requester()


def altered(message: bytes) -> bytes:
    middle = len(message) // 2
    return message[:middle] + bytes([message[middle] ^ 1]) + message[middle + 1 :]


@dataclass
class Post:
    database: Database
    outbox: Outbox
    inbox: Inbox

    def heard(self) -> list[bytes]:
        return [request for request, _ in requests.everything(self.database)]


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    with Database(tmp_path / "kiosk.sqlite") as database:
        outbox = Outbox(database, limit=5)
        outbox.put(DIGEST, ActKind.ENROL, SUBJECT, SUBJECT, b"message", deadline=None)
        subjects.add(database, Subject(SUBJECT, b"sealed", 1))
        yield Post(database, outbox, Inbox(database, outbox, gateway_key=GATEWAY.public_key(), domain=DOMAIN))


def test_the_gateways_receipt_settles(post: Post) -> None:
    post.inbox.hear(FINAL.sign(GATEWAY))
    assert post.outbox.waiting() == 0


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(FINAL.sign(STRANGER), id="of a stranger"),
        pytest.param(replace(FINAL, environment="production").sign(GATEWAY), id="of another environment"),
        pytest.param(replace(FINAL, digest=bytes(32)).sign(GATEWAY), id="for another message"),
        pytest.param(altered(FINAL.sign(GATEWAY)), id="with an altered bit"),
        pytest.param(FINAL.sign(GATEWAY)[:-1], id="cut short"),
        pytest.param(FINAL.sign(GATEWAY) + b"\x00", id="with a byte too many"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff" * 1_000_000, id="huge"),
    ],
)
def test_no_other_receipt_does(post: Post, message: bytes) -> None:
    post.inbox.hear(message)
    assert post.outbox.waiting() == 1


@given(st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_do_harm(post: Post, message: bytes) -> None:
    post.inbox.hear(message)
    assert post.outbox.waiting() == 1


def test_a_request_is_heard_once(post: Post) -> None:
    signed = REQUESTER.ask(SUBJECT, RECORD)
    for _ in range(2):
        post.inbox.hear(RequestNotice("test", signed).sign(GATEWAY))
    assert post.heard() == [signed.request.hash_struct()]
    assert requests.find(post.database, signed.request.hash_struct().hex()[:6])[1] == signed


SIGNED = REQUESTER.ask(SUBJECT, RECORD)


@pytest.mark.parametrize(
    "signed",
    [
        pytest.param(REQUESTER.ask(b"\x09" * 20, RECORD), id="for a person who is not enrolled here"),
        pytest.param(
            REQUESTER.ask(SUBJECT, RECORD, domain=Domain(1, DOMAIN.contract, "test")), id="for another chain"
        ),
        pytest.param(
            replace(SIGNED, purpose=Purpose.of("another purpose")), id="with another purpose in words"
        ),
        pytest.param(replace(SIGNED, signature=bytes(64)), id="without the requester's signature"),
        pytest.param(replace(SIGNED, public_key=Requester().public_key), id="of another requester's key"),
        pytest.param(
            replace(SIGNED, request=replace(SIGNED.request, expiry=SIGNED.request.expiry + 1)),
            id="altered by the gateway",
        ),
    ],
)
def test_a_request_that_does_not_hold_is_not_shown(post: Post, signed: SignedRequest) -> None:
    post.inbox.hear(RequestNotice("test", signed).sign(GATEWAY))
    assert post.heard() == []


def test_a_strangers_notice_is_not_shown(post: Post) -> None:
    post.inbox.hear(RequestNotice("test", SIGNED).sign(STRANGER))
    post.inbox.hear(RequestNotice("elsewhere", SIGNED).sign(GATEWAY))
    assert post.heard() == []


def test_a_full_disk_is_passed_on_so_that_the_message_comes_again(post: Post) -> None:
    post.database.rows("PRAGMA max_page_count = 1")
    signed = [REQUESTER.ask(SUBJECT, RECORD, "p" * 280) for _ in range(20)]
    with pytest.raises(StateError, match="no room"):
        deque((post.inbox.hear(RequestNotice("test", each).sign(GATEWAY)) for each in signed), maxlen=0)


def test_a_gateway_gone_wild_cannot_fill_the_disk(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "PER_SUBJECT_LIMIT", 3)
    for _ in range(4):
        post.inbox.hear(RequestNotice("test", REQUESTER.ask(SUBJECT, RECORD, expires_in=-5)).sign(GATEWAY))
    lasting = [REQUESTER.ask(SUBJECT, RECORD) for _ in range(5)]
    for signed in lasting:
        post.inbox.hear(RequestNotice("test", signed).sign(GATEWAY))
    assert sorted(post.heard()) == sorted(signed.request.hash_struct() for signed in lasting[:3])


@pytest.mark.parametrize("prefix", ["", "0x", "zz", "*", "[0-9]", "0x" + "00" * 33])
def test_what_names_no_request_finds_none(post: Post, prefix: str) -> None:
    requests.add(post.database, SIGNED.request.hash_struct(), SIGNED, int(time.time()))
    with pytest.raises(NotFoundError, match="no such request"):
        requests.find(post.database, prefix)


def test_too_few_digits_are_asked_for_more(post: Post) -> None:
    for first in (b"\xab\x01", b"\xab\x02"):
        requests.add(post.database, first + bytes(30), SIGNED, int(time.time()))
    with pytest.raises(NotFoundError, match="give more digits"):
        requests.find(post.database, "0xAB")
    assert requests.find(post.database, "0xAB01")[0] == b"\xab\x01" + bytes(30)
