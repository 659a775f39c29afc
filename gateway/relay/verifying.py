"""Received -> verified or rejected: would the contract take it, and is its object in the store?"""

import time
from collections import Counter

from contracts.acts import ActKind, Register
from contracts.envelope import Envelope
from contracts.errors import ContractError
from gateway.calls import Calls, RefusedError, Submission
from gateway.entries import Entry
from gateway.errors import GatewayError
from gateway.journal import Journal
from gateway.ledger.client import ask_call
from gateway.ledger.errors import LedgerError, QuestionError, RevertedError
from gateway.ledger.registry import Registry
from gateway.relay.foresight import Known, foreseen
from gateway.relay.policy import Policy
from gateway.relay.verdicts import End, Verdicts
from gateway.store import Objects

AT_ONCE = 128
"""Acts that are verified in one round, and so in one transaction of the journal."""


SIGNED_BY_OTHERS = {ActKind.REQUEST, ActKind.RECOVER}
"""Acts about a person that a requester or a guardian signs: they use up nothing of the person's rate."""


class Verifying:
    """The first stage. Asks the ledger for what it can't foresee."""

    def __init__(
        self,
        journal: Journal,
        store: Objects,
        registry: Registry,
        calls: Calls,
        verdicts: Verdicts,
        policy: Policy,
        sender: bytes,
        counts: Counter[str],
    ) -> None:
        """Connect the parts; the ledger is asked in the name of `sender`, which matters to it nowhere."""
        self._journal, self._store, self._registry, self._calls = journal, store, registry, calls
        self._verdicts, self._policy, self._sender, self._counts = verdicts, policy, sender, counts
        self._last = 0  # number of the act up to which those that wait have been looked at

    def turn(self) -> int:
        """Move what can be moved.

        Returns:
            How many acts have moved.

        Raises:
            LedgerUnreachableError, JournalError, StoreError: Nothing is lost; come again.
        """
        now = time.time()
        good: list[tuple[Entry, Submission]] = []
        asked: list[tuple[Entry, Submission]] = []
        ends: list[End] = []
        for entry in self._next(int(now)):
            try:
                submission = self._calls.of(entry)
                self._check_object(submission)
            except RefusedError as error:
                ends += self._refuse(entry, None, error)
                continue
            except (QuestionError, RevertedError) as error:
                self._verdicts.wait(entry, error)
                continue
            is_clear = foreseen(submission.act, submission.is_signed, self._known(entry, submission), now)
            (good if is_clear else asked).append((entry, submission))
        contract = self._registry.contract
        questions = [ask_call(contract, submission.data, self._sender) for _, submission in asked]
        answers = self._registry.client.several(questions)
        for (entry, submission), answer in zip(asked, answers, strict=True):
            if isinstance(answer, RevertedError):
                ends += self._refuse(entry, submission, answer)
            elif isinstance(answer, LedgerError):
                self._verdicts.wait(entry, answer)
            else:
                good.append((entry, submission))
        self._verdicts.apply(ends)
        self._pass(good)
        return len(ends) + len(good)

    def _next(self, now: int) -> list[Entry]:
        """New acts, and of those that had to wait some in rotation: they hold up neither these nor others."""
        waiting = self._journal.received(now, AT_ONCE, waiting=True, after=self._last)
        self._last = waiting[-1].number if len(waiting) == AT_ONCE else 0
        return sorted([*self._journal.received(now, AT_ONCE), *waiting], key=lambda entry: entry.number)

    def _pass(self, good: list[tuple[Entry, Submission]]) -> None:
        for entry, submission in good:
            if submission.object is not None:
                self._store.put(submission.object)  # before the ledger hears of it
            self._calls.remember(entry, submission)
        with self._journal.together():
            for entry, _ in good:
                rate = None if entry.kind in SIGNED_BY_OTHERS else self._policy.person
                self._journal.verify(entry.digest, entry.subject, rate)

    def _known(self, entry: Entry, submission: Submission) -> Known:
        return Known(
            is_enrolled=lambda: bool(self._journal.kiosks_of(entry.subject)),
            about_request=lambda: self._journal.settled_about(entry.request or b""),
            request=submission.request,
        )

    def _check_object(self, submission: Submission) -> None:
        """A commitment must not name nothing, or something else."""
        act = submission.act
        if not isinstance(act, Register):
            return
        if submission.object is None:
            if self._store.get(act.commitment) is None:
                raise RefusedError("the encrypted record did not come with its registration")
            return
        try:
            envelope = Envelope.decode(submission.object)
        except ContractError as error:
            raise RefusedError(str(error)) from error
        if (envelope.record, envelope.kind) != (act.record, act.kind):
            raise RefusedError("the encrypted record is of another record or kind than its registration says")

    def _refuse(self, entry: Entry, submission: Submission | None, error: GatewayError) -> list[End]:
        """Reject an act, unless an earlier one of the same person, still under way, may change the answer."""
        if self._journal.is_preceded(entry):
            self._journal.note(entry.digest, f"waits for an earlier act of the same person: {error}")
            return []
        if submission is None or not isinstance(error, RevertedError):
            return [self._verdicts.rejected(entry, str(error))]
        end = self._verdicts.turned_away(entry, submission)
        if end is not None and end.on_ledger and submission.object is not None:
            self._store.put(submission.object)
        return [] if end is None else [end]
