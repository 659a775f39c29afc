"""An asyncio loop in a thread of its own, for programs that are built of threads."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError as WasCancelledError
from concurrent.futures import TimeoutError as TookTooLongError
from typing import Any, TypeVar

from drivers.bluetooth.errors import LinkLostError

LONGEST_CALL = 120.0
"""Seconds: a bound for what has bounds of its own, so that no thread waits for ever on a stuck loop."""

ENDED = "the Bluetooth thread has ended"

Result = TypeVar("Result")


class LoopThread:
    """Runs coroutines on behalf of other threads, from the first of them on until it is stopped."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._open = True
        self._door = threading.Lock()

    def run(self, work: Coroutine[Any, Any, Result], seconds: float = LONGEST_CALL) -> Result:
        """Run a coroutine to its end; what it raises is raised here.

        Raises:
            LinkLostError: it takes too long, or the thread has ended.
        """
        with self._door:
            if not self._open:
                work.close()
                raise LinkLostError(ENDED)
            if self._thread.ident is None:
                self._thread.start()
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except WasCancelledError:
            raise LinkLostError(ENDED) from None
        except TookTooLongError:
            future.cancel()
            raise LinkLostError(f"Bluetooth took longer than {seconds:.0f} s") from None

    def stop(self) -> None:
        """Cancel what runs, and end the thread; nothing runs after this."""
        with self._door:
            self._open = False
            if self._thread.ident is None:
                self._loop.close()
                return
        with contextlib.suppress(RuntimeError):  # somebody else has ended it
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            with self._door:
                self._open = False
            # What was let in last has not begun: it could not be cancelled, and its caller would wait.
            self._loop.run_until_complete(asyncio.sleep(0))
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.close()
