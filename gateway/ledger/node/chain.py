"""The chain: py-evm executing transactions under the rules of Prague, one block for each, mined at once.

Nothing competes for a block on a ledger of one machine, so there is no pool, no proof of work and no
reorganisation: a transaction is either refused before anything changes, or durable in its block when `send`
returns.
"""

import time
from collections.abc import Sequence
from typing import Any

import rlp  # type: ignore[import-untyped]  # rlp ships no types
from eth.abc import BlockHeaderAPI, SignedTransactionAPI
from eth.constants import BLANK_ROOT_HASH, CREATE_CONTRACT_ADDRESS, ZERO_HASH32
from eth.db.atomic import AtomicDB
from eth.exceptions import CanonicalHeadNotFound, HeaderNotFound, PyEVMError
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from contracts.hexes import checksum_address
from gateway.ledger.errors import LedgerConfigurationError
from gateway.ledger.node import DEFAULT_CHAIN_ID
from gateway.ledger.node.rules import (
    LedgerVM,
    chain_class,
    effective_gas_price,
    first_accounts,
    first_header,
    floor_gas,
)
from gateway.ledger.node.store import LogEntry, MinedTransaction, Store

MAX_TRANSACTION_BYTES = 128 * 1024
"""Size of a raw transaction, as geth bounds it in its pool (txMaxSize)."""

SUPPORTED_TYPES = (None, 1, 2, 4)
"""EIP-2718 types taken: legacy, access list, dynamic fee, set code. Blob transactions need a second layer."""


class RefusedError(Exception):
    """The ledger does not take this transaction or call; the text says why, in the words other nodes use."""


class Chain:
    """The ledger's state and history, over a store.

    Not safe for use from several threads: the node has one.
    """

    def __init__(self, store: Store, chain_id: int | None, funded: Sequence[bytes]) -> None:
        """Open the chain in the store, or begin one in which the `funded` addresses own `FUNDS` wei each.

        Without a chain id it is the store's own, or `DEFAULT_CHAIN_ID` for a new one.

        Raises:
            LedgerConfigurationError: the store holds a chain of another id.
        """
        kept = int(store.setting("chain id", str(chain_id or DEFAULT_CHAIN_ID)))
        if chain_id not in (None, kept):
            raise LedgerConfigurationError(
                f"the ledger in this directory has chain id {kept}, not {chain_id}: "
                f"use --chain-id {kept} or another --state"
            )
        self.chain_id = kept
        self.store = store
        chain = chain_class(kept)
        # py-evm marks its own kinds of int and bytes (BlockNumber, Hash32, Address); ours are plain.
        self._chain: Any
        try:
            self._chain = chain(AtomicDB(store))
        except (CanonicalHeadNotFound, HeaderNotFound):
            self._chain = chain.from_genesis(AtomicDB(store), first_header(), first_accounts(funded))
            store.commit()

    # --- Blocks and accounts ---

    @property
    def head(self) -> BlockHeaderAPI:
        """Header of the newest block."""
        head: BlockHeaderAPI = self._chain.get_canonical_head()
        return head

    def header(self, block: int | bytes) -> BlockHeaderAPI | None:
        """Header of a block by number or hash."""
        try:
            header: BlockHeaderAPI = (
                self._chain.get_block_header_by_hash(block)
                if isinstance(block, bytes)
                else self._chain.get_canonical_block_header_by_number(block)
            )
        except HeaderNotFound:
            return None
        return header

    def raw_header(self, number: int) -> bytes | None:
        """RLP of the header of a block, as it is stored and hashed."""
        try:
            block_hash = self._chain.chaindb.get_canonical_block_hash(number)
        except HeaderNotFound:
            return None
        return self.store[bytes(block_hash)]

    def raw_receipt(self, header: BlockHeaderAPI) -> bytes | None:
        """The receipt of a block's one transaction, as the consensus encodes it; None if it has none."""
        if header.receipt_root == BLANK_ROOT_HASH:
            return None
        # A trie of one item is one node, a leaf: how its key goes on, and the item.
        _, receipt = rlp.decode(self.store[bytes(header.receipt_root)])
        return bytes(receipt)

    def next_base_fee(self) -> int:
        """Wei per gas that the next block will burn (EIP-1559)."""
        return int(self.next_header().base_fee_per_gas or 0)

    def balance(self, address: bytes, at: BlockHeaderAPI) -> int:
        """Wei owned by an address after the block `at`."""
        return int(self._state(at).get_balance(address))

    def nonce(self, address: bytes, at: BlockHeaderAPI) -> int:
        """Number of transactions that an address has sent, up to the block `at`."""
        return int(self._state(at).get_nonce(address))

    def code(self, address: bytes, at: BlockHeaderAPI) -> bytes:
        """Code of the contract at an address after the block `at`; empty for a plain account."""
        return bytes(self._state(at).get_code(address))

    def storage(self, address: bytes, slot: int, at: BlockHeaderAPI) -> int:
        """The 256-bit word in a storage slot of a contract after the block `at`."""
        return int(self._state(at).get_storage(address, slot))

    # --- Transactions ---

    def decode(self, raw: bytes) -> SignedTransactionAPI:
        """Decode a signed transaction.

        Raises:
            RefusedError: it is not one, or is too large.
        """
        if len(raw) > MAX_TRANSACTION_BYTES:
            raise RefusedError(
                f"oversized data: transaction of {len(raw)} bytes, limit {MAX_TRANSACTION_BYTES}"
            )
        try:
            return LedgerVM.get_transaction_builder().decode(raw)
        except (
            rlp.exceptions.RLPException,
            ValidationError,
            PyEVMError,
            TypeError,
            ValueError,
            IndexError,
        ) as error:
            raise RefusedError(f"cannot decode the transaction: {error}") from error

    def send(self, raw: bytes) -> MinedTransaction:
        """Execute a signed transaction and write its block; it is durable when this returns.

        Raises:
            RefusedError: it is known already, malformed, wrongly signed, out of turn or unpaid.
            LedgerStorageError: the block could not be written. In both cases nothing has changed.
        """
        transaction = self.decode(raw)
        self._check(transaction)
        try:
            return self._mine(raw, transaction)
        except ValidationError as error:
            raise RefusedError(str(error)) from error
        finally:
            # After a commit there is nothing to discard; after a failure both the store and py-evm step back.
            self.store.discard()
            self._chain.header = self._chain.create_header_from_parent(self.head)

    def _check(self, transaction: SignedTransactionAPI) -> None:
        """Refuse what py-evm would take or would describe poorly."""
        if transaction.type_id not in SUPPORTED_TYPES:
            raise RefusedError(f"transaction type not supported: {transaction.type_id}")
        if transaction.chain_id is None:
            raise RefusedError("only replay-protected (EIP-155) transactions are taken")
        if transaction.chain_id != self.chain_id:
            raise RefusedError(
                f"invalid chain id: the ledger's is {self.chain_id}, the transaction's {transaction.chain_id}"
            )
        if self.store.transaction(transaction.hash) is not None:
            raise RefusedError("already known")
        try:
            transaction.check_signature_validity()
            sender = transaction.sender
        except (ValidationError, BadSignature) as error:
            raise RefusedError("invalid sender: the signature does not hold") from error
        expected = self.nonce(sender, self.head)
        if transaction.nonce != expected:
            word = "low" if transaction.nonce < expected else "high"
            raise RefusedError(f"nonce too {word}: next nonce {expected}, tx nonce {transaction.nonce}")
        owned, price = self.balance(sender, self.head), transaction.max_fee_per_gas
        if price < (base_fee := self.next_base_fee()):
            raise RefusedError(
                f"max fee per gas less than block base fee: address {checksum_address(sender)}, "
                f"maxFeePerGas: {price}, baseFee: {base_fee}"
            )
        wanted = transaction.gas * price + transaction.value
        if owned < wanted:
            raise RefusedError(
                f"insufficient funds for gas * price + value: address {checksum_address(sender)} "
                f"have {owned} want {wanted}"
            )
        least = max(transaction.intrinsic_gas, floor_gas(transaction.data))
        if transaction.gas < least:
            raise RefusedError(f"intrinsic gas too low: gas {transaction.gas}, minimum needed {least}")

    def _mine(self, raw: bytes, transaction: SignedTransactionAPI) -> MinedTransaction:
        self._chain.header = self.next_header()
        result, receipts, computations = self._chain.mine_all(
            [transaction], mix_hash=ZERO_HASH32, blob_gas_used=0
        )
        header, computation = result.imported_block.header, computations[0]
        mined = MinedTransaction(
            hash=bytes(transaction.hash),
            block=header.block_number,
            raw=raw,
            sender=bytes(transaction.sender),
            contract=bytes(computation.msg.storage_address)
            if transaction.to == CREATE_CONTRACT_ADDRESS
            else None,
            gas_used=header.gas_used,
            gas_price=effective_gas_price(transaction, header.base_fee_per_gas),
            succeeded=not computation.is_error,
        )
        entries = (
            LogEntry(header.block_number, position, bytes(log.address), _topics(log.topics), bytes(log.data))
            for position, log in enumerate(receipts[0].logs)
        )
        self.store.commit(mined, entries)
        return mined

    def next_header(self) -> BlockHeaderAPI:
        """Header of the block that would come next, before anything is in it."""
        head = self.head
        now = max(int(time.time()), head.timestamp)  # the wall clock may step back, the ledger's may not
        following: BlockHeaderAPI = self._chain.create_header_from_parent(
            head, timestamp=now, gas_limit=head.gas_limit
        )
        return following

    def vm_at(self, at: BlockHeaderAPI) -> Any:
        """py-evm's machine in the context of a block, on the state after it."""
        return self._chain.get_vm(at)

    def _state(self, at: BlockHeaderAPI) -> Any:
        return self._chain.get_vm(at).state


def _topics(topics: Sequence[int]) -> tuple[bytes, ...]:
    return tuple(topic.to_bytes(32, "big") for topic in topics)
