"""Everything that a stranger near a kiosk, or a phone that lies, can say: mutated, cut, repeated and made up.

No crash, which is anything but a `ContractError`; no growth; no forgery taken. A thousand inputs for each
parser each time, a million for each in the long run.
"""

import random
import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts import phone
from contracts.errors import ContractError
from contracts.pairing import Channel, KioskPairing, Offer, PhonePairing, PhoneSession, kiosk_session
from contracts.phone import FROM_KIOSK, FROM_PHONE
from tests.contracts.vectors import KIOSK, KIOSK_ID, NOW, OFFER, PHONE, _sample
from tests.growth import Growth

SEED = 20_261_123
STRANGER = X25519PrivateKey.generate()


@dataclass(frozen=True)
class Target:
    """A parser: good inputs to start from, and a call that tells whether it has taken a forgery.

    Attributes:
        good: inputs that are taken, once each, by a fresh parser.
        takes: parses one input; true if it was taken though it is none of the good ones.
    """

    good: tuple[bytes, ...]
    takes: Callable[[bytes], bool]


def code() -> Target:

    def takes(data: bytes) -> bool:
        # Whoever draws the screen can put any code on it, behind any page; a forgery would be a second text
        # for the same code.
        text = data.decode("utf-8", "replace")
        return Offer.parse(text) == OFFER and not text.strip().endswith(OFFER.text())

    return Target((OFFER.text().encode(), OFFER.text("https://gateway.example/phone/").encode()), takes)


def pairing_hello() -> Target:
    """A hello without the secret."""
    hello = PhonePairing(OFFER, PHONE, NOW).hello()

    def takes(data: bytes) -> bool:
        KioskPairing(OFFER, KIOSK, NOW).reply(data)
        return data != hello

    return Target((hello,), takes)


def pairing_finish() -> Target:
    """A finish that is not of the phone whose hello it was."""
    phone_side, kiosk = PhonePairing(OFFER, PHONE, NOW), KioskPairing(OFFER, KIOSK, NOW)
    finish = phone_side.finish(kiosk.reply(phone_side.hello()), "Erika's phone")

    def takes(data: bytes) -> bool:
        _waiting(kiosk).finish(data)
        return data != finish

    return Target((finish,), takes)


def _waiting(kiosk: KioskPairing) -> KioskPairing:
    """The kiosk as it is after its reply: one handshake takes one finish."""
    made, handshake = copy(kiosk), copy(kiosk._handshake)
    made._handshake, handshake._state = handshake, copy(handshake._state)
    handshake._state._cipher = copy(handshake._state._cipher)
    return made


def session_hello() -> Target:
    hello = PhoneSession(KIOSK_ID, OFFER.kiosk_key, PHONE).hello()
    stranger = PhoneSession(KIOSK_ID, OFFER.kiosk_key, STRANGER).hello()
    known = PHONE.public_key().public_bytes_raw()

    def takes(data: bytes) -> bool:
        kiosk_session(data, KIOSK_ID, KIOSK, lambda key: key == known)
        return data != hello

    return Target((hello, stranger), takes)


def channels() -> tuple[Channel, Channel]:
    phone_side = PhoneSession(KIOSK_ID, OFFER.kiosk_key, PHONE)
    reply, kiosk = kiosk_session(phone_side.hello(), KIOSK_ID, KIOSK, lambda _: True)
    return phone_side.finish(reply), kiosk


def data_frames() -> Target:
    """Frames of a session under way; the counter stays where it is, so that the good one would be taken."""
    ours, kiosk = channels()
    good = ours.seal(b"the next message")

    def takes(data: bytes) -> bool:
        kiosk._receiving._count = 0
        kiosk.open(data)
        return data != good

    return Target((good,), takes)


def messages() -> Target:
    """A paired phone may say what it likes; a forgery would be bytes with two meanings."""

    def takes(data: bytes) -> bool:
        message = phone.decode(data, FROM_PHONE + FROM_KIOSK)
        # Cleaned texts may come out shorter; what is not a text comes out as it went in.
        return len(message.encode()) > len(data)

    return Target(tuple(_sample(kind).encode() for kind in FROM_KIOSK + FROM_PHONE), takes)


TARGETS = (code, pairing_hello, pairing_finish, session_hello, data_frames, messages)


def mutated(chance: random.Random, good: tuple[bytes, ...]) -> bytes:
    """Something near a good input, or nothing like it."""
    data = bytearray(chance.choice(good))
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        place = chance.randrange(len(data) + 1)
        match chance.randrange(7):
            case 0 if place < len(data):
                data[place] ^= 1 << chance.randrange(8)
            case 1 if place < len(data):
                data[place] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
            case 2:
                del data[place : place + chance.randrange(1, 40)]
            case 3:
                data[place:place] = chance.randbytes(chance.randrange(1, 40))
            case 4:
                other = chance.choice(good)
                data[place:] = other[chance.randrange(len(other)) :]
            case 5:
                data[place:place] = data[: chance.randrange(1, 60)]
            case 6:
                data = bytearray(chance.randbytes(chance.randrange(0, 300)))
    return bytes(data)


def fuzz(make: Callable[[], Target], count: int) -> str:
    """Feed a target so many inputs; what came of it, in a line."""
    target, chance = make(), random.Random(f"{SEED} {make.__name__}")
    refused, began = 0, time.monotonic()
    with Growth() as growth:
        for _ in range(count):
            data = mutated(chance, target.good)
            try:
                forged = target.takes(data)
            except ContractError:
                refused += 1
            else:
                assert not forged, f"{make.__name__} took {data.hex()}"
    assert refused > count // 3, "the inputs are too tame"
    told = f"{count:,} inputs, {refused:,} refused, {growth.bytes:,} bytes grown"
    return f"{make.__name__}: {told}, {time.monotonic() - began:.0f} s"


parsers = pytest.mark.parametrize("make", TARGETS, ids=lambda make: make.__name__)


@parsers
def test_a_thousand_inputs(make: Callable[[], Target]) -> None:
    fuzz(make, 1_000)


@parsers
def test_the_targets_do_take_what_is_good(make: Callable[[], Target]) -> None:
    target = make()
    for _ in range(2):
        assert target.takes(target.good[0]) is False


@pytest.mark.long
@pytest.mark.timeout(3600)
@parsers
def test_a_million_inputs(make: Callable[[], Target]) -> None:
    print(f"\n  {fuzz(make, 1_000_000)}")
