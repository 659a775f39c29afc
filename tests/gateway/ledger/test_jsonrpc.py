"""The envelope of JSON-RPC 2.0, each rule of the specification."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.bounded_json import depth
from gateway.ledger.node.jsonrpc import MAX_BATCH, JsonRpcError, respond


def handler(method: str, params: list[Any]) -> object:
    if method == "sum":
        return sum(params)
    if method == "break":
        raise RuntimeError("secret detail")
    raise JsonRpcError(-32601, "no such method", "0x12")


def ask(body: object) -> Any:
    answer = respond(json.dumps(body).encode(), handler)
    return None if answer is None else json.loads(answer)


def request(method: str = "sum", **members: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, **members}


def test_result() -> None:
    assert ask(request(params=[1, 2])) == {"jsonrpc": "2.0", "id": 1, "result": 3}


def test_params_may_be_missing() -> None:
    assert ask(request())["result"] == 0


def test_error_with_data() -> None:
    assert ask(request("other"))["error"] == {"code": -32601, "message": "no such method", "data": "0x12"}


def test_a_fault_says_nothing_of_our_insides() -> None:
    error = ask(request("break"))["error"]
    assert error["code"] == -32603
    assert "secret" not in error["message"]


def test_notification_gets_no_answer() -> None:
    assert ask({"jsonrpc": "2.0", "method": "sum"}) is None


def test_batch_keeps_order_and_isolates_errors() -> None:
    answers = ask([request(id=1), request("other", id="b"), 5, {"jsonrpc": "2.0", "method": "sum"}])
    assert [answer["id"] for answer in answers] == [1, "b", None]
    assert [("error" in answer) for answer in answers] == [False, True, True]


def test_batch_of_notifications() -> None:
    assert ask([{"jsonrpc": "2.0", "method": "sum"}]) is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 100_000, -32700),
        (b'{"a":' * 100_000, -32700),
        (b"[]", -32600),
        (b"1", -32600),
        (b"null", -32600),
        (json.dumps([1] * (MAX_BATCH + 1)).encode(), -32600),
        (b'{"id":1,"method":"sum"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":5}', -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"sum"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"sum","params":{"a":1}}', -32602),
    ],
)
def test_bad_requests(body: bytes, code: int) -> None:
    answer = respond(body, handler)
    assert answer is not None
    assert json.loads(answer)["error"]["code"] == code


def test_brackets_within_strings_are_no_nesting() -> None:
    assert depth(json.dumps(["[" * 50, '"[[[', {"\\[": "{"}])) == 2


@given(st.binary(max_size=200))
def test_any_bytes_get_an_answer(body: bytes) -> None:
    respond(body, handler)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["jsonrpc", "id", "method", "params"]), x),
        max_leaves=20,
    )
)
def test_any_json_gets_an_answer(body: object) -> None:
    answer = respond(json.dumps(body).encode(), lambda *_: 1)
    assert answer is None or json.loads(answer)
