"""JSON-RPC over HTTP, the side that asks: bounded answers, and each thing that goes wrong by its own name."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import httpx

from contracts.labels import clean
from gateway.ledger.answers import IllFormedError
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


class JsonRpc:
    """Requests over one pool of connections. Safe to use from several threads."""

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

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
        try:
            with self._http.stream("POST", self.url, content=json.dumps(body)) as response:
                content = bytearray()
                for part in response.iter_bytes():
                    content += part
                    if len(content) > MAX_ANSWER:
                        raise self.not_a_ledger(f"its answer is longer than {MAX_ANSWER >> 20} MiB")
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
            raise self.not_a_ledger(f"HTTP {status}, and no JSON") from None

    def _result(self, method: str, answer: object) -> Any:
        if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
            raise self.not_a_ledger("its answer is not JSON-RPC 2.0")
        error = answer.get("error")
        if error is None:
            return answer.get("result")
        if not isinstance(error, dict) or not isinstance(error.get("code"), int):
            raise self.not_a_ledger("its error is not JSON-RPC 2.0")
        code, data = error["code"], error.get("data")
        message = clean(str(error.get("message", "")), MAX_REASON)
        if code in REVERT_CODES and "revert" in message:
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
