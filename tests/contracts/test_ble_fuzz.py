"""What a stranger can send by Bluetooth: no crash, no growth, no accepted forgery.

A few hundred or thousand inputs for each parser each time, a million for each in the long run.
"""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts import gatt
from contracts.conversation import Conversation, Patience, RefusedError, Sessions
from contracts.cose import kid_of
from contracts.errors import ContractError
from contracts.framing import FramingError, Reassembly, chunks
from contracts.gatt import End, Limits, Start
from contracts.introduction import GatewayIntroduction, KioskIntroduction
from drivers.bluetooth.address import adapter_of
from drivers.bluetooth.errors import AddressError
from tests.growth import Growth

QUICK, MILLION = 3_000, 1_000_000
TIMES = [QUICK, pytest.param(MILLION, marks=[pytest.mark.long, pytest.mark.timeout(3600)])]
PATIENCE = Patience(sessions=4, greeting=200)
KIOSK, GATEWAY = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
KNOWN = {kid_of(KIOSK.public_key()): KIOSK.public_key()}


class Stranger:
    """Makes bytes: noise, and good values that were cut, prolonged, flipped and repeated."""

    def __init__(self, seed: int, good: list[bytes]) -> None:
        self.random = random.Random(seed)
        self._good = good

    def bytes(self) -> bytes:
        pick = self.random
        if pick.random() < 0.3:
            return pick.randbytes(pick.choice((0, 1, 2, 5, 6, 20, 200, 512)))
        value = bytearray(pick.choice(self._good))
        for _ in range(pick.choice((0, 0, 1, 2))):
            match pick.randrange(5):
                case 0:
                    del value[pick.randrange(len(value) + 1) :]
                case 1:
                    value += pick.randbytes(pick.randrange(8))
                case 2:
                    value *= 2
                case _ if value:
                    value[pick.randrange(len(value))] ^= 1 << pick.randrange(8)
        return bytes(value[:600])


@pytest.mark.parametrize("times", TIMES)
def test_framing(times: int) -> None:
    stranger, outcomes = Stranger(1, [*chunks(bytes(100), 20), b"\x00x"]), Counter[str]()
    reassembly = Reassembly(300)
    with Growth() as growth:
        for _ in range(times):
            try:
                message = reassembly.feed(stranger.bytes())
            except FramingError:
                outcomes["refused"] += 1
                reassembly.reset()
            else:
                assert message is None or 0 < len(message) <= 300
                outcomes["more" if message is None else "whole"] += 1
            assert reassembly.pending <= 300
    print(f"framing: {times:,} inputs, {growth.bytes:,} bytes grown, {dict(outcomes)}")
    assert set(outcomes) == {"refused", "more", "whole"}


@pytest.mark.parametrize("times", TIMES)
def test_the_servers_handlers(times: int) -> None:
    states = Stranger(2, [Start(b"abcd").encode()] * 9 + [gatt.END])
    pieces = Stranger(3, [*chunks(bytes(150), 50), *chunks(b"short", 20), b"\x01x"])
    outcomes, pick = Counter[str](), random.Random(4)
    now = 0.0
    sessions = Sessions(PATIENCE, lambda: now)
    with Growth() as growth:
        for number in range(times):
            client, what = f"client {number % 7}", pick.random()
            now += 0.2 * pick.random()
            try:
                if what < 0.2:
                    outcomes["began" if sessions.write_state(client, 23, states.bytes()) else "ended"] += 1
                elif what < 0.95:
                    message = sessions.write_chunk(client, pick.choice((0, 23, 517)), pieces.bytes())
                    outcomes["more" if message is None else "whole"] += 1
                elif what < 0.98:
                    sessions.gone(client)
                else:
                    outcomes["expelled"] += len(sessions.expel_overdue())
            except RefusedError as error:
                outcomes[error.reason.words] += 1
            assert len(sessions) <= PATIENCE.sessions
            assert sessions.pending <= PATIENCE.sessions * PATIENCE.greeting
    print(f"server: {times:,} inputs, {growth.bytes:,} bytes grown, {dict(outcomes)}")
    assert {"began", "ended", "more", "whole", "expelled", "busy", "too long"} <= set(outcomes)


@pytest.mark.parametrize("times", TIMES)
def test_the_clients_handlers(times: int) -> None:
    client = Conversation(300)
    tag = client.start.tag
    good = [tag + value for value in chunks(bytes(150), 20)] + [End(tag, 0x84).encode(), b"othr\x00x"]
    good += [Limits(1, 1, 1000).encode(), tag + b"\x01x", tag + b"\x00x"]
    stranger, outcomes = Stranger(3, good), Counter[str]()
    with Growth() as growth:
        for _ in range(times):
            value = stranger.bytes()
            try:
                match stranger.random.randrange(4):
                    case 0:
                        outcomes["end" if client.hear_state(value) else "no end"] += 1
                    case 1:
                        client.hear_version(value)
                        outcomes["version"] += 1
                    case _:
                        message = client.hear_outbound(value)
                        assert message is None or len(message) <= 300
                        outcomes["nothing" if message is None else "whole"] += 1
            except FramingError:
                outcomes["nonsense"] += 1
                client._reassembly.reset()
            except ContractError:
                outcomes["no version"] += 1
    print(f"client: {times:,} inputs, {growth.bytes:,} bytes grown, {dict(outcomes)}")
    assert len(outcomes) == 7


GREETED = KioskIntroduction(KIOSK, GATEWAY.public_key(), "test").hello()


def hear_hello(stranger: Stranger) -> None:
    """The gateway answers whoever says hello, with what proves nothing to them but who it is."""
    GatewayIntroduction(GATEWAY, KNOWN.get, "test").answer(stranger.bytes())


def hear_proof(stranger: Stranger) -> None:
    gateway = GatewayIntroduction(GATEWAY, KNOWN.get, "test")
    gateway.answer(GREETED)
    gateway.hear(stranger.bytes())
    raise AssertionError("a forgery was accepted")


def hear_gateway(stranger: Stranger) -> None:
    kiosk = KioskIntroduction(KIOSK, GATEWAY.public_key(), "test")
    kiosk.hello()
    kiosk.hear(stranger.bytes(), stranger.bytes())
    raise AssertionError("a forgery was accepted")


@pytest.mark.parametrize("times", [300, *TIMES[1:]])
@pytest.mark.parametrize("hear", [hear_hello, hear_proof, hear_gateway])
def test_introductions(hear: Callable[[Stranger], None], times: int) -> None:
    """Genuine messages of other introductions among them; each takes a key agreement and a signature."""
    good = []
    for _ in range(3):
        kiosk, gateway = (
            KioskIntroduction(KIOSK, GATEWAY.public_key(), "test"),
            GatewayIntroduction(GATEWAY, KNOWN.get, "test"),
        )
        hello = kiosk.hello()
        reply, proof = gateway.answer(hello)
        good += [hello, reply, proof, kiosk.hear(reply, proof)[0]]
    stranger, outcomes = Stranger(4, good), Counter[str]()
    with Growth() as growth:
        for _ in range(times):
            try:
                hear(stranger)
            except ContractError:
                outcomes["refused"] += 1
            else:
                outcomes["answered"] += 1
    print(f"{hear.__name__}: {times:,} inputs, {growth.bytes:,} bytes grown, {dict(outcomes)}")
    assert set(outcomes) == ({"answered", "refused"} if hear is hear_hello else {"refused"})


def test_names_of_adapters() -> None:
    stranger = Stranger(5, [b"ble:hci0", b"ble:"])
    for _ in range(QUICK):
        text = stranger.bytes().decode("latin-1")
        with suppress(AddressError):
            assert adapter_of(text).isalnum() or text == "ble:"
