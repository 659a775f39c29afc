"""Reading ahead: while one part is being checked, the next one is on its way."""

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

DEPTH = 4
"""Parts that wait to be checked, at most."""

POLL_SECONDS = 0.1
"""After which a reader whose parts nobody wants any more notices it."""


def ahead(parts: Iterable[T], depth: int = DEPTH) -> Iterator[T]:
    """The same parts, read by a thread of their own; an error comes out where it would have."""
    waiting: queue.Queue[T | None] = queue.Queue(depth)
    errors: list[BaseException] = []
    over = threading.Event()

    def put(part: T | None) -> None:
        while not over.is_set():
            with suppress(queue.Full):
                waiting.put(part, timeout=POLL_SECONDS)
                return

    def read() -> None:
        try:
            for part in parts:
                put(part)
                if over.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - raised again where the parts are wanted
            errors.append(error)
        put(None)

    reader = threading.Thread(target=read, name="reading ahead", daemon=True)
    reader.start()
    try:
        while (part := waiting.get()) is not None:
            yield part
        if errors:
            raise errors[0]
    finally:
        over.set()
        reader.join()
