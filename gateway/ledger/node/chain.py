"""The chain: py-evm executing transactions under the rules of Prague, one block for each, mined at once.

Nothing competes for a block on a ledger of one machine, so there is no pool, no proof of work and no
reorganisation: a transaction is either refused before anything changes, or durable in its block when `send`
returns.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import rlp  # type: ignore[import-untyped]  # rlp ships no types
from eth.abc import BlockHeaderAPI, ComputationAPI, SignedTransactionAPI
from eth.chains.base import MiningChain
from eth.consensus.applier import ConsensusApplier
from eth.consensus.noproof import NoProofConsensus
from eth.constants import BLANK_ROOT_HASH, CREATE_CONTRACT_ADDRESS, ZERO_ADDRESS, ZERO_HASH32
from eth.db.atomic import AtomicDB
from eth.exceptions import CanonicalHeadNotFound, HeaderNotFound, PyEVMError
from eth.vm.forks.prague import PragueVM
from eth.vm.spoof import SpoofTransaction
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from gateway.ledger.errors import LedgerConfigurationError
from gateway.ledger.node.store import LogEntry, MinedTransaction, Store

BLOCK_GAS = 30_000_000
"""Gas limit of a block and of a call, long that of Ethereum's main network: what fits there fits here."""

FIRST_BASE_FEE = 10**9
"""Base fee of the first block, wei per gas (EIP-1559); it sinks, as blocks are nearly empty."""

FUNDS = 10**27
"""Wei that each funded account starts with: a thousand million ether, more than it can ever spend on gas."""

MAX_TRANSACTION_BYTES = 128 * 1024
"""Size of a raw transaction, as geth bounds it in its pool (txMaxSize)."""

SUPPORTED_TYPES = (None, 1, 2, 4)
"""EIP-2718 types taken: legacy, access list, dynamic fee, set code. Blob transactions need a second layer."""

CALL_STIPEND = 2_300
"""Gas that a called contract gets beside what is passed on (yellow paper, appendix G)."""


class RefusedError(Exception):
    """The ledger does not take this transaction or call; the text says why, in the words other nodes use."""


class RevertedError(Exception):
    """The execution ended in an error: `output` what the contract returned, the text the machine's word."""

    def __init__(self, output: bytes, error: str) -> None:
        super().__init__(error)
        self.output = output


@dataclass(frozen=True, slots=True)
class Call:
    """An execution that is tried and not kept: who calls what with which data, value in wei, and gas."""

    sender: bytes = ZERO_ADDRESS
    to: bytes | None = None
    data: bytes = b""
    value: int = 0
    gas: int = BLOCK_GAS


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


class Chain:
    """The ledger's state and history, over a store.

    Not safe for use from several threads: the node has one.
    """

    def __init__(self, store: Store, chain_id: int, funded: Sequence[bytes]) -> None:
        """Open the chain in the store, or begin one in which the `funded` addresses own `FUNDS` wei each.

        Raises:
            LedgerConfigurationError: the store holds a chain of another id.
        """
        kept = int(store.setting("chain id", str(chain_id)))
        if kept != chain_id:
            raise LedgerConfigurationError(
                f"the ledger in this directory has chain id {kept}, not {chain_id}: "
                f"use --chain-id {kept} or another --state"
            )
        self.chain_id = chain_id
        self.store = store
        chain = chain_class(chain_id)
        # py-evm marks its own kinds of int and bytes (BlockNumber, Hash32, Address); ours are plain.
        self._chain: Any
        try:
            self._chain = chain(AtomicDB(store))
        except (CanonicalHeadNotFound, HeaderNotFound):
            self._chain = chain.from_genesis(AtomicDB(store), _first_header(), _first_accounts(funded))
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

    def next_base_fee(self) -> int:
        """Wei per gas that the next block will burn (EIP-1559)."""
        return int(self._next_header().base_fee_per_gas or 0)

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
            RefusedError: it is known already, malformed, wrongly signed, out of turn or unpaid; nothing has
            changed. LedgerStorageError: the block could not be written; nothing has changed.
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
        least = max(transaction.intrinsic_gas, floor_gas(transaction.data))
        if transaction.gas < least:
            raise RefusedError(f"intrinsic gas too low: gas {transaction.gas}, minimum needed {least}")

    def _mine(self, raw: bytes, transaction: SignedTransactionAPI) -> MinedTransaction:
        self._chain.header = self._next_header()
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

    # --- Calls ---

    def call(self, call: Call, at: BlockHeaderAPI | None = None) -> bytes:
        """What a call returns, executed now, in the block that would come next, or in that of block `at`.

        Raises:
            RevertedError: the execution failed.
            RefusedError: the sender could not make this call.
        """
        return bytes(self._execute(call, at).output)

    def estimate_gas(self, call: Call, at: BlockHeaderAPI | None = None) -> int:
        """Least gas with which the call succeeds, to within 1.5 %.

        The gas that it consumes is not enough: refunds come only at the end, and of what is left only 63/64
        are passed to a called contract (EIP-150). So the answer is searched for.

        Raises:
            RevertedError: the execution fails with all gas that was allowed.
            RefusedError: the sender could not make this call.
        """
        least = self._gas_used(call, at) - 1  # too little, as a transaction must bring at least what it uses
        enough = call.gas
        guess = min(enough, (least + CALL_STIPEND) * 64 // 63 + 1)
        while True:
            if self._succeeds(replace(call, gas=guess), at):
                enough = guess
            else:
                least = guess
            if enough - least <= enough * 15 // 1000:
                return enough
            guess = (enough + least) // 2

    def _execute(self, call: Call, at: BlockHeaderAPI | None) -> ComputationAPI:
        _, computation = self._attempt(call, at)
        if computation.is_error:
            raise RevertedError(
                bytes(computation.output), f"{type(computation.error).__name__}: {computation.error}"
            )
        return computation

    def _gas_used(self, call: Call, at: BlockHeaderAPI | None) -> int:
        transaction, computation = self._attempt(call, at)
        if computation.is_error:
            raise RevertedError(
                bytes(computation.output), f"{type(computation.error).__name__}: {computation.error}"
            )
        # Without the refund: it is paid back after the gas was needed.
        return max(int(transaction.gas - computation.get_gas_remaining()), floor_gas(call.data))

    def _succeeds(self, call: Call, at: BlockHeaderAPI | None) -> bool:
        try:
            return not self._attempt(call, at)[1].is_error
        except RefusedError:
            return False

    def _attempt(self, call: Call, at: BlockHeaderAPI | None) -> tuple[SignedTransactionAPI, ComputationAPI]:
        header = self._next_header() if at is None else at
        # A call pays nothing, so that addresses without funds can make it.
        vm = self._chain.get_vm(header.copy(base_fee_per_gas=0))
        bare = vm.create_unsigned_transaction(
            nonce=vm.state.get_nonce(call.sender),
            gas_price=0,
            gas=min(call.gas, BLOCK_GAS),
            to=call.to or CREATE_CONTRACT_ADDRESS,
            value=call.value,
            data=call.data,
        )
        transaction: Any = SpoofTransaction(bare, from_=call.sender)
        try:
            return transaction, vm.state.costless_execute_transaction(transaction)
        except ValidationError as error:
            raise RefusedError(str(error)) from error
        finally:
            self.store.discard()

    def _next_header(self) -> BlockHeaderAPI:
        head = self.head
        now = max(int(time.time()), head.timestamp)  # the wall clock may step back, the ledger's may not
        following: BlockHeaderAPI = self._chain.create_header_from_parent(
            head, timestamp=now, gas_limit=head.gas_limit
        )
        return following

    def _state(self, at: BlockHeaderAPI) -> Any:
        return self._chain.get_vm(at).state


def floor_gas(data: bytes) -> int:
    """Gas that a transaction costs at least for its data (EIP-7623): 10 per zero byte, 40 per other byte."""
    zeros = data.count(0)
    return 21_000 + 10 * zeros + 40 * (len(data) - zeros)


def effective_gas_price(transaction: SignedTransactionAPI, base_fee: int) -> int:
    """Wei per gas that a transaction pays in a block of this base fee (EIP-1559)."""
    return int(min(transaction.max_fee_per_gas, transaction.max_priority_fee_per_gas + base_fee))


def _topics(topics: Sequence[int]) -> tuple[bytes, ...]:
    return tuple(topic.to_bytes(32, "big") for topic in topics)


def _first_header() -> dict[str, Any]:
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


def _first_accounts(funded: Sequence[bytes]) -> dict[Any, Any]:
    return {address: {"balance": FUNDS, "nonce": 0, "code": b"", "storage": {}} for address in funded}
