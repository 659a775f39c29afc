"""Accepted -> mined -> final or rejected: what became of transactions, and of each act in them."""

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from contracts.registry import SKIPPED, event_topic, selector
from gateway.calls import Calls, RefusedError
from gateway.entries import Entry, Mined, Shipment, State
from gateway.journal import Journal
from gateway.ledger.answers import TransactionReceipt
from gateway.ledger.client import Question, ask_block_number, ask_known, ask_receipt
from gateway.ledger.errors import LedgerError, QuestionError, RevertedError
from gateway.ledger.events import SkippedEvent, UndecodableEventError, decode
from gateway.ledger.reasons import explain
from gateway.ledger.registry import Registry
from gateway.relay.fees import cost
from gateway.relay.policy import Policy
from gateway.relay.verdicts import End, Place, Verdicts

LOG = logging.getLogger(__name__)

BATCH = selector("submit")
"""Begin of a batch's call data."""

SKIPPED_TOPIC = (event_topic(SKIPPED),)

MAX_TRIES = 3
"""Transactions of an act that may fail for no reason that the contract names, before it is rejected."""

NO_REASON = "the ledger refused it and gives no reason; please try again"


class Confirming:
    """The last stage. Believes no block before it lies under enough others, and looks at its hash again."""

    def __init__(
        self,
        journal: Journal,
        registry: Registry,
        calls: Calls,
        verdicts: Verdicts,
        policy: Policy,
        sender: bytes,
        counts: Counter[str],
    ) -> None:
        """Connect the parts."""
        self._journal, self._registry, self._client = journal, registry, registry.client
        self._calls, self._verdicts, self._policy = calls, verdicts, policy
        self._sender, self._counts = sender, counts

    def turn(self) -> int:
        """Look after everything that the node has taken.

        Returns:
            How many acts and shipments have moved.

        Raises:
            LedgerUnreachableError, JournalError: Nothing is lost; come again.
        """
        shipments = self._journal.shipments(State.ACCEPTED, State.MINED)
        if not shipments:
            return 0
        receipts, troubles, head = self._look(shipments)
        self._wait(troubles)
        shipments = [shipment for shipment in shipments if shipment.number not in troubles]
        accepted = [shipment for shipment in shipments if shipment.state is State.ACCEPTED]
        mined = [
            _mined(shipment, receipts[shipment.number])
            for shipment in accepted
            if shipment.number in receipts
        ]
        self._journal.mine(mined)
        moved = [each.shipment for each in mined]
        moved += self._send_lost_again([each for each in accepted if each.number not in receipts])
        ends: list[End] = []
        closed: list[int] = []
        for shipment in shipments:
            receipt = receipts.get(shipment.number)
            if shipment.state is State.MINED and (
                receipt is None or receipt.block_hash != shipment.block_hash
            ):
                LOG.warning("the ledger took back block %s; sending again", shipment.block)
                self._counts["reorganised"] += 1
                self._journal.send_again(shipment.number)
                moved.append(shipment.number)
            elif receipt is not None and self._is_final(shipment, head - receipt.block + 1):
                of_acts, is_over = self._ends(shipment, receipt)
                ends += of_acts
                closed += [shipment.number] if is_over else []
        self._verdicts.apply(ends, closed)
        return len(moved) + len(ends) + len(closed)

    def _is_final(self, shipment: Shipment, depth: int) -> bool:
        """Whether so many blocks are enough for what stands in the first of them.

        If it takes several, the shipment must have been seen there before: what is deep enough at the first
        look, after an outage perhaps, has but one answer for it. Where one block is enough, none is undone.
        """
        enough = self._policy.confirmations
        return depth >= enough and (enough == 1 or shipment.state is State.MINED)

    def _look(
        self, shipments: Sequence[Shipment]
    ) -> tuple[dict[int, TransactionReceipt], dict[int, LedgerError], int]:
        """Where the shipments are.

        Returns:
            The receipt of each that is in a block; those of which the ledger does not say whether they are,
            and why not; and the number of the newest block after that.
        """
        asked = [
            (shipment.number, candidate.hash) for shipment in shipments for candidate in shipment.candidates
        ]
        questions: list[Question[object]] = [
            *(ask_receipt(transaction) for _, transaction in asked),
            ask_block_number(),
        ]
        *answers, head = self._client.several(questions)
        if not isinstance(head, int):
            raise LedgerError(f"the ledger does not say how long it is: {head}")
        said = [(number, answer) for (number, _), answer in zip(asked, answers, strict=True)]
        receipts = {number: answer for number, answer in said if isinstance(answer, TransactionReceipt)}
        troubles = {
            number: answer
            for number, answer in said
            if isinstance(answer, LedgerError) and number not in receipts
        }
        return receipts, troubles, head

    def _wait(self, troubles: Mapping[int, LedgerError]) -> None:
        """Note what keeps the ledger from saying where shipments are."""
        for number, error in troubles.items():
            for entry in self._journal.carried(number):
                self._verdicts.wait(entry, error)

    def _send_lost_again(self, waiting: Sequence[Shipment]) -> list[int]:
        """Those that are in no block: the ones that the node has forgotten go out once more."""
        since = time.time() - self._policy.forgotten_after
        asked = [
            (shipment.number, candidate.hash)
            for shipment in waiting
            if shipment.latest.signed_at <= since
            for candidate in shipment.candidates
        ]
        answers = self._client.several([ask_known(transaction) for _, transaction in asked])
        forgotten = {number for number, _ in asked}
        for (number, _), answer in zip(asked, answers, strict=True):
            if answer is not False:
                forgotten.discard(number)
        for number in sorted(forgotten):
            self._journal.send_again(number)
        return sorted(forgotten)

    def _ends(self, shipment: Shipment, receipt: TransactionReceipt) -> tuple[list[End], bool]:
        """What became of the acts of a final transaction, and whether it can be said of all of them now."""
        skipped = self._skipped(receipt)
        is_batch = shipment.data[:4] == BATCH
        carried = self._journal.carried(shipment.number)
        ends: list[End] = []
        for entry in carried:
            if receipt.succeeded and entry.position not in skipped:
                ends.append(self._proceed(entry, receipt))
                continue
            end = self._refused(entry, receipt, skipped.get(entry.position, ""), is_batch=is_batch)
            ends += [] if end is None else [end]
        return ends, len(ends) == len(carried)

    def _proceed(self, entry: Entry, receipt: TransactionReceipt) -> End:
        if entry.step + 1 < entry.steps:
            return End(entry.digest, lambda: self._journal.next_step(entry.digest), is_over=False)
        if entry.step:
            return self._verdicts.final(entry, Place(entry.transaction, entry.block))
        return self._verdicts.final(entry, Place(receipt.transaction, receipt.block))

    def _refused(
        self, entry: Entry, receipt: TransactionReceipt, reason: str, *, is_batch: bool
    ) -> End | None:
        """The end of an act that the contract refused in a block; None if there is nothing to say yet."""
        place = Place(receipt.transaction, receipt.block)
        try:
            submission = self._calls.of(entry)
            why = RevertedError(reason, explain(reason)) if reason else None
            if why is None and not is_batch:  # then it can perhaps be had afterwards
                why = self._client.refusal(self._registry.contract, submission.data, self._sender)
        except RefusedError as error:
            return self._verdicts.rejected(entry, str(error), place)
        except (QuestionError, RevertedError) as error:
            self._verdicts.wait(entry, error)
            return None
        if why is not None:
            return self._verdicts.refused(entry, submission.act, why, place)
        if entry.tries + 1 < MAX_TRIES:
            self._counts["tried again"] += 1
            # Alone from now on, with an estimate of its own.
            return End(entry.digest, lambda: self._journal.try_again(entry.digest), is_over=False)
        return self._verdicts.rejected(entry, NO_REASON, place)

    def _skipped(self, receipt: TransactionReceipt) -> dict[int, str]:
        """Positions in a batch that the contract skipped, and its reasons."""
        reasons: dict[int, str] = {}
        for log in receipt.logs:
            if log.address != self._registry.contract or log.topics[:1] != SKIPPED_TOPIC:
                continue
            try:
                event = decode(log)
            except UndecodableEventError:
                continue
            if isinstance(event, SkippedEvent):
                reasons[event.position] = event.text
        return reasons


def _mined(shipment: Shipment, receipt: TransactionReceipt) -> Mined:
    paid = cost(receipt.gas_used, receipt.gas_price)
    return Mined(shipment.number, receipt.transaction, receipt.block, receipt.block_hash, paid)
