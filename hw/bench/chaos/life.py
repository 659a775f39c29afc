"""People who are asked, grant, withdraw, and are asked again, for as long as they are let.

Each knows what it has sent and has no answer for, and sends that again, as a kiosk's outbox does.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import httpx

from contracts.acts import Act, Request
from contracts.eip712 import Domain
from contracts.hexes import to_hex
from contracts.messages import Receipt, ReceiptStatus, SignedRequest
from contracts.signing import SIGNATURE_LENGTH
from hw.bench.crowd.kiosk import Kiosk
from hw.bench.crowd.people import Person, Requester

PATIENCE = 3.0
"""Seconds without an answer after which an act is sent again, if nobody says otherwise."""

ASK_EVERY = 0.25
"""Seconds between two questions of how a request stands."""


class Step(Enum):
    """What a person waits for."""

    IDLE = "nothing"
    REQUESTED = "the request to be on the ledger"
    GRANTED = "the receipt for the grant"
    WITHDRAWN = "the receipt for the withdrawal"


@dataclass(frozen=True)
class Sent:
    """An act that was signed and sent, and must be on the ledger once in the end."""

    digest: bytes
    act: Act


@dataclass
class Book:
    """What everybody has sent, and every receipt that came."""

    sent: dict[bytes, Sent] = field(default_factory=dict)
    receipts: dict[bytes, list[Receipt]] = field(default_factory=dict)
    sendings: int = 0

    def hear(self, receipt: Receipt) -> None:
        """Note a receipt; also the second and third for one act."""
        self.receipts.setdefault(receipt.digest, []).append(receipt)


class Life:
    """One person's acts, one after the other.

    Args:
        person: signs.
        kiosk: carries.
        requester: asks.
        domain: where signatures count.
        publish: sends a kiosk's message.
        book: where everything is noted.
        patience: seconds without an answer after which an act is sent again.
    """

    def __init__(
        self,
        person: Person,
        kiosk: Kiosk,
        requester: Requester,
        domain: Domain,
        publish: Callable[[Kiosk, bytes], None],
        book: Book,
        patience: float = PATIENCE,
    ) -> None:
        self._person, self._kiosk, self._requester, self._domain = person, kiosk, requester, domain
        self._publish, self._book, self._patience = publish, book, patience
        self.step = Step.IDLE
        self._request: Request | None = None
        self._digest, self._message = b"", b""
        self._sent_at, self._asked_at = 0.0, 0.0

    def begin(self, act: Act, data: bytes | None = None) -> None:
        """Send an act through the kiosk; `is_answered` tells when it is over."""
        self._note(act, self._kiosk.message(self._person, act, self._domain, data))

    @property
    def is_answered(self) -> bool:
        """Whether the latest act has its receipt."""
        return self._digest in self._book.receipts

    def turn(self, http: httpx.Client, now: float, *, more: bool) -> None:
        """Go on as far as can be gone now.

        Args:
            http: for the requester's words with the gateway.
            now: seconds on a steady clock.
            more: whether to begin anew at the end of a round.
        """
        if self.step is Step.REQUESTED:
            if self._is_on_ledger(http, now):
                self._grant()
        elif self.step is Step.GRANTED and self.is_answered:
            self._withdraw()
        elif self.step is Step.WITHDRAWN and self.is_answered:
            self.step = Step.IDLE
        if self.step is Step.IDLE:
            if more:
                self._ask()
            return
        self.again(http, now)

    def again(self, http: httpx.Client, now: float) -> None:
        """Send what waits for an answer, if it was not sent lately."""
        if self.is_answered or now - self._sent_at < self._patience:
            return
        self._sent_at = now
        self._book.sendings += 1
        if self.step is Step.REQUESTED:
            _try(lambda: http.post("/requests", content=self._message))
        else:
            self._publish(self._kiosk, self._message)

    def _ask(self) -> None:
        request = self._requester.ask(self._person)
        signature = self._requester.sign(request.digest(self._domain))[:SIGNATURE_LENGTH]
        signed = SignedRequest(request, self._requester.purpose, self._requester.public_key, signature)
        self._request, self.step = request, Step.REQUESTED
        self._note(request, signed.encode())

    def _is_on_ledger(self, http: httpx.Client, now: float) -> bool:
        if self._request is None or now - self._asked_at < ASK_EVERY:
            return False
        self._asked_at = now
        path = f"/requests/{to_hex(self._request.hash_struct())}"
        answer = _try(lambda: http.get(path))
        return answer is not None and answer.status_code == 200 and answer.json()["state"] == "requested"

    def _grant(self) -> None:
        if self._request is not None:
            self.begin(self._person.grant(self._request))
            self.step = Step.GRANTED

    def _withdraw(self) -> None:
        if self._request is None or self._book.receipts[self._digest][0].status is not ReceiptStatus.FINAL:
            self.step = Step.IDLE  # a refused grant has nothing to withdraw; the verdict speaks of it
            return
        self.begin(self._person.withdraw(self._request))
        self.step = Step.WITHDRAWN

    def _note(self, act: Act, message: bytes) -> None:
        self._digest, self._message, self._sent_at = act.digest(self._domain), message, 0.0
        self._book.sent[self._digest] = Sent(self._digest, act)


def _try(ask: Callable[[], httpx.Response]) -> httpx.Response | None:
    """The answer, or None from a gateway that is just being killed."""
    try:
        return ask()
    except httpx.HTTPError:
        return None
