"""The relay under load, and at rest: consents poured in at once, or handed over one by one."""

import time
from collections.abc import Sequence
from itertools import cycle

from contracts.messages import Receipt, ReceiptStatus
from hw.bench.crowd.kiosk import Kiosk, Wire
from hw.bench.crowd.ledger import Signed
from hw.bench.crowd.premises import Premises
from hw.errors import UnavailableError

PATIENCE = 600.0
"""Seconds after which the relay is taken to have stopped."""

GLANCE = 0.001

UNANSWERED = 600
"""Messages on their way at a time: enough to keep the relay busy, and within what a broker keeps for it.
A kiosk would repeat what a broker drops; here that would be measured as well."""


class Desk:
    """The kiosks' side of one gateway: sends, and waits for receipts; used in a `with`.

    Args:
        premises: the gateway, which runs.
        broker: between them.
        kiosks: known to the gateway.
    """

    def __init__(self, premises: Premises, broker: str, kiosks: Sequence[Kiosk]) -> None:
        self._domain = premises.gateway.domain
        self._kiosks = list(kiosks)
        self._receipts: dict[bytes, Receipt] = {}
        self._wire = Wire(broker, self._kiosks, premises.gateway.key, self._hear)

    def pour(self, acts: Sequence[Signed]) -> float:
        """Seconds from the first message to the last receipt, as many as may be being under way."""
        messages = [
            (kiosk, kiosk.message(signed.signer, signed.act, self._domain))
            for kiosk, signed in zip(cycle(self._kiosks), acts)
        ]
        self._receipts.clear()
        start = time.monotonic()
        for place, (kiosk, message) in enumerate(messages):
            self._await(place + 1 - UNANSWERED, start)
            self._wire.publish(kiosk, message)
        self._await(len(messages), start)
        self._check()
        return time.monotonic() - start

    def hand_over(self, acts: Sequence[Signed]) -> list[float]:
        """Seconds from message to receipt of each act, sent when the one before has its receipt."""
        return [self.pour([signed]) for signed in acts]

    def __enter__(self) -> "Desk":
        self._wire.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.__exit__()

    def _hear(self, receipt: Receipt) -> None:
        self._receipts[receipt.digest] = receipt

    def _await(self, number: int, start: float) -> None:
        while len(self._receipts) < number:
            if time.monotonic() - start > PATIENCE:
                raise UnavailableError(f"the relay answered {len(self._receipts)} of {number} consents")
            time.sleep(GLANCE)

    def _check(self) -> None:
        refused = [each for each in self._receipts.values() if each.status is not ReceiptStatus.FINAL]
        if refused:
            raise UnavailableError(f"the relay refused a good consent: {refused[0].reason}")
