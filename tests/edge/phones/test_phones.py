"""A phone and a kiosk, all real but sensor and radio: what they do for the person, and what must not work."""

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.acts import Grant, RecordKind, Withdraw
from contracts.errors import ContractError
from contracts.hexes import from_hex
from contracts.pairing import (
    OFFER_SECONDS,
    FrameKind,
    Offer,
    OfferOverError,
    PhonePairing,
    PhoneSession,
    Refusal,
    RefusedByKioskError,
    decode_frame,
    encode_frame,
)
from contracts.phone import Follow, RecordLent
from edge.errors import (
    CancelledError,
    FingerNotRecognisedError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from edge.events import PhoneMet, PhoneWanted
from edge.journeys import borrowing, unlocking
from edge.journeys.consent import deny, grant
from edge.journeys.enrol import enrol
from edge.journeys.store import store
from edge.journeys.withdraw import withdraw
from edge.phone import meeting
from edge.phone.companion import Companion
from edge.phone.state import FILE_NAME, PhoneState
from edge.phones import reception, room
from edge.phones.duplex import DuplexClosedError
from edge.state import phones, subjects
from tests.edge.phones.kiosk import OTHER, InBackground, Kiosk, Phone
from tests.edge.phones.memory import Meddle, MemoryDuplex
from tests.edge.standin import until


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "NEWS_SECONDS", 0.05)


@pytest.fixture(scope="module")
def kiosk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kiosk]:
    """A kiosk at which one person is enrolled, with one record."""
    kiosk = Kiosk(tmp_path_factory.mktemp("kiosk") / "state")
    for act in (
        enrol(kiosk.visit()),
        store(kiosk.visit(), b"a document", RecordKind.IDENTITY_DOCUMENT),
    ):
        kiosk.settle(act)
    yield kiosk
    kiosk.database.close()


@pytest.fixture
def subject(kiosk: Kiosk) -> bytes:
    return subjects.everyone(kiosk.database)[0].address


@pytest.fixture
def record(kiosk: Kiosk, subject: bytes) -> bytes:
    row = kiosk.database.row("SELECT record FROM records WHERE subject = ?", (subject,))
    assert row is not None
    return bytes(row["record"])


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Phone]:
    state = PhoneState(tmp_path / "phone")
    yield Phone(state)
    state.close()


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Phone]:
    state = PhoneState(tmp_path / "second")
    yield Phone(state)
    state.close()


def pair_key() -> X25519PrivateKey:
    return X25519PrivateKey.generate()


def phone_due(end: MemoryDuplex) -> tuple[FrameKind, bytes]:
    """What the kiosk answers."""
    return decode_frame(end.receive(10) or b"")


def send_if_open(end: MemoryDuplex, frame: bytes) -> None:
    with contextlib.suppress(DuplexClosedError):
        end.send(frame)


def talk_for_a_while(end: MemoryDuplex, phone: Phone) -> None:
    companion = Companion.connect(end, phone.state.kiosk(), phone.state, phone.tell)
    for _ in range(4):
        companion.catch_up()


def attending(companion: Companion) -> InBackground:
    """The phone stays beside the kiosk until the talk ends."""

    def attend() -> bool:
        while True:
            try:
                companion.attend(0.05)
            except DuplexClosedError:
                return True

    return InBackground(attend)


def test_a_phone_is_paired_by_code_digits_and_finger(kiosk: Kiosk, phone: Phone, subject: bytes) -> None:
    pairing, companion = kiosk.pair(phone)
    assert phone.told("number") == [{"number": pairing.number}]
    met = [event for event in kiosk.events if isinstance(event, PhoneMet)][-1]
    assert (met.label, met.number) == ("Erika's phone", pairing.number)
    assert pairing.phone.subject == subject
    assert not pairing.carried
    remembered = phone.state.kiosk()
    assert remembered.kiosk_id == kiosk.id
    assert remembered.domain == kiosk.desk.domain
    assert remembered.paired.gateway_url == "http://gateway.test"
    assert remembered.phone_key.public_key().public_bytes_raw() == pairing.phone.key
    companion.close()


def test_a_phone_hears_who_asks_and_why_and_how_it_went_on(
    kiosk: Kiosk, phone: Phone, subject: bytes, record: bytes
) -> None:
    _, companion = kiosk.pair(phone)
    request = kiosk.notify(kiosk.known.ask(subject, record, "to prepare the admission"))
    companion.catch_up()
    heard = phone.state.request(request)
    assert (heard.name, heard.signed.purpose.text) == ("City hospital", "to prepare the admission")
    assert (heard.kind, heard.state) == ("identity-document", "open")
    acts = {held.act for held in phone.state.receipts()}
    assert {"enrol", "register"} <= acts

    phone.happened.clear()
    kiosk.settle(deny(kiosk.visit(), request))
    until(lambda: companion.attend(0.1) and phone.state.request(request).state == "denied")
    until(lambda: companion.attend(0.1) and phone.told("receipt"))
    assert phone.told("receipt")[0]["act"] == "deny"
    phone.happened.clear()
    companion.catch_up()
    assert not phone.happened, "what was told once is not told again"
    companion.close()


def test_a_phone_hears_nothing_of_other_people(kiosk: Kiosk, phone: Phone) -> None:
    other = kiosk.known.ask(b"\x0e" * 20, b"\x01" * 32)
    kiosk.database.rows(
        "INSERT INTO requests VALUES (?, ?, ?, ?, ?)",
        (other.request.hash_struct(), other.request.subject, other.request.expiry, other.encode(), 1),
    )
    _, companion = kiosk.pair(phone)
    companion.catch_up()
    assert other.request.hash_struct() not in {heard.request for heard in phone.state.requests()}
    companion.close()


def test_two_phones_of_one_person_at_once(
    kiosk: Kiosk, phone: Phone, second: Phone, subject: bytes, record: bytes
) -> None:
    first, other = kiosk.pair(phone)[1], kiosk.pair(second)[1]
    first.catch_up()
    other.catch_up()
    request = kiosk.notify(kiosk.known.ask(subject, record))
    for each, companion in ((phone, first), (second, other)):
        until(lambda companion=companion, each=each: companion.attend(0.1) and each.told("request"))
        assert each.state.request(request).state == "open"
        companion.close()


def kept_in_files(kiosk: Kiosk, sealed: bytes) -> list[str]:
    """Names of the kiosk's files that hold some of a sealed record."""
    return [file.name for file in kiosk.state.iterdir() if sealed[40:80] in file.read_bytes()]


def test_the_phone_carries_the_record_and_the_kiosk_forgets_it(
    kiosk: Kiosk, phone: Phone, subject: bytes, record: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = subjects.find(kiosk.database, subject).sealed
    assert kept_in_files(kiosk, sealed)
    pairing, companion = kiosk.pair(phone, carry=True)
    assert pairing.carried
    assert phone.state.record(subject) == sealed
    assert phone.told("handed_over")
    assert not kept_in_files(kiosk, sealed)

    request = kiosk.notify(kiosk.known.ask(subject, record))
    present = attending(companion)
    granted = grant(kiosk.visit(), request)
    assert isinstance(granted.act, Grant)
    kiosk.settle(granted)
    assert phone.told("lent")
    assert any(isinstance(event, PhoneWanted) for event in kiosk.events)
    assert not kept_in_files(kiosk, sealed), "borrowed, not kept"
    companion.close()
    assert present.result()

    monkeypatch.setattr(borrowing, "PHONE_SECONDS", 0.3)
    with pytest.raises(NotFoundError, match="phone that carries"):
        withdraw(kiosk.visit(), request)
    with pytest.raises(CancelledError):
        withdraw(kiosk.visit(lambda: True), request)

    # Paired once more, bringing the record and without --carry, the phone gives it back.
    pairing, companion = kiosk.pair(phone, bring=subject)
    companion.close()
    assert not pairing.carried
    assert subjects.find(kiosk.database, subject).sealed == sealed


def test_a_withdrawal_started_on_the_phone_is_completed_with_the_finger(
    kiosk: Kiosk, phone: Phone, subject: bytes, record: bytes
) -> None:
    _, companion = kiosk.pair(phone)
    request = kiosk.notify(kiosk.known.ask(subject, record))
    kiosk.settle(grant(kiosk.visit(), request))
    companion.catch_up()
    assert companion.withdraw(phone.state.request(request)) == "now put your finger on the kiosk"
    signed = withdraw(kiosk.visit())
    assert signed.act.request == from_hex(request, 32)  # type: ignore[union-attr]  # it is a Withdraw
    with pytest.raises(NotFoundError, match="no phone has started"):
        withdraw(kiosk.visit())
    kiosk.settle(signed)
    until(lambda: companion.attend(0.1) and phone.state.request(request).state == "withdrawn")
    with pytest.raises(RefusedError, match="withdrawn; only a granted one"):
        companion.withdraw(phone.state.request(request))
    companion.close()


def test_a_withdrawal_at_another_kiosk_of_the_operator(
    kiosk: Kiosk, phone: Phone, subject: bytes, record: bytes, tmp_path: Path
) -> None:
    """The phone brings the record and the request; the other kiosk has never seen the person."""
    sealed = subjects.find(kiosk.database, subject).sealed
    _, companion = kiosk.pair(phone)
    request = kiosk.notify(kiosk.known.ask(subject, record))
    kiosk.settle(grant(kiosk.visit(), request))
    companion.catch_up()
    companion.close()
    phone.state.put_record(subject, sealed)

    elsewhere = Kiosk(tmp_path / "elsewhere", like=kiosk)
    pairing, companion = elsewhere.pair(phone, bring=subject)
    assert pairing.phone.subject == subject
    assert not subjects.everyone(elsewhere.database)
    companion.withdraw(phone.state.request(request))
    attending(companion)
    act = withdraw(elsewhere.visit()).act
    assert isinstance(act, Withdraw)
    assert (act.subject, act.request) == (subject, from_hex(request, 32))
    companion.close()
    assert not kept_in_files(elsewhere, sealed)
    elsewhere.database.close()


def test_a_withdrawal_that_nobody_completes_is_forgotten(
    kiosk: Kiosk, phone: Phone, subject: bytes, record: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "WISH_SECONDS", -1)
    _, companion = kiosk.pair(phone)
    request = kiosk.notify(kiosk.known.ask(subject, record))
    companion.catch_up()
    companion.withdraw(phone.state.request(request))
    with pytest.raises(NotFoundError, match="no phone has started"):
        withdraw(kiosk.visit())
    companion.close()


def test_an_earlier_record_is_not_taken_for_the_one_handed_over(
    kiosk: Kiosk, phone: Phone, subject: bytes
) -> None:
    """It might open to a finger that was removed since."""
    sealed = subjects.find(kiosk.database, subject).sealed
    phones.hand_over(kiosk.database, subject, sha256(b"a later record").digest())
    phone.state.put_record(subject, sealed)
    try:
        beginning = kiosk.begin()
        with pytest.raises(RefusedError, match="another record"):
            phone.scan(kiosk.connect(), beginning.code, bring=subject)
        with pytest.raises(RefusedError, match="another record"):
            beginning.at_kiosk.result()
    finally:
        phones.take_back(kiosk.database, subject, sealed)
    phone.state.put_record(subject, b"an earlier record, which is not even looked at")
    _, companion = kiosk.pair(phone, bring=subject)
    companion.close()


# -- what if -----


def test_the_code_was_used(kiosk: Kiosk, phone: Phone, second: Phone) -> None:
    beginning = kiosk.begin()
    companion = phone.scan(kiosk.connect(), beginning.code)
    beginning.at_kiosk.result()
    with pytest.raises(RefusedByKioskError) as error:
        second.scan(kiosk.connect(), beginning.code)
    assert error.value.refusal is Refusal.NO_OFFER
    companion.close()


def test_two_phones_with_one_code(kiosk: Kiosk, phone: Phone, second: Phone) -> None:
    """The second one comes while the first waits for the finger: it is refused, whoever it is."""
    beginning = kiosk.begin(cancelled=lambda: False)
    offer = Offer.parse(beginning.code)
    slow, quick = (PhonePairing(offer, pair_key(), time.time()) for _ in range(2))
    slow_end, quick_end = kiosk.connect(), kiosk.connect()
    slow_end.send(slow.hello())
    quick_end.send(quick.hello())
    replies = [end.receive(10) for end in (slow_end, quick_end)]
    quick_end.send(quick.finish(replies[1] or b"", "quick"))
    until(lambda: quick_end.other.known)
    slow_end.send(slow.finish(replies[0] or b"", "slow"))
    with pytest.raises(RefusedByKioskError) as error:
        phone_due(slow_end)
    assert error.value.refusal is Refusal.NO_OFFER
    quick_end.close()
    with pytest.raises(UnavailableError):
        beginning.at_kiosk.result()


@contextlib.contextmanager
def comparing(kiosk: Kiosk) -> Iterator[None]:
    """The person looks at both screens, and gives no finger as long as this lasts."""
    kiosk.glass.free.clear()
    try:
        yield
    finally:
        kiosk.glass.free.set()


def holding_back(number: int) -> Meddle:
    """Somebody between phone and kiosk who lets no message through from this one on."""
    count = itertools.count()
    return lambda message: message if next(count) < number else None


def test_a_phone_whose_finish_is_held_back_shows_no_number(
    kiosk: Kiosk, phone: Phone, second: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who photographed the code pairs his own phone meanwhile. The person sees digits at the kiosk alone."""
    monkeypatch.setattr(meeting, "ANSWER_SECONDS", 1)
    beginning = kiosk.begin()
    with comparing(kiosk):
        end = kiosk.connect(to_kiosk=holding_back(1))
        person = InBackground(lambda: phone.scan(end, beginning.code))
        until(lambda: len(end.sent) == 2)
        thief_end = kiosk.connect()
        thief = InBackground(lambda: second.scan(thief_end, beginning.code))
        until(lambda: second.told("number"))
        with pytest.raises(UnavailableError, match="another phone's"):
            person.result()
        assert not phone.told("number")
        thief_end.close()
    for each in (beginning.at_kiosk, thief):
        with pytest.raises(DuplexClosedError):
            each.result()


def test_a_phone_that_finishes_when_the_person_has_left_is_refused(kiosk: Kiosk) -> None:
    """It would wait for a finger for ever, in one of few places."""
    beginning = kiosk.begin(cancelled=(leave := threading.Event()).is_set)
    late, end = PhonePairing(Offer.parse(beginning.code), pair_key(), time.time()), kiosk.connect()
    end.send(late.hello())
    finish = late.finish(end.receive(10) or b"", "late")
    leave.set()
    with pytest.raises(CancelledError):
        beginning.at_kiosk.result()
    end.send(finish)
    with pytest.raises(RefusedByKioskError) as error:
        late.revealed(end.receive(10) or b"")
    assert error.value.refusal is Refusal.NO_OFFER
    until(lambda: not kiosk.desk.room.guests())


def test_a_phone_for_which_no_finger_comes_leaves(
    kiosk: Kiosk, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reception, "FINGER_SECONDS", 0.5)
    beginning = kiosk.begin()
    with comparing(kiosk):
        with pytest.raises(DuplexClosedError):
            phone.scan(kiosk.connect(), beginning.code)
        until(lambda: not kiosk.desk.room.guests())
    with pytest.raises(UnavailableError):
        beginning.at_kiosk.result()


def test_nobody_scans_the_code(kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    beginning = kiosk.begin()
    monkeypatch.setattr(kiosk, "clock", lambda: time.time() + OFFER_SECONDS)
    with pytest.raises(OfferOverError):
        beginning.at_kiosk.result()


def test_the_person_leaves_before_scanning(kiosk: Kiosk) -> None:
    with pytest.raises(CancelledError):
        kiosk.begin(cancelled=lambda: True).at_kiosk.result()


def test_another_finger_pairs_nothing(kiosk: Kiosk, phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlocking, "PRESSES", 1)  # each is sought for a second
    before = phones.everything(kiosk.database)
    beginning = kiosk.begin()
    kiosk.glass.finger = OTHER
    try:
        with pytest.raises(RefusedError, match="finger not recognised"):
            phone.scan(kiosk.connect(), beginning.code)
        with pytest.raises(FingerNotRecognisedError):
            beginning.at_kiosk.result()
    finally:
        kiosk.glass.finger = 7
    assert phones.everything(kiosk.database) == before
    assert not phone.state.kiosks()


def test_a_phone_that_leaves_before_the_finger_is_not_the_reason(
    kiosk: Kiosk, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlocking, "PRESSES", 1)
    monkeypatch.setattr(kiosk.glass, "finger", OTHER)
    monkeypatch.setattr(kiosk, "events", [])
    end = kiosk.connect()
    with comparing(kiosk):
        beginning = kiosk.begin()
        person = InBackground(lambda: phone.scan(end, beginning.code))
        until(lambda: any(isinstance(event, PhoneMet) for event in kiosk.events))
        end.close()
        with pytest.raises(DuplexClosedError):
            person.result()
    with pytest.raises(FingerNotRecognisedError):
        beginning.at_kiosk.result()


def test_a_phone_that_does_not_take_the_record_is_told_to_be_paired(
    kiosk: Kiosk, phone: Phone, subject: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Companion, "_keep", lambda companion, *_: companion.close())
    sealed = subjects.find(kiosk.database, subject).sealed
    before = phones.everything(kiosk.database)
    beginning = kiosk.begin(carry=True)
    phone.scan(kiosk.connect(), beginning.code)
    with pytest.raises(DuplexClosedError, match="paired all the same"):
        beginning.at_kiosk.result()
    (paired,) = (each for each in phones.everything(kiosk.database) if each not in before)
    assert paired.key == phone.state.kiosk().phone_key.public_key().public_bytes_raw()
    assert subjects.find(kiosk.database, subject).sealed == sealed
    assert phones.carried_digest(kiosk.database, subject) is None


def test_a_wrong_code_and_no_code_at_all(kiosk: Kiosk, phone: Phone, tmp_path: Path) -> None:
    elsewhere = Kiosk(tmp_path / "elsewhere")
    code = elsewhere.begin(cancelled=lambda: False).code
    with pytest.raises(RefusedByKioskError) as error:
        phone.scan(kiosk.connect(), code)
    assert error.value.refusal is Refusal.NO_OFFER
    beginning = kiosk.begin(cancelled=(leave := threading.Event()).is_set)
    with pytest.raises(RefusedByKioskError) as error:
        phone.scan(kiosk.connect(), code)
    assert error.value.refusal is Refusal.WRONG_CODE
    leave.set()
    with pytest.raises(CancelledError):
        beginning.at_kiosk.result()


def test_a_revoked_phone_is_turned_out_and_not_let_in_again(kiosk: Kiosk, phone: Phone) -> None:
    pairing, companion = kiosk.pair(phone)
    companion.catch_up()
    phones.remove(kiosk.database, pairing.phone.key)
    kiosk.desk.room.turn_out(pairing.phone.key)
    with pytest.raises(UnavailableError):
        companion.catch_up()
    with pytest.raises(RefusedByKioskError) as error:
        kiosk.meet(phone)
    assert error.value.refusal is Refusal.NOT_PAIRED
    assert phone.state.kiosks(), "anybody may say so; only the person forgets a pairing"


def test_a_phone_that_asks_to_be_forgotten_is(kiosk: Kiosk, phone: Phone) -> None:
    pairing, companion = kiosk.pair(phone)
    companion.say_farewell()
    until(lambda: phones.find(kiosk.database, pairing.phone.key) is None)
    with pytest.raises(RefusedByKioskError):
        kiosk.meet(phone)


def test_a_stranger_and_somebody_who_listens(kiosk: Kiosk, phone: Phone) -> None:
    """Everything that was on the air, sent again, gets nobody into the room."""
    pairing, companion = kiosk.pair(phone)
    companion.close()
    remembered = phone.state.kiosk()
    stranger = PhoneSession(remembered.kiosk_id, remembered.kiosk_key, pair_key())
    end = kiosk.connect()
    end.send(stranger.hello())
    with pytest.raises(RefusedByKioskError) as error:
        phone_due(end)
    assert error.value.refusal is Refusal.NOT_PAIRED

    end = kiosk.connect()
    companion = Companion.connect(end, remembered, phone.state, phone.tell)
    companion.catch_up()
    companion.close()
    until(lambda: not kiosk.desk.room.phones_of(pairing.phone.subject))
    replayed = kiosk.connect()
    for frame in end.sent:
        send_if_open(replayed, frame)
    until(lambda: replayed.other.closed)
    assert not kiosk.desk.room.phones_of(pairing.phone.subject)


def test_a_repeated_hello_alone_holds_no_place(
    kiosk: Kiosk, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be told from a phone's own until something sealed has opened: so it is known by that."""
    _, companion = kiosk.pair(phone)
    companion.close()
    end = kiosk.connect()
    companion = Companion.connect(end, phone.state.kiosk(), phone.state, phone.tell)
    assert not end.other.known, "it has said no more than its hello"
    companion.catch_up()
    assert end.other.known
    companion.close()
    monkeypatch.setattr(reception, "GREETING_SECONDS", 0.3)
    strangers = [kiosk.connect() for _ in range(reception.MAX_GUESTS)]
    for stranger in strangers:
        stranger.send(end.sent[0])
    until(lambda: all(stranger.other.closed for stranger in strangers))
    assert not any(stranger.other.known for stranger in strangers)


@pytest.mark.parametrize("direction", ["to_kiosk", "to_phone"])
@pytest.mark.parametrize("number", range(4))
def test_an_altered_message_ends_the_talk(kiosk: Kiosk, phone: Phone, direction: str, number: int) -> None:
    _, companion = kiosk.pair(phone)
    companion.close()
    count = iter(range(1000))

    def alter(message: bytes) -> bytes:
        return message[:-1] + bytes([message[-1] ^ 1]) if next(count) == number else message

    with pytest.raises((ContractError, UnavailableError)):
        talk_for_a_while(kiosk.connect(**{direction: alter}), phone)


@pytest.mark.parametrize("data", [b"", b"\x00", encode_frame(FrameKind.DATA, bytes(40)), bytes(2000)])
def test_a_first_message_that_is_none(kiosk: Kiosk, data: bytes) -> None:
    end = kiosk.connect()
    end.send(data)
    with pytest.raises((RefusedByKioskError, DuplexClosedError)):
        phone_due(end)
    assert not end.other.known


def test_a_known_phone_that_says_what_only_a_kiosk_may_say(kiosk: Kiosk, phone: Phone) -> None:
    _, companion = kiosk.pair(phone)
    companion._talk._senders = ()
    companion._talk.send(RecordLent(bytes(20), b"nobody asked"))  # let go
    companion._talk.send(Follow())
    end = companion._talk._duplex
    assert isinstance(end, MemoryDuplex)
    end.send(companion._talk.channel.seal(b"\xa2\x00\x01\x01\x02"))
    until(lambda: end.other.closed)


def test_a_record_that_is_not_the_one_handed_over_is_not_taken(tmp_path: Path) -> None:
    kiosk, person = Kiosk(tmp_path / "kiosk"), bytes(20)
    phones.hand_over(kiosk.database, person, sha256(b"the one").digest())
    assert borrowing._is_the_one(kiosk.visit(), person, b"the one")
    assert not borrowing._is_the_one(kiosk.visit(), person, b"another")
    kiosk.database.close()


def test_the_phone_s_file_is_its_owner_s_alone(phone: Phone, tmp_path: Path) -> None:
    assert (tmp_path / "phone").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "phone" / FILE_NAME).stat().st_mode & 0o777 == 0o600
