"""JSON-RPC, the side that asks: each thing that goes wrong by its own name."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Self, TypeVar

import httpx

from contracts.labels import clean
from gateway.ledger.access import LedgerAccess
from gateway.ledger.answers import IllFormedError
from gateway.ledger.bounded_json import parse
from gateway.ledger.endpoints import Endpoints
from gateway.ledger.errors import LedgerError, NotALedgerError, RpcError
from gateway.ledger.reasons import is_revert, reverted

MAX_REASON = 300
"""Characters of a ledger's error text that are shown."""

TIMEOUT_SECONDS = 15.0
"""For each of connecting, sending and waiting for the next bytes of an answer."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RpcCall:
    """One request of a batch: the method and its parameters in JSON's types."""

    method: str
    params: list[Any] = field(default_factory=list)


class JsonRpc:
    """Requests over one pool of connections. Safe to use from several threads."""

    def __init__(
        self,
        access: str | LedgerAccess,
        *,
        timeout: float = TIMEOUT_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            access: How to reach the ledger; a text is the URL of one that needs no more than that.
            timeout: Seconds, see `TIMEOUT_SECONDS`.
            transport: Another way to reach the ledger than the network, for tests.

        Raises:
            LedgerConfigurationError: the URL is not one, or certificates cannot be read.
        """
        self._ids = count(1)
        reach = LedgerAccess((access,)) if isinstance(access, str) else access
        self._endpoints = Endpoints(reach, timeout, transport)

    @property
    def url(self) -> str:
        """Where the ledger is, as it may be shown."""
        return self._endpoints.shown

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._endpoints.close()

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
            raise self.not_a_ledger("it does not answer batches")
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
        status, content = self._endpoints.post(json.dumps(body).encode())
        try:
            return parse(content)
        except ValueError:
            raise self.not_a_ledger(f"HTTP {status}, and no JSON") from None

    def _result(self, method: str, answer: object) -> Any:
        if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
            raise self.not_a_ledger("its answer is not JSON-RPC 2.0")
        error = answer.get("error")
        if error is None:
            if method == "eth_blockNumber":
                self._endpoints.saw(answer.get("result"))
            return answer.get("result")
        if not isinstance(error, dict) or not isinstance(error.get("code"), int):
            raise self.not_a_ledger("its error is not JSON-RPC 2.0")
        code, data = error["code"], error.get("data")
        message = clean(str(error.get("message", "")), MAX_REASON)
        if is_revert(code, message, data):
            raise reverted(data, message)
        raise RpcError(method, code, message, data)

    def not_a_ledger(self, why: str) -> NotALedgerError:
        """The error for a peer that does not do as a ledger does."""
        return NotALedgerError(f"what answers at {self.url} is not a ledger: {why}; check the URL")

    def read(self, read: Callable[[Any], T], method: str, *params: Any) -> T:
        """Send one request and return its result as `read` types it.

        Raises:
            NotALedgerError: the result is ill-formed; and what `request` raises.
        """
        try:
            return read(self.request(method, *params))
        except IllFormedError as error:
            raise self.not_a_ledger(f"its answer to {method} is ill-formed, {error}") from error
