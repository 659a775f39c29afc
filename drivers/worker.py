"""One owner of the port for programs that must not wait: a thread that captures, with cancel and progress.

`SensorThread` opens the sensor when it is first needed, opens it anew when it has come back after it was
unplugged, and does one thing at a time. Results come as futures, so that `concurrent.futures` and, by
`asyncio.wrap_future`, asyncio can wait for them.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from drivers.errors import CaptureCancelledError, NoFingerError, SensorError
from drivers.image import FingerImage
from drivers.module import ignore_progress
from drivers.opening import open_sensor
from drivers.sensor import Sensor
from drivers.upload import Progress

T = TypeVar("T")

HARMLESS = (NoFingerError, CaptureCancelledError)
"""Ends of a call after which the sensor is as good as before."""


class SensorThread:
    """A sensor that belongs to one thread; call it from any. Use it in a `with` block.

    Args:
        url: As `drivers.open_sensor` takes it; with a udev link, a sensor that comes back under another name
            is found.
        opening: What opens it.
    """

    def __init__(self, url: str, opening: Callable[[str], Sensor] = open_sensor) -> None:
        self._url = url
        self._opening = opening
        self._sensor: Sensor | None = None
        self._cancel = threading.Event()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sensor")

    def capture(
        self, *, progress: Progress = ignore_progress, finger_timeout: float = 30.0
    ) -> "Future[FingerImage]":
        """Begin a capture.

        Args:
            progress: As `Sensor.capture` takes it; called in the sensor's thread.
            finger_timeout: Seconds to wait for a usable touch.

        Returns:
            The image to come, or the error; whoever takes the image wipes it.
        """
        return self._submit(
            lambda sensor: sensor.capture(
                progress=progress, finger_timeout=finger_timeout, cancelled=self._cancel.is_set
            )
        )

    def wait_lifted(self, timeout: float) -> "Future[bool]":
        """Begin to wait for the finger to leave; see `Sensor.wait_lifted`."""
        return self._submit(lambda sensor: sensor.wait_lifted(timeout, self._cancel.is_set))

    def cancel(self) -> None:
        """Break off what is being done and what waits to be; returns at once.

        Their futures end with `CaptureCancelledError`, or are cancelled. Calls from now on are not concerned.
        """
        self._cancel.set()
        self._pool.submit(self._cancel.clear)

    def close(self) -> None:
        """Break off, and give the port back."""
        self._cancel.set()
        self._pool.submit(self._let_go)
        self._pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _submit(self, work: Callable[[Sensor], T]) -> "Future[T]":
        return self._pool.submit(self._do, work)

    def _do(self, work: Callable[[Sensor], T]) -> T:
        if self._cancel.is_set():
            raise CaptureCancelledError("called off before it began")
        try:
            if self._sensor is None:
                self._sensor = self._opening(self._url)
            return work(self._sensor)
        except HARMLESS:
            raise
        except SensorError:
            self._let_go()  # the next call opens it anew
            raise

    def _let_go(self) -> None:
        if self._sensor is not None:
            self._sensor.close()
            self._sensor = None
