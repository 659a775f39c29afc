"""The envelope of JSON-RPC 2.0 (https://www.jsonrpc.org/specification): bytes in, bytes out, no exception."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.ledger.bounded_json import parse

log = logging.getLogger(__name__)

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
"""Codes of section 5.1."""

MAX_BATCH = 1_000
"""Requests in one batch, as geth bounds them (BatchRequestLimit)."""

Handler = Callable[[str, list[Any]], object]
"""Answers one method with its parameters by position; raises `JsonRpcError`."""


@dataclass
class JsonRpcError(Exception):
    """An error object (section 5.1)."""

    code: int
    message: str
    data: str | None = None


def respond(body: bytes, handler: Handler) -> bytes | None:
    """Answer the body of a request, single or batch.

    Returns:
        The body of the answer, or None if the body held notifications only (section 4.1).
    """
    try:
        request = parse(body)
    except ValueError as error:
        return _encode(_failure(None, JsonRpcError(PARSE_ERROR, f"parse error: {error}")))
    if not isinstance(request, list):
        answer = _answer(request, handler)
        return None if answer is None else _encode(answer)
    if not 0 < len(request) <= MAX_BATCH:
        text = f"invalid request: a batch holds 1 to {MAX_BATCH} requests"
        return _encode(_failure(None, JsonRpcError(INVALID_REQUEST, text)))
    answers = [answer for one in request if (answer := _answer(one, handler)) is not None]
    return _encode(answers) if answers else None


def _answer(request: object, handler: Handler) -> dict[str, Any] | None:
    if not isinstance(request, dict):
        return _failure(None, JsonRpcError(INVALID_REQUEST, "invalid request: not an object"))
    identifier = request.get("id")
    if not isinstance(identifier, str | int | float | None):
        return _failure(
            None, JsonRpcError(INVALID_REQUEST, "invalid request: id is not a string or a number")
        )
    answer = _call(request, identifier, handler)
    return answer if "id" in request else None


def _call(request: dict[str, Any], identifier: object, handler: Handler) -> dict[str, Any]:
    method, params = request.get("method"), request.get("params", [])
    if request.get("jsonrpc") != "2.0" or not isinstance(method, str):
        return _failure(
            identifier, JsonRpcError(INVALID_REQUEST, "invalid request: jsonrpc or method is missing")
        )
    if not isinstance(params, list):
        return _failure(
            identifier, JsonRpcError(INVALID_PARAMS, "invalid params: give them by position, as a list")
        )
    try:
        return {"jsonrpc": "2.0", "id": identifier, "result": handler(method, params)}
    except JsonRpcError as failure:
        return _failure(identifier, failure)
    except Exception:
        # The peer learns nothing of our insides, the log everything; a bad request stops nobody else's.
        log.exception("%s failed", method[:64].encode("unicode_escape").decode())
        return _failure(identifier, JsonRpcError(INTERNAL_ERROR, "internal error: see the ledger's log"))


def _failure(identifier: object, failure: JsonRpcError) -> dict[str, Any]:
    error: dict[str, Any] = {"code": failure.code, "message": failure.message}
    if failure.data is not None:
        error["data"] = failure.data
    return {"jsonrpc": "2.0", "id": identifier, "error": error}


def _encode(answer: object) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode()
