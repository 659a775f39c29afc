"""A radio in memory: whole messages between two threads, with somebody in the middle if need be."""

import threading
from collections.abc import Callable
from queue import Empty, Queue

from edge.phones.duplex import Duplex, DuplexClosedError

Meddle = Callable[[bytes], bytes | None]
"""What somebody in the middle makes of a message; None drops it."""


class MemoryDuplex:
    """One end."""

    def __init__(self, meddle: Meddle = lambda message: message) -> None:
        self._incoming: Queue[bytes | None] = Queue()
        self._meddle = meddle
        self.other: MemoryDuplex
        self.closed = False
        self.known = False
        self.sent: list[bytes] = []

    def send(self, message: bytes) -> None:
        if self.closed:
            raise DuplexClosedError("the other end has hung up")
        self.sent.append(message)
        arrived = self._meddle(message)
        if arrived is not None:
            self.other._incoming.put(arrived)

    def receive(self, timeout: float) -> bytes | None:
        if self.closed:
            raise DuplexClosedError("the other end has hung up")
        try:
            message = self._incoming.get(timeout=timeout)
        except Empty:
            return None
        if message is None:
            self.closed = True
            raise DuplexClosedError("the other end has hung up")
        return message

    def know(self) -> None:
        self.known = True

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._incoming.put(None)
            self.other._incoming.put(None)


def pair_of(
    to_kiosk: Meddle = lambda m: m, to_phone: Meddle = lambda m: m
) -> tuple[MemoryDuplex, MemoryDuplex]:
    """The phone's end and the kiosk's."""
    phone, kiosk = MemoryDuplex(to_kiosk), MemoryDuplex(to_phone)
    phone.other, kiosk.other = kiosk, phone
    return phone, kiosk


def radio(arrived: Callable[[Duplex], None], **meddle: Meddle) -> MemoryDuplex:
    """Connect a phone: the kiosk's side runs on a thread of its own."""
    phone, kiosk = pair_of(**meddle)
    threading.Thread(target=arrived, args=(kiosk,), daemon=True).start()
    return phone
