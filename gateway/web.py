"""The gateway's HTTP interface, served on a thread of its own.

uvicorn counts connections, and gives each all the time in the world to say what it wants: a few hundred that
say it byte by byte would shut everybody else out. So one on which a request takes too long is closed.
"""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 200
"""Of requesters at once; more are told to come back."""

CLOSING_SECONDS = 2
"""That answers under way have when the gateway ends."""

REQUEST_SECONDS = 60.0
"""For a request, its body included; the largest, a quarter of a megabyte, gets through at 5 KB a second."""


class Punctual(H11Protocol):
    """A connection that is closed if a request is not there in time; the answer may take longer."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._await_request()

    def _await_request(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(REQUEST_SECONDS, self._look)

    def _look(self) -> None:
        cycle = self.cycle
        is_whole = cycle is not None and not cycle.more_body and not cycle.response_complete
        if not is_whole:
            self.transport.close()


@contextmanager
def served(application: Starlette, listener: socket.socket, tls: tuple[Path, Path] | None) -> Iterator[None]:
    """Serve an application until the `with` ends.

    Args:
        application: What answers.
        listener: A socket that listens already.
        tls: Certificate with its chain, and key, PEM files; None for plain HTTP.
    """
    certificate, key = tls or (None, None)
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=CLOSING_SECONDS,
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            http=Punctual,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="http")
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def url_of(listener: socket.socket, *, tls: bool) -> str:
    """Where a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
