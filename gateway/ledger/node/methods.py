"""The methods of the node: parameters in, JSON out. Read `METHODS` for the whole list."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from eth.abc import BlockHeaderAPI

from contracts.hexes import to_hex
from gateway.ledger.errors import LedgerStorageError
from gateway.ledger.node import formats, parameters
from gateway.ledger.node.calls import Calls, RevertedError
from gateway.ledger.node.chain import Chain, RefusedError
from gateway.ledger.node.jsonrpc import INVALID_PARAMS, METHOD_NOT_FOUND, JsonRpcError
from gateway.ledger.node.store import LogEntry, LogQuery, MinedTransaction
from gateway.ledger.reasons import reason_of

SERVER_ERROR = -32000
"""Code of a refused transaction or call, as geth gives it."""

REVERTED = 3
"""Code of a reverted execution, as geth gives it; `data` carries what the contract returned."""

LIMIT_EXCEEDED = -32005
"""Code of an answer that would be too large (EIP-1474)."""

MAX_LOGS = 10_000
"""Log entries in one answer; a client asks again with fewer blocks."""

MAX_FEE_HISTORY = 1_024
"""Blocks in one eth_feeHistory (execution-apis)."""

TIP = 0
"""Wei per gas that a transaction should pay beyond the base fee: nobody competes for a block here."""


class Methods:
    """The node's methods over one chain; call it with a name and the parameters by position."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._calls = Calls(chain)
        self._methods: dict[str, Callable[..., object]] = {
            "web3_clientVersion": client_version,
            "net_version": lambda: str(chain.chain_id),
            "eth_chainId": lambda: hex(chain.chain_id),
            "eth_syncing": lambda: False,
            "eth_accounts": list,  # the node holds no keys; clients ask before they sign themselves
            "eth_blockNumber": lambda: hex(chain.head.block_number),
            "eth_gasPrice": lambda: hex(chain.next_base_fee() + TIP),
            "eth_maxPriorityFeePerGas": lambda: hex(TIP),
            "eth_feeHistory": self.fee_history,
            "eth_getBalance": self.balance,
            "eth_getTransactionCount": self.transaction_count,
            "eth_getCode": self.code,
            "eth_getStorageAt": self.storage,
            "eth_call": self.call,
            "eth_estimateGas": self.estimate_gas,
            "eth_sendRawTransaction": self.send_raw_transaction,
            "eth_getTransactionByHash": self.transaction_by_hash,
            "eth_getTransactionReceipt": self.transaction_receipt,
            "eth_getBlockByNumber": self.block_by_number,
            "eth_getBlockByHash": self.block_by_hash,
            "eth_getBlockReceipts": self.block_receipts,
            "eth_getLogs": self.logs,
            "debug_getRawHeader": self.raw_header,
            "debug_getRawReceipts": self.raw_receipts,
        }

    def __call__(self, method: str, params: list[Any]) -> object:
        """Answer one request.

        Raises:
            JsonRpcError: the method is unknown, its parameters are wrong, or the ledger refuses.
        """
        function = self._methods.get(method)
        if function is None:
            raise JsonRpcError(METHOD_NOT_FOUND, f"the method {method[:64]} does not exist")
        try:
            return function(*params)
        except RefusedError as refusal:
            raise JsonRpcError(SERVER_ERROR, str(refusal)) from refusal
        except RevertedError as revert:
            raise reverted(revert) from revert
        except LedgerStorageError as error:
            raise JsonRpcError(SERVER_ERROR, str(error)) from error
        except TypeError as error:
            if error.__traceback__ is not None and error.__traceback__.tb_next is None:
                raise JsonRpcError(
                    INVALID_PARAMS, f"invalid params: wrong number of them for {method}"
                ) from error
            raise

    # --- Accounts ---

    def balance(self, address: object, block: object = None) -> str:
        """Wei owned by an address."""
        return hex(self._chain.balance(parameters.address(address), self._header(block)))

    def transaction_count(self, address: object, block: object = None) -> str:
        """Number of transactions an address has sent: the nonce of its next one."""
        return hex(self._chain.nonce(parameters.address(address), self._header(block)))

    def code(self, address: object, block: object = None) -> str:
        """Code at an address."""
        return to_hex(self._chain.code(parameters.address(address), self._header(block)))

    def storage(self, address: object, slot: object, block: object = None) -> str:
        """One storage word of a contract."""
        word = self._chain.storage(
            parameters.address(address), parameters.quantity(slot, "slot"), self._header(block)
        )
        return to_hex(word.to_bytes(32, "big"))

    # --- Executions ---

    def call(self, call: object, block: object = None, overrides: object = None) -> str:
        """Execute without keeping anything."""
        return to_hex(self._calls.call(parameters.call(call), self._context(block, overrides)))

    def estimate_gas(self, call: object, block: object = None, overrides: object = None) -> str:
        """Gas that the call needs."""
        return hex(self._calls.estimate_gas(parameters.call(call), self._context(block, overrides)))

    def send_raw_transaction(self, raw: object) -> str:
        """Execute a signed transaction for good; its receipt is there when this returns."""
        # One byte too many is let through to the chain, which names the limit in the words clients know.
        return to_hex(
            self._chain.send(parameters.data(raw, "transaction", limit=parameters.MAX_CALL_DATA + 1)).hash
        )

    # --- History ---

    def transaction_by_hash(self, transaction_hash: object) -> object:
        """A transaction, or null."""
        mined = self._chain.store.transaction(parameters.hash32(transaction_hash))
        return None if mined is None else self._whole(mined)

    def transaction_receipt(self, transaction_hash: object) -> object:
        """What became of a transaction, or null."""
        mined = self._chain.store.transaction(parameters.hash32(transaction_hash))
        if mined is None:
            return None
        entries = self._chain.store.logs(LogQuery(mined.block, mined.block), MAX_LOGS)
        return formats.receipt(mined, self._chain.decode(mined.raw), self._header_of(mined.block), entries)

    def block_receipts(self, block: object) -> object:
        """The receipts of all transactions of a block, which are one at most; null for an unknown block."""
        header = self._known(block)
        if header is None:
            return None
        mined = self._chain.store.transaction_in(header.block_number)
        return [] if mined is None else [self.transaction_receipt(to_hex(mined.hash))]

    def raw_header(self, block: object) -> str:
        """RLP of a block's header, so that an audit can hash it."""
        number = parameters.block_number(block, self._chain.head.block_number)
        raw = self._chain.raw_header(number)
        if raw is None:
            raise JsonRpcError(SERVER_ERROR, "header not found")
        return to_hex(raw)

    def raw_receipts(self, block: object) -> list[str]:
        """A block's receipts as the consensus encodes them, to which its header commits."""
        receipt = self._chain.raw_receipt(self._found(self._known(block)))
        return [] if receipt is None else [to_hex(receipt)]

    def block_by_number(self, block: object, whole: object = False) -> object:
        """A block by number or tag, or null."""
        number = parameters.block_number(block, self._chain.head.block_number)
        return self._block(self._chain.header(number), whole)

    def block_by_hash(self, block: object, whole: object = False) -> object:
        """A block by hash, or null."""
        return self._block(self._chain.header(parameters.hash32(block)), whole)

    def logs(self, query: object) -> list[Any]:
        """The events that match a filter; an error if there are more than `MAX_LOGS`."""
        wanted = parameters.log_query(self._resolved(query), self._chain.head.block_number)
        entries = self._chain.store.logs(wanted, MAX_LOGS + 1)
        if len(entries) > MAX_LOGS:
            raise JsonRpcError(
                LIMIT_EXCEEDED, f"query returned more than {MAX_LOGS} results: ask for fewer blocks"
            )
        return [self._log(entry) for entry in entries]

    def fee_history(self, count: object, newest: object, percentiles: object = None) -> dict[str, Any]:
        """Base fees of the newest blocks, and of the one to come."""
        head = self._chain.head.block_number
        asked = count if isinstance(count, int) else parameters.quantity(count, "block count")
        last = min(parameters.block_number(newest, head), head)
        first = max(0, last - min(max(asked, 1), MAX_FEE_HISTORY) + 1)
        headers = [self._header_of(number) for number in range(first, last + 1)]
        fees = [header.base_fee_per_gas or 0 for header in headers]
        after = (
            self._chain.next_base_fee() if last == head else self._header_of(last + 1).base_fee_per_gas or 0
        )
        history: dict[str, Any] = {
            "oldestBlock": hex(first),
            "baseFeePerGas": [hex(fee) for fee in [*fees, after]],
            "gasUsedRatio": [header.gas_used / header.gas_limit for header in headers],
        }
        if isinstance(percentiles, list) and percentiles:
            history["reward"] = [[hex(TIP)] * min(len(percentiles), 100) for _ in headers]
        return history

    # --- Helpers ---

    def _header(self, block: object) -> BlockHeaderAPI:
        """The block whose state a method reads; an object with a hash or a number is EIP-1898."""
        if isinstance(block, dict):
            block = block.get("blockHash") or block.get("blockNumber")
            if isinstance(block, str) and len(block) == 66:
                return self._found(self._chain.header(parameters.hash32(block)))
        number = parameters.block_number(block, self._chain.head.block_number)
        return self._found(self._chain.header(number))

    def _known(self, block: object) -> BlockHeaderAPI | None:
        """A block by number, tag or hash, if there is one."""
        if isinstance(block, str) and len(block) == 66:
            return self._chain.header(parameters.hash32(block))
        return self._chain.header(parameters.block_number(block, self._chain.head.block_number))

    def _context(self, block: object, overrides: object) -> BlockHeaderAPI | None:
        """The block in whose context a call runs; None is now, so that expiry is judged by the clock."""
        if overrides:
            raise parameters.invalid("state overrides are not supported")
        if block is None or (isinstance(block, str) and block in parameters.NEWEST):
            return None
        return self._header(block)

    def _found(self, header: BlockHeaderAPI | None) -> BlockHeaderAPI:
        if header is None:
            raise JsonRpcError(SERVER_ERROR, "header not found")
        return header

    def _header_of(self, number: int) -> BlockHeaderAPI:
        return self._found(self._chain.header(number))

    def _whole(self, mined: MinedTransaction) -> dict[str, Any]:
        return formats.transaction(mined, self._chain.decode(mined.raw), self._header_of(mined.block))

    def _block(self, header: BlockHeaderAPI | None, whole: object) -> object:
        if header is None:
            return None
        mined = self._chain.store.transaction_in(header.block_number)
        transactions = [] if mined is None else [self._whole(mined) if whole is True else to_hex(mined.hash)]
        return formats.block(header, transactions)

    def _log(self, entry: LogEntry) -> dict[str, Any]:
        mined = self._chain.store.transaction_in(entry.block)
        if mined is None:
            raise LedgerStorageError(
                f"block {entry.block} has events but no transaction: the ledger's file is damaged"
            )
        return formats.log(entry, self._header_of(entry.block), mined.hash)

    def _resolved(self, query: object) -> object:
        """A filter by block hash (EIP-234) turned into one by number."""
        if not isinstance(query, dict) or query.get("blockHash") is None:
            return query
        if query.get("fromBlock") is not None or query.get("toBlock") is not None:
            raise parameters.invalid("blockHash excludes fromBlock and toBlock")
        number = hex(self._found(self._chain.header(parameters.hash32(query["blockHash"]))).block_number)
        return {**query, "fromBlock": number, "toBlock": number}


def reverted(revert: RevertedError) -> JsonRpcError:
    """The error of a failed execution: the reason in the message, the contract's bytes as data."""
    if not revert.output:
        if str(revert).startswith("Revert"):
            return JsonRpcError(REVERTED, "execution reverted", "0x")
        return JsonRpcError(SERVER_ERROR, str(revert))
    reason = reason_of(revert.output)
    return JsonRpcError(
        REVERTED, f"execution reverted{': ' if reason else ''}{reason}", to_hex(revert.output)
    )


def client_version() -> str:
    """Name and version of the node, in the shape of other nodes."""
    try:
        return f"ridgekey/{version('ridgekey')}/py-evm-{version('py-evm')}"
    except PackageNotFoundError:
        return "ridgekey/py-evm"
