"""The door by which phones come in: the kiosk as a Bluetooth peripheral."""

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager

from contracts.conversation import Patience, Sessions
from contracts.gatt import PHONE_TO_KIOSK, VERSION, Limits
from contracts.pairing import MAX_FRAME
from drivers.bluetooth.errors import BluetoothError
from drivers.bluetooth.serving import Guest as Client
from drivers.bluetooth.serving import Server
from edge.phones.duplex import Duplex, DuplexClosedError

NAME = "ridgekey"
"""Advertised. It tells nobody which kiosk this is; the handshake does."""


class Door:
    """Phones by Bluetooth, each on a thread of its own; it goes back on the air when it fell off.

    Args:
        arrived: attends to a phone until it has left.
        adapter: such as `hci0`; empty for the first that will do.
        spare: devices whose client the kiosk is itself.
    """

    def __init__(
        self, arrived: Callable[[Duplex], None], adapter: str = "", spare: Container[str] = ()
    ) -> None:
        self._server = Server(
            PHONE_TO_KIOSK,
            Sessions(Patience()),
            lambda client: arrived(ClientDuplex(client)),
            name=NAME,
            version=Limits(VERSION, VERSION, MAX_FRAME).encode(),
            longest_message=MAX_FRAME,
            adapter=adapter,
            spare=spare,
        )

    @property
    def status(self) -> str:
        """How it stands, for people."""
        return "up" if self._server.on_air else f"down ({self._server.problem})"

    def start(self) -> None:
        """Go on the air, and stay there, in the background."""
        self._server.start()

    def stop(self) -> None:
        """Leave the air."""
        self._server.stop()


class ClientDuplex:
    """A phone's connection; implements `edge.phones.duplex.Duplex`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def send(self, message: bytes) -> None:
        """As `Duplex.send`."""
        with _in_our_words():
            self._client.send(message)

    def receive(self, timeout: float) -> bytes | None:
        """As `Duplex.receive`."""
        with _in_our_words():
            return self._client.receive(timeout)

    def know(self) -> None:
        """As `Duplex.know`."""
        with _in_our_words():
            self._client.know()

    def close(self) -> None:
        """As `Duplex.close`."""
        self._client.close()


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except BluetoothError as error:
        raise DuplexClosedError(f"the phone has left: {error}") from None
