"""bleak's look at BlueZ's version, done to its end before any connection needs it.

bleak 3 looks once in a process and lets whoever comes meanwhile wait on an asyncio event. That event belongs
to the loop that came first: another thread's loop gets a `RuntimeError` from it, and if the first connection
is given up during the look, nobody is ever woken. Both happen here: each link has a loop and a deadline.
"""

import asyncio
import threading

from bleak.backends.bluezdbus.version import BlueZFeatures

_ONE_AT_A_TIME = threading.Lock()


async def look_once() -> None:
    """Have bleak know BlueZ's version; giving this up does not give up the look."""
    if not BlueZFeatures.checked_bluez_version:
        await asyncio.to_thread(_look)


def _look() -> None:
    with _ONE_AT_A_TIME:
        if not BlueZFeatures.checked_bluez_version:
            BlueZFeatures._check_bluez_event = None  # of a look that was given up, if anything
            asyncio.run(BlueZFeatures.check_bluez_version())
