"""Work that is done once nothing else has been asked for a while, by a thread of its own."""

import threading
from collections.abc import Callable


class WhenIdle:
    """Does one thing some seconds after the last call for it, unless it is called off before.

    Args:
        seconds: How long nothing must have been asked.
        work: What to do; runs in another thread, and guards itself against others.
    """

    def __init__(self, seconds: float, work: Callable[[], None]) -> None:
        self._seconds = seconds
        self._work = work
        self._timer: threading.Timer | None = None

    def put_off(self) -> None:
        """Begin to wait anew."""
        self.call_off()
        self._timer = threading.Timer(self._seconds, self._work)
        self._timer.daemon = True  # never keeps a program from ending
        self._timer.start()

    def call_off(self) -> None:
        """Do not do it; what has begun goes on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
