"""Looking for things in a long ledger, with few questions."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.ledger import log_ranges, search
from gateway.ledger.answers import Log
from gateway.ledger.client import LedgerClient
from gateway.ledger.errors import TooFarBackError
from gateway.ledger.log_ranges import LOG_BLOCKS
from gateway.ledger.registry import Registry
from gateway.ledger.search import first_block_of, first_block_since, newest
from tests.gateway.bench import Tampered
from tests.gateway.ledger.bring import Story
from tests.gateway.ledger.processes import Node


def test_a_contracts_first_block_is_found(client: LedgerClient, registry: Registry, story: Story) -> None:
    head = client.block_number()
    assert head > registry.first_block > 0
    assert first_block_of(client, registry.contract, head) == registry.first_block
    assert first_block_of(client, b"\x11" * 20, head) == head, "whoever has no contract has no old events"


@given(moment=st.integers(-2, 40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
def test_the_block_of_a_moment_is_found(client: LedgerClient, moment: int) -> None:
    head = client.block_number()
    times = [block.timestamp for block in client.blocks(range(head + 1))]
    wanted = times[1] + moment
    expected = next((number for number, time in enumerate(times) if time >= wanted), head + 1)
    assert first_block_since(client, wanted, 0, head) == expected


class Long(LedgerClient):
    """A ledger of many blocks, each with an event."""

    def __init__(self) -> None:
        super().__init__("http://ledger.invalid")
        self.asked: list[tuple[int, int]] = []

    def request(self, method: str, *params: object) -> object:
        (query,) = params
        assert isinstance(query, dict)
        first, last = int(query["fromBlock"], 16), int(query["toBlock"], 16)
        self.asked.append((first, last))
        member = {"address": "0x" + "11" * 20, "topics": [], "data": "0x", "logIndex": "0x0"}
        hashes = {"blockHash": "0x" + "22" * 32, "transactionHash": "0x" + "33" * 32}
        return [member | hashes | {"blockNumber": hex(last)}]


def test_the_newest_is_found_first_and_nothing_further_is_asked() -> None:
    client = Long()
    found = newest(client, b"\x11" * 20, 0, 10**7, [], lambda log: log)
    assert isinstance(found, Log)
    assert found.block == 10**7
    assert client.asked == [(10**7 - LOG_BLOCKS + 1, 10**7)]


def test_a_search_ends_at_the_first_block_or_says_that_it_was_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "MAX_PAGES", 3)
    contract, client = b"\x11" * 20, Long()
    assert newest(client, contract, 7, 7 + 3 * LOG_BLOCKS - 1, [], lambda _: None) is None
    assert client.asked[-1][0] == 7
    with pytest.raises(TooFarBackError, match="more blocks at once"):
        newest(client, contract, 7, 7 + 3 * LOG_BLOCKS, [], lambda _: None)


def test_a_request_is_looked_for_from_the_newest_block_down(
    node: Node, registry: Registry, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_ranges, "LOG_BLOCKS", 1)
    network, asked = Tampered(), list[int]()

    def watch(parameters: list[Any]) -> object:
        asked.append(int(parameters[0]["fromBlock"], 16))
        return ...

    network.answers["eth_getLogs"] = watch
    with LedgerClient(node.url, transport=network) as client:
        watched = Registry(client, registry.contract, registry.first_block)
        assert watched.request(b"\x11" * 32) is None
        assert asked == [], "the contract knows no such request"
        assert watched.request(story.denied.hash_struct()) == story.denied
        assert watched.request(story.granted.hash_struct()) == story.granted
    head = registry.client.block_number()
    denied, granted = asked[: asked.index(head, 1)], asked[asked.index(head, 1) :]
    assert denied == list(range(head, denied[-1] - 1, -1))
    assert granted == list(range(head, granted[-1] - 1, -1))
    assert registry.first_block < granted[-1] < denied[-1], "where they stand"
