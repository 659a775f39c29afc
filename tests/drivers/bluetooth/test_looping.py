"""A loop in a thread of its own: what is asked of it ends, also while it is being stopped."""

import asyncio
import threading
import time

import pytest

from drivers.bluetooth.errors import LinkLostError
from drivers.bluetooth.looping import LoopThread


@pytest.fixture
def loop():
    thread = LoopThread("test")
    yield thread
    thread.stop()


async def twice(number):
    await asyncio.sleep(0)
    return 2 * number


async def stop_slowly(begun):
    """Stop the loop, and hold its last round open for a while."""
    asyncio.get_running_loop().stop()
    begun.set()
    time.sleep(0.3)


def test_what_a_coroutine_gives_or_raises_comes_back(loop):
    async def fail():
        raise ValueError("as it was")

    assert loop.run(twice(21)) == 42
    with pytest.raises(ValueError, match="as it was"):
        loop.run(fail())


def test_what_takes_too_long_is_cancelled(loop):
    with pytest.raises(LinkLostError, match="took longer"):
        loop.run(asyncio.sleep(60), seconds=0.1)


def test_nothing_runs_after_the_stop(loop):
    loop.run(twice(1))
    for _ in range(2):
        loop.stop()
        with pytest.raises(LinkLostError, match="has ended"):
            loop.run(twice(1))


def test_one_that_never_began_is_stopped_too(loop):
    loop.stop()
    with pytest.raises(LinkLostError, match="has ended"):
        loop.run(twice(1))


def test_whoever_waits_at_the_stop_is_told(loop):
    waiting = threading.Thread(target=loop.stop)
    loop.run(twice(1))
    threading.Timer(0.1, waiting.start).start()
    with pytest.raises(LinkLostError, match="has ended"):
        loop.run(asyncio.sleep(60), seconds=5)


def test_whoever_comes_in_the_last_round_is_told(loop):
    begun = threading.Event()
    last = threading.Thread(target=lambda: loop.run(stop_slowly(begun), seconds=5))
    last.start()
    begun.wait()
    with pytest.raises(LinkLostError, match="has ended"):
        loop.run(asyncio.sleep(60), seconds=5)
    last.join()
