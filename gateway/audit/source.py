"""Headers and receipts from a ledger, as bytes: what a node has them as, or put together from its JSON."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from gateway.ledger import answers
from gateway.ledger.answers import IllFormedError
from gateway.ledger.client import LedgerClient
from gateway.ledger.errors import LedgerConfigurationError, LedgerError, RpcError
from gateway.ledger.transport import RpcCall

UNSUPPORTED = frozenset({-32601, -32600, -32004, -32000})
"""Codes with which nodes refuse a method that they do not have or serve (EIP-1474; -32000 may be any)."""

HEADERS = 200
"""Headers in one request: about 250 kB."""

RECEIPTS = 20
"""Blocks whose receipts are asked for in one request: 2 MB for full blocks of ours, elsewhere more."""

T = TypeVar("T")


class NoReceiptsError(LedgerError):
    """The ledger gives no receipts of whole blocks."""

    exit_code = 69


class Source:
    """Reads blocks in numbers. Prefers the raw bytes, which most nodes serve faster than JSON, if they do."""

    def __init__(self, client: LedgerClient) -> None:
        self._client = client
        self._raw_headers = self._raw_receipts = True

    def headers(self, numbers: Sequence[int]) -> list[bytes]:
        """RLP of the headers of some blocks, at most `HEADERS`.

        Raises:
            LedgerError: the ledger has not all of them.
        """
        if self._raw_headers:
            try:
                return self._ask("debug_getRawHeader", numbers, answers.octets)
            except (RpcError, LedgerConfigurationError) as error:
                self._raw_headers = not _is_unsupported(error)
                if self._raw_headers:
                    raise
        return [block.header for block in self._client.blocks(numbers)]

    def receipts(self, numbers: Sequence[int]) -> list[tuple[bytes, ...]]:
        """The receipts of some blocks, at most `RECEIPTS`, as the consensus encodes them.

        Raises:
            NoReceiptsError: the ledger has no method for it.
            LedgerError: the ledger has not all of them.
        """
        if self._raw_receipts:
            try:
                return self._ask("debug_getRawReceipts", numbers, _all(answers.octets))
            except (RpcError, LedgerConfigurationError) as error:
                self._raw_receipts = not _is_unsupported(error)
                if self._raw_receipts:
                    raise
        try:
            return self._ask("eth_getBlockReceipts", numbers, _all(answers.receipt_bytes))
        except RpcError as error:
            if not _is_unsupported(error):
                raise
            raise NoReceiptsError(
                f"the ledger at {self._client.url} gives no receipts of whole blocks ({error.reason}); "
                "use --events, which takes its word for what happened in a block"
            ) from error

    def _ask(self, method: str, numbers: Sequence[int], read: Callable[[object], T]) -> list[T]:
        found = []
        for result in self._client.batch([RpcCall(method, [hex(number)]) for number in numbers]):
            if isinstance(result, LedgerError):
                raise result
            try:
                found.append(read(result))
            except IllFormedError as error:
                raise self._client.not_a_ledger(f"its answer to {method} is ill-formed, {error}") from error
        return found


def _is_unsupported(error: LedgerError) -> bool:
    """Whether a node refuses a method; some do by the HTTP status that otherwise means wrong credentials."""
    return isinstance(error, LedgerConfigurationError) or (
        isinstance(error, RpcError) and error.code in UNSUPPORTED
    )


def _all(read: Callable[[object], bytes]) -> Callable[[object], tuple[bytes, ...]]:
    def read_all(value: object) -> tuple[bytes, ...]:
        if not isinstance(value, list):
            raise IllFormedError("a list was expected")
        return tuple(read(item) for item in value)

    return read_all
