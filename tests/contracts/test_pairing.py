"""What a phone and a kiosk say to get to know each other; and everything that a third one might try."""

import base64
from collections.abc import Callable

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ContractError, MalformedError, UnsupportedVersionError, VerificationError
from contracts.pairing import (
    MAX_DATA,
    MAX_FRAME,
    MAX_HANDSHAKE,
    OFFER_SECONDS,
    Channel,
    FrameKind,
    KioskPairing,
    Offer,
    OfferOverError,
    PhonePairing,
    PhoneSession,
    Refusal,
    RefusedByKioskError,
    StrangerError,
    decode_frame,
    encode_frame,
    kiosk_session,
    refusal,
    refusal_for,
)

NOW = 1_800_000_000
KIOSK_ID = bytes(range(8))
KIOSK, PHONE, OTHER = (X25519PrivateKey.from_private_bytes(bytes([seed]) * 32) for seed in (1, 2, 3))
OFFER = Offer(KIOSK_ID, KIOSK.public_key().public_bytes_raw(), b"\x09" * 16, NOW + OFFER_SECONDS)
PHONE_KEY = PHONE.public_key().public_bytes_raw()


def known(key: bytes) -> bool:
    return key == PHONE_KEY


def pair(label: str = "Erika's phone") -> tuple[str, Channel, Channel]:
    """The label that the kiosk heard, and the channels of phone and kiosk."""
    phone, kiosk = PhonePairing(OFFER, PHONE, NOW), KioskPairing(OFFER, KIOSK, NOW)
    heard, kiosk_channel = kiosk.finish(phone.finish(kiosk.reply(phone.hello()), label))
    frame, number = kiosk.reveal(kiosk_channel)
    phone_channel, compared = phone.revealed(frame)
    assert compared == number
    assert len(number) == 6
    return heard, phone_channel, kiosk_channel


def session() -> tuple[Channel, Channel]:
    phone = PhoneSession(KIOSK_ID, OFFER.kiosk_key, PHONE)
    reply, kiosk_channel = kiosk_session(phone.hello(), KIOSK_ID, KIOSK, known)
    return phone.finish(reply), kiosk_channel


@pytest.mark.parametrize("channels", [lambda: pair()[1:], session], ids=["pairing", "session"])
def test_both_know_each_other_and_talk(channels: Callable[[], tuple[Channel, Channel]]) -> None:
    phone, kiosk = channels()
    assert kiosk.remote_key == PHONE_KEY
    assert phone.remote_key == OFFER.kiosk_key
    for message in (b"", b"a request", bytes(70_000)):
        assert kiosk.open(phone.seal(message)) == message
        assert phone.open(kiosk.seal(message)) == message


def test_the_phone_s_name_arrives_fit_to_be_shown() -> None:
    assert pair("Erika\u202e\n's \x00phone")[0] == "Erika 's phone"
    assert pair("x" * 200)[0] == "x" * 39 + "…"
    assert pair("")[0] == "a phone without a name"


def test_the_largest_message_of_an_outbox_fits() -> None:
    phone, kiosk = session()
    frame = kiosk.seal(bytes(MAX_DATA))
    assert len(frame) <= MAX_FRAME
    assert phone.open(frame) == bytes(MAX_DATA)
    with pytest.raises(MalformedError, match="carries"):
        kiosk.seal(bytes(MAX_DATA + 1))


# -- what if -----


def test_wrong_secret() -> None:
    forged = Offer(KIOSK_ID, OFFER.kiosk_key, b"\x0a" * 16, OFFER.expires)
    hello = PhonePairing(forged, PHONE, NOW).hello()
    with pytest.raises(VerificationError) as error:
        KioskPairing(OFFER, KIOSK, NOW).reply(hello)
    assert refusal_for(error.value, FrameKind.PAIRING_HELLO) is Refusal.WRONG_CODE


@pytest.mark.parametrize(
    "forged",
    [
        Offer(b"\xff" * 8, OFFER.kiosk_key, OFFER.secret, OFFER.expires),
        Offer(KIOSK_ID, OFFER.kiosk_key, OFFER.secret, OFFER.expires + 3600),
        Offer(KIOSK_ID, OTHER.public_key().public_bytes_raw(), OFFER.secret, OFFER.expires),
    ],
    ids=["kiosk id", "expiry", "kiosk key"],
)
def test_a_code_that_was_altered(forged: Offer) -> None:
    with pytest.raises(VerificationError):
        KioskPairing(OFFER, KIOSK, NOW).reply(PhonePairing(forged, PHONE, NOW).hello())


def test_an_expired_code() -> None:
    for end in (PhonePairing(OFFER, PHONE, NOW), KioskPairing(OFFER, KIOSK, OFFER.expires - 1)):
        assert end
    with pytest.raises(OfferOverError):
        PhonePairing(OFFER, PHONE, OFFER.expires)
    with pytest.raises(OfferOverError) as error:
        KioskPairing(OFFER, KIOSK, OFFER.expires)
    assert refusal_for(error.value, FrameKind.PAIRING_HELLO) is Refusal.NO_OFFER


def test_a_replayed_pairing() -> None:
    phone, kiosk = PhonePairing(OFFER, PHONE, NOW), KioskPairing(OFFER, KIOSK, NOW)
    hello = phone.hello()
    finish = phone.finish(kiosk.reply(hello), "phone")
    again = KioskPairing(OFFER, KIOSK, NOW)  # a kiosk that forgot that the code was used
    again.reply(hello)
    with pytest.raises(VerificationError):
        again.finish(finish)


def test_a_man_in_the_middle_who_saw_the_code_but_has_not_the_kiosk_s_key() -> None:
    """He answers the phone with a key of his own: the phone wants the one that was on the screen."""
    middle = Offer(KIOSK_ID, OTHER.public_key().public_bytes_raw(), OFFER.secret, OFFER.expires)
    phone = PhonePairing(OFFER, PHONE, NOW)
    with pytest.raises(VerificationError):
        KioskPairing(middle, OTHER, NOW).reply(phone.hello())


def test_a_man_in_the_middle_who_alters_the_reply() -> None:
    phone, kiosk = PhonePairing(OFFER, PHONE, NOW), KioskPairing(OFFER, KIOSK, NOW)
    _, body = decode_frame(kiosk.reply(phone.hello()))
    own = OTHER.public_key().public_bytes_raw() + body[32:]
    with pytest.raises(VerificationError):
        phone.finish(encode_frame(FrameKind.PAIRING_REPLY, own), "phone")


# -- the digits -----


def begun(seed: int) -> tuple[PhonePairing, KioskPairing, bytes]:
    """A phone that has heard the kiosk's reply, the kiosk's side of it, and the reply."""
    phone = PhonePairing(OFFER, X25519PrivateKey.from_private_bytes(bytes([seed]) * 32), NOW)
    kiosk = KioskPairing(OFFER, KIOSK, NOW)
    return phone, kiosk, kiosk.reply(phone.hello())


def test_a_phone_whose_finish_was_held_back_can_tell_no_number() -> None:
    """Who photographed the code comes through instead; what the kiosk says to him opens for nobody else."""
    person, _, reply = begun(2)
    thief, for_thief, other_reply = begun(3)
    person.finish(reply, "Erika's phone")  # never arrives
    _, channel = for_thief.finish(thief.finish(other_reply, "Erika's phone"))
    frame, _ = for_thief.reveal(channel)
    with pytest.raises(VerificationError):
        person.revealed(frame)
    with pytest.raises(RefusedByKioskError):
        person.revealed(refusal(Refusal.NO_OFFER))


def test_a_phone_cannot_steer_the_number() -> None:
    """Whoever photographed the code tries names for his phone until the handshake's hash suits him.

    It does him no good: the number has a part of the kiosk's, which he learns when his finish is taken.
    """
    numbers = set()
    for attempt in range(50):
        thief, kiosk, reply = begun(3)
        _, channel = kiosk.finish(thief.finish(reply, f"phone {attempt}"))
        kiosk._handshake._state.transcript = b"as he likes it"
        numbers.add(kiosk.reveal(channel)[1])
    assert len(numbers) > 40


def test_a_kiosk_cannot_steer_the_number_either() -> None:
    """Somebody puts a code of his own over the screen, and chooses the nonce once the phone's key is out."""
    phone, kiosk, reply = begun(2)
    _, channel = kiosk.finish(phone.finish(reply, "phone"))
    kiosk._nonce = b"\x01" * 32
    with pytest.raises(VerificationError, match="walk away"):
        phone.revealed(kiosk.reveal(channel)[0])


@pytest.mark.parametrize("nonce", [b"", b"\x01" * 31, b"\x01" * 33])
def test_a_nonce_of_another_length_is_none(nonce: bytes) -> None:
    phone, kiosk = PhonePairing(OFFER, PHONE, NOW), KioskPairing(OFFER, KIOSK, NOW)
    kiosk._nonce = nonce
    _, channel = kiosk.finish(phone.finish(kiosk.reply(phone.hello()), "phone"))
    with pytest.raises(VerificationError):
        phone.revealed(kiosk.reveal(channel)[0])


def test_a_stranger() -> None:
    stranger = PhoneSession(KIOSK_ID, OFFER.kiosk_key, OTHER)
    with pytest.raises(StrangerError) as error:
        kiosk_session(stranger.hello(), KIOSK_ID, KIOSK, known)
    assert refusal_for(error.value, FrameKind.SESSION_HELLO) is Refusal.NOT_PAIRED


def test_a_revoked_phone() -> None:
    phone = PhoneSession(KIOSK_ID, OFFER.kiosk_key, PHONE)
    with pytest.raises(StrangerError):
        kiosk_session(phone.hello(), KIOSK_ID, KIOSK, lambda _: False)


def test_another_kiosk() -> None:
    phone = PhoneSession(KIOSK_ID, OFFER.kiosk_key, PHONE)
    hello = phone.hello()
    with pytest.raises(VerificationError):
        kiosk_session(hello, b"\xff" * 8, KIOSK, known)
    with pytest.raises(VerificationError):
        kiosk_session(hello, KIOSK_ID, OTHER, known)


def test_a_replayed_hello_gives_a_session_that_nobody_can_use() -> None:
    phone = PhoneSession(KIOSK_ID, OFFER.kiosk_key, PHONE)
    hello = phone.hello()
    reply, first = kiosk_session(hello, KIOSK_ID, KIOSK, known)
    channel = phone.finish(reply)
    _, second = kiosk_session(hello, KIOSK_ID, KIOSK, known)
    frame = channel.seal(b"withdraw")
    assert first.open(frame) == b"withdraw"
    with pytest.raises(VerificationError):
        second.open(frame)


def test_who_steals_both_keys_later_cannot_read_what_was_recorded() -> None:
    """The keys alone, with all that was on the air, do not make the session's keys again."""
    phone = PhoneSession(KIOSK_ID, OFFER.kiosk_key, PHONE)
    hello = phone.hello()
    reply, kiosk_channel = kiosk_session(hello, KIOSK_ID, KIOSK, known)
    phone.finish(reply)
    recorded = kiosk_channel.seal(b"a name")
    thief = PhoneSession(KIOSK_ID, OFFER.kiosk_key, PHONE)
    thief.hello()
    with pytest.raises(VerificationError):
        thief.finish(reply).open(recorded)


def test_a_message_repeated_left_out_or_sent_back() -> None:
    phone, kiosk = session()
    first = phone.seal(b"one")
    assert kiosk.open(first) == b"one"
    with pytest.raises(VerificationError):
        kiosk.open(first)
    phone, kiosk = session()
    phone.seal(b"lost")
    with pytest.raises(VerificationError):
        kiosk.open(phone.seal(b"two"))
    phone, kiosk = session()
    with pytest.raises(VerificationError):
        phone.open(phone.seal(b"reflected"))


def test_a_refusal_is_told_and_no_pairing_is_forgotten_for_it() -> None:
    for reason in Refusal:
        with pytest.raises(RefusedByKioskError) as error:
            PhoneSession(KIOSK_ID, OFFER.kiosk_key, PHONE).finish(refusal(reason))
        assert error.value.refusal is reason
    for body in (b"", b"\x63"):
        with pytest.raises(RefusedByKioskError):
            decode_frame(encode_frame(FrameKind.REFUSAL, body))


def test_frames_out_of_their_order() -> None:
    phone, kiosk = PhonePairing(OFFER, PHONE, NOW), KioskPairing(OFFER, KIOSK, NOW)
    hello = phone.hello()
    with pytest.raises(MalformedError, match="PAIRING_REPLY was due"):
        phone.finish(hello, "phone")
    with pytest.raises(MalformedError, match="PAIRING_HELLO was due"):
        kiosk.reply(encode_frame(FrameKind.DATA, b""))
    with pytest.raises(MalformedError, match="SESSION_HELLO was due"):
        kiosk_session(hello, KIOSK_ID, KIOSK, known)


# -- the code on the screen -----


@pytest.mark.parametrize("page", ["", "https://gateway.example/phone/"])
def test_a_code_is_read_as_it_was_written(page: str) -> None:
    text = OFFER.text(page)
    assert Offer.parse(text) == OFFER
    assert Offer.parse(f"  {text}\n") == OFFER
    assert len(OFFER.text()) < 120


def test_a_fresh_code_is_fresh() -> None:
    first, second = (Offer.fresh(KIOSK_ID, KIOSK, NOW) for _ in range(2))
    assert first.secret != second.secret
    assert first.expires == NOW + 120
    assert first.kiosk_key == OFFER.kiosk_key


def test_a_code_does_not_show_its_secret_by_accident() -> None:
    assert OFFER.secret.hex() not in repr(OFFER)
    assert str(OFFER.secret) not in repr(OFFER)
    assert OFFER.secret not in OFFER.prologue()


def written(value: object) -> str:
    return "ridgekey:" + base64.urlsafe_b64encode(cbor2.dumps(value, canonical=True)).decode().rstrip("=")


FIELDS = {0: 1, 1: KIOSK_ID, 2: OFFER.kiosk_key, 3: OFFER.secret, 4: OFFER.expires}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ridgekey:",
        "https://elsewhere.example/",
        OFFER.text()[:-1],
        OFFER.text() + "A",
        OFFER.text() + "=",
        OFFER.text().replace("ridgekey:", "Ridgekey:"),
        "http://gateway.example/#" + OFFER.text(),
        "x" + OFFER.text(),
        OFFER.text() + " " + OFFER.text(),
        "ridgekey:" + "A" * 600,
        "ridgekey:ä",
        written({**FIELDS, 3: bytes(15)}),
        written({**FIELDS, 4: -1}),
        written({**FIELDS, 5: 1}),
        written({key: value for key, value in FIELDS.items() if key != 2}),
        written([1, 2, 3]),
    ],
)
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        Offer.parse(text)


def test_a_code_of_a_later_version_says_so() -> None:
    with pytest.raises(UnsupportedVersionError, match="update"):
        Offer.parse(written({**FIELDS, 0: 2}))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        cbor2.dumps([1, 6]),
        cbor2.dumps([2, 6, b""]),
        cbor2.dumps([1, 99, b""]),
        cbor2.dumps([True, 6, b""]),
        cbor2.dumps([1, 6, "text"]),
        cbor2.dumps([1, 1, bytes(MAX_HANDSHAKE + 1)]),
        cbor2.dumps([1, 6, b""]) + b"\x00",
        bytes(MAX_FRAME + 1),
    ],
)
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError) as error:
        decode_frame(data)
    assert refusal_for(error.value, None) is Refusal.NOT_UNDERSTOOD


@given(st.text(max_size=200))
def test_no_text_is_a_code_by_accident(text: str) -> None:
    for candidate in (text, "ridgekey:" + text):
        with pytest.raises(ContractError):
            Offer.parse(candidate)


@given(st.binary(max_size=200))
def test_no_bytes_get_past_a_kiosk(data: bytes) -> None:
    for kind in (FrameKind.PAIRING_HELLO, FrameKind.SESSION_HELLO):
        for frame in (data, encode_frame(kind, data)):
            with pytest.raises(ContractError):
                KioskPairing(OFFER, KIOSK, NOW).reply(frame)
            with pytest.raises(ContractError):
                kiosk_session(frame, KIOSK_ID, KIOSK, known)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_altered_byte_gets_past(place: int, change: int) -> None:
    """Of any frame: hello, reply, finish, data."""
    phone, kiosk = PhonePairing(OFFER, PHONE, NOW), KioskPairing(OFFER, KIOSK, NOW)

    def altered(frame: bytes) -> bytes:
        position = place % len(frame)
        return frame[:position] + bytes([frame[position] ^ change]) + frame[position + 1 :]

    hello = phone.hello()
    with pytest.raises(ContractError):
        KioskPairing(OFFER, KIOSK, NOW).reply(altered(hello))
    reply = kiosk.reply(hello)
    finish = phone.finish(reply, "phone")
    with pytest.raises(ContractError):
        kiosk.finish(altered(finish))
    phone, kiosk = PhonePairing(OFFER, PHONE, NOW), KioskPairing(OFFER, KIOSK, NOW)
    _, channel = kiosk.finish(phone.finish(kiosk.reply(phone.hello()), "phone"))
    with pytest.raises(ContractError):
        phone.revealed(altered(kiosk.reveal(channel)[0]))
    ours, theirs = session()
    with pytest.raises(ContractError):
        theirs.open(altered(ours.seal(b"message")))
