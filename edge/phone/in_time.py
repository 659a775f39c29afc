"""Work that nobody waits for longer than it may take, whatever it is doing."""

import threading
from collections.abc import Callable
from queue import Empty, Queue
from typing import Generic, TypeVar

Result = TypeVar("Result")


class InTime(Generic[Result]):
    """Does one thing at a time, on a thread of its own.

    A socket's time-out is for each byte that comes, and a name may have a thousand addresses to be tried: so
    whoever answers slowly enough is never late. What outlives its time here is left to end by itself, and
    until it has, nothing else is begun.
    """

    def __init__(self) -> None:
        self._under_way: threading.Thread | None = None

    def run(self, work: Callable[[], Result], seconds: float) -> Result:
        """What comes of the work, or what it raises.

        Raises:
            TimeoutError: it takes longer, or an earlier one still does.
        """
        if self._under_way is not None and self._under_way.is_alive():
            raise TimeoutError("an earlier question is still not answered")
        outcome: Queue[tuple[Result | None, Exception | None]] = Queue()
        self._under_way = threading.Thread(target=_into, args=(outcome, work), daemon=True)
        self._under_way.start()
        try:
            result, error = outcome.get(timeout=seconds)
        except Empty:
            raise TimeoutError(f"not within {seconds:.0f} seconds") from None
        self._under_way.join()
        if error is not None:
            raise error
        return result  # type: ignore[return-value]  # there was no error


def _into(outcome: "Queue[tuple[Result | None, Exception | None]]", work: Callable[[], Result]) -> None:
    try:
        outcome.put((work(), None))
    except Exception as error:  # noqa: BLE001 - raised again where it is waited for
        outcome.put((None, error))
