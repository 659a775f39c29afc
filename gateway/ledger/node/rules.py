"""The rules of the chain: Prague as py-evm has it, what its first block holds, what gas costs."""

import time
from collections.abc import Sequence
from typing import Any

from eth.abc import BlockHeaderAPI, SignedTransactionAPI
from eth.chains.base import MiningChain
from eth.consensus.applier import ConsensusApplier
from eth.consensus.noproof import NoProofConsensus
from eth.constants import BLANK_ROOT_HASH, ZERO_ADDRESS, ZERO_HASH32
from eth.vm.forks.prague import PragueVM

BLOCK_GAS = 30_000_000
"""Gas limit of a block and of a call, long that of Ethereum's main network: what fits there fits here."""

FIRST_BASE_FEE = 10**9
"""Base fee of the first block, wei per gas (EIP-1559); it sinks, as blocks are nearly empty."""

FUNDS = 10**27
"""Wei that each funded account starts with: a thousand million ether, more than it can ever spend on gas."""


class LedgerVM(PragueVM):
    """Prague, except that blocks may share a second.

    One block per transaction means many in one second; py-evm would push each block's time a second further,
    and under load the ledger's clock would run ahead of the wall's, with every deadline and expiry in it
    wrong.
    """

    @classmethod
    def validate_header(cls, header: BlockHeaderAPI, parent_header: BlockHeaderAPI) -> None:
        """Check a header against its parent, an equal timestamp counting as later."""
        if header.timestamp == parent_header.timestamp:
            parent_header = parent_header.copy(timestamp=header.timestamp - 1)
        super().validate_header(header, parent_header)


def chain_class(chain_id: int) -> type[MiningChain]:
    """A py-evm chain that runs `LedgerVM` from its first block, without proof of anything."""
    rules = ConsensusApplier(NoProofConsensus).amend_vm_configuration(((0, LedgerVM),))
    return MiningChain.configure("LedgerChain", chain_id=chain_id, vm_configuration=rules)


def first_header() -> dict[str, Any]:
    """Parameters of the first block."""
    return {
        "coinbase": ZERO_ADDRESS,
        "difficulty": 0,
        "extra_data": b"ridgekey",
        "gas_limit": BLOCK_GAS,
        "base_fee_per_gas": FIRST_BASE_FEE,
        "mix_hash": ZERO_HASH32,
        "nonce": bytes(8),
        "receipt_root": BLANK_ROOT_HASH,
        "transaction_root": BLANK_ROOT_HASH,
        "timestamp": int(time.time()),
    }


def first_accounts(funded: Sequence[bytes]) -> dict[Any, Any]:
    """Who owns what in the first block."""
    return {address: {"balance": FUNDS, "nonce": 0, "code": b"", "storage": {}} for address in funded}


def floor_gas(data: bytes) -> int:
    """Gas that a transaction costs at least for its data (EIP-7623): 10 per zero byte, 40 per other byte."""
    zeros = data.count(0)
    return 21_000 + 10 * zeros + 40 * (len(data) - zeros)


def effective_gas_price(transaction: SignedTransactionAPI, base_fee: int) -> int:
    """Wei per gas that a transaction pays in a block of this base fee (EIP-1559)."""
    return int(min(transaction.max_fee_per_gas, transaction.max_priority_fee_per_gas + base_fee))
