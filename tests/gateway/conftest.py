"""What tests share: one whole house, and one ledger with our contract; each test brings new people."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from contracts.eip712 import Domain
from gateway.ledger.account import Relayer
from gateway.ledger.client import LedgerClient
from gateway.ledger.registry import Registry
from gateway.node_process import NodeProcess
from hw import broker
from tests.gateway.actors import KioskKey, WireKiosk
from tests.gateway.bench import CHAIN_ID, ENVIRONMENT, Bench, Ground
from tests.gateway.cluster import Cluster, binaries
from tests.gateway.house import House
from tests.gateway.running import RunningGateway, ridgekey, write_config


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("house")
    identity = KioskKey()
    assert ridgekey("gateway", "init", "--state", str(directory / "state")).returncode == 0
    with broker.start(directory / "broker") as running:
        gateway = RunningGateway(write_config(directory, running.url, [identity]))
        kiosk = WireKiosk(running.port, identity, gateway.key)
        requester = directory / "requester"
        done = ridgekey(
            "requester", "init", "--state", str(requester), "--name", "Bank",
            "--gateway", gateway.ready["http"], "--ledger", gateway.ready["ledger"],
            "--contract", gateway.ready["contract"], "--json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        yield House(gateway, kiosk, requester)
        kiosk.close()
        code, words = gateway.stop()
    assert code == 0, words
    assert "Traceback" not in words


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    relayer = Relayer(ec.generate_private_key(ec.SECP256K1()))
    node = NodeProcess(tmp_path_factory.mktemp("ledger"), ("127.0.0.1", 0), CHAIN_ID, relayer.address)
    with LedgerClient(node.url) as client:
        contract = Registry.deploy(client, relayer, ENVIRONMENT).contract
        yield Ground(node.url, relayer, Domain(CHAIN_ID, contract, ENVIRONMENT))
    node.stop()


@pytest.fixture
def bench(ground: Ground, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(ground, tmp_path)
    yield bench
    bench.journal.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server here; install Debian's package postgresql")
    cluster = Cluster(programs)
    yield cluster
    cluster.remove()
