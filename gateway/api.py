"""HTTP for requesters, and for whoever carries a kiosk's message and its receipt.

    POST /messages/{kiosk_id}                   body: KioskMessage, COSE      202 {"digest", "receipt"}
    GET  /receipts/{digest}                     200 the signed receipt, 404 until there is one
    POST /requests                              body: SignedRequest, CBOR     202 {"request": ID}
    GET  /requests/{id}                         200 {"request", "state", "expiry", "reason"}
    GET  /objects/{commitment}?request={id}     200 the object; signed by the requester, see `gateway.access`
    GET  /phone/                                the page for phones, see `gateway.phone`
    GET  /health                                200 or 503, what works and the gateway's own identity

Every error is JSON: {"error": TEXT}. A carrier, such as a phone, is not trusted and not asked who it is: what
it brings is signed by the kiosk, what it takes away by the gateway.
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
from contracts.messages import MAX_KIOSK_MESSAGE, MAX_SIGNED_REQUEST
from gateway.access import AccessError, reader_of
from gateway.desk import NoRoomError, RefusedRequestError, RequestDesk, TooManyRequestsError
from gateway.errors import GatewayError
from gateway.intake import Dropped, Intake
from gateway.journal import Journal
from gateway.ledger.errors import LedgerError
from gateway.ledger.registry import Registry
from gateway.phone import page
from gateway.store import Objects, StoreError

MAX_PATH = 400
"""Characters of path and query; the longest of ours has under 200."""

MAX_MESSAGE = MAX_KIOSK_MESSAGE + 512
"""Bytes of a kiosk's message with its COSE envelope, which takes under 200."""

STATUS_OF_CAUSE = {"forged": 400, "misplaced": 409, "other environment": 409, "no room": 503}
"""HTTP status for each cause for which `Intake` drops a message."""


@dataclass(frozen=True)
class Api:
    """The parts that answers are made of.

    Attributes:
        intake: Takes kiosks' messages.
        journal: Has the receipts.
        desk: Requests.
        registry: The contract, which says what is granted.
        store: The encrypted records.
        domain: Where signatures count.
        health: Answers `/health`.
        failed: Called with an error after which the gateway can't go on.
    """

    intake: Intake
    journal: Journal
    desk: RequestDesk
    registry: Registry
    store: Objects
    domain: Domain
    health: Callable[[], dict[str, Any]]
    failed: Callable[[GatewayError], None]

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/messages/{kiosk}", self.post_message, methods=["POST"]),
                Route("/receipts/{digest}", self.get_receipt),
                Route("/requests", self.post_request, methods=["POST"]),
                Route("/requests/{request}", self.get_request),
                Route("/objects/{commitment}", self.get_object),
                Route("/health", self.get_health),
                *page.routes(),
            ],
            exception_handlers={
                ContractError: lambda _, error: _refusal(400, error),
                TooManyRequestsError: lambda _, error: _refusal(429, error),
                NoRoomError: lambda _, error: _refusal(503, error),
                RefusedRequestError: lambda _, error: _refusal(409, error),
                AccessError: lambda _, error: _refusal(403, error),
                LedgerError: lambda _, error: _refusal(503, error),
                StoreError: lambda _, error: _refusal(500, error),
                GatewayError: self._give_up,
            },
        )

    async def post_message(self, http: Request) -> Response:
        """Take a kiosk's message from whoever carries it; a repeat says whether there is a receipt."""
        body = await _body(http, MAX_MESSAGE)
        if body is None:
            return JSONResponse({"error": f"a message has at most {MAX_MESSAGE} bytes"}, 413)
        outcome = await run_in_threadpool(self.intake.receive, http.path_params["kiosk"], body)
        if isinstance(outcome, Dropped):
            return JSONResponse({"error": outcome.why}, STATUS_OF_CAUSE[outcome.cause])
        return JSONResponse({"digest": to_hex(outcome.digest), "receipt": outcome.receipt is not None}, 202)

    def get_receipt(self, http: Request) -> Response:
        """Hand out the signed receipt of an act; it says nothing that the ledger does not."""
        entry = self.journal.find(from_hex(http.path_params["digest"], 32))
        if entry is None:
            return JSONResponse({"error": "no such act is known here"}, 404)
        if entry.receipt is None:
            return JSONResponse({"error": "there is no receipt yet", "state": entry.state}, 404)
        return Response(entry.receipt, media_type="application/cose", headers={"cache-control": "no-store"})

    async def post_request(self, http: Request) -> Response:
        """Take a signed request."""
        body = await _body(http, MAX_SIGNED_REQUEST)
        if body is None:
            return JSONResponse({"error": f"a request has at most {MAX_SIGNED_REQUEST} bytes"}, 413)
        identifier = await run_in_threadpool(self.desk.submit, body)
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


async def _body(http: Request, limit: int) -> bytes | None:
    """The body of a request; None, and no more of it is read, if it is longer than `limit` bytes."""
    body = bytearray()
    async for part in http.stream():
        body += part
        if len(body) > limit:
            return None
    return bytes(body)


def _refusal(status: int, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status)
