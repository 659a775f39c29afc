"""Transactions that are too cheap offer more, under the same nonce, up to the cap and what can be paid."""

import logging
import time
from collections import Counter
from collections.abc import Sequence

from gateway.entries import Candidate, Shipment, State
from gateway.journal import Journal
from gateway.ledger.account import Fees, Relayer
from gateway.ledger.registry import Registry
from gateway.relay import conditions, fees
from gateway.relay.policy import GWEI, Policy
from gateway.relay.purse import Purse

LOG = logging.getLogger(__name__)

NO_MONEY = "waits for a block; to offer more its relayer lacks the funds, or may spend no more today"
AT_THE_CAP = "waits for a block; it offers as much as fee_cap_gwei allows"


class Bumping:
    """Looks after what has waited too long. All candidates stay in the journal: whichever is mined counts."""

    def __init__(
        self,
        journal: Journal,
        registry: Registry,
        relayers: Sequence[Relayer],
        chain_id: int,
        policy: Policy,
        counts: Counter[str],
    ) -> None:
        """Connect the parts."""
        self._journal, self._registry, self._chain_id = journal, registry, chain_id
        self._relayers = {relayer.address: relayer for relayer in relayers}
        self._policy, self._purse, self._counts = policy, Purse(journal), counts
        self._noticed: dict[bytes, int] = {}
        """Candidates that have waited long for their turn: the newest block when that was noticed."""

    def turn(self) -> int:
        """Sign replacements for what the node has taken and blocks leave out for its price; how many.

        Raises:
            LedgerError: The ledger can't be asked for fees.
        """
        accepted = self._overdue(self._journal.shipments(State.ACCEPTED))
        if self._noticed:  # what the node forgets is sent again, and is no newcomer then
            waiting = [*accepted, *self._journal.shipments(State.SIGNED)]
            known = {shipment.latest.hash for shipment in waiting}
            self._noticed = {name: block for name, block in self._noticed.items() if name in known}
        if not accepted:
            return 0
        held, now = self._held(), self._ask(accepted)
        return self._bump([shipment for shipment in accepted if self._is_left_out(shipment, now)], held, now)

    def refused(self, shipments: Sequence[Shipment]) -> int:
        """Sign replacements for shipments that the node finds too cheap, if it has for long; how many.

        Raises:
            LedgerError: The ledger can't be asked for fees.
        """
        overdue = self._overdue(shipments)
        return self._bump(overdue, self._held(), self._ask(overdue)) if overdue else 0

    def _overdue(self, shipments: Sequence[Shipment]) -> list[Shipment]:
        since = time.time() - self._policy.bump_after
        return [
            shipment
            for shipment in shipments
            if shipment.latest.signed_at <= since and shipment.sender in self._relayers
        ]

    def _ask(self, shipments: Sequence[Shipment]) -> conditions.Conditions:
        return conditions.ask(self._registry.client, sorted({shipment.sender for shipment in shipments}))

    def _held(self) -> Counter[bytes]:
        return Counter({sender: each.cost for sender, each in self._journal.pending().items()})

    def _is_left_out(self, shipment: Shipment, now: conditions.Conditions) -> bool:
        """Whether it can be for its price that a shipment is in no block.

        While the ledger makes no blocks, more would be of no use; nor for one that waits for another of its
        sender.
        """
        name = shipment.latest.hash
        if shipment.latest.most < now.base_fee + now.tip:
            return True
        if shipment.nonce != now.nonces[shipment.sender]:
            self._noticed.pop(name, None)
            return False
        return now.block > self._noticed.setdefault(name, now.block)

    def _bump(self, shipments: Sequence[Shipment], held: Counter[bytes], now: conditions.Conditions) -> int:
        if fees.offer(now.base_fee, now.tip, self._policy.fee_cap) is None:
            return 0
        bumped = 0
        with self._journal.together():
            for shipment in shipments:
                more = self._more(shipment, now, held[shipment.sender])
                if more is not None:
                    held[shipment.sender] += fees.cost(shipment.gas, more.most) - shipment.cost
                    self._sign(shipment, more)
                    bumped += 1
        return bumped

    def _more(self, shipment: Shipment, now: conditions.Conditions, held: int) -> Fees | None:
        """What a shipment may offer now; None if that is no more than it does, or more than can be paid."""
        sender, most = shipment.sender, self._policy.fee_cap
        money = self._purse.left(sender, now.balances[sender], held, self._policy.spending, shipment)
        cap = min(most, money * GWEI // shipment.gas)
        last = Fees(shipment.latest.most, shipment.latest.tip)
        offered = fees.offer(now.base_fee, now.tip, cap)
        more = None if offered is None else fees.replacement(last, offered, cap)
        if more is None:
            self._wait(shipment, NO_MONEY if cap < most else AT_THE_CAP)
        return more

    def _sign(self, shipment: Shipment, more: Fees) -> None:
        signed = self._relayers[shipment.sender].sign(
            chain_id=self._chain_id,
            nonce=shipment.nonce,
            to=self._registry.contract,
            data=shipment.data,
            gas=shipment.gas,
            fees=more,
        )
        candidate = Candidate(signed.hash, signed.raw, more.most, more.tip, int(time.time()))
        LOG.warning("nonce %d waits for a block; offering %d wei per gas", shipment.nonce, more.most)
        self._journal.bump(shipment.number, candidate, fees.cost(shipment.gas, more.most))
        self._counts["fees bumped"] += 1

    def _wait(self, shipment: Shipment, why: str) -> None:
        if shipment.state is State.SIGNED:
            return  # the node does not take it, and its own words say more
        news = [self._journal.note(entry.digest, why) for entry in self._journal.carried(shipment.number)]
        if any(news):
            LOG.warning("nonce %d %s", shipment.nonce, why)
