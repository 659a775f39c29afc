"""The way of an act from the journal to the ledger and back: turns the state machine of `gateway.journal`.

`Relay.advance` takes each act that is under way as far as it will go. Every step reads the journal, does one
thing on the ledger, and writes the journal, so it doesn't matter between which two of them the process dies:
the next `advance`, of this process or a later one, goes on. The contract itself refuses an act that it has
seen, so a step done twice can't count twice.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.acts import Register
from contracts.eip712 import Domain
from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.labels import clean
from contracts.messages import MAX_REASON, Receipt, ReceiptStatus
from gateway.calls import Calls, RefusedError, Submission
from gateway.entries import Entry, State, Transaction
from gateway.journal import Journal
from gateway.ledger.account import Relayer
from gateway.ledger.errors import LedgerError, RevertedError, RpcError
from gateway.ledger.registry import Registry
from gateway.store import ObjectStore

LOG = logging.getLogger(__name__)

GAS_MARGIN = 1.1
"""Over the node's estimate: an act that comes in between may make storage that this one finds changed."""


class Relay:
    """Moves acts on. Not safe for several threads: one worker owns it."""

    def __init__(
        self,
        journal: Journal,
        store: ObjectStore,
        registry: Registry,
        relayer: Relayer,
        domain: Domain,
        gateway_key: Ed25519PrivateKey,
        confirmations: int,
        calls: Calls,
        settled: Callable[[Entry], None],
        counts: Counter[str],
    ) -> None:
        """Connect the parts.

        Args:
            journal: The acts.
            store: Where the object of a register act goes.
            registry: The contract, on its ledger.
            relayer: The account that pays.
            domain: Where the acts count.
            gateway_key: Signs the receipts.
            confirmations: Blocks, its own included, that make a transaction final.
            calls: Makes contract calls of entries.
            settled: Called with each entry that has just become final or rejected, its receipt in it.
            counts: Counts what happens, for `/health`.
        """
        self._journal, self._store, self._relayer, self._calls = journal, store, relayer, calls
        self._registry, self._client = registry, registry.client
        self._domain, self._gateway_key, self._confirmations = domain, gateway_key, confirmations
        self._settled, self._counts = settled, counts
        self._moves: dict[State, Callable[[Entry], bool]] = {
            State.RECEIVED: self._verify,
            State.VERIFIED: self._sign,
            State.SIGNED: self._send,
            State.ACCEPTED: self._look,
            State.MINED: self._confirm,
        }

    def advance(self, keep_going: Callable[[], bool] = lambda: True) -> bool:
        """Take every act that is under way as far as it will go now.

        Acts of one person are taken in the order of their arrival: a grant is not tried before the record
        that it is about stands on the ledger.

        Args:
            keep_going: Asked before each act; False ends the round early.

        Returns:
            Whether any act is still under way and waits for the ledger.

        Raises:
            LedgerUnreachableError: Nothing answers; nothing is lost, call again later.
            JournalError, StoreError: The disk refuses.
        """
        waiting: set[bytes] = set()
        for digest, subject in self._journal.under_way():
            if not keep_going():
                break
            if subject not in waiting and not self._take_on(self._entry(digest)):
                waiting.add(subject)
        return bool(waiting)

    def _take_on(self, entry: Entry) -> bool:
        """Move one act until it is over or has to wait; whether it is over."""
        while entry.state in self._moves:
            try:
                moved = self.step(entry)
            except (RpcError, RevertedError) as error:
                # One act that the node chokes on must not stand in the way of the others.
                LOG.warning("act %s has to wait: %s", entry.digest.hex(), error)
                self._counts["refused by the node"] += 1
                moved = False
            if not moved:
                return False
            entry = self._entry(entry.digest)
        self._counts[entry.state.value] += 1
        self._settled(entry)
        return True

    def step(self, entry: Entry) -> bool:
        """Make the one move that is due for an act that is under way; False if it has to wait for the ledger.

        Raises:
            RpcError: The node refuses, for a reason that lies with itself or the relayer's account.
            LedgerUnreachableError, JournalError, StoreError: As `advance`.
        """
        return self._moves[entry.state](entry)

    def _entry(self, digest: bytes) -> Entry:
        entry = self._journal.find(digest)
        assert entry is not None  # noqa: S101 - entries are never deleted
        return entry

    # The moves: each returns whether the entry has another state now.

    def _verify(self, entry: Entry) -> bool:
        try:
            submission = self._calls.of(entry)
            self._client.call(self._registry.contract, submission.data, sender=self._relayer.address)
            self._keep_object(submission)
        except (RefusedError, RevertedError, ContractError) as error:
            return self._reject(entry, str(error))
        self._journal.verify(entry.digest)
        return True

    def _keep_object(self, submission: Submission) -> None:
        """Store the encrypted record before the ledger hears of it: a commitment never names nothing."""
        act = submission.act
        if not isinstance(act, Register):
            return
        if submission.object is None:
            if self._store.get(act.commitment) is None:
                raise RefusedError("the encrypted record did not come with its registration")
            return
        envelope = Envelope.decode(submission.object)
        if (envelope.record, envelope.kind) != (act.record, act.kind):
            raise RefusedError("the encrypted record is of another record or kind than its registration says")
        self._store.put(submission.object)

    def _sign(self, entry: Entry) -> bool:
        contract, sender = self._registry.contract, self._relayer.address
        try:
            data = self._calls.of(entry).data
            gas = self._client.estimate_gas(contract, data, sender=sender)
        except (RefusedError, RevertedError) as error:
            return self._reject(entry, str(error))
        nonce = self._journal.next_nonce(self._client.transaction_count(sender, "latest"))
        signed = self._relayer.sign(
            chain_id=self._domain.chain_id,
            nonce=nonce,
            to=contract,
            data=data,
            gas=int(gas * GAS_MARGIN),
            fees=self._client.fees(),
        )
        self._journal.sign(entry.digest, Transaction(nonce, signed.raw, signed.hash))
        return True

    def _send(self, entry: Entry) -> bool:
        transaction = self._transaction(entry)
        try:
            self._client.send(transaction.raw)
        except (RpcError, RevertedError) as error:
            if not self._is_known(transaction):
                return self._after_refusal(entry, transaction, error)
        self._journal.accept(entry.digest)
        return True

    def _after_refusal(self, entry: Entry, transaction: Transaction, error: LedgerError) -> bool:
        """The node does not take the transaction: sign another if its nonce is gone, else wait."""
        if self._client.transaction_count(self._relayer.address, "latest") > transaction.nonce:
            LOG.warning("nonce %d was taken by another transaction; signing again", transaction.nonce)
            self._journal.sign_again(entry.digest)
            return True
        raise error

    def _look(self, entry: Entry) -> bool:
        transaction = self._transaction(entry)
        receipt = self._client.receipt(transaction.hash)
        if receipt is not None:
            self._journal.mine(entry.digest, receipt.block, receipt.block_hash)
            return True
        if not self._is_known(transaction):
            self._journal.send_again(entry.digest)
            return True
        return False

    def _is_known(self, transaction: Transaction) -> bool:
        """Whether the node has the transaction, in a block or waiting."""
        return self._client.request("eth_getTransactionByHash", f"0x{transaction.hash.hex()}") is not None

    def _confirm(self, entry: Entry) -> bool:
        transaction = self._transaction(entry)
        receipt = self._client.receipt(transaction.hash)
        if receipt is None or receipt.block_hash != transaction.block_hash:
            LOG.warning("the ledger took back block %s; sending again", transaction.block)
            self._journal.send_again(entry.digest)
            return True
        if self._client.block_number() - receipt.block + 1 < self._confirmations:
            return False
        if not receipt.succeeded:
            return self._reject(entry, self._why_failed(entry))
        if entry.step + 1 < entry.steps:
            self._journal.next_step(entry.digest)
        else:
            self._journal.finish(entry.digest, self._receipt(entry, ReceiptStatus.FINAL, ""))
        return True

    def _why_failed(self, entry: Entry) -> str:
        """The contract's reason for a failure in a block, as far as it can be had afterwards."""
        try:
            self._client.call(
                self._registry.contract, self._calls.of(entry).data, sender=self._relayer.address
            )
        except (RefusedError, RevertedError) as error:
            return str(error)
        return "the ledger refused it and gives no reason; please try again"

    def _transaction(self, entry: Entry) -> Transaction:
        transaction = self._journal.transaction(entry.digest, entry.step)
        assert transaction is not None  # noqa: S101 - stored in one SQLite transaction with the state
        return transaction

    # Answers

    def _reject(self, entry: Entry, reason: str) -> bool:
        reason = clean(reason, MAX_REASON)
        self._journal.reject(entry.digest, reason, self._receipt(entry, ReceiptStatus.REJECTED, reason))
        return True

    def _receipt(self, entry: Entry, status: ReceiptStatus, reason: str) -> bytes:
        """The signed receipt; its transaction is that of the act itself, the first of the entry's."""
        transaction = self._journal.transaction(entry.digest, 0)
        return Receipt(
            environment=self._domain.environment,
            digest=entry.digest,
            status=status,
            transaction=transaction.hash if transaction else None,
            block=transaction.block if transaction else None,
            reason=reason,
            at=int(time.time()),
        ).sign(self._gateway_key)
