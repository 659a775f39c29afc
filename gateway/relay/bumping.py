"""Transactions that no block takes offer more, under the same nonce, up to the cap."""

import logging
import time
from collections import Counter
from collections.abc import Sequence

from gateway.entries import Candidate, Shipment, State
from gateway.journal import Journal
from gateway.ledger.account import Fees, Relayer
from gateway.ledger.registry import Registry
from gateway.relay import conditions, fees
from gateway.relay.policy import Policy

LOG = logging.getLogger(__name__)


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
        self._policy, self._counts = policy, counts

    def turn(self) -> int:
        """Sign replacements for what the node has taken and no block takes; how many."""
        return self.bump(self._journal.shipments(State.ACCEPTED))

    def bump(self, shipments: Sequence[Shipment]) -> int:
        """Sign replacements for those of these shipments that are stuck; how many.

        Raises:
            LedgerError: The ledger can't be asked for fees.
        """
        since = time.time() - self._policy.bump_after
        stuck = [
            shipment
            for shipment in shipments
            if shipment.latest.signed_at <= since and shipment.sender in self._relayers
        ]
        if not stuck:
            return 0
        now = conditions.ask(self._registry.client, sorted({shipment.sender for shipment in stuck}))
        offered = fees.offer(now.base_fee, now.tip, self._policy.fee_cap)
        if offered is None:
            return 0
        blocking = [each for each in stuck if _blocks(each, now.nonces[each.sender], offered)]
        return sum(self._bump(shipment, offered) for shipment in blocking)

    def _bump(self, shipment: Shipment, offered: Fees) -> bool:
        last = Fees(shipment.latest.most, shipment.latest.tip)
        more = fees.replacement(last, offered, self._policy.fee_cap)
        if more is None:
            return False
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
        return True


def _blocks(shipment: Shipment, next_nonce: int, offered: Fees) -> bool:
    """Whether a shipment is itself too cheap, and not one that only waits for another of its sender."""
    return shipment.nonce == next_nonce or shipment.latest.most < offered.most
