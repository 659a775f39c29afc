"""Phone and kiosk over Bluetooth: the kiosk's door, and the command-line phone that comes to it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from contracts import gatt
from contracts.conversation import Conversation, Patience, Sessions
from contracts.errors import ContractError
from contracts.gatt import KIOSK_TO_GATEWAY, PHONE_TO_KIOSK, Limits
from drivers.bluetooth.calling import FIND_SECONDS, Caller
from drivers.bluetooth.errors import BluetoothError, GattError
from drivers.bluetooth.serving import Guest, Server
from edge.phones.duplex import Duplex, DuplexClosedError

PATIENCE = Patience(sessions=8, idle_seconds=600.0)
"""An adapter holds about so many connections; a phone in a pocket is let go after ten silent minutes."""

NAME = "ridgekey"
"""Advertised: which kiosk it is, the phone learns from the QR code, and nobody else has to know."""


class _End(Protocol):
    def send(self, message: bytes) -> None: ...

    def receive(self, timeout: float) -> bytes | None: ...

    def close(self) -> None: ...


class BluetoothDuplex:
    """A session over Bluetooth; implements `edge.phones.duplex.Duplex`."""

    def __init__(self, end: _End, know: Callable[[], None], done: Callable[[], None]) -> None:
        self._end = end
        self._know = know
        self._done = done

    def send(self, message: bytes) -> None:
        """Hand a message over.

        Raises:
            DuplexClosedError: the other end is gone.
        """
        with _closed():
            self._end.send(message)

    def receive(self, timeout: float) -> bytes | None:
        """The next message, or None if none came within `timeout` seconds.

        Raises:
            DuplexClosedError: the other end is gone.
        """
        with _closed():
            return self._end.receive(timeout)

    def know(self) -> None:
        """The other end has shown who it is."""
        with _closed():
            self._know()

    def close(self) -> None:
        """End it; again does nothing."""
        self._end.close()
        self._done()


class PhoneDoor:
    """The kiosk as a peripheral, where phones come in.

    Args:
        arrived: takes each phone's connection, on a thread of its own; it ends when this returns.
        adapter: its name, such as `hci0`; empty for the first that will do.
    """

    def __init__(self, arrived: Callable[[Duplex], None], adapter: str = "") -> None:
        def welcome(guest: Guest) -> None:
            arrived(BluetoothDuplex(guest, guest.know, lambda: None))

        self._server = Server(
            PHONE_TO_KIOSK,
            Sessions(PATIENCE),
            welcome,
            name=NAME,
            version=Limits(gatt.VERSION, gatt.VERSION, PHONE_TO_KIOSK.longest_message).encode(),
            longest_message=PHONE_TO_KIOSK.longest_message,
            adapter=adapter,
            spare={KIOSK_TO_GATEWAY.service},
        )

    @property
    def problem(self) -> str:
        """Why phones cannot come in; empty if they can."""
        return self._server.problem

    def start(self) -> None:
        """Open it, and keep it open, in the background."""
        self._server.start()

    def stop(self) -> None:
        """Show everybody out and close it."""
        self._server.stop()


def reach_kiosk(adapter: str = "", seconds: float = FIND_SECONDS) -> Duplex:
    """Connect to the nearest kiosk, as a phone.

    Raises:
        DuplexClosedError: none is there, or it does not let us in; the text says why.
    """
    caller = Caller(PHONE_TO_KIOSK, adapter)
    try:
        with _closed():
            call = caller.call(Conversation(PHONE_TO_KIOSK.longest_message), seconds)
    except BaseException:
        caller.close()
        raise
    return BluetoothDuplex(call, lambda: None, caller.close)


@contextmanager
def _closed() -> Iterator[None]:
    """What Bluetooth complains of, in words of this room."""
    try:
        yield
    except GattError as error:
        raise DuplexClosedError(f"the kiosk refused: {gatt.refusal_words(error.code)}") from None
    except (BluetoothError, ContractError) as error:
        raise DuplexClosedError(str(error)) from None
