"""The gateway's HTTP interface, served on a thread of its own."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

MAX_CONNECTIONS = 200
"""Of requesters at once; more are told to come back."""

CLOSING_SECONDS = 2
"""That answers under way have when the gateway ends."""


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
