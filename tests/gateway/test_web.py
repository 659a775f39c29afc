"""Who takes too long over a request is shut out; who waits long for an answer is not."""

import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from gateway import web

PATIENCE = 20.0
LIMIT = 0.6
"""Seconds for a request, here."""

POST = b"POST / HTTP/1.1\r\nhost: gateway\r\ncontent-length: 4\r\n\r\n"
BIG = POST.replace(b"4", b"400")


async def echo(http: Request) -> PlainTextResponse:
    return PlainTextResponse(await http.body())


def slow(_: Request) -> PlainTextResponse:
    time.sleep(2 * LIMIT)
    return PlainTextResponse("at last")


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(web, "REQUEST_SECONDS", LIMIT)
    application = Starlette(routes=[Route("/", echo, methods=["POST"]), Route("/slow", slow)])
    with socket.create_server(("127.0.0.1", 0)) as listener, web.served(application, listener, None):
        yield listener.getsockname()[1]


def says_byte_by_byte(connection: socket.socket, data: bytes) -> bool:
    """Whether the connection is closed before all is said, ten bytes a second."""
    connection.settimeout(0.1)
    for number in range(len(data)):
        try:
            connection.sendall(data[number : number + 1])
            if connection.recv(1000) == b"":
                return True
        except TimeoutError:
            continue
        except ConnectionError:
            return True
    return False


@pytest.mark.parametrize("before", [b"", POST + b"body"], ids=["at once", "after a request"])
@pytest.mark.parametrize("begin", [b"POST / HTTP/1.1\r\nx: ", BIG], ids=["head", "body"])
def test_a_request_that_comes_byte_by_byte_is_not_waited_for(port: int, begin: bytes, before: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        if before:
            connection.sendall(before)
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        connection.sendall(begin)
        assert says_byte_by_byte(connection, b"x" * 100)


def test_an_answer_may_take_longer_than_a_request(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
        assert client.get("/slow").text == "at last"
        assert client.post("/", content=b"body").text == "body"
