"""What a gateway stands on: a contract, deployed once, and from which block on it may have events."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.config import GatewayConfig
from gateway.journal import Journal
from gateway.ledger.account import Relayer
from gateway.ledger.client import LedgerClient
from gateway.ledger.errors import LedgerConfigurationError, LedgerError, LedgerUnreachableError
from gateway.ledger.registry import Registry
from gateway.node_process import NodeProcessError
from gateway.premises import contract_of, embedded_ledger
from gateway.relay import Policy
from gateway.relay.policy import GWEI
from tests.gateway.bench import ENVIRONMENT, Ground, Tampered

POLICY = Policy()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.sqlite") as journal:
        yield journal


@pytest.fixture
def network() -> Tampered:
    return Tampered()


def contract(
    ground: Ground, journal: Journal, network: Tampered, address: bytes | None, policy: Policy = POLICY
) -> Registry:
    config = GatewayConfig(
        Path(), Path(), ENVIRONMENT, None, None, ("", 0), None, ("", 0), None, address, policy, None, {}
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


def deployments(ground: Ground) -> int:
    """How many transactions the relayer has in blocks."""
    return LedgerClient(ground.url).transaction_count(ground.relayer.address)


class DiedError(BaseException):
    """The process is gone."""


def die(*_: object) -> None:
    raise DiedError


def deploy_and_die(ground: Ground, journal: Journal, network: Tampered, where: type, moment: str) -> None:
    """Deploy until a function is called."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where, moment, die)
        with pytest.raises(DiedError):
            contract(ground, journal, network, None)


@pytest.mark.parametrize(
    ("where", "moment"), [(LedgerClient, "send"), (LedgerClient, "wait"), (Journal, "close_shipment")]
)
def test_a_gateway_that_dies_while_it_deploys_ends_up_with_one_contract(
    ground: Ground, journal: Journal, network: Tampered, where: type, moment: str
) -> None:
    before = deployments(ground)
    deploy_and_die(ground, journal, network, where, moment)
    deployed = contract(ground, journal, network, None)
    assert deployments(ground) == before + 1
    assert len(set(network.sent)) == 1, "the same bytes again"
    assert contract(ground, journal, network, None).contract == deployed.contract


def test_a_deployment_that_was_not_sent_before_its_nonce_went_elsewhere_is_signed_again(
    ground: Ground, journal: Journal, network: Tampered
) -> None:
    deploy_and_die(ground, journal, network, LedgerClient, "send")
    other = Registry(LedgerClient(ground.url), ground.domain.contract)
    other.submit(ground.relayer, other.encode("keyOf", (ground.relayer.address,)))
    deployed = contract(ground, journal, network, None)
    assert len(set(network.sent)) == 2
    assert contract(ground, journal, network, None).contract == deployed.contract


def test_a_deployment_that_waits_for_a_block_is_waited_for_at_the_next_start(
    ground: Ground, journal: Journal, network: Tampered, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool: list[object] = []

    def take(params: list[object]) -> object:
        pool.append(params[0])
        return "0x" + "00" * 32

    network.answers["eth_sendRawTransaction"] = take
    real = LedgerClient.wait
    monkeypatch.setattr(LedgerClient, "wait", lambda client, name: real(client, name, 0))
    with pytest.raises(LedgerUnreachableError, match="in no block"):
        contract(ground, journal, network, None)
    before = deployments(ground)
    network.answers.clear()
    contract(ground, journal, network, None)
    assert deployments(ground) == before + 1
    assert set(network.sent) == set(pool)


def test_what_a_deployment_costs_counts_as_spent(ground: Ground, journal: Journal, network: Tampered) -> None:
    client = LedgerClient(ground.url)
    owned = client.balance(ground.relayer.address)
    contract(ground, journal, network, None)
    paid = owned - client.balance(ground.relayer.address)
    assert journal.spent_since(ground.relayer.address, int(time.time()) - 60) == -(-paid // GWEI) > 0
    assert journal.pending() == {}
    assert journal.facts("deployment") == []


@pytest.mark.parametrize(
    ("policy", "words"),
    [(Policy(fee_cap=1), "above fee_cap_gwei"), (replace(Policy(), spending=0), "daily_gwei is 0")],
)
def test_a_deployment_keeps_to_the_fee_cap_and_the_daily_limit(
    ground: Ground, journal: Journal, network: Tampered, policy: Policy, words: str
) -> None:
    with pytest.raises(LedgerError, match=words):
        contract(ground, journal, network, None, policy)
    assert network.sent == []
    contract(ground, journal, network, None)


def test_a_relayer_without_funds_deploys_nothing(ground: Ground, journal: Journal, network: Tampered) -> None:
    poor = replace(ground, relayer=Relayer(ec.generate_private_key(ec.SECP256K1())))
    with pytest.raises(LedgerConfigurationError, match="cannot pay"):
        contract(poor, journal, network, None)
    assert network.sent == []


def test_an_embedded_ledger_keeps_its_chain_id(tmp_path: Path) -> None:
    first = ledger_and_its_chain(tmp_path, 5)
    assert (first, ledger_and_its_chain(tmp_path, None)) == (5, 5)
    with pytest.raises(NodeProcessError, match="chain id 5, not 6"):
        ledger_and_its_chain(tmp_path, 6)


def ledger_and_its_chain(state: Path, chain_id: int | None) -> int:
    config = GatewayConfig(
        state, Path(), ENVIRONMENT, None, None, ("", 0), None, ("127.0.0.1", 0), chain_id, None, POLICY,
        None, {},
    )  # fmt: skip
    node = embedded_ledger(config, bytes(20))
    try:
        return LedgerClient(node.url).chain_id()
    finally:
        node.stop()
