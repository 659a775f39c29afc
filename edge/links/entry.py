"""One message in the outbox, as its row in the kiosk's database says it."""

from dataclasses import dataclass

from contracts.acts import ActKind
from contracts.messages import ReceiptStatus
from edge.state.database import Row

COLUMNS = (
    "sequence, digest, act, subject, about, length(message) AS size, queued_at, deadline, attempts, link,"
    " complaint, status, receipt, settled_at, told"
)
"""Of the table, for `entry_of`."""


@dataclass(frozen=True)
class Entry:
    """One message in the outbox, without its bytes.

    Attributes:
        sequence: counts the messages of this kiosk.
        digest: 32 bytes, the act's EIP-712 digest; the receipt names it.
        act: which act it carries.
        subject: 20 bytes, who signed.
        about: what the act is about: a subject, a record or a request.
        size: bytes of the message; None for a settled one whose bytes were let go.
        queued_at: Unix time.
        deadline: Unix time, the last second at which the contract takes it; None where it is not known.
        attempts: how often it was sent, or was about to be when the power went.
        link: by which it was last sent, or empty.
        complaint: what went wrong with the last attempt, or why the gateway rejected it, or empty.
        status: of the receipt; None while it waits.
        receipt: the receipt's COSE bytes.
        settled_at: Unix time at which it came.
        told: name of the bad end that the person has heard of, or None; see `edge.journeys.telling`.
    """

    sequence: int
    digest: bytes
    act: ActKind
    subject: bytes
    about: bytes
    size: int | None
    queued_at: float
    deadline: int | None
    attempts: int
    link: str
    complaint: str
    status: ReceiptStatus | None
    receipt: bytes | None
    settled_at: float | None
    told: str | None

    @property
    def settling_seconds(self) -> float:
        """Time from queue to receipt; 0 while it waits."""
        return 0.0 if self.settled_at is None else max(0.0, self.settled_at - self.queued_at)

    def is_late(self, now: float) -> bool:
        """Whether its deadline has passed without a receipt."""
        return self.status is None and self.deadline is not None and now > self.deadline


@dataclass(frozen=True)
class Head:
    """The oldest waiting message of one person: the only one of theirs that may be sent.

    Attributes:
        sequence: counts the messages of this kiosk.
        digest: 32 bytes, names the message.
        attempts: how often it was sent.
        rest: seconds until it may be sent again, as noted at the last attempt; anything, if the clock jumped.
    """

    sequence: int
    digest: bytes
    attempts: int
    rest: float


def entry_of(row: Row) -> Entry:
    """The message in a row of `COLUMNS`."""
    values = dict(row)
    status = values.pop("status")
    return Entry(
        act=ActKind(values.pop("act")), status=None if status is None else ReceiptStatus(status), **values
    )
