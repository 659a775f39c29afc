"""The configuration for Besu with QBFT, as far as it can be checked without Besu: it is not on this machine.

Its first block is given to anvil, which reads the same form, and the gateway's account deploys the contract
there without owning anything, as it does on a chain without fees.
"""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import rlp
from cryptography.hazmat.primitives.asymmetric import ec

from contracts.eip712 import Domain
from contracts.messages import ReceiptStatus
from gateway.config import parse_config
from gateway.ledger.account import Relayer
from gateway.ledger.client import LedgerClient
from gateway.ledger.registry import Registry
from hw import broker
from hw.engines.anvil import anvil
from hw.engines.engine import Engine
from hw.engines.tools import ToolMissingError, npm_tool
from tests.gateway.actors import KioskKey, Person, WireKiosk
from tests.gateway.ledger.bring import Bringer, tell
from tests.gateway.running import RunningGateway, ridgekey, write_config

FILES = Path(__file__).resolve().parents[3] / "docs" / "besu"
VALIDATORS = [bytes([number]) * 20 for number in (0x64, 0x94, 0xAE, 0xC7)]
QBFT_MIX_HASH = b"ctical byzantine fault tolerance"
"""By which Besu knows a block of QBFT: 32 letters of the algorithm's name."""


@pytest.fixture
def operator_file() -> dict:
    return json.loads((FILES / "qbft.json").read_text())


def extra_data(validators: list[bytes]) -> bytes:
    """What `besu operator generate-blockchain-config` adds: vanity, validators, votes, round, seals."""
    return rlp.encode([bytes(32), validators, [], 0, []])


def test_the_extra_data_has_the_documented_form() -> None:
    head, tail = "f87aa0" + "00" * 32 + "f854", "c080c0"
    middle = "".join("94" + address.hex() for address in VALIDATORS)
    assert extra_data(VALIDATORS).hex() == head + middle + tail


def test_the_first_block(operator_file: dict) -> None:
    genesis = operator_file["genesis"]
    assert bytes.fromhex(genesis["mixHash"][2:]) == QBFT_MIX_HASH
    assert genesis["config"]["londonBlock"] == 0  # the contract is compiled for London
    assert genesis["config"]["zeroBaseFee"] is True
    assert genesis["alloc"] == {}
    assert operator_file["blockchain"]["nodes"]["count"] == 4  # of which one may fail: QBFT wants 3 f + 1


def test_the_files_agree(operator_file: dict, tmp_path: Path) -> None:
    besu = tomllib.loads((FILES / "besu.toml").read_text())
    config = parse_config(tomllib.loads((FILES / "gateway.toml").read_text()), tmp_path)
    assert config.chain_id == operator_file["genesis"]["config"]["chainId"]
    assert config.ledger is not None
    assert config.ledger.urls == (f"http://{besu['rpc-http-host']}:{besu['rpc-http-port']}",)
    assert besu["min-gas-price"] == 0
    assert {"ETH", "NET", "WEB3", "DEBUG"} <= set(besu["rpc-http-api"])


@pytest.fixture
def free_ledger(operator_file: dict, tmp_path: Path) -> Iterator[Engine]:
    """anvil on the first block of the Besu network, where gas costs nothing and nobody owns anything."""
    try:
        npm_tool("anvil")
    except ToolMissingError as error:
        pytest.skip(str(error))
    genesis = operator_file["genesis"] | {"extraData": "0x" + extra_data(VALIDATORS).hex()}
    path = tmp_path / "genesis.json"
    path.write_text(json.dumps(genesis))
    with anvil(tmp_path, genesis["config"]["chainId"], None, genesis=path) as engine:
        yield engine


def test_an_account_without_funds_deploys_where_gas_costs_nothing(free_ledger: Engine) -> None:
    relayer = Relayer(ec.generate_private_key(ec.SECP256K1()))
    with LedgerClient(free_ledger.url) as client:
        registry = Registry.deploy(client, relayer, "besu")
        domain = Domain(client.chain_id(), registry.contract, "besu")
        tell(Bringer(registry, relayer, domain))
        assert client.balance(relayer.address) == 0


def test_a_gateway_without_funds_relays_where_gas_costs_nothing(free_ledger: Engine, tmp_path: Path) -> None:
    """The gateway as it is configured for Besu, but for its places."""
    settings = tomllib.loads((FILES / "gateway.toml").read_text())
    kiosk = KioskKey()
    assert ridgekey("gateway", "init", "--state", str(tmp_path / "state")).returncode == 0
    with broker.start(tmp_path / "broker") as wire:
        config = write_config(
            tmp_path, wire.url, [kiosk],
            ledger=free_ledger.url, chain_id=settings["chain_id"], confirmations=settings["confirmations"],
        )  # fmt: skip
        gateway = RunningGateway(config)
        kiosk_on_wire = WireKiosk(wire.port, kiosk, gateway.key)
        people = [Person() for _ in range(3)]
        for person in people:
            kiosk_on_wire.publish(person.message(person.enrol(), gateway.domain).sign(kiosk.key))
        receipts = [kiosk_on_wire.receipts.get(timeout=60) for _ in people]
        kiosk_on_wire.close()
        code, words = gateway.stop()
    assert [receipt.status for receipt in receipts] == [ReceiptStatus.FINAL] * len(people)
    assert (code, words) == (0, "")
