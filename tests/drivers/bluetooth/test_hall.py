"""Who may stay connected without a session, and how long: a hall without a radio, on a clock set by hand."""

import asyncio
from collections.abc import Iterator

import pytest

from contracts import gatt
from contracts.conversation import Patience, Sessions
from contracts.gatt import KIOSK_TO_GATEWAY as PROFILE
from contracts.gatt import Start
from drivers.bluetooth import hall
from drivers.bluetooth.application import Client
from drivers.bluetooth.hall import Guest, Hall
from drivers.bluetooth.looping import LoopThread

PHONE = Client("/org/bluez/hci0/dev_1", 185)


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Air:
    """A peripheral with one device connected; counts the looks for those who want nothing."""

    def __init__(self) -> None:
        self.looks = 0
        self.shown_out: list[str] = []

    @property
    def devices(self) -> frozenset[str]:
        self.looks += 1
        return frozenset({PHONE.device})

    async def notify(self, uuid: str, *values: bytes) -> None: ...

    async def disconnect(self, device: str) -> None:
        self.shown_out.append(device)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(hall, "time", clock)
    monkeypatch.setattr(hall, "LOOK_SECONDS", 0.0)
    return clock


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    thread = LoopThread("test")
    yield thread
    thread.stop()


def linger(guest: Guest) -> None:
    """Stay until the session is over."""
    while True:
        guest.receive(0.1)


def test_the_time_without_a_session_counts_from_the_end_of_the_last_one(
    clock: Clock, thread: LoopThread
) -> None:
    protocol = Sessions(Patience(greeting_seconds=float("inf")))
    here = Hall(PROFILE, protocol, linger, thread, longest_message=100, acknowledged=False)
    _, state, _, _ = here.application("a server", b"").characteristics
    air = Air()

    async def look() -> list[str]:
        before = air.looks
        while air.looks < before + 2:
            await asyncio.sleep(0)
        return air.shown_out

    async def visit() -> None:
        assert state.write is not None
        attending = asyncio.ensure_future(here.attend(air))  # type: ignore[arg-type]  # what a hall needs of one
        here.connected(PHONE.device, True)
        for _ in range(2):
            await state.write(PHONE, Start.fresh().encode())
            clock.now += 60
            assert not await look()
            await state.write(PHONE, gatt.END)
            clock.now += hall.STRANGER_SECONDS
            assert not await look()
        clock.now += 1
        assert set(await look()) == {PHONE.device}
        attending.cancel()

    thread.run(visit(), 30)


def test_a_device_that_has_gone_leaves_nothing_behind(clock: Clock, thread: LoopThread) -> None:
    protocol = Sessions(Patience())
    here = Hall(PROFILE, protocol, linger, thread, longest_message=100, acknowledged=False)
    _, state, _, _ = here.application("a server", b"").characteristics

    async def visit() -> None:
        assert state.write is not None
        here.connected(PHONE.device, True)
        await state.write(PHONE, Start.fresh().encode())
        here.connected(PHONE.device, False)

    thread.run(visit(), 30)
    assert not here._since
    assert PHONE.device not in protocol
