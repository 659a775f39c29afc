"""The client against everything that is not a well-behaved ledger."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from eth_abi.abi import encode

from contracts.hexes import to_hex
from gateway.ledger import endpoints, log_ranges
from gateway.ledger.access import LedgerAccess
from gateway.ledger.account import Fees
from gateway.ledger.client import LedgerClient, ask_balance
from gateway.ledger.errors import (
    LedgerConfigurationError,
    LedgerError,
    LedgerUnreachableError,
    NotALedgerError,
    RevertedError,
    RpcError,
)
from gateway.ledger.reasons import ERROR_SELECTOR
from gateway.ledger.transport import RpcCall
from gateway.relay import conditions
from tests.gateway.bench import Tampered
from tests.gateway.ledger.processes import Node

USED_NONCE = to_hex(ERROR_SELECTOR + encode(["string"], ["used nonce"]))


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> LedgerClient:
    return LedgerClient("http://ledger.invalid", transport=httpx.MockTransport(answer))


def result(value: object) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, json={"jsonrpc": "2.0", "id": json.loads(request.content)["id"], "result": value}
        )

    return answer


@pytest.mark.parametrize("url", ["", "ledger", "ftp://host", "http://", "http://[", "mqtt://127.0.0.1:1"])
def test_not_a_url(url: str) -> None:
    with pytest.raises(LedgerConfigurationError, match="is not the URL of a ledger") as raised:
        LedgerClient(url)
    assert raised.value.exit_code == 78


def test_nobody_there() -> None:
    with LedgerClient("http://127.0.0.1:1") as client, pytest.raises(LedgerUnreachableError) as raised:
        client.chain_id()
    assert raised.value.exit_code == 69
    assert "\n" not in str(raised.value)


def test_a_name_that_does_not_resolve() -> None:
    with LedgerClient("http://ledger.invalid") as client, pytest.raises(LedgerUnreachableError):
        client.chain_id()


@contextmanager
def serving(respond: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            respond(self)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_it_hangs() -> None:
    release = threading.Event()
    with serving(lambda _: release.wait(10) and None) as url:
        with LedgerClient(url, timeout=0.2) as client, pytest.raises(LedgerUnreachableError, match="in time"):
            client.chain_id()
        release.set()


def test_it_hangs_up() -> None:
    def hang_up(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"{")

    with serving(hang_up) as url, LedgerClient(url) as client, pytest.raises(LedgerUnreachableError):
        client.chain_id()


def test_an_answer_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "MAX_ANSWER", 1000)
    with pytest.raises(NotALedgerError, match="longer than"):
        answering(lambda _: httpx.Response(200, content=b" " * 2000)).chain_id()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>hello</html>",
        b"[]",
        b"5",
        b"null",
        b"{}",
        b'{"error": "no"}',
        b'{"error": {"code": "x"}}',
        b"[" * 10**5,
    ],
)
def test_not_a_ledger(content: bytes) -> None:
    with pytest.raises(NotALedgerError) as raised:
        answering(lambda _: httpx.Response(200, content=content)).chain_id()
    assert raised.value.exit_code == 76


@pytest.mark.parametrize("value", [None, 5, "", "0x", "5", "0xg", "0x1_0", "0x" + "1" * 65, [], {}])
def test_a_chain_id_that_is_none(value: object) -> None:
    with pytest.raises(NotALedgerError, match="ill-formed"):
        answering(result(value)).chain_id()


@pytest.mark.parametrize("value", [5, [], {}, {"number": "0x1"}, {"number": "0x1", "hash": "0x12"}])
def test_a_block_that_is_none(value: object) -> None:
    with pytest.raises(NotALedgerError):
        answering(result(value)).block()


@pytest.mark.parametrize(
    "value", [None, 5, [5], [{}], [{"address": "0x12"}], [{"address": "0x" + "11" * 20, "topics": 5}]]
)
def test_logs_that_are_none(value: object) -> None:
    with pytest.raises(NotALedgerError):
        answering(result(value)).logs(bytes(20), 0, 1)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, LedgerConfigurationError),
        (403, LedgerConfigurationError),
        (404, NotALedgerError),
        (429, LedgerUnreachableError),
        (503, LedgerUnreachableError),
    ],
)
def test_http_errors(status: int, error: type[LedgerError]) -> None:
    with pytest.raises(error):
        answering(lambda _: httpx.Response(status, text="no")).chain_id()


def test_error_text_of_a_peer_is_cleaned() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, json={"id": 1, "error": {"code": -1, "message": "a\x1b[31m\n" + "b" * 5000}}
        )

    with pytest.raises(RpcError) as raised:
        answering(answer).chain_id()
    assert len(str(raised.value)) < 500
    assert not any(ord(character) < 32 for character in str(raised.value))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"code": 3, "message": "execution reverted: used nonce", "data": "0x"}, "used nonce"),
        ({"code": -32000, "message": "execution reverted: used nonce"}, "used nonce"),
        ({"code": -32000, "message": "execution reverted"}, ""),
        ({"code": 3, "message": "execution reverted", "data": "0x08c379a0" + "ff" * 40}, ""),
        ({"code": 3, "message": "execution reverted", "data": "0xzz"}, ""),
        ({"code": 3, "message": "execution reverted", "data": {"a": 1}}, ""),
        ({"code": -32015, "message": "VM execution error.", "data": f"Reverted {USED_NONCE}"}, "used nonce"),
        ({"code": -32603, "message": "Error: VM Exception", "data": {"data": USED_NONCE}}, "used nonce"),
        ({"code": -32000, "message": "Execution failed", "data": USED_NONCE}, "used nonce"),
        ({"code": 5, "message": "", "data": USED_NONCE}, "used nonce"),
        ({"code": -32000, "message": "Execution Reverted"}, ""),
    ],
)
def test_reasons_of_other_ledgers(error: dict[str, object], reason: str) -> None:
    with pytest.raises(RevertedError) as raised:
        answering(lambda _: httpx.Response(200, json={"id": 1, "error": error})).call(bytes(20), b"")
    assert raised.value.reason == reason


@pytest.mark.parametrize(
    "error",
    [
        {"code": -32603, "message": "internal error"},
        {"code": -32603, "message": "execution reverted"},
        {"code": -32005, "message": "limit exceeded", "data": "0x08c379"},
        {"code": -32602, "message": "see data", "data": {"see": "https://ledger.invalid/limits"}},
        {"code": -32602, "message": "see data", "data": ["0x08c379a0"]},
        {"code": -32000, "message": "header not found", "data": None},
    ],
)
def test_what_the_ledger_itself_refuses_is_no_word_of_the_contract(error: dict[str, object]) -> None:
    with pytest.raises(RpcError):
        answering(lambda _: httpx.Response(200, json={"id": 1, "error": error})).call(bytes(20), b"")


def test_batches_are_matched_by_id() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        return httpx.Response(
            200, json=[{"id": one["id"], "result": one["method"]} for one in reversed(asked)]
        )

    results = answering(answer).batch([RpcCall("a"), RpcCall("b"), RpcCall("c")])
    assert results == ["a", "b", "c"]
    assert answering(answer).batch([]) == []


def test_a_batch_with_a_hole() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        first, *_ = json.loads(request.content)
        return httpx.Response(
            200, json=[{"id": first["id"], "result": "0x1"}, 5, {"id": 10**6, "result": "0x2"}]
        )

    first, second = answering(answer).batch([RpcCall("a"), RpcCall("b")])
    assert first == "0x1"
    assert isinstance(second, NotALedgerError)


def test_an_ill_formed_answer_among_several_stands_for_itself() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        results = ["0x1", "garbage", "0x3"]
        asked = zip(json.loads(request.content), results, strict=True)
        return httpx.Response(
            200, json=[{"jsonrpc": "2.0", "id": each["id"], "result": said} for each, said in asked]
        )

    first, second, third = answering(answer).several([ask_balance(bytes(20))] * 3)
    assert (first, third) == (1, 3)
    assert isinstance(second, NotALedgerError)
    assert "its answer to eth_getBalance is ill-formed" in str(second)


def test_headers_for_authentication() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return result("0x5")(request)

    access = LedgerAccess(("https://ledger.invalid",), {"authorization": "Bearer x"})
    client = LedgerClient(access, transport=httpx.MockTransport(answer))
    assert client.chain_id() == 5
    assert seen == ["Bearer x"]


def test_another_chain(client: LedgerClient) -> None:
    client.check_chain(20_022)
    with pytest.raises(LedgerConfigurationError, match="chain id 20022, the configuration says 1") as raised:
        client.check_chain(1)
    assert raised.value.exit_code == 78


def test_long_ranges_are_asked_for_in_parts(
    node: Node, client: LedgerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = client.block_number()
    whole = client.logs(b"\x11" * 20, 0, last)
    monkeypatch.setattr(log_ranges, "LOG_BLOCKS", 2)
    with node.client() as other:
        assert other.logs(b"\x11" * 20, 0, last) == whole


def test_many_threads_share_a_client(node: Node) -> None:
    found: list[int] = []
    with node.client() as client:
        threads = [threading.Thread(target=lambda: found.append(client.chain_id())) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [20_022] * 20


@pytest.mark.parametrize(
    ("tip", "price", "expected"),
    [
        (1_500, 9_000, 1_500),
        (None, 9_000, 2_000),  # beyond a base fee of 7,000
        (None, 5_000, 0),
        (None, None, 0),
    ],
)
def test_a_node_that_suggests_no_tip(
    client: LedgerClient, tip: int | None, price: int | None, expected: int
) -> None:
    network = Tampered()

    def say(value: int | None) -> Callable[[list[object]], object]:
        missing = {"code": -32601, "message": "the method does not exist"}
        return lambda _: missing if value is None else hex(value)

    def newest(_: list[object]) -> object:
        return {**client.request("eth_getBlockByNumber", "latest", False), "baseFeePerGas": hex(7_000)}

    network.answers |= {
        "eth_maxPriorityFeePerGas": say(tip), "eth_gasPrice": say(price), "eth_getBlockByNumber": newest
    }  # fmt: skip
    with LedgerClient(client.url, transport=network) as lacking:
        found = conditions.ask(lacking, [bytes(20)])
        assert (found.base_fee, found.tip) == (7_000, expected)
        assert lacking.fees() == Fees(most=2 * 7_000 + expected, tip=expected)
