"""How blocks, transactions, receipts and logs look in JSON (Ethereum execution-apis). Pure functions."""

from typing import Any

import rlp  # type: ignore[import-untyped]  # rlp ships no types
from eth.abc import BlockHeaderAPI, SignedTransactionAPI

from contracts.hexes import checksum_address, to_hex
from gateway.ledger.node.store import LogEntry, MinedTransaction

EMPTY_WITHDRAWALS: list[Any] = []
"""No validator, no withdrawals; the fork wants the member all the same."""


def block(header: BlockHeaderAPI, transactions: list[Any]) -> dict[str, Any]:
    """A block; `transactions` are hashes or whole transactions, as the caller of the method chose."""
    members: dict[Any, Any] = header.as_dict()
    return {
        "number": hex(header.block_number),
        "hash": to_hex(header.hash),
        "parentHash": to_hex(members["parent_hash"]),
        "sha3Uncles": to_hex(members["uncles_hash"]),
        "miner": checksum_address(members["coinbase"]),
        "stateRoot": to_hex(members["state_root"]),
        "transactionsRoot": to_hex(members["transaction_root"]),
        "receiptsRoot": to_hex(members["receipt_root"]),
        "logsBloom": bloom(header),
        "difficulty": hex(members["difficulty"]),
        "gasLimit": hex(members["gas_limit"]),
        "gasUsed": hex(members["gas_used"]),
        "timestamp": hex(members["timestamp"]),
        "extraData": to_hex(members["extra_data"]),
        "mixHash": to_hex(members["mix_hash"]),
        "nonce": to_hex(members["nonce"]),
        "baseFeePerGas": hex(members["base_fee_per_gas"]),
        "withdrawalsRoot": to_hex(members["withdrawals_root"]),
        "blobGasUsed": hex(members["blob_gas_used"]),
        "excessBlobGas": hex(members["excess_blob_gas"]),
        "parentBeaconBlockRoot": to_hex(members["parent_beacon_block_root"]),
        "requestsHash": to_hex(members["requests_hash"]),
        "size": hex(len(rlp.encode(header))),
        "uncles": [],
        "withdrawals": EMPTY_WITHDRAWALS,
        "transactions": transactions,
    }


def bloom(header: BlockHeaderAPI) -> str:
    """The filter of a block's logs; a receipt's is the same, as a block has one transaction."""
    return to_hex(header.bloom.to_bytes(256, "big"))


def log(entry: LogEntry, header: BlockHeaderAPI, transaction_hash: bytes) -> dict[str, Any]:
    """An event."""
    return {
        "address": checksum_address(entry.address),
        "topics": [to_hex(topic) for topic in entry.topics],
        "data": to_hex(entry.data),
        "blockNumber": hex(entry.block),
        "blockHash": to_hex(header.hash),
        "blockTimestamp": hex(header.timestamp),
        "transactionHash": to_hex(transaction_hash),
        "transactionIndex": "0x0",
        "logIndex": hex(entry.position),
        "removed": False,
    }


def receipt(
    mined: MinedTransaction, decoded: SignedTransactionAPI, header: BlockHeaderAPI, entries: list[LogEntry]
) -> dict[str, Any]:
    """What became of a transaction."""
    return {
        "transactionHash": to_hex(mined.hash),
        "transactionIndex": "0x0",
        "blockHash": to_hex(header.hash),
        "blockNumber": hex(mined.block),
        "from": checksum_address(mined.sender),
        "to": _recipient(decoded),
        "contractAddress": None if mined.contract is None else checksum_address(mined.contract),
        "cumulativeGasUsed": hex(mined.gas_used),
        "gasUsed": hex(mined.gas_used),
        "effectiveGasPrice": hex(mined.gas_price),
        "logs": [log(entry, header, mined.hash) for entry in entries],
        "logsBloom": bloom(header),
        "status": hex(mined.succeeded),
        "type": hex(decoded.type_id or 0),
    }


def transaction(
    mined: MinedTransaction, decoded: SignedTransactionAPI, header: BlockHeaderAPI
) -> dict[str, Any]:
    """A transaction as it was signed, and where it stands."""
    shape: dict[str, Any] = {
        "hash": to_hex(mined.hash),
        "blockHash": to_hex(header.hash),
        "blockNumber": hex(mined.block),
        "transactionIndex": "0x0",
        "type": hex(decoded.type_id or 0),
        "chainId": hex(decoded.chain_id or 0),
        "from": checksum_address(mined.sender),
        "to": _recipient(decoded),
        "nonce": hex(decoded.nonce),
        "gas": hex(decoded.gas),
        "gasPrice": hex(mined.gas_price),
        "value": hex(decoded.value),
        "input": to_hex(decoded.data),
        "r": hex(decoded.r),
        "s": hex(decoded.s),
        "v": hex(getattr(decoded, "v", decoded.y_parity)),
    }
    if decoded.type_id is not None:
        shape["yParity"] = hex(decoded.y_parity)
        shape["accessList"] = [
            {
                "address": checksum_address(address),
                "storageKeys": [to_hex(key.to_bytes(32, "big")) for key in keys],
            }
            for address, keys in decoded.access_list
        ]
    if decoded.type_id in (2, 4):
        shape["maxFeePerGas"] = hex(decoded.max_fee_per_gas)
        shape["maxPriorityFeePerGas"] = hex(decoded.max_priority_fee_per_gas)
    return shape


def _recipient(decoded: SignedTransactionAPI) -> str | None:
    return checksum_address(decoded.to) if decoded.to else None
