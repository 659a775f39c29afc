from collections.abc import Iterator

import pytest

from contracts.eip712 import Domain
from gateway.ledger.account import Relayer
from gateway.ledger.client import LedgerClient
from gateway.ledger.registry import Registry
from tests.gateway.ledger.bring import Bringer, Story, tell
from tests.gateway.ledger.processes import ENVIRONMENT, Node, running


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """One node for all tests that leave it as they found it, apart from its history."""
    with running(tmp_path_factory.mktemp("ledger")) as started:
        yield started


@pytest.fixture(scope="session")
def client(node: Node) -> Iterator[LedgerClient]:
    with node.client() as connected:
        yield connected


@pytest.fixture(scope="session")
def relayer(node: Node) -> Relayer:
    return node.relayer()


@pytest.fixture(scope="session")
def registry(client: LedgerClient, relayer: Relayer) -> Registry:
    return Registry.deploy(client, relayer, ENVIRONMENT)


@pytest.fixture(scope="session")
def domain(client: LedgerClient, registry: Registry) -> Domain:
    return Domain(client.chain_id(), registry.contract, ENVIRONMENT)


@pytest.fixture(scope="session")
def bring(registry: Registry, relayer: Relayer, domain: Domain) -> Bringer:
    return Bringer(registry, relayer, domain)


@pytest.fixture(scope="session")
def story(bring: Bringer) -> Story:
    return tell(bring, publish=True)
