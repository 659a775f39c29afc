"""What a gateway stands on: from which block on its contract may have events."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config import GatewayConfig
from gateway.journal import Journal
from gateway.ledger.client import LedgerClient
from gateway.ledger.registry import Registry
from gateway.premises import contract_of
from gateway.relay import Policy
from tests.gateway.bench import ENVIRONMENT, Ground, Tampered


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.sqlite") as journal:
        yield journal


@pytest.fixture
def network() -> Tampered:
    return Tampered()


def contract(ground: Ground, journal: Journal, network: Tampered, address: bytes | None) -> Registry:
    config = GatewayConfig(
        Path(), Path(), ENVIRONMENT, None, None, ("", 0), None, ("", 0), None, address, Policy(), None, {}
    )
    return contract_of(config, LedgerClient(ground.url, transport=network), journal, ground.relayer)


def test_of_a_contract_of_its_own_it_keeps_the_first_block(
    ground: Ground, journal: Journal, network: Tampered
) -> None:
    deployed = contract(ground, journal, network, None)
    assert deployed.first_block == deployed.client.block_number()
    asked = network.asked["eth_getCode"]
    again = contract(ground, journal, network, None)
    assert (again.contract, again.first_block) == (deployed.contract, deployed.first_block)
    assert network.asked["eth_getCode"] == asked + 1, "one look whether it is ours"


def test_of_another_contract_it_finds_the_first_block_once(
    ground: Ground, journal: Journal, network: Tampered
) -> None:
    there = Registry.deploy(LedgerClient(ground.url), ground.relayer, ENVIRONMENT)
    found = contract(ground, journal, network, there.contract)
    assert found.first_block == there.first_block > 0
    asked = network.asked["eth_getCode"]
    assert contract(ground, journal, network, there.contract).first_block == there.first_block
    assert network.asked["eth_getCode"] == asked + 1


def test_a_node_without_old_states_is_searched_to_its_beginning(
    ground: Ground, journal: Journal, network: Tampered
) -> None:
    def forgetful(parameters: list[object]) -> object:
        return ... if parameters[1] == "latest" else {"code": -32000, "message": "missing trie node"}

    network.answers["eth_getCode"] = forgetful
    there = Registry.deploy(LedgerClient(ground.url), ground.relayer, ENVIRONMENT)
    assert contract(ground, journal, network, there.contract).first_block == 0
    network.answers.clear()
    assert contract(ground, journal, network, there.contract).first_block == there.first_block
