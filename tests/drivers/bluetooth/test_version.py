"""bleak's look at BlueZ's version, from several loops at once and given up in the middle."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from bleak.backends.bluezdbus import version as of_bleak
from bleak.backends.bluezdbus.version import BlueZFeatures

from drivers.bluetooth.version import look_once


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Nobody has looked yet; each look takes a moment and is noted."""
    noted: list[None] = []

    async def slow() -> None:
        noted.append(None)
        await asyncio.sleep(0.2)

    monkeypatch.setattr(BlueZFeatures, "checked_bluez_version", False)
    monkeypatch.setattr(BlueZFeatures, "_check_bluez_event", None)
    monkeypatch.setattr(of_bleak, "_get_bluetoothctl_version", slow)
    return noted


async def as_bleak_connects() -> None:
    await look_once()
    await BlueZFeatures.check_bluez_version()


def test_loops_of_several_threads_look_once(looks: list[None]) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: asyncio.run(as_bleak_connects()), range(8)))
    assert len(looks) == 1


def test_a_look_that_was_given_up_keeps_nobody_waiting(looks: list[None]) -> None:
    async def given_up() -> None:
        async with asyncio.timeout(0.05):
            await as_bleak_connects()

    with pytest.raises(TimeoutError):
        asyncio.run(given_up())
    asyncio.run(asyncio.wait_for(as_bleak_connects(), 30))
    assert len(looks) == 1
