"""Verified -> signed: acts become transactions, whose bytes are in the journal before anywhere else."""

import logging
import queue
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.keccak import keccak256
from contracts.registry import MAX_CALL
from gateway.calls import Calls, RefusedError, Submission
from gateway.entries import Candidate, Entry
from gateway.journal import Journal
from gateway.journal.questions import Pending
from gateway.ledger.account import Fees, Relayer
from gateway.ledger.errors import QuestionError, RevertedError
from gateway.ledger.registry import Registry
from gateway.relay import conditions, fees
from gateway.relay.gas import GasBook
from gateway.relay.packing import BASE_GAS, Item, Lane, Load, pack
from gateway.relay.policy import GWEI, Policy
from gateway.relay.purse import Purse
from gateway.relay.sending import AT_ONCE
from gateway.relay.verdicts import End, Verdicts

LOG = logging.getLogger(__name__)

MAX_UNSENT = 4 * AT_ONCE
"""Transactions of one relayer that may be signed and not accepted: those being sent, the next, and those that
are signed while the node is busy with them."""


@dataclass(frozen=True)
class Standing:
    """What a turn goes by.

    Attributes:
        now: What the ledger says.
        offered: For each transaction.
        room: How many transactions each relayer may begin.
        held: Gwei that those it has under way may cost.
        nonces: Of the next one.
    """

    now: conditions.Conditions
    offered: Fees
    room: dict[bytes, int]
    held: Counter[bytes]
    nonces: dict[bytes, int]

    def begun(self, relayer: bytes, cost: int) -> None:
        """A relayer has one more under way."""
        self.room[relayer] -= 1
        self.held[relayer] += cost
        self.nonces[relayer] += 1


class Signing:
    """The second stage: packs, prices, takes nonces and signs."""

    def __init__(
        self,
        journal: Journal,
        registry: Registry,
        relayers: Sequence[Relayer],
        chain_id: int,
        calls: Calls,
        gas: GasBook,
        verdicts: Verdicts,
        policy: Policy,
        counts: Counter[str],
    ) -> None:
        """Connect the parts."""
        self._journal, self._registry, self._chain_id = journal, registry, chain_id
        self._relayers = {relayer.address: relayer for relayer in relayers}
        self._active = [address for address in self._relayers if address not in policy.retired]
        self._calls, self._gas, self._verdicts = calls, gas, verdicts
        self._policy, self._purse, self._counts = policy, Purse(journal), counts
        self._wanted: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def want(self, data: bytes) -> None:
        """Have a call go to the contract that is no person's act; from any thread.

        It is not kept over a crash, nor until there is room: whoever wants it looks whether it came about.
        """
        self._wanted.put(data)

    def turn(self) -> int:
        """Move what can be moved; as `Verifying.turn`."""
        # The journal first: what it calls final by now is in the chain's count of transactions afterwards.
        pending = self._journal.pending()
        room = {address: self._room(pending.get(address)) for address in self._active}
        free = sum(space for space in room.values() if space > 0)
        acts, requests = self._waiting(free * self._policy.max_batch)
        calls = self._calls_wanted() if free else []
        if not acts and not requests and not calls:
            return 0
        now = conditions.ask(self._registry.client, self._active)
        offered = now.offer(self._policy.fee_cap)
        if offered is None:
            why = f"fees are above the cap: {now.base_fee / GWEI:.1f} gwei and the tip"
            self._wait([*acts, *requests], why)
            return 0
        held = Counter({address: each.cost for address, each in pending.items()})
        nonces = {
            address: max(count, pending[address].highest + 1 if address in pending else 0)
            for address, count in now.nonces.items()
        }
        standing = Standing(now, offered, room, held, nonces)
        moved = self._ship(acts, calls, standing, self._policy.spending)
        return moved + self._ship(requests, [], standing, self._policy.spending_on_requests)

    def _waiting(self, limit: int) -> tuple[list[Entry], list[Entry]]:
        """What persons have signed, and in the room that this leaves what requesters ask; so many at most."""
        if limit == 0:
            return [], []
        now = int(time.time())
        acts = self._journal.verified(now, limit)
        return acts, self._journal.verified(now, limit - len(acts), requests=True)

    def _ship(
        self, entries: Sequence[Entry], calls: list[Item], standing: Standing, limit: int | None
    ) -> int:
        """Sign transactions for these, within what a relayer may spend; how many have moved."""
        items, ends = self._items(entries)
        self._verdicts.apply(ends)
        bound = self._journal.bound() if self._journal.shared or len(self._relayers) > 1 else {}
        max_gas = min(self._policy.batch_gas, standing.now.block_gas)
        with self._journal.together():
            lanes = [self._lane(address, standing, limit) for address in self._active]
            loads = pack([*items, *calls], lanes, bound, self._policy.max_batch, max_gas)
            for load in loads:
                self._sign(load, standing)
        taken = {item.digest for load in loads for item in load.items}
        most = max((lane.gas for lane in lanes if lane.room > 0), default=0)
        dear = {item.digest for item in items if item.gas + BASE_GAS > most} - taken
        if dear:
            why = "no relayer with room has the funds, or may spend more today"
            self._wait([entry for entry in entries if entry.digest in dear], why)
        return len(ends) + sum(len(load.items) for load in loads)

    def _room(self, pending: Pending | None) -> int:
        """How many transactions a relayer may begin: acts gather better unsigned than unsent."""
        if pending is None:
            return min(self._policy.max_pending, MAX_UNSENT)
        return min(self._policy.max_pending - pending.count, MAX_UNSENT - pending.unsent)

    def _items(self, entries: Sequence[Entry]) -> tuple[list[Item], list[End]]:
        """What there is to pack, and the ends of acts that turned out to be refused."""
        items: list[Item] = []
        ends: list[End] = []
        blocked: set[bytes] = set()
        for entry in entries:
            if entry.subject in blocked:
                continue
            try:
                submission = self._calls.of(entry)
                self._calls.remember(entry, submission)  # for the next round, should there be no room
                gas = self._gas.limit(entry, submission.data, self._active[0])
            except RefusedError as error:
                ends.append(self._verdicts.rejected(entry, str(error)))
            except RevertedError:
                end = None
                if not self._journal.is_preceded(entry):
                    end = self._verdicts.turned_away(entry, submission)
                if end is not None:
                    ends.append(end)
                blocked.add(entry.subject)
            except QuestionError as error:
                self._verdicts.wait(entry, error)
                blocked.add(entry.subject)
            else:
                items.append(_item(entry, submission, gas))
        return items, ends

    def _calls_wanted(self) -> list[Item]:
        """The calls of the gateway's own that the contract would take now."""
        found: list[Item] = []
        while not self._wanted.empty():
            data = self._wanted.get()
            try:
                gas = self._gas.estimate(data, self._active[0])
            except (RevertedError, QuestionError) as error:
                LOG.info("a call is not made: %s", error)
                continue
            found.append(Item(keccak256(data), b"", data, gas, alone=True, is_act=False))
        return found

    def _lane(self, address: bytes, standing: Standing, limit: int | None) -> Lane:
        """How much a relayer may begin: by its room, its funds and what it may still spend today."""
        now, offered, room = standing.now, standing.offered, standing.room[address]
        money = self._purse.left(address, now.balances[address], standing.held[address], limit)
        gas = max(0, money * GWEI // offered.most) if offered.most else room * now.block_gas
        return Lane(address, room, gas)

    def _sign(self, load: Load, standing: Standing) -> None:
        calls = [item.data for item in load.items]
        data = calls[0] if len(calls) == 1 else self._registry.encode_batch(calls)
        sender, offered = load.sender, standing.offered
        nonce, cost = standing.nonces[sender], fees.cost(load.gas, offered.most)
        signed = self._relayers[sender].sign(
            chain_id=self._chain_id,
            nonce=nonce,
            to=self._registry.contract,
            data=data,
            gas=load.gas,
            fees=offered,
        )
        candidate = Candidate(signed.hash, signed.raw, offered.most, offered.tip, int(time.time()))
        digests = [item.digest for item in load.items if item.is_act]
        self._journal.sign(sender, nonce, data, load.gas, cost, candidate, digests)
        standing.begun(sender, cost)
        self._counts["transactions"] += 1

    def _wait(self, entries: Sequence[Entry], why: str) -> None:
        with self._journal.together():
            news = sum(self._journal.note(entry.digest, why) for entry in entries)
        if news:
            LOG.warning("%d acts have to wait: %s", len(entries), why)


def _item(entry: Entry, submission: Submission, gas: int) -> Item:
    alone = entry.step > 0 or entry.tries > 0 or len(submission.data) > MAX_CALL
    return Item(entry.digest, entry.subject, submission.data, gas, alone)
