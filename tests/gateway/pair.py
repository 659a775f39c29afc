"""Two gateways on one broker and one ledger, and a kiosk that both of them serve."""

import json
import queue
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from eth_account import Account

from contracts.acts import Enrol
from contracts.hexes import checksum_address, from_hex
from contracts.messages import Receipt
from gateway.ledger.account import Relayer
from gateway.ledger.answers import Log
from gateway.ledger.client import LedgerClient
from gateway.ledger.events import ActEvent, decode
from gateway.ledger.registry import Registry
from gateway.node_process import NodeProcess
from hw import broker
from tests.gateway.actors import KioskKey, Person, WireKiosk
from tests.gateway.running import ENVIRONMENT, RunningGateway, run_here, write_config

CHAIN_ID = 7331
PATIENCE = 90
REPEAT_SECONDS = 3.0
"""As a kiosk's outbox repeats what it has no receipt for, only sooner."""


@dataclass
class Pair:
    """Two gateways and a kiosk between them."""

    gateways: list[RunningGateway]
    kiosk: WireKiosk
    registry: Registry
    node: NodeProcess

    def effects(self) -> int:
        """How many acts the contract has taken; what it skipped in a batch is no effect."""
        return sum(isinstance(decode(log), ActEvent) for log in self.logs())

    def logs(self) -> list[Log]:
        return self.registry.logs(0, self.registry.client.block_number())


def fund(client: LedgerClient, key: ec.EllipticCurvePrivateKey, to: str, nonce: int) -> None:
    """Give an account what transactions cost."""
    signed = Account.sign_transaction(
        {
            "chainId": CHAIN_ID, "nonce": nonce, "to": checksum_address(from_hex(to, 20)), "gas": 21_000,
            "value": 10**18, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9,
        },
        key.private_numbers().private_value.to_bytes(32),
    )  # fmt: skip
    client.send(bytes(signed.raw_transaction))


@contextmanager
def running_pair(directory: Path, **more: object) -> Iterator[Pair]:
    """Start them, with `more` in their settings; those that still run at the end must end well."""
    if shutil.which("mosquitto") is None:
        pytest.skip("amqtt knows no shared subscriptions")
    key, kiosk = ec.generate_private_key(ec.SECP256K1()), KioskKey()
    funder = Relayer(key)
    node = NodeProcess(directory / "ledger", ("127.0.0.1", 0), CHAIN_ID, funder.address)
    with LedgerClient(node.url) as client, broker.start(directory / "broker") as running:
        contract = Registry.deploy(client, funder, ENVIRONMENT).contract
        settings = {"ledger": node.url, "contract": checksum_address(contract), "shared": True, **more}
        configs = []
        for number, name in enumerate(("first", "second"), start=1):
            state = directory / name / "state"
            made = json.loads(run_here("gateway", "init", "--state", str(state), "--json").stdout)
            fund(client, key, made["relayer"], number)
            configs.append(write_config(directory / name, running.url, [kiosk], **settings))
        # Kiosks know one key for receipts; the relayers' accounts are two.
        shutil.copy(*(directory / name / "state" / "gateway.pem" for name in ("first", "second")))
        gateways = [RunningGateway(config) for config in configs]
        wire = WireKiosk(running.port, kiosk, gateways[0].key)
        try:
            yield Pair(gateways, wire, Registry(client, contract), node)
        finally:
            wire.close()
            for gateway in gateways:
                gateway.process.send_signal(signal.SIGCONT)  # where a test has failed that had stopped it
            ends = [gateway.stop() for gateway in gateways if gateway.process.poll() is None]
    node.stop()
    for code, words in ends:
        assert (code, "Traceback" in words) == (0, False), words


def deliver(pair: Pair, acts: list[tuple[Person, Enrol]], kill_after: int | None = None) -> list[Receipt]:
    """Send acts until each has a receipt; after `kill_after` of them, end the first gateway with -9."""
    domain = pair.gateways[1].domain
    waiting = {
        act.digest(domain): person.message(act, domain).sign(pair.kiosk.identity.key) for person, act in acts
    }
    receipts: list[Receipt] = []
    for message in waiting.values():
        pair.kiosk.publish(message)
    began = sent = time.monotonic()
    while waiting:
        assert time.monotonic() - began < PATIENCE, f"{len(waiting)} acts without a receipt"
        try:
            receipt = pair.kiosk.receipts.get(timeout=0.2)
        except queue.Empty:
            receipt = None
        if receipt is not None and waiting.pop(receipt.digest, None) is not None:
            receipts.append(receipt)
            if len(receipts) == kill_after:
                pair.gateways[0].kill()
        if time.monotonic() - sent > REPEAT_SECONDS:
            sent = time.monotonic()
            for message in waiting.values():
                pair.kiosk.publish(message)
    return receipts
