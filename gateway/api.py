"""HTTP for requesters: hand in a request, ask how it stands, fetch the encrypted record once it is granted.

    POST /requests                              body: SignedRequest, CBOR     202 {"request": ID}
    GET  /requests/{id}                         200 {"request", "state", "expiry", "reason"}
    GET  /objects/{commitment}?request={id}     200 the object; signed by the requester, see `gateway.access`
    GET  /health                                200 or 503, what works and the gateway's own identity

Every error is JSON: {"error": TEXT}.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contracts.eip712 import Domain
from contracts.errors import ContractError
from contracts.hexes import from_hex, to_hex
from contracts.messages import MAX_SIGNED_REQUEST
from gateway.access import AccessError, reader_of
from gateway.desk import RefusedRequestError, RequestDesk, TooManyRequestsError
from gateway.errors import GatewayError
from gateway.ledger.errors import LedgerError
from gateway.ledger.registry import Registry
from gateway.store import ObjectStore, StoreError

MAX_PATH = 400
"""Characters of path and query; the longest of ours has under 200."""


@dataclass(frozen=True)
class Api:
    """The parts that answers are made of.

    Attributes:
        desk: Requests.
        registry: The contract, which says what is granted.
        store: The encrypted records.
        domain: Where signatures count.
        health: Answers `/health`.
        failed: Called with an error after which the gateway can't go on.
    """

    desk: RequestDesk
    registry: Registry
    store: ObjectStore
    domain: Domain
    health: Callable[[], dict[str, Any]]
    failed: Callable[[GatewayError], None]

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/requests", self.post_request, methods=["POST"]),
                Route("/requests/{request}", self.get_request),
                Route("/objects/{commitment}", self.get_object),
                Route("/health", self.get_health),
            ],
            exception_handlers={
                ContractError: lambda _, error: _refusal(400, error),
                TooManyRequestsError: lambda _, error: _refusal(429, error),
                RefusedRequestError: lambda _, error: _refusal(409, error),
                AccessError: lambda _, error: _refusal(403, error),
                LedgerError: lambda _, error: _refusal(503, error),
                StoreError: lambda _, error: _refusal(500, error),
                GatewayError: self._give_up,
            },
        )

    async def post_request(self, http: Request) -> Response:
        """Take a signed request."""
        body = bytearray()
        async for part in http.stream():
            body += part
            if len(body) > MAX_SIGNED_REQUEST:
                return JSONResponse({"error": f"a request has at most {MAX_SIGNED_REQUEST} bytes"}, 413)
        identifier = await run_in_threadpool(self.desk.submit, bytes(body))
        return JSONResponse({"request": to_hex(identifier)}, 202)

    def get_request(self, http: Request) -> Response:
        """Say how a request stands."""
        identifier = from_hex(http.path_params["request"], 32)
        standing = self.desk.standing(identifier)
        if standing is None:
            return JSONResponse({"error": "no such request is known here"}, 404)
        return JSONResponse({"request": to_hex(identifier), **vars(standing)})

    def get_object(self, http: Request) -> Response:
        """Hand out an encrypted record to the requester to whom it is granted at this moment."""
        path = http.url.path + (f"?{http.url.query}" if http.url.query else "")
        if len(path) > MAX_PATH:
            return JSONResponse({"error": "the path is too long"}, 414)
        commitment = from_hex(http.path_params["commitment"], 32)
        identifier = from_hex(http.query_params.get("request", ""), 32)
        reader = reader_of(http.headers.get("authorization", ""), self.domain, path, time.time())
        self._authorise(reader, identifier, commitment)
        data = self.store.get(commitment)
        if data is None:
            return JSONResponse({"error": "the record is not in this store; it may have been erased"}, 404)
        return Response(data, media_type="application/cbor", headers={"cache-control": "no-store"})

    def _authorise(self, reader: bytes, identifier: bytes, commitment: bytes) -> None:
        """Let through the requester of a request that the ledger says is granted now, for this record."""
        request = self.registry.request(identifier)
        if request is None:
            raise AccessError("no such request is on the ledger")
        if request.requester != reader:
            raise AccessError("this is the request of another requester")
        if not self.registry.is_granted(request):
            raise AccessError("the person has not granted this request, has withdrawn it, or it has expired")
        if self.registry.commitment_of(request.subject, request.record) != commitment:
            raise AccessError("the request is about another record, or about an edition that was replaced")

    def get_health(self, _: Request) -> Response:
        """Say what works."""
        health = self.health()
        return JSONResponse(health, 200 if health["ok"] else 503)

    def _give_up(self, _: Request, error: Exception) -> Response:
        if isinstance(error, GatewayError):
            self.failed(error)
        return JSONResponse({"error": "the gateway cannot go on; its operator has to look"}, 503)


def _refusal(status: int, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status)
