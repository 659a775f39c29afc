"""The way that a phone and a kiosk have between them: whole messages, in order, in both directions."""

from typing import Protocol

from edge.errors import UnavailableError


class DuplexClosedError(UnavailableError):
    """The other end is out of reach, or has said goodbye."""


class Duplex(Protocol):
    """One connection. Bluetooth is one; tests have another in memory."""

    def send(self, message: bytes) -> None:
        """Hand a message over; returns when the other end's radio has it.

        Raises:
            DuplexClosedError: it is gone.
        """

    def receive(self, timeout: float) -> bytes | None:
        """The next message, or None if none came within `timeout` seconds.

        Raises:
            DuplexClosedError: the other end is gone.
        """

    def know(self) -> None:
        """The other end has shown who it is: from now on it may send long messages, and be silent."""

    def close(self) -> None:
        """End it; again does nothing."""
