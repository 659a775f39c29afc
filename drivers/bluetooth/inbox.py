"""Messages on their way from the thread of the radio to the one that reads them."""

import threading
from collections import deque

from drivers.bluetooth.errors import BluetoothError

LARGEST = 4 << 20
"""Bytes that may wait for a reader that is slow."""


class Inbox:
    """A queue of at most so many bytes, that can be closed."""

    def __init__(self, largest: int = LARGEST) -> None:
        self._largest = largest
        self._messages: deque[bytes] = deque()
        self._bytes = 0
        self._closed: BluetoothError | None = None
        self._in_hand = False
        self._changed = threading.Condition()

    @property
    def has_room(self) -> bool:
        """Whether another message may come; a single one may be as large as it likes."""
        return self._bytes < self._largest

    @property
    def settled(self) -> bool:
        """Whether the reader has come back for more after the last message."""
        return not self._messages and not self._in_hand

    @property
    def closed(self) -> BluetoothError | None:
        """Why nothing comes any more."""
        return self._closed

    def put(self, message: bytes) -> None:
        """Take a message in, unless the inbox is closed."""
        with self._changed:
            if self._closed is None:
                self._messages.append(message)
                self._bytes += len(message)
                self._changed.notify()

    def close(self, why: BluetoothError) -> None:
        """Nothing comes any more; what is here can still be read. The first reason counts."""
        with self._changed:
            self._closed = self._closed or why
            self._changed.notify_all()

    def get(self, timeout: float) -> bytes | None:
        """The next message, or None if none came within `timeout` seconds.

        Raises:
            BluetoothError: the inbox is closed, and empty.
        """
        with self._changed:
            self._in_hand = False
            self._changed.wait_for(lambda: self._messages or self._closed, timeout)
            if self._messages:
                message = self._messages.popleft()
                self._bytes -= len(message)
                self._in_hand = True
                return message
            if self._closed is not None:
                raise self._closed.with_traceback(None)
            return None
