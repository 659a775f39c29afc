"""What a service has to look like to carry whole messages; whoever uses this package brings the particulars.

The server's protocol and the client's are objects without I/O: they say what the bytes mean, this package
moves them. `contracts.conversation` has both.
"""

from collections.abc import Iterator
from typing import Protocol


class Shape(Protocol):
    """The UUIDs of a service and of its four characteristics."""

    @property
    def service(self) -> str:
        """Advertised, and scanned for."""

    @property
    def version(self) -> str:
        """Read."""

    @property
    def state(self) -> str:
        """Write with response, notify."""

    @property
    def inbound(self) -> str:
        """Write with response."""

    @property
    def outbound(self) -> str:
        """Notify."""


class ServerProtocol(Protocol):
    """The server's end. It refuses by an exception that has an ATT error code in its attribute `reason`."""

    def __contains__(self, client: str) -> bool: ...

    def write_state(self, client: str, mtu: int, value: bytes) -> bool:
        """A write to State; returns whether a session has begun, else it has ended."""

    def write_chunk(self, client: str, mtu: int, value: bytes) -> bytes | None:
        """A write to the inbound characteristic; returns a message that it completes."""

    def know(self, client: str, longest_message: int) -> None:
        """The client has shown who it is."""

    def notifications(self, client: str, message: bytes) -> Iterator[bytes]:
        """What to notify on the outbound characteristic."""

    def end(self, client: str, reason: int = ...) -> bytes | None:
        """End a session; returns what to notify on State."""

    def gone(self, client: str) -> None:
        """The client is out of reach."""

    def expel_overdue(self) -> dict[str, bytes]:
        """End overdue sessions; returns what to notify on State, by client."""


class Greeting(Protocol):
    """The first write to State."""

    def encode(self) -> bytes:
        """The value."""


class Farewell(Protocol):
    """A server's end of a session."""

    @property
    def reason(self) -> int:
        """Of the service's own."""

    @property
    def words(self) -> str:
        """The reason."""


class ClientProtocol(Protocol):
    """The client's end of one session."""

    @property
    def start(self) -> Greeting:
        """To be written to State."""

    def hear_version(self, value: bytes) -> None:
        """What Version reads; raises if it will not do."""

    def writes(self, message: bytes, mtu: int) -> Iterator[bytes]:
        """What to write to the inbound characteristic."""

    def hear_outbound(self, value: bytes) -> bytes | None:
        """A notification of the outbound characteristic; returns a message that it completes."""

    def hear_state(self, value: bytes) -> Farewell | None:
        """A notification of State; returns the server's farewell, if it is one to us."""
