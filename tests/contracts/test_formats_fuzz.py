"""What a stranger can post to a gateway: CBOR, COSE, signed requests and encrypted records, altered at will.

No crash, which is anything but a `ContractError`; no growth; no forgery taken, which for plain CBOR is a
second encoding of a value. A few thousand inputs each time, a million of each in the long run.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from contracts import cbor, cose, envelope
from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.messages import SignedRequest
from tests.contracts.fixtures import (
    DOMAIN,
    GATEWAY,
    KIOSK,
    KIOSK_ID,
    KIOSK_MESSAGES,
    NOTICE,
    OBJECT,
    SIGNED_REQUEST,
)
from tests.contracts.test_mqtt_fuzz import mutated
from tests.growth import Growth

SEED = 20_261_129

SIGNED = [message.sign(KIOSK) for message in KIOSK_MESSAGES]
KNOWN = {KIOSK_ID: KIOSK.public_key()}
AAD = KIOSK_MESSAGES[0].AAD
LIMIT = 1 << 16


@dataclass(frozen=True)
class Target:
    """A parser: good inputs to start from, and what is true of whatever it takes.

    Attributes:
        good: inputs that are taken.
        holds: parses an input; whether it was right to take it.
    """

    good: list[bytes]
    holds: Callable[[bytes], bool]


def plain(data: bytes) -> bool:
    return cbor.encode(cbor.decode(data, LIMIT, "it")) == data


def signed(data: bytes) -> bool:
    kid, _ = cose.verify1(data, KNOWN.get, aad=AAD)
    return kid == KIOSK_ID and data in SIGNED


def asked(data: bytes) -> bool:
    request = SignedRequest.decode(data)
    request.check(DOMAIN)
    return request == SIGNED_REQUEST


def enclosed(data: bytes) -> bool:
    reencoded = Envelope.decode(data).encode()
    envelope.check_commitment(data, envelope.commitment(OBJECT))
    return reencoded == data == OBJECT


TARGETS = {
    "CBOR": Target([*SIGNED, OBJECT, SIGNED_REQUEST.encode(), NOTICE.sign(GATEWAY)], plain),
    "COSE": Target(SIGNED, signed),
    "signed requests": Target([SIGNED_REQUEST.encode()], asked),
    "encrypted records": Target([OBJECT], enclosed),
}


def fuzz(name: str, count: int) -> str:
    """Feed a target so many inputs; what came of it, in a line."""
    target, chance = TARGETS[name], random.Random(f"{SEED} {name}")
    taken, began = 0, time.monotonic()
    with Growth() as growth:
        for _ in range(count):
            data = mutated(chance.choice(target.good), target.good, chance)
            try:
                assert target.holds(data), f"{name}: taken, {data.hex()}"
                taken += 1
            except ContractError:
                pass
    assert taken < count / 2, "the inputs are too tame"
    seconds = time.monotonic() - began
    return f"{name}: {count:,} inputs, {taken:,} taken, {growth.bytes:,} bytes grown, {seconds:.0f} s"


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_good_is_taken(name: str) -> None:
    target = TARGETS[name]
    assert all(target.holds(data) for data in target.good)


@pytest.mark.parametrize("name", TARGETS)
def test_a_few_thousand_inputs(name: str) -> None:
    fuzz(name, 2_000)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", TARGETS)
def test_a_million_inputs(name: str) -> None:
    print("\n  " + fuzz(name, 1_000_000))
