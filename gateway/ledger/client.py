"""A client of any ledger that speaks `eth_*` JSON-RPC over HTTP: typed, bounded, clear in its errors."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from contracts.hexes import checksum_address, to_hex
from contracts.labels import clean
from gateway.ledger import answers
from gateway.ledger.account import Fees
from gateway.ledger.answers import Block, IllFormedError, Log, TransactionReceipt
from gateway.ledger.bounded_json import parse
from gateway.ledger.errors import (
    LedgerConfigurationError,
    LedgerError,
    LedgerUnreachableError,
    NotALedgerError,
    RpcError,
)
from gateway.ledger.reasons import reverted

MAX_ANSWER = 64 << 20
"""Bytes of one answer; ten thousand events with their signatures are about 20 MB of JSON."""

MAX_REASON = 300
"""Characters of a ledger's error text that are shown."""

LOG_BLOCKS = 2_000
"""Blocks per eth_getLogs; hosted ledgers refuse more."""

LIMIT_EXCEEDED = -32005
"""Code of an answer that would be too large (EIP-1474); fewer blocks may do."""

POLL_SECONDS = 0.2
"""Pause between two looks for a receipt. A ledger that mines at once has it at the first look."""

REVERT_CODES = (3, -32000)
"""Error codes of a reverted execution: 3 in geth and here, -32000 in others, told apart by their message."""

TIMEOUT_SECONDS = 15.0
"""For each of connecting, sending and waiting for the next bytes of an answer."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RpcCall:
    """One request of a batch: the method and its parameters in JSON's types."""

    method: str
    params: list[Any] = field(default_factory=list)


class LedgerClient:
    """JSON-RPC over one pool of connections. Safe to use from several threads."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            url: http or https URL of the ledger.
            headers: Sent with each request, for ledgers that want authentication.
            timeout: Seconds, see `TIMEOUT_SECONDS`.
            transport: Another way to reach the ledger than the network, for tests.

        Raises:
            LedgerConfigurationError: the URL is not one.
        """
        self.url = url
        self._ids = count(1)
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise LedgerConfigurationError(
                f"{clean(url, 120)!r} is not the URL of a ledger; write it like http://127.0.0.1:8545"
            )
        self._http = httpx.Client(
            headers={"content-type": "application/json", **(headers or {})},
            timeout=timeout,
            transport=transport,
            trust_env=False,  # a proxy of the environment must not see the ledger's credentials
        )

    def __enter__(self) -> "LedgerClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # --- Requests ---

    def request(self, method: str, *params: Any) -> Any:
        """Send one request and return its result as JSON.

        Raises:
            LedgerUnreachableError: nothing answers.
            NotALedgerError: what answers does not speak JSON-RPC.
            RpcError: the ledger refuses.
            RevertedError: the execution that was asked for reverts.
        """
        return self._result(method, self._post(self._envelope(RpcCall(method, list(params)))))

    def batch(self, calls: Sequence[RpcCall]) -> list[Any]:
        """Send several requests at once; results in the order of the calls, a `LedgerError` where one failed.

        Raises:
            LedgerUnreachableError, NotALedgerError: as for `request`.
        """
        if not calls:
            return []
        envelopes = [self._envelope(call) for call in calls]
        received = self._post(envelopes)
        if not isinstance(received, list):
            raise self._not_a_ledger("it does not answer batches")
        by_id = {answer.get("id"): answer for answer in received if isinstance(answer, dict)}
        results: list[Any] = []
        for call, envelope in zip(calls, envelopes, strict=True):
            try:
                results.append(self._result(call.method, by_id.get(envelope["id"])))
            except LedgerError as error:
                results.append(error)
        return results

    def _envelope(self, call: RpcCall) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": call.method, "params": call.params}

    def _post(self, body: object) -> Any:
        try:
            with self._http.stream("POST", self.url, content=json.dumps(body)) as response:
                content = bytearray()
                for part in response.iter_bytes():
                    content += part
                    if len(content) > MAX_ANSWER:
                        raise self._not_a_ledger(f"its answer is longer than {MAX_ANSWER >> 20} MiB")
                status = response.status_code
        except httpx.TimeoutException as error:
            raise LedgerUnreachableError(
                f"the ledger at {self.url} does not answer in time; is it overloaded?"
            ) from error
        except httpx.TransportError as error:
            raise LedgerUnreachableError(
                f"no ledger answers at {self.url} ({clean(str(error), 120)}): start it, or correct the URL"
            ) from error
        if status in (401, 403):
            raise LedgerConfigurationError(
                f"the ledger at {self.url} wants other credentials (HTTP {status})"
            )
        if status == 429 or status >= 500:
            raise LedgerUnreachableError(
                f"the ledger at {self.url} is not able to answer now (HTTP {status})"
            )
        try:
            return parse(content)
        except ValueError:
            raise self._not_a_ledger(f"HTTP {status}, and no JSON") from None

    def _result(self, method: str, answer: object) -> Any:
        if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
            raise self._not_a_ledger("its answer is not JSON-RPC 2.0")
        error = answer.get("error")
        if error is None:
            return answer.get("result")
        if not isinstance(error, dict) or not isinstance(error.get("code"), int):
            raise self._not_a_ledger("its error is not JSON-RPC 2.0")
        code, message, data = (
            error["code"],
            clean(str(error.get("message", "")), MAX_REASON),
            error.get("data"),
        )
        if code in REVERT_CODES and "revert" in message:
            raise reverted(data, message)
        raise RpcError(method, code, message, data)

    def _not_a_ledger(self, why: str) -> NotALedgerError:
        return NotALedgerError(f"what answers at {self.url} is not a ledger: {why}; check the URL")

    def _read(self, read: Callable[[Any], T], method: str, *params: Any) -> T:
        try:
            return read(self.request(method, *params))
        except IllFormedError as error:
            raise self._not_a_ledger(f"its answer to {method} is ill-formed, {error}") from error

    # --- The ledger ---

    def version(self) -> str:
        """Name and version of the node."""
        return clean(str(self.request("web3_clientVersion")), 120)

    def chain_id(self) -> int:
        """The chain id (EIP-155)."""
        return self._read(answers.quantity, "eth_chainId")

    def check_chain(self, expected: int) -> None:
        """Make sure that this is the ledger that the configuration means.

        Raises:
            LedgerConfigurationError: it has another chain id.
        """
        found = self.chain_id()
        if found != expected:
            raise LedgerConfigurationError(
                f"the ledger at {self.url} has chain id {found}, the configuration says {expected}: "
                "correct the URL or the chain id"
            )

    def block_number(self) -> int:
        """Number of the newest block."""
        return self._read(answers.quantity, "eth_blockNumber")

    def block(self, block: int | bytes | None = None) -> Block | None:
        """A block by number or hash; the newest without either."""
        read = answers.optional(answers.block)
        if isinstance(block, bytes):
            return self._read(read, "eth_getBlockByHash", to_hex(block), False)
        return self._read(read, "eth_getBlockByNumber", "latest" if block is None else hex(block), False)

    def blocks(self, numbers: Sequence[int]) -> list[Block]:
        """Several blocks by number, in one batch.

        Raises:
            LedgerError: the ledger has not all of them.
        """
        results = self.batch([RpcCall("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
        blocks = []
        for number, result in zip(numbers, results, strict=True):
            if isinstance(result, LedgerError):
                raise result
            if result is None:
                raise LedgerError(f"the ledger at {self.url} has no block {number}, though an event names it")
            try:
                blocks.append(answers.block(result))
            except IllFormedError as error:
                raise self._not_a_ledger(f"block {number} is ill-formed, {error}") from error
        return blocks

    def code(self, address: bytes) -> bytes:
        """Code at an address, empty if there is none."""
        return self._read(answers.octets, "eth_getCode", to_hex(address), "latest")

    def balance(self, address: bytes) -> int:
        """Wei owned by an address."""
        return self._read(answers.quantity, "eth_getBalance", to_hex(address), "latest")

    def transaction_count(self, address: bytes, block: str = "pending") -> int:
        """Nonce of the next transaction of an address; "latest" leaves out what is not in a block yet."""
        return self._read(answers.quantity, "eth_getTransactionCount", to_hex(address), block)

    def call(self, to: bytes | None, data: bytes, *, sender: bytes | None = None) -> bytes:
        """Execute without a transaction; `to` is None to try the creation of a contract.

        Raises:
            RevertedError: the contract refuses.
        """
        return self._read(answers.octets, "eth_call", _call_object(to, data, sender), "latest")

    def estimate_gas(self, to: bytes | None, data: bytes, *, sender: bytes | None = None) -> int:
        """Gas that a transaction needs.

        Raises:
            RevertedError: the contract refuses.
        """
        return self._read(answers.quantity, "eth_estimateGas", _call_object(to, data, sender))

    def fees(self) -> Fees:
        """What to offer now: twice the base fee, which five full blocks do not outrun, and the usual tip."""
        head = self.block()
        tip = self._read(answers.quantity, "eth_maxPriorityFeePerGas")
        return Fees(most=2 * (head.base_fee if head else 0) + tip, tip=tip)

    def send(self, raw: bytes) -> bytes:
        """Send a signed transaction; returns its hash.

        Raises:
            RpcError: the ledger does not take it; see its `reason`.
        """
        return self._read(lambda value: answers.octets(value, 32), "eth_sendRawTransaction", to_hex(raw))

    def receipt(self, transaction: bytes) -> TransactionReceipt | None:
        """What became of a transaction; None while no block holds it."""
        return self._read(answers.optional(answers.receipt), "eth_getTransactionReceipt", to_hex(transaction))

    def wait(self, transaction: bytes, timeout: float = 60.0) -> TransactionReceipt:
        """Wait until a block holds a transaction.

        Raises:
            LedgerUnreachableError: it took longer than `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while (found := self.receipt(transaction)) is None:
            if time.monotonic() > deadline:
                raise LedgerUnreachableError(
                    f"transaction {to_hex(transaction)} is in no block after {timeout:.0f} seconds"
                )
            time.sleep(POLL_SECONDS)
        return found

    def logs(
        self, address: bytes, first: int, last: int, topics: Sequence[Sequence[bytes] | None] = ()
    ) -> list[Log]:
        """Events of a contract from block `first` to `last`, both included, in their order.

        Args:
            address: The contract.
            first: Number of a block.
            last: Number of a block.
            topics: For each topic the values wanted, None for any.
        """
        found: list[Log] = []
        for start in range(first, last + 1, LOG_BLOCKS):
            found += self._logs(address, start, min(start + LOG_BLOCKS - 1, last), topics)
        return found

    def _logs(
        self, address: bytes, first: int, last: int, topics: Sequence[Sequence[bytes] | None]
    ) -> list[Log]:
        """One eth_getLogs, or more with fewer blocks each if the ledger finds the answer too large."""
        query = {
            "address": to_hex(address),
            "fromBlock": hex(first),
            "toBlock": hex(last),
            "topics": [None if wanted is None else [to_hex(value) for value in wanted] for wanted in topics],
        }
        try:
            return self._read(answers.logs, "eth_getLogs", query)
        except RpcError as error:
            if error.code != LIMIT_EXCEEDED or first == last:
                raise
        middle = (first + last) // 2
        return self._logs(address, first, middle, topics) + self._logs(address, middle + 1, last, topics)


def _call_object(to: bytes | None, data: bytes, sender: bytes | None) -> dict[str, str]:
    call = {"data": to_hex(data)}
    if to is not None:
        call["to"] = checksum_address(to)
    if sender is not None:
        call["from"] = checksum_address(sender)
    return call
