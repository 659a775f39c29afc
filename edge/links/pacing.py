"""When a message may be sent, and when again: what keeps a fleet of kiosks from storming its gateway.

An outage ends for all kiosks at once, each with a queue, at a gateway that puts a few dozen acts a second on
the ledger. If each sent its whole queue, most receipts would take longer than any fixed wait, and every wait
that ends would add a resend to the very queue that is too long: with a fixed wait of 3 s such a queue was
measured not to drain. So, as in TCP's congestion control (RFC 5681, RFC 6298):

- Only a window of messages is on its way at a time; the rest stays in the outbox. It opens by one with each
  receipt that comes soon, and closes with each that comes late or not at all. So the gateway is kept busy,
  and has of all kiosks together about as many messages as it settles within `SOON`, or one of each kiosk.
- A message that is on its way is not sent again before a wait that is several times what receipts take just
  now, and that doubles each time. Messages are never sent again because others were.
- When a link is lost, what was sent by it is in doubt: a broker may have died with it. Those messages, at
  most a window, are sent again some seconds after a link is back, unless the receipts come first, which they
  do where the broker or the gateway had them. The window starts small again.
- A link that does not take a message, as nobody listens at the broker yet, is left alone for some seconds and
  then tried with one message.

So one outage costs at most one window of resends for each kiosk, not its queue: with `LARGEST` = 16 that is
below 1.3 sends per message from 54 messages in a queue on, and mostly far below; `ridgekey bench links`
measures it. While a gateway stays silent on a link that works, a kiosk's window shrinks to one message, and
in the long run it sends one in each `Backoff.limit`.
"""

from dataclasses import dataclass

FIRST = 2.0
"""Messages on their way after a start or an outage: 200 kiosks that come back together send 400, ten seconds'
work for a gateway; the shortest first wait is fifteen."""

LARGEST = 16.0
"""Most messages on their way from one kiosk: more than a busy kiosk signs while one is settled."""

SOON = 3.0
"""Seconds within which a receipt opens the window: a few blocks, or a short queue at the gateway."""

PATIENCE = 4.0
"""How many times the usual time of a receipt is waited before a message is sent again."""

SMOOTHING = 0.125
"""Weight of the latest receipt in the usual time (RFC 6298, section 2)."""


@dataclass(frozen=True)
class Backoff:
    """How long to wait for a receipt before a message is sent again.

    Attributes:
        first: seconds after the first attempt, at least; a receipt normally takes a few.
        limit: longest wait, in seconds.
        jitter: share of the wait that is random, so that kiosks that lost the gateway together do not return
            together.
        in_doubt: seconds, at least, before a message that may have died with a link is sent again once there
            is a link: time for a receipt that was only delayed.
        refused: seconds for which a link is left alone that did not take a message; doubles each time.
        refused_limit: longest such rest.
    """

    first: float = 30.0
    limit: float = 900.0
    jitter: float = 0.5
    in_doubt: float = 5.0
    refused: float = 4.0
    refused_limit: float = 60.0

    def delay(self, attempts: int, chance: float, usual: float = 0.0) -> float:
        """Seconds to wait after an attempt.

        Args:
            attempts: number of the attempt, from 1.
            chance: drawn from [0, 1).
            usual: seconds that receipts take just now.
        """
        first = max(self.first, PATIENCE * usual)
        longest = min(self.limit, first * 2.0 ** min(attempts - 1, 32))
        return longest * (1.0 - self.jitter * chance)

    def rest(self, refusals: int, chance: float) -> float:
        """Seconds to leave a link, or a message, alone after so many refusals in a row."""
        longest = min(self.refused_limit, self.refused * 2.0 ** min(refusals - 1, 32))
        return longest * (1.0 - self.jitter * chance)


class Window:
    """How many messages may be on their way, by how their receipts come."""

    def __init__(self) -> None:
        self._size = FIRST
        self._usual = 0.0

    @property
    def size(self) -> int:
        """Messages that may be on their way now."""
        return int(self._size)

    @property
    def usual(self) -> float:
        """Seconds that receipts take, smoothed; 0 before the first."""
        return self._usual

    def answered(self, seconds: float) -> None:
        """A receipt came, this long after the one time that its message was sent."""
        self._usual += (seconds - self._usual) * (SMOOTHING if self._usual else 1.0)
        change = 1.0 if seconds <= SOON else -0.5
        self._size = min(max(self._size + change, 1.0), LARGEST)

    def unanswered(self) -> None:
        """A wait for a receipt ended in vain."""
        self._size = max(self._size / 2.0, 1.0)

    def restart(self) -> None:
        """A link was lost, or an operator says to try again: begin carefully."""
        self._size = FIRST
