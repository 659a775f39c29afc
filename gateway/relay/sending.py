"""Signed -> accepted: stored bytes go to the node, the same ones as often as it takes."""

import logging
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate

from gateway.entries import Shipment, State
from gateway.journal import Journal
from gateway.ledger.client import LedgerClient, Question, ask_known, ask_send
from gateway.ledger.errors import LedgerError
from gateway.ledger.refusals import is_too_cheap
from gateway.relay.bumping import Bumping

Answers = Sequence[bytes | LedgerError]
"""For each transaction its hash, or why the node did not take it."""

LOG = logging.getLogger(__name__)

AT_ONCE = 8
GAS_AT_ONCE = 16_000_000
"""Transactions in one request, and their gas limits together.

The embedded ledger executes all of them before it answers, and answers nobody else meanwhile: that gas takes
it some tenths of a second. With fewer it would be idle while the journal waits for the disk.
"""

MAX_PARTS = 32
"""Requests in a turn, some seconds: whoever wants the gateway to stop waits no longer."""


class Sending:
    """The third stage."""

    def __init__(
        self, journal: Journal, client: LedgerClient, bumping: Bumping, counts: Counter[str]
    ) -> None:
        """Connect the parts."""
        self._journal, self._client = journal, client
        self._bumping, self._counts = bumping, counts

    def turn(self) -> int:
        """Send what is signed, each sender's transactions by nonce.

        Returns:
            How many shipments have moved.

        Raises:
            LedgerUnreachableError, JournalError: Nothing is lost; come again.
        """
        moved = 0
        for part, answers in self._answered():
            taken = [
                shipment.number
                for shipment, answer in zip(part, answers, strict=True)
                if not isinstance(answer, LedgerError)
            ]
            refused = [
                (shipment, answer)
                for shipment, answer in zip(part, answers, strict=True)
                if isinstance(answer, LedgerError)
            ]
            taken += self._known([shipment for shipment, _ in refused])
            taken += self._taken_for_less([each for each, _ in refused if each.number not in taken])
            self._journal.accept(taken)
            moved += len(taken) + self._after_refusals(
                [each for each in refused if each[0].number not in taken]
            )
        return moved

    def _answered(self) -> Iterator[tuple[Sequence[Shipment], Answers]]:
        """Shipments in parts, each with the node's answers.

        The next part is on its way while the journal writes down these: the node is idle for no disk but its
        own. If the process dies meanwhile, that part is sent once more.
        """
        with ThreadPoolExecutor(1, "sending ahead") as line:
            coming: Future[tuple[Sequence[Shipment], Answers]] | None = None
            for part in self._unsent_parts():
                before, coming = coming, line.submit(self._send, part)
                if before is not None:
                    yield before.result()
            if coming is not None:
                yield coming.result()

    def _unsent_parts(self) -> Iterator[list[Shipment]]:
        """What goes in one request each, each shipment once; what is signed meanwhile, too."""
        sent: set[int] = set()
        for _ in range(MAX_PARTS):
            unsent = [each for each in self._journal.shipments(State.SIGNED) if each.number not in sent]
            if not unsent:
                return
            part = _first_part(unsent)
            sent.update(shipment.number for shipment in part)
            yield part

    def _send(self, part: Sequence[Shipment]) -> tuple[Sequence[Shipment], Answers]:
        return part, self._client.several([ask_send(shipment.latest.raw) for shipment in part])

    def _known(self, shipments: Sequence[Shipment]) -> list[int]:
        """Which of them the node has nevertheless, in a block or waiting, by any of their candidates."""
        asked: list[tuple[int, Question[bool]]] = [
            (shipment.number, ask_known(candidate.hash))
            for shipment in shipments
            for candidate in shipment.candidates
        ]
        answers = self._client.several([question for _, question in asked])
        return sorted({number for (number, _), answer in zip(asked, answers, strict=True) if answer is True})

    def _taken_for_less(self, shipments: Sequence[Shipment]) -> list[int]:
        """Which of them the node takes by an earlier candidate, the dearest first.

        It may refuse the latest for nothing but its price, which the relayer has no funds for any more or
        which is beyond the node's own cap. Everything later would wait for this nonce.
        """
        asked = [
            (shipment.number, ask_send(candidate.raw))
            for shipment in shipments
            for candidate in reversed(shipment.candidates[:-1])
        ]
        answers = self._client.several([question for _, question in asked])
        return sorted(
            {number for (number, _), answer in zip(asked, answers, strict=True) if isinstance(answer, bytes)}
        )

    def _after_refusals(self, refused: Sequence[tuple[Shipment, LedgerError]]) -> int:
        """The node does not take them: if the nonce is gone, sign anew; else wait.

        Those that it finds too cheap offer more in time.
        """
        moved = 0
        waiting: list[tuple[Shipment, LedgerError]] = []
        for shipment, error in refused:
            if self._client.transaction_count(shipment.sender, "latest") > shipment.nonce:
                LOG.warning("nonce %d was taken by another transaction; signing again", shipment.nonce)
                self._journal.sign_again(shipment.number)
                moved += 1
            else:
                waiting.append((shipment, error))
        for shipment, error in waiting:
            self._counts["refused by the node"] += 1
            news = [
                self._journal.note(entry.digest, str(error))
                for entry in self._journal.carried(shipment.number)
            ]
            if any(news):
                LOG.warning("transaction %s has to wait: %s", shipment.latest.hash.hex(), error)
        return moved + self._bumping.refused([shipment for shipment, error in waiting if is_too_cheap(error)])


def _first_part(shipments: Sequence[Shipment]) -> list[Shipment]:
    """As many of the first as one request may hold, at least one."""
    gas = list(accumulate(shipment.gas for shipment in shipments[:AT_ONCE]))
    return list(shipments[: max(1, bisect_right(gas, GAS_AT_ONCE))])
