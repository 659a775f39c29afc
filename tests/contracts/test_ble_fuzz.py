"""A million inputs of a stranger to what Bluetooth hands over: no crash, no growth, no accepted forgery."""

import random
import tracemalloc
from collections import Counter
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

QUICK, MILLION = 3_000, 1_000_000
TIMES = [QUICK, pytest.param(MILLION, marks=pytest.mark.long)]
GROWTH = 1 << 20
"""Bytes that Python may hold more at the end of a run: its caches, and what the limits allow."""

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


class Memory:
    """Fails if Python holds much more memory at the end than near the beginning."""

    def __enter__(self) -> "Memory":
        tracemalloc.start()
        self._before = tracemalloc.get_traced_memory()[0]
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        grown = tracemalloc.get_traced_memory()[0] - self._before
        tracemalloc.stop()
        assert kind is not None or grown < GROWTH, f"grew by {grown} bytes"


@pytest.mark.parametrize("times", TIMES)
def test_framing(times: int) -> None:
    stranger, outcomes = Stranger(1, [*chunks(bytes(100), 20), b"\x00x"]), Counter[str]()
    reassembly = Reassembly(300)
    with Memory():
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
    print(f"framing: {times} inputs, {dict(outcomes)}")
    assert set(outcomes) == {"refused", "more", "whole"}


@pytest.mark.parametrize("times", TIMES)
def test_the_servers_handlers(times: int) -> None:
    states = Stranger(2, [Start(b"abcd").encode()] * 9 + [gatt.END])
    pieces = Stranger(3, [*chunks(bytes(150), 50), *chunks(b"short", 20), b"\x01x"])
    outcomes, pick = Counter[str](), random.Random(4)
    now = 0.0
    sessions = Sessions(PATIENCE, lambda: now)
    with Memory():
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
    print(f"server: {times} inputs, {dict(outcomes)}")
    assert {"began", "ended", "more", "whole", "expelled", "busy", "too long"} <= set(outcomes)


@pytest.mark.parametrize("times", TIMES)
def test_the_clients_handlers(times: int) -> None:
    client = Conversation(300)
    tag = client.start.tag
    good = [tag + value for value in chunks(bytes(150), 20)] + [End(tag, 0x84).encode(), b"othr\x00x"]
    good += [Limits(1, 1, 1000).encode(), tag + b"\x01x", tag + b"\x00x"]
    stranger, outcomes = Stranger(3, good), Counter[str]()
    with Memory():
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
    print(f"client: {times} inputs, {dict(outcomes)}")
    assert len(outcomes) == 7


@pytest.mark.parametrize("times", [300, pytest.param(100_000, marks=pytest.mark.long)])
def test_introductions(times: int) -> None:
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
    with Memory():
        for _ in range(times):
            gateway = GatewayIntroduction(GATEWAY, KNOWN.get, "test")
            kiosk = KioskIntroduction(KIOSK, GATEWAY.public_key(), "test")
            kiosk.hello()
            try:
                if stranger.random.random() < 0.5:
                    gateway.answer(stranger.bytes())
                    outcomes["answered"] += 1
                    gateway.hear(stranger.bytes())
                else:
                    kiosk.hear(stranger.bytes(), stranger.bytes())
            except ContractError:
                outcomes["refused"] += 1
            else:
                raise AssertionError("a forgery was accepted")
    print(f"introductions: {times}, {dict(outcomes)}")
    assert set(outcomes) == {"answered", "refused"}


def test_names_of_adapters() -> None:
    stranger = Stranger(5, [b"ble:hci0", b"ble:"])
    for _ in range(QUICK):
        text = stranger.bytes().decode("latin-1")
        with suppress(AddressError):
            assert adapter_of(text).isalnum() or text == "ble:"
