"""HTTP around the node: POST a JSON-RPC body to /, get one back. Loopback unless told otherwise."""

import signal
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway.ledger.errors import LedgerConfigurationError
from gateway.ledger.node.jsonrpc import Handler, respond

MAX_BODY = 5 * 1024 * 1024
"""Bytes of a request, as geth bounds them: a batch of many transactions fits, filling the memory does not."""

BACKLOG = 128
"""Connections that wait to be accepted."""


def application(handler: Handler) -> Starlette:
    """The HTTP application; requests are answered one after the other, as the chain wants them."""

    async def answer(request: Request) -> Response:
        body = await _bounded_body(request)
        if body is None:
            return PlainTextResponse(f"a request is at most {MAX_BODY} bytes\n", status_code=413)
        result = respond(body, handler)
        return (
            Response(status_code=204) if result is None else Response(result, media_type="application/json")
        )

    return Starlette(routes=[Route("/", answer, methods=["POST"])])


async def _bounded_body(request: Request) -> bytes | None:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            return None
        parts.append(part)
    return b"".join(parts)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 lets the system choose one.

    Raises:
        LedgerConfigurationError: the address is in use or not of this machine.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(BACKLOG)
    except OSError as error:
        raise LedgerConfigurationError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another --listen"
        ) from error
    return listener


def serve(handler: Handler, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Answer requests until SIGTERM or SIGINT; `ready` is called once the first can be answered."""
    config = uvicorn.Config(
        application(handler),
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
    )
    server = _Server(config, ready)
    # uvicorn raises the signal again once it has shut down; as an interrupt, so that our caller tidies up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """uvicorn, telling when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then say so."""
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()
