"""The parts of a phone and of a kiosk's door, each by itself."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from contracts.labels import clean
from contracts.messages import Receipt, ReceiptStatus
from contracts.pairing import Channel
from contracts.phone import (
    FROM_KIOSK,
    MAX_TEXT,
    Delivery,
    News,
    Paired,
    Parcel,
    ParcelPosted,
    ParcelRefused,
    PhoneMessage,
    ReceiptCopy,
    RecordAbsent,
    RecordLent,
    RecordWanted,
    decode,
)
from edge.errors import (
    CancelledError,
    ConfigError,
    NotFoundError,
    RefusedError,
    StateError,
    UnavailableError,
)
from edge.links.link import LinkDownError, LinkLostError, LinkRefusedError, LinkState
from edge.links.phones import PhoneLink
from edge.links.turns import MAX_BROUGHT, Turns
from edge.phone import gateway as gateway_module
from edge.phone import state as phone_state
from edge.phone.companion import Companion
from edge.phone.gateway import HttpCarrier
from edge.phone.happening import Happened
from edge.phone.state import HeardRequest, HeldReceipt, Kiosk, PhoneState
from edge.phone.tables import SCHEMAS
from edge.phones import guest as guest_module
from edge.phones.cli import Code
from edge.phones.duplex import Duplex, DuplexClosedError
from edge.phones.guest import Guest
from edge.phones.room import Room
from edge.phones.talk import Talk
from edge.state import phones
from edge.state.database import Database
from edge.state.phones import Phone
from tests.contracts.vectors import OFFER
from tests.edge.phones.kiosk import InBackground
from tests.edge.standin import DOMAIN, Requester, until

KIOSK_ID = bytes(range(8))
PAIRED = Paired(bytes(20), "test", 2**63, bytes(20), bytes(32), "https://gateway.test", False)


# -- the code on a screen -----


def test_a_code_is_drawn_written_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    event = {"event": "pairing_code", "text": OFFER.text(), "expires": 0}
    for suffix, head in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
        code = Code(tmp_path / f"code{suffix}", on_terminal=True)
        code.show({"event": "place_finger"})
        assert not capsys.readouterr().out
        code.show(event)
        shown = capsys.readouterr().out
        assert OFFER.text() in shown
        assert shown.count("█") + shown.count("▀") + shown.count("▄") > 200
        assert (tmp_path / f"code{suffix}").read_bytes().startswith(head)
        code.forget()
        assert not (tmp_path / f"code{suffix}").exists()
    with pytest.raises(StateError, match="cannot write"):
        Code(tmp_path / "nowhere" / "code.png", on_terminal=False).show(event)


# -- the link by phones -----


class Carrier:
    """A guest that carries, or does not."""

    def __init__(self, outcome: str | Exception | None, label: str = "a phone") -> None:
        self.key, self.subject, self.label, self.carries = label.encode(), b"", label, True
        self._outcome = outcome
        self.asked = 0

    def carry(self, _: bytes) -> str | None:
        self.asked += 1
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


def link_by(outcome: str | Exception | None) -> PhoneLink:
    return PhoneLink(room_with(Carrier(outcome)))


def room_with(*carriers: Carrier) -> Room:
    room = Room()
    for carrier in carriers:
        room.enter(cast("Guest", carrier))
    return room


def test_the_link_is_down_without_a_phone_that_carries() -> None:
    link = PhoneLink(Room())
    assert link.status.state is LinkState.DOWN
    with pytest.raises(LinkDownError):
        link.send(b"message", again=False)


def test_the_link_says_what_became_of_a_message() -> None:
    link = link_by(None)
    assert str(link.status) == "up (by a phone)"
    link.send(b"message", again=False)
    with pytest.raises(LinkRefusedError, match="no network"):
        link_by("no network").send(b"message", again=True)
    with pytest.raises(LinkLostError, match="left"):
        link_by(DuplexClosedError("gone")).send(b"message", again=False)


@pytest.mark.parametrize("outcome", ["no network", DuplexClosedError("gone")])
def test_a_phone_that_does_not_carry_stands_in_nobody_s_way(outcome: str | Exception) -> None:
    """It came last, and stays."""
    good, bad = Carrier(None, "good"), Carrier(outcome, "bad")
    link = PhoneLink(room_with(good, bad))
    with pytest.raises((LinkRefusedError, LinkLostError)):
        link.send(b"message", again=False)
    assert str(link.status) == "up (by good)"
    for number in range(5):
        link.send(b"message %d" % number, again=False)
    assert (good.asked, bad.asked) == (5, 1)


def test_a_phone_that_says_posted_and_posts_nothing_goes_to_the_back() -> None:
    """No receipt comes, and the message is sent again: by the other one."""
    good, bad = Carrier(None, "good"), Carrier(None, "bad")
    link = PhoneLink(room_with(good, bad))
    link.send(b"message", again=False)
    link.send(b"message", again=True)
    link.send(b"another", again=False)
    assert (good.asked, bad.asked) == (2, 1)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans())))
def test_a_carrier_is_passed_over_for_one_that_failed_longer_ago_or_never(
    history: list[tuple[int, bool]],
) -> None:
    turns, carriers = Turns(), [bytes([number]) for number in range(4)]
    failed: list[bytes] = []
    for number, (carrier, silently) in enumerate(history):
        key, message = carriers[carrier], number.to_bytes(8)
        if silently:
            turns.brought(key, message)
            turns.sent_again(message)
        else:
            turns.failed(key)
        failed = [each for each in failed if each != key] + [key]
        turns.sent_again(b"of which nobody knows who brought it")
    assert turns.order(carriers) == [each for each in carriers if each not in failed] + failed


def test_turns_remember_no_more_than_is_on_its_way() -> None:
    turns = Turns()
    for number in range(2 * MAX_BROUGHT):
        turns.brought(b"carrier", number.to_bytes(8))
    assert len(turns._brought) == MAX_BROUGHT


# -- what a phone is asked -----

SUBJECT = bytes(20)


class Wire:
    """The talk with a phone that says nothing by itself."""

    closed = False

    def __init__(self) -> None:
        self.sent: list[PhoneMessage] = []

    def send(self, message: PhoneMessage, _: Any = None) -> None:
        self.sent.append(message)


@pytest.fixture
def guest() -> Guest:
    return Guest(cast("Talk", Wire()), "a phone", SUBJECT)


def asked(guest: Guest, what: PhoneMessage, work: Callable[[], Any]) -> InBackground:
    """Work that asks the phone something, once it has."""
    at_work = InBackground(work)
    until(lambda: what in cast("Wire", guest.talk).sent)
    return at_work


def test_a_parcel_under_way_is_in_nobody_s_way(guest: Guest) -> None:
    carrying = asked(guest, Parcel(b"parcel"), lambda: [guest.carry(b"parcel")])
    lending = asked(guest, RecordWanted(SUBJECT), lambda: guest.lend(SUBJECT, lambda: False))
    guest.replied(RecordLent(SUBJECT, b"sealed"))
    assert lending.result() == b"sealed"
    assert not carrying.done
    guest.replied(ParcelPosted(sha256(b"parcel").digest()))
    assert carrying.result() == [None]


def test_the_person_leaves_while_something_long_is_on_the_air() -> None:
    sending, sent = threading.Event(), threading.Event()

    def send(_: bytes) -> None:
        sending.set()
        assert sent.wait(30)

    duplex, channel = SimpleNamespace(send=send), SimpleNamespace(seal=lambda message: message)
    talk = Talk(cast("Duplex", duplex), cast("Channel", channel), ())
    long_one = InBackground(lambda: talk.send(Parcel(bytes(1000))) or True)
    assert sending.wait(30)
    try:
        with pytest.raises(CancelledError):
            Guest(talk, "a phone", SUBJECT).lend(SUBJECT, lambda: True)
    finally:
        sent.set()
    assert long_one.result()


def test_an_answer_that_comes_late_answers_nothing_else(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CancelledError):
        guest.lend(SUBJECT, lambda: True)
    with monkeypatch.context() as patch:
        patch.setattr(guest_module, "PARCEL_SECONDS", 0)
        assert "in time" in str(guest.carry(b"first"))
    carrying = asked(guest, Parcel(b"second"), lambda: [guest.carry(b"second")])
    guest.replied(RecordAbsent(SUBJECT))
    guest.replied(ParcelRefused(sha256(b"first").digest(), "no network"))
    guest.replied(ParcelPosted(sha256(b"second").digest()))
    assert carrying.result() == [None]
    lending = asked(guest, RecordWanted(b"\x01" * 20), lambda: guest.lend(b"\x01" * 20, lambda: False))
    guest.replied(RecordLent(SUBJECT, b"another's"))
    guest.replied(RecordLent(b"\x01" * 20, b"sealed"))
    assert lending.result() == b"sealed"


def test_a_long_reason_is_cut_to_what_a_phone_takes(guest: Guest) -> None:
    guest.decline("the state /var/lib/ridgekey cannot be used " * 20)
    (said,) = cast("Wire", guest.talk).sent
    assert decode(said.encode(), FROM_KIOSK) == said


# -- paired phones in the kiosk's state -----


def test_a_phone_is_named_by_the_first_digits(tmp_path: Path) -> None:
    with Database(tmp_path / "k.sqlite") as database:
        known = [Phone(bytes([number]) * 32, bytes(20), f"phone {number}", number) for number in (1, 2)]
        for phone in known:
            phones.add(database, phone)
        assert phones.everything(database) == known[::-1]
        assert phones.named(database, known[0].name[:6].upper()) == known[0]
        for prefix in ("", "zz", "0x"):
            with pytest.raises(NotFoundError, match="ridgekey edge phones"):
                phones.named(database, prefix)


# -- the phone's state -----


@pytest.fixture
def state(tmp_path: Path) -> Iterator[PhoneState]:
    state = PhoneState(tmp_path / "phone")
    yield state
    state.close()


def test_a_pairing_is_remembered_whole_and_replaced_by_the_next(state: PhoneState, tmp_path: Path) -> None:
    for _ in range(2):
        key = X25519PrivateKey.generate()
        added = state.add_kiosk(KIOSK_ID, bytes(32), key, PAIRED)
    assert [kiosk.number for kiosk in state.kiosks()] == [added.number]
    again = PhoneState(tmp_path / "phone").kiosk("0001")
    assert again.phone_key.private_bytes_raw() == key.private_bytes_raw()
    assert again.paired == PAIRED
    with pytest.raises(NotFoundError, match="ridgekey phone pair"):
        state.kiosk("ff")


def test_the_latest_are_kept_and_go_with_their_kiosk(
    state: PhoneState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone_state, "KEPT", 3)
    kiosk = state.add_kiosk(KIOSK_ID, bytes(32), X25519PrivateKey.generate(), PAIRED)
    signed = Requester().ask(bytes(20), bytes(32))
    for number in range(5):
        heard = HeardRequest(bytes([number]) * 32, kiosk.number, signed, "name", "kind", "open")
        assert state.put_request(heard)
        assert not state.put_request(heard)
        receipt = HeldReceipt(bytes([number]) * 32, kiosk.number, "grant", bytes(32), b"receipt")
        assert state.put_receipt(receipt)
        assert not state.put_receipt(receipt)
    assert [each.request[0] for each in state.requests()] == [4, 3, 2]
    assert [each.digest[0] for each in state.receipts()] == [4, 3, 2]
    assert state.request("0x0303").request[0] == 3
    for prefix in ("", "0x", "99"):
        with pytest.raises(NotFoundError, match="ridgekey phone requests"):
            state.request(prefix)
    state.put_record(bytes(20), b"sealed")
    state.forget_kiosk(kiosk)
    assert not state.requests()
    assert not state.receipts()
    assert state.carried() == [bytes(20)], "the record is the person's, whatever becomes of a kiosk"


def companion_of(state: PhoneState, kiosk: Kiosk, told: list[Happened]) -> Companion:
    return Companion(cast("Talk", SimpleNamespace()), kiosk, state, told.append)


def test_one_kiosk_s_word_never_takes_the_place_of_another_s(state: PhoneState) -> None:
    """Who asks, for what, how it stands, which act a receipt is for: nobody has signed it."""
    gateway = Ed25519PrivateKey.generate()
    paired = Paired(
        PAIRED.subject, DOMAIN.environment, DOMAIN.chain_id, DOMAIN.contract, public(gateway), "", False
    )
    honest, liar = (
        state.add_kiosk(bytes([number]) * 8, bytes(32), X25519PrivateKey.generate(), paired)
        for number in (1, 2)
    )
    told: list[Happened] = []
    signed = Requester().ask(paired.subject, bytes(32))
    request = signed.request.hash_struct()
    receipt = Receipt(DOMAIN.environment, bytes(32), ReceiptStatus.FINAL, bytes(32), 5, "", 1).sign(gateway)
    elsewhere = Receipt("elsewhere", bytes(32), ReceiptStatus.FINAL, bytes(32), 5, "", 1).sign(gateway)

    companion_of(state, honest, told)._handle(News(signed.encode(), "City hospital", "health", "granted"))
    for message in (
        News(signed.encode(), "My own doctor", "health", "denied"),
        ReceiptCopy(5, request, receipt),
        ReceiptCopy(4, request, elsewhere),
    ):
        companion_of(state, liar, told)._handle(message)
    companion_of(state, honest, told)._handle(ReceiptCopy(4, request, receipt))

    words = {each.kiosk: (each.name, each.state) for each in state.words_on(request)}
    assert words == {
        honest.number: ("City hospital", "granted"),
        liar.number: ("My own doctor", "denied"),
    }
    assert {(each.kiosk, each.act) for each in state.receipts()} == {
        (honest.number, "grant"),
        (liar.number, "deny"),
    }
    assert [each.what for each in told] == ["request", "request", "receipt", "ignored", "receipt"]
    assert told[2].detail["kiosk"] == liar.kiosk_id.hex()
    companion_of(state, liar, told)._handle(ReceiptCopy(4, request, receipt))
    assert {each.act for each in state.receipts()} == {"grant"}, "a kiosk may take its own word back"
    state.forget_kiosk(liar)
    assert [each.name for each in state.words_on(request)] == ["City hospital"]
    assert [each.act for each in state.receipts()] == ["grant"]


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def test_a_kiosk_crowds_out_only_its_own_words(state: PhoneState, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone_state, "KEPT", 2)
    signed = Requester().ask(bytes(20), bytes(32))
    for number in (1, 2):
        kiosk = state.add_kiosk(bytes([number]) * 8, bytes(32), X25519PrivateKey.generate(), PAIRED)
        for each in range(3):
            state.put_request(HeardRequest(bytes([each]) * 32, kiosk.number, signed, "name", "kind", "open"))
            state.put_receipt(HeldReceipt(bytes([each]) * 32, kiosk.number, "grant", bytes(32), b"receipt"))
    assert [each.request[0] for each in state.requests()] == [2, 1, 2, 1]
    assert [each.digest[0] for each in state.receipts()] == [2, 1, 2, 1]


def test_what_an_earlier_release_kept_is_there(tmp_path: Path) -> None:
    signed = Requester().ask(bytes(20), bytes(32))
    with Database(tmp_path / phone_state.FILE_NAME, SCHEMAS[:1]) as database:
        database.rows(
            "INSERT INTO kiosks VALUES (7, ?, ?, ?, ?, 'test', ?, ?, ?, '')",
            (KIOSK_ID, bytes(32), bytes([1]) * 32, bytes(20), bytes(8), bytes(20), bytes(32)),
        )
        database.rows(
            "INSERT INTO requests VALUES (?, 7, ?, 'name', 'kind', 'open', 1)", (bytes(32), signed.encode())
        )
        database.rows("INSERT INTO receipts VALUES (?, 7, 'grant', ?, ?, 1)", (bytes(32), bytes(20), b"r"))
    later = PhoneState(tmp_path)
    assert later.requests() == [HeardRequest(bytes(32), 7, signed, "name", "kind", "open")]
    assert later.receipts() == [HeldReceipt(bytes(32), 7, "grant", bytes(20), b"r")]
    later.forget_kiosk(later.kiosk())
    assert not later.requests()
    assert not later.receipts()
    later.close()


# -- the phone's way to the gateway -----


class Gateway(BaseHTTPRequestHandler):
    """Answers as it is told."""

    answers: ClassVar[list[tuple[int, dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        status, headers, body = self.answers.pop(0)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def gateway(*answers: tuple[int, Any]) -> Iterator[HttpCarrier]:
    """A carrier to a gateway that gives these answers; a status from 300 to 399 leads elsewhere."""
    Gateway.answers = [
        (
            status,
            {"location": "http://127.0.0.1:1/"} if 300 <= status < 400 else {},
            body if isinstance(body, bytes) else json.dumps(body).encode(),
        )
        for status, body in answers
    ]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield HttpCarrier(f"http://127.0.0.1:{server.server_port}/", KIOSK_ID)
    finally:
        server.shutdown()
        server.server_close()
    assert not Gateway.answers


@pytest.mark.parametrize("none", [(404, b"{}"), (200, b"")])
def test_a_message_is_brought_and_its_receipt_taken_back(
    none: tuple[int, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = SimpleNamespace(monotonic=lambda: 0.0)
    monkeypatch.setattr("edge.phone.gateway.time", now)
    digest = "0x" + "ab" * 32
    with gateway((202, {"digest": digest, "receipt": False}), none, (200, b"the receipt")) as carrier:
        carrier.post(b"message")
        assert carrier.waiting == 1
        assert carrier.receipt() is None
        assert carrier.receipt() is None, "it is not asked at once again"
        now.monotonic = lambda: 1.0
        assert carrier.receipt() == b"the receipt"
        assert carrier.waiting == 0


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ((400, {"error": "it is forged"}), RefusedError, "it is forged"),
        ((503, b"<html>"), RefusedError, "status 503"),
        ((302, b""), RefusedError, "status 302"),
        ((202, b"[]"), RefusedError, "another way"),
        ((202, {"digest": "0x12"}), RefusedError, "another way"),
        ((202, b"x" * 5000), UnavailableError, "more than it should"),
    ],
)
def test_what_a_gateway_may_answer_else(answer: tuple[int, Any], error: type[Exception], words: str) -> None:
    with gateway(answer) as carrier, pytest.raises(error, match=words):
        carrier.post(b"message")


HOSTILE = "\x1b]0;paid\x07\u202eforged\nridgekey: all is well " + "x" * 3000


def fit_for_a_terminal(text: str) -> bool:
    return text == clean(text, 2 * MAX_TEXT)


def test_a_gateway_s_words_are_shown_without_what_moves_a_terminal() -> None:
    with gateway((400, {"error": HOSTILE})) as carrier, pytest.raises(RefusedError, match="forged") as error:
        carrier.post(b"message")
    assert fit_for_a_terminal(str(error.value))


def test_what_is_no_http_is_quoted_without_what_moves_a_terminal() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            client, _ = listener.accept()
            client.recv(4096)
            client.sendall(b"\x1b]0;paid\x07 forged\r\n\r\n")
            client.close()

        threading.Thread(target=answer, daemon=True).start()
        carrier = HttpCarrier(f"http://127.0.0.1:{listener.getsockname()[1]}", KIOSK_ID)
        with pytest.raises(UnavailableError, match="does not answer") as error:
            carrier.post(b"message")
    assert fit_for_a_terminal(str(error.value))


class Hostile:
    """A way to a gateway whose words are not fit to be shown."""

    def post(self, _: bytes) -> None:
        raise RefusedError(HOSTILE)

    def receipt(self) -> bytes | None:
        return None


def test_a_parcel_that_was_not_taken_is_told_in_words_fit_for_a_terminal(state: PhoneState) -> None:
    told: list[Happened] = []
    parcel = SimpleNamespace(receive=lambda _: Parcel(b"message"), send=lambda _: None)
    companion = Companion(cast("Talk", parcel), cast("Kiosk", None), state, told.append, Hostile())
    companion.attend(0)
    (happened,) = told
    assert happened.what == "not_carried"
    assert fit_for_a_terminal(str(happened.detail["reason"]))


def test_a_gateway_that_answers_by_the_byte_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No byte is late. The answer is whole and good in the end; nobody waits for that."""
    monkeypatch.setattr(gateway_module, "POST_SECONDS", 0.3)
    answer = b'HTTP/1.0 202 Accepted\r\n\r\n{"digest": "0x' + b"ab" * 32 + b'"}'
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def trickle() -> bool:
            client, _ = listener.accept()
            with client:
                client.recv(4096)
                for byte in answer:
                    client.sendall(bytes([byte]))
                    time.sleep(0.02)
            return True

        slow = InBackground(trickle)
        carrier = HttpCarrier(f"http://127.0.0.1:{listener.getsockname()[1]}", KIOSK_ID)
        for words in ("not within", "still not answered"):
            with pytest.raises(UnavailableError, match=words):
                carrier.post(b"message")
        assert slow.result()


def test_one_receipt_is_asked_for_at_a_time(state: PhoneState, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that waits longest; between two, the kiosk is heard."""
    monkeypatch.setattr("edge.phone.gateway.time", SimpleNamespace(monotonic=lambda: 0.0))
    digests = [{"digest": "0x" + f"{number:02x}" * 32} for number in range(3)]
    came: list[object] = []

    def receive(_: float) -> None:
        came.append("heard")

    talk = SimpleNamespace(receive=receive, send=came.append)
    receipts = [(200, b"first"), (404, b"{}"), (200, b"third")]
    with gateway(*((202, digest) for digest in digests), *receipts) as carrier:
        for _ in digests:
            carrier.post(b"message")
        companion = Companion(cast("Talk", talk), cast("Kiosk", None), state, lambda _: None, carrier)
        for _ in range(4):
            companion.attend(0.5)
    assert came == ["heard", Delivery(b"first"), "heard", "heard", Delivery(b"third"), "heard"]
    assert carrier.waiting == 1


def test_no_gateway_and_no_address(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="does not answer"):
        HttpCarrier("http://127.0.0.1:1", KIOSK_ID).post(b"message")
    with pytest.raises(ConfigError, match="--gateway URL"):
        HttpCarrier("", KIOSK_ID)
    with pytest.raises(ConfigError, match="--gateway URL"):
        HttpCarrier("file:///etc/passwd", KIOSK_ID)
    with pytest.raises(ConfigError, match="certificates"):
        HttpCarrier("https://gateway.test", KIOSK_ID, tmp_path / "nowhere.pem")
