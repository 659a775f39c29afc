"""A channel on a duplex: what both ends, phone and kiosk, do alike."""

import threading
from collections.abc import Callable

from contracts.errors import ContractError
from contracts.pairing import Channel
from contracts.phone import PhoneMessage, decode
from edge.errors import CancelledError
from edge.phones.duplex import Duplex, DuplexClosedError

LOOK_SECONDS = 0.25
"""Between two looks whether whoever waits has given up."""


class Talk:
    """A session under way. Any thread may send; one receives.

    Args:
        duplex: the connection.
        channel: the session's keys.
        senders: what the other end may say, `FROM_KIOSK` or `FROM_PHONE`.

    Attributes:
        closed: whether it is over.
    """

    def __init__(self, duplex: Duplex, channel: Channel, senders: tuple[type[PhoneMessage], ...]) -> None:
        self.channel = channel
        self._duplex = duplex
        self._senders = senders
        self._sending = threading.Lock()  # messages leave in the order of their numbers
        self.closed = False

    def send(self, message: PhoneMessage, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Say something, once what others are saying is said.

        Raises:
            DuplexClosedError: nobody is there any more.
            CancelledError: whoever wanted to say it has given up before its turn came.
        """
        while not self._sending.acquire(timeout=LOOK_SECONDS):
            if cancelled():
                raise CancelledError("cancelled; nothing was signed")
        try:
            if self.closed:
                raise DuplexClosedError("the talk is over")
            self._duplex.send(self.channel.seal(message.encode()))
        finally:
            self._sending.release()

    def receive(self, timeout: float) -> PhoneMessage | None:
        """What the other end says next, or None if it says nothing for `timeout` seconds.

        Raises:
            DuplexClosedError: it is gone, or what came does not open or is out of place; the talk is over.
        """
        try:
            frame = self._duplex.receive(timeout)
        except DuplexClosedError:
            self.close()
            raise
        if frame is None:
            return None
        try:
            return decode(self.channel.open(frame), self._senders)
        except ContractError as error:
            self.close()
            raise DuplexClosedError(f"the talk ended: {error}") from None

    def close(self) -> None:
        """End the talk."""
        self.closed = True
        self._duplex.close()
