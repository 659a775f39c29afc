"""What a gateway stands on: its state directory to itself, a ledger, and the contract on it."""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.eip712 import Domain
from contracts.hexes import checksum_address, to_hex
from contracts.labels import clean
from gateway.config import ConfigError, GatewayConfig
from gateway.deploying import Deployment
from gateway.journal import Journal
from gateway.ledger.account import Relayer
from gateway.ledger.client import LedgerClient
from gateway.ledger.errors import QuestionError
from gateway.ledger.registry import Registry
from gateway.ledger.search import first_block_of
from gateway.node_process import NodeProcess

LOG = logging.getLogger(__name__)

CONTRACT = "contract"
"""Fact in the journal, with the chain: what this gateway deployed there."""

DOMAIN = "domain"
"""Fact in a shared journal: what all who share it serve."""


@contextmanager
def alone_in(state: Path) -> Iterator[None]:
    """Hold the lock of a state directory: two gateways with its relayers would take the same nonces.

    Raises:
        ConfigError: Another gateway has it, or the directory can't be written.
    """
    try:
        with (state / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
    except BlockingIOError:
        raise ConfigError(f"another gateway runs on {state}; stop it first") from None
    except OSError as error:
        raise ConfigError(f"cannot write in the state directory {state}: {error.strerror}") from None


def embedded_ledger(config: GatewayConfig, funded: bytes) -> NodeProcess:
    """A ledger of the gateway's own, started.

    Args:
        config: The gateway's.
        funded: Address that owns the funds of a new ledger.

    Raises:
        NodeProcessError: It doesn't start.
    """
    return NodeProcess(config.state / "ledger", config.ledger_listen, config.chain_id, funded)


def contract_of(config: GatewayConfig, client: LedgerClient, journal: Journal, relayer: Relayer) -> Registry:
    """The contract of the configuration, or the one deployed at the first run; checked to be ours.

    Raises:
        LedgerError: The ledger is of another chain, can't be asked, or has another contract there.
    """
    if config.chain_id is not None:
        client.check_chain(config.chain_id)
    deployed = f"{CONTRACT} on chain {client.chain_id()}"
    address = config.contract or journal.fact(deployed)
    if address is None:
        deployment = Deployment(client, journal, relayer, config.relay)
        registry, receipt = deployment.begin(config.environment)
        with journal.together():
            journal.remember(deployed, registry.contract)
            journal.remember(_first_block(registry), str(registry.first_block).encode())
            deployment.conclude(receipt)
        return registry
    registry = Registry(client, address)
    registry.check(config.environment)
    registry.first_block = _looked_up(registry, journal)
    return registry


def _first_block(registry: Registry) -> str:
    """Name of the fact in the journal that says from which block on a contract may have events."""
    return f"first block of {to_hex(registry.contract)} on chain {registry.client.chain_id()}"


def _looked_up(registry: Registry, journal: Journal) -> int:
    name = _first_block(registry)
    known = journal.fact(name)
    if known is not None:
        return int(known)
    try:
        found = first_block_of(registry.client, registry.contract, registry.client.block_number())
    except QuestionError as error:
        LOG.info("searches for an event may go back to block 0, as the node keeps no old states: %s", error)
        return 0
    journal.remember(name, str(found).encode())
    return found


def agree(journal: Journal, domain: Domain) -> None:
    """Enter a shared journal: whoever takes over an act must be able to bring it where it belongs.

    Raises:
        ConfigError: The journal is of another environment, chain or contract.
    """
    own = f"{domain.environment}, chain {domain.chain_id}, contract {checksum_address(domain.contract)}"
    known = journal.fact(DOMAIN)
    if known is None:
        journal.remember(DOMAIN, own.encode())
    elif known != own.encode():
        raise ConfigError(
            f"the shared journal is of {clean(known.decode(), 200)}, and this gateway of {own};"
            " give it another database"
        )
