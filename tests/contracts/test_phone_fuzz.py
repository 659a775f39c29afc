"""Everything that a stranger near a kiosk, or a phone that lies, can say: mutated, cut, repeated and made up.

No crash, which is anything but a `ContractError`; no growth; no forgery taken. A few thousand inputs each
time, a million in the long run.
"""

import random
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts import phone
from contracts.errors import ContractError
from contracts.pairing import Channel, KioskPairing, Offer, PhonePairing, PhoneSession, kiosk_session
from contracts.phone import FROM_KIOSK, FROM_PHONE
from tests.contracts.vectors import KIOSK, KIOSK_ID, NOW, OFFER, PHONE, _sample

SEED = 20_261_123
MAX_GROWTH_KB = 40_000
"""Of the process over a run; what a parser kept of each input would be far more over a million."""

STRANGER = X25519PrivateKey.generate()


@dataclass(frozen=True)
class Target:
    """A parser: good inputs to start from, and a call that tells whether it has taken a forgery.

    Attributes:
        good: inputs that are taken, once each, by a fresh parser.
        takes: parses one input; true if it was taken though it is none of the good ones.
        share: of the inputs.
    """

    good: tuple[bytes, ...]
    takes: Callable[[bytes], bool]
    share: float


def code() -> Target:

    def takes(data: bytes) -> bool:
        # Whoever draws the screen can put any code on it, behind any page; a forgery would be a second text
        # for the same code.
        text = data.decode("utf-8", "replace")
        return Offer.parse(text) == OFFER and not text.strip().endswith(OFFER.text())

    return Target((OFFER.text().encode(), OFFER.text("https://gateway.example/phone/").encode()), takes, 0.3)


def pairing() -> Target:
    """A hello without the secret; a finish that is not of the phone whose hello it was."""
    hello = PhonePairing(OFFER, PHONE, NOW).hello()
    kiosk = KioskPairing(OFFER, KIOSK, NOW)
    kiosk.reply(hello)

    def takes(data: bytes) -> bool:
        KioskPairing(OFFER, KIOSK, NOW).reply(data)
        return data != hello

    return Target((hello,), takes, 0.1)


def session() -> Target:
    hello = PhoneSession(KIOSK_ID, OFFER.kiosk_key, PHONE).hello()
    stranger = PhoneSession(KIOSK_ID, OFFER.kiosk_key, STRANGER).hello()
    known = PHONE.public_key().public_bytes_raw()

    def takes(data: bytes) -> bool:
        kiosk_session(data, KIOSK_ID, KIOSK, lambda key: key == known)
        return data != hello

    return Target((hello, stranger), takes, 0.1)


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

    return Target((good,), takes, 0.25)


def messages() -> Target:
    """A paired phone may say what it likes; a forgery would be bytes with two meanings."""

    def takes(data: bytes) -> bool:
        message = phone.decode(data, FROM_PHONE + FROM_KIOSK)
        # Cleaned texts may come out shorter; what is not a text comes out as it went in.
        return len(message.encode()) > len(data)

    return Target(tuple(_sample(kind).encode() for kind in FROM_KIOSK + FROM_PHONE), takes, 0.25)


TARGETS = (code, pairing, session, data_frames, messages)


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


def resident_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def fuzz(inputs: int) -> list[str]:
    """Run all targets; returns a line for each."""
    chance, lines = random.Random(SEED), []
    for make in TARGETS:
        target = make()
        count = round(inputs * target.share)
        refused, began = 0, time.monotonic()
        before = 0
        for number in range(count):
            data = mutated(chance, target.good)
            try:
                forged = target.takes(data)
            except ContractError:
                refused += 1
            else:
                assert not forged, f"{make.__name__} took {data.hex()}"
            if number == count // 10:
                before = resident_kb()
        growth = resident_kb() - before
        assert growth < MAX_GROWTH_KB, make.__name__
        assert refused > count // 3, "the inputs are too tame"
        seconds = time.monotonic() - began
        lines.append(
            f"{make.__name__}: {count} inputs, {refused} refused, {growth} KB grown, {seconds:.0f} s"
        )
    return lines


def test_a_few_thousand_inputs() -> None:
    assert len(fuzz(4_000)) == len(TARGETS)


@pytest.mark.parametrize("make", TARGETS, ids=lambda make: make.__name__)
def test_the_targets_do_take_what_is_good(make: Callable[[], Target]) -> None:
    target = make()
    assert target.takes(target.good[0]) is False


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_million_inputs() -> None:
    print()
    for line in fuzz(1_000_000):
        print(f"  {line}")
