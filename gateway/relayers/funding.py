"""Funds for relayers that were added to a gateway with a ledger of its own, where money is only a counter."""

import logging
from collections.abc import Sequence

from contracts.hexes import checksum_address
from gateway.ledger.account import Relayer
from gateway.ledger.client import LedgerClient

LOG = logging.getLogger(__name__)

TRANSFER_GAS = 21_000
"""Gas of a plain transfer (yellow paper, appendix G)."""


def share(client: LedgerClient, relayers: Sequence[Relayer]) -> None:
    """Give each relayer that owns nothing its part of what the first one owns.

    Raises:
        LedgerError: The ledger does not take it.
    """
    first, *others = relayers
    poor = [relayer for relayer in others if client.balance(relayer.address) == 0]
    part = client.balance(first.address) // (len(relayers) + 1)
    for relayer in poor:
        LOG.warning("relayer %s gets its part of the funds", checksum_address(relayer.address))
        transfer = first.sign(
            chain_id=client.chain_id(),
            nonce=client.transaction_count(first.address, "latest"),
            to=relayer.address,
            data=b"",
            gas=TRANSFER_GAS,
            fees=client.fees(),
            value=part,
        )
        client.wait(client.send(transfer.raw))
