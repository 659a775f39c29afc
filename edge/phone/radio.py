"""The phone's radio: a Bluetooth central, and a duplex to each kiosk within reach."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from contracts.conversation import Conversation
from contracts.errors import ContractError
from contracts.gatt import PHONE_TO_KIOSK, refusal_words
from contracts.pairing import MAX_FRAME
from drivers.bluetooth.calling import Call, Caller
from drivers.bluetooth.central import Found
from drivers.bluetooth.errors import BluetoothError, GattError, LinkLostError, NotFoundError, NotOursError
from edge.errors import UnavailableError
from edge.phones.duplex import Duplex, DuplexClosedError

SCAN_SECONDS = 5.0
"""How long to look for kiosks; one advertises some times in a second."""


class Radio:
    """The phone's Bluetooth, for the length of a `with`.

    Args:
        adapter: such as `hci0`; empty for the first that will do.
    """

    def __init__(self, adapter: str = "") -> None:
        self._caller = Caller(PHONE_TO_KIOSK, adapter)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._caller.close()

    def kiosks(self) -> Iterator[Duplex]:
        """A connection to each kiosk within reach, the first seen first; whoever does not want one closes it.

        Raises:
            BluetoothError: there is no Bluetooth; the text says what to do.
            UnavailableError: no kiosk is within reach.
        """
        try:
            for found in self._caller.seen(SCAN_SECONDS):
                yield from self._call(found)
        except NotFoundError:
            raise UnavailableError(
                "no kiosk is within reach; go up to it, and see that its agent is running"
            ) from None

    def _call(self, found: Found) -> Iterator[Duplex]:
        try:
            call = self._caller.call(found, Conversation(MAX_FRAME))
        except (LinkLostError, NotOursError, ContractError):  # out of reach again, or of another version
            return
        yield CallDuplex(call)


class CallDuplex:
    """A session with one kiosk; implements `edge.phones.duplex.Duplex`."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def send(self, message: bytes) -> None:
        """As `Duplex.send`."""
        with _in_our_words():
            self._call.send(message)

    def receive(self, timeout: float) -> bytes | None:
        """As `Duplex.receive`."""
        with _in_our_words():
            return self._call.receive(timeout)

    def know(self) -> None:
        """As `Duplex.know`; a phone takes what a kiosk sends, up to the longest message."""

    def close(self) -> None:
        """As `Duplex.close`."""
        self._call.close()


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except GattError as error:
        raise DuplexClosedError(f"the kiosk ended the talk: {refusal_words(error.code)}") from None
    except BluetoothError as error:
        raise DuplexClosedError(f"the kiosk is out of reach: {error}") from None
