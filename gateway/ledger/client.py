"""A client of any ledger that speaks `eth_*` JSON-RPC: its methods as typed functions."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx

from contracts.hexes import checksum_address, to_hex
from contracts.labels import clean
from gateway.ledger import answers
from gateway.ledger.access import LedgerAccess
from gateway.ledger.account import Fees
from gateway.ledger.answers import Block, IllFormedError, Log, TransactionReceipt
from gateway.ledger.errors import (
    LedgerConfigurationError,
    LedgerError,
    LedgerUnreachableError,
    QuestionError,
    RevertedError,
    RpcError,
)
from gateway.ledger.log_ranges import LogRanges
from gateway.ledger.transport import TIMEOUT_SECONDS, JsonRpc, RpcCall

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

BATCH_CALLS = 100
"""Requests in one JSON-RPC batch; hosted ledgers refuse more."""

POLL_SECONDS = 0.2
"""Pause between two looks for a receipt. A ledger that mines at once has it at the first look."""


@dataclass(frozen=True, slots=True)
class Question(Generic[T_co]):
    """Something to ask a ledger together with other things: the request, and the reader of its result."""

    call: RpcCall
    read: Callable[[Any], T_co]


def ask_balance(address: bytes) -> Question[int]:
    """As `LedgerClient.balance`."""
    return Question(RpcCall("eth_getBalance", [to_hex(address), "latest"]), answers.quantity)


def ask_transaction_count(address: bytes) -> Question[int]:
    """As `LedgerClient.transaction_count`, without what is not in a block yet."""
    return Question(RpcCall("eth_getTransactionCount", [to_hex(address), "latest"]), answers.quantity)


def ask_tip() -> Question[int]:
    """What the node suggests to pay beyond the base fee, in wei per gas; see `LedgerClient.tip`."""
    return Question(RpcCall("eth_maxPriorityFeePerGas"), answers.quantity)


def ask_block_number() -> Question[int]:
    """As `LedgerClient.block_number`."""
    return Question(RpcCall("eth_blockNumber"), answers.quantity)


def ask_call(to: bytes, data: bytes, sender: bytes) -> Question[bytes]:
    """As `LedgerClient.call`."""
    return Question(RpcCall("eth_call", [_call_object(to, data, sender), "latest"]), answers.octets)


def ask_send(raw: bytes) -> Question[bytes]:
    """As `LedgerClient.send`."""
    return Question(RpcCall("eth_sendRawTransaction", [to_hex(raw)]), lambda found: answers.octets(found, 32))


def ask_receipt(transaction: bytes) -> Question[TransactionReceipt | None]:
    """As `LedgerClient.receipt`."""
    return Question(
        RpcCall("eth_getTransactionReceipt", [to_hex(transaction)]), answers.optional(answers.receipt)
    )


def ask_known(transaction: bytes) -> Question[bool]:
    """Whether the ledger has a transaction, in a block or waiting for one."""
    return Question(
        RpcCall("eth_getTransactionByHash", [to_hex(transaction)]), lambda found: found is not None
    )


class LedgerClient(JsonRpc):
    """A ledger at a URL. Every method may raise what `JsonRpc.request` raises."""

    def __init__(
        self,
        access: str | LedgerAccess,
        *,
        timeout: float = TIMEOUT_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare a client; see `JsonRpc`."""
        super().__init__(access, timeout=timeout, transport=transport)
        self._ranges = LogRanges()

    def several(self, questions: Sequence["Question[T]"]) -> list[T | LedgerError]:
        """Ask several things at once; an answer for each, or the error that stands in its place."""
        found: list[T | LedgerError] = []
        for start in range(0, len(questions), BATCH_CALLS):
            part = questions[start : start + BATCH_CALLS]
            found += map(self._read, part, self.batch([question.call for question in part]))
        return found

    def _read(self, question: "Question[T]", answer: Any) -> T | LedgerError:
        if isinstance(answer, LedgerError):
            return answer
        try:
            return question.read(answer)
        except IllFormedError as error:
            return self.not_a_ledger(f"its answer to {question.call.method} is ill-formed, {error}")

    def version(self) -> str:
        """Name and version of the node."""
        return clean(str(self.request("web3_clientVersion")), 120)

    def chain_id(self) -> int:
        """The chain id (EIP-155)."""
        return self.read(answers.quantity, "eth_chainId")

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
        return self.read(answers.quantity, "eth_blockNumber")

    def newest(self) -> int:
        """Number of the newest block that this or another node of the ledger has shown.

        A node that has fallen behind lacks it, and answers no question as of it.
        """
        return max(self.block_number(), self._endpoints.height)

    def saw(self, block: int) -> None:
        """Note that the ledger has had a block of this number."""
        self._endpoints.saw(hex(block))

    def block(self, block: int | bytes | None = None) -> Block | None:
        """A block by number or hash; the newest without either."""
        read = answers.optional(answers.block)
        if isinstance(block, bytes):
            return self.read(read, "eth_getBlockByHash", to_hex(block), False)
        return self.read(read, "eth_getBlockByNumber", "latest" if block is None else hex(block), False)

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
                raise self.not_a_ledger(f"block {number} is ill-formed, {error}") from error
        return blocks

    def code(self, address: bytes, block: int | None = None) -> bytes:
        """Code at an address, as of a block or now; empty if there is none."""
        when = "latest" if block is None else hex(block)
        return self.read(answers.octets, "eth_getCode", to_hex(address), when)

    def balance(self, address: bytes) -> int:
        """Wei owned by an address."""
        return self.read(answers.quantity, "eth_getBalance", to_hex(address), "latest")

    def transaction_count(self, address: bytes, block: str = "pending") -> int:
        """Nonce of the next transaction of an address; "latest" leaves out what is not in a block yet."""
        return self.read(answers.quantity, "eth_getTransactionCount", to_hex(address), block)

    def call(
        self, to: bytes | None, data: bytes, *, sender: bytes | None = None, block: int | None = None
    ) -> bytes:
        """Execute without a transaction, as of a block or now; `to` is None to try to create a contract.

        Raises:
            RevertedError: the contract refuses.
            RpcError: the ledger cannot say, for example as it lacks the block.
        """
        when = "latest" if block is None else hex(block)
        return self.read(answers.octets, "eth_call", _call_object(to, data, sender), when)

    def refusal(self, to: bytes, data: bytes, sender: bytes) -> RevertedError | None:
        """Why the contract refuses a call now, by the word of a node that lacks no block that was seen.

        Returns:
            None if the contract takes it.

        Raises:
            QuestionError: the node has fallen behind, or cannot say.
        """
        seen = self._endpoints.height
        questions: list[Question[object]] = [ask_block_number(), ask_call(to, data, sender)]
        height, answer = self.several(questions)  # in one request, so that one node answers both
        if isinstance(answer, RevertedError):
            if isinstance(height, LedgerError):
                raise height
            if not isinstance(height, int) or height < seen:
                raise QuestionError(f"{self.url} lacks block {seen}, which was seen, and says: {answer}")
            return answer
        if isinstance(answer, LedgerError):
            raise answer
        return None

    def estimate_gas(self, to: bytes | None, data: bytes, *, sender: bytes | None = None) -> int:
        """Gas that a transaction needs.

        Raises:
            RevertedError: the contract refuses.
        """
        return self.read(answers.quantity, "eth_estimateGas", _call_object(to, data, sender))

    def fees(self) -> Fees:
        """What to offer now: twice the base fee, which five full blocks do not outrun, and the usual tip."""
        head = self.block()
        base_fee = head.base_fee if head else 0
        (answer,) = self.several([ask_tip()])
        tip = self.tip(answer, base_fee)
        return Fees(most=2 * base_fee + tip, tip=tip)

    def tip(self, answer: int | LedgerError, base_fee: int) -> int:
        """What to pay beyond the base fee, by the answer to `ask_tip`.

        A node that lacks that method is asked for its gas price, which has the base fee in it; one that lacks
        this too is offered nothing.
        """
        if isinstance(answer, int):
            return answer
        if not isinstance(answer, RpcError):
            raise answer
        try:
            return max(0, self.read(answers.quantity, "eth_gasPrice") - base_fee)
        except RpcError:
            return 0

    def send(self, raw: bytes) -> bytes:
        """Send a signed transaction; returns its hash.

        Raises:
            RpcError: the ledger does not take it; see its `reason`.
        """
        return self.read(lambda value: answers.octets(value, 32), "eth_sendRawTransaction", to_hex(raw))

    def receipt(self, transaction: bytes) -> TransactionReceipt | None:
        """What became of a transaction; None while no block holds it."""
        return self.read(answers.optional(answers.receipt), "eth_getTransactionReceipt", to_hex(transaction))

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
        return [log for page in self.log_pages(address, first, last, topics) for log in page]

    def log_pages(
        self,
        address: bytes,
        first: int,
        last: int,
        topics: Sequence[Sequence[bytes] | None] = (),
        *,
        newest_first: bool = False,
    ) -> Iterator[list[Log]]:
        """The same in pages, for whoever may have enough before the end; see `LogRanges.pages`."""
        query = {
            "address": to_hex(address),
            "topics": [None if wanted is None else [to_hex(value) for value in wanted] for wanted in topics],
        }

        def ask(begin: int, end: int) -> list[Log]:
            blocks = {"fromBlock": hex(begin), "toBlock": hex(end)}
            return self.read(answers.logs, "eth_getLogs", query | blocks)

        return self._ranges.pages(ask, first, last, newest_first=newest_first)


def _call_object(to: bytes | None, data: bytes, sender: bytes | None) -> dict[str, str]:
    call = {"data": to_hex(data)}
    if to is not None:
        call["to"] = checksum_address(to)
    if sender is not None:
        call["from"] = checksum_address(sender)
    return call
