"""A network of geth nodes that seal blocks in turn by proof of authority (clique, EIP-225), on this machine.

Each node has a key of its own and may seal; a node that sealed must let half of the others go first. So a
node that is cut off alone seals one block more and then waits: what hung on that block is undone when it
comes back.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from contracts.hexes import checksum_address, to_hex
from contracts.signing import address_of, compressed
from gateway.ledger.client import LedgerClient
from gateway.ledger.errors import LedgerError
from gateway.ledger.node.rules import BLOCK_GAS, FIRST_BASE_FEE, FUNDS
from hw.broker import free_port
from hw.engines.engine import HOST, START_SECONDS, Engine, last_words
from hw.engines.tools import FOLDER, geth
from hw.errors import UnavailableError

CHAIN_ID = 20_023
"""Free in the public list of chains, and another than the embedded ledger's."""

BLOCK_SECONDS = 1
"""The shortest time between two blocks that clique has."""

PATIENCE_SECONDS = 120.0
"""For the nodes to find each other and to agree; a few blocks do on a quiet machine."""

POLL_SECONDS = 0.1
PASSWORD = "tests"  # noqa: S105 - of keys that live as long as a test
VANITY, SEAL = 32, 65
"""Bytes before and after the signers in a genesis block's extra data (EIP-225)."""

FORKS = (
    "homesteadBlock", "eip150Block", "eip155Block", "eip158Block", "byzantiumBlock", "constantinopleBlock",
    "petersburgBlock", "istanbulBlock", "berlinBlock", "londonBlock",
)  # fmt: skip
"""All that clique knows of; the later ones need a beacon chain."""


def confirmations(signers: int) -> int:
    """Blocks after which a transaction may count as final among so many signers.

    Each may seal one of N // 2 + 1 blocks that follow one another (EIP-225): so a part that is cut off with
    fewer signers than that gets stuck after at most N // 2 blocks, which are undone. On top of that come the
    blocks that are sealed out of turn and lose against those in turn, on a slow network some in a row.
    """
    return signers + 1


@dataclass(frozen=True)
class Signer:
    """The key of a node, by which it seals blocks."""

    key: ec.EllipticCurvePrivateKey

    @property
    def address(self) -> bytes:
        """Of the account."""
        return address_of(compressed(self.key.public_key()))

    @property
    def secret(self) -> str:
        """As `geth account import` reads it."""
        return f"{self.key.private_numbers().private_value:064x}"


def genesis(signers: Sequence[bytes], funded: bytes) -> dict[str, Any]:
    """The first block: who may seal, and who owns funds."""
    extra = bytes(VANITY) + b"".join(sorted(signers)) + bytes(SEAL)
    return {
        "config": {
            "chainId": CHAIN_ID,
            **dict.fromkeys(FORKS, 0),
            "clique": {"period": BLOCK_SECONDS, "epoch": 30_000},
        },
        "difficulty": "0x1",
        "gasLimit": hex(BLOCK_GAS),
        "baseFeePerGas": hex(FIRST_BASE_FEE),
        "extraData": to_hex(extra),
        "alloc": {checksum_address(funded): {"balance": hex(FUNDS)}},
    }


class GethNode(Engine):
    """One node of the network, with its own files, account and ports."""

    def __init__(self, program: Path, home: Path, signer: Signer, first_block: Path) -> None:
        """Make the node's files; it does not run before `start`.

        Raises:
            UnavailableError: geth does not make them.
        """
        home.mkdir()
        (home / "password").write_text(PASSWORD)
        (home / "signer.key").write_text(signer.secret)
        port = free_port()
        address = checksum_address(signer.address)
        super().__init__(home.name, [
            program, "--datadir", home, "--networkid", str(CHAIN_ID), "--verbosity", "3",
            "--http", "--http.addr", HOST, "--http.port", str(port), "--http.api", "eth,net,web3,admin",
            "--port", str(free_port()), "--nodiscover", "--nat", "none", "--netrestrict", "127.0.0.0/8",
            "--ipcdisable", "--authrpc.port", str(free_port()), "--maxpeers", "10",
            # Every block's state is on the disk, or a killed node would begin again at the first block.
            "--syncmode", "full", "--gcmode", "archive", "--state.scheme", "hash", "--cache", "64",
            "--mine", "--miner.etherbase", address, "--miner.gasprice", "0", "--txpool.pricelimit", "1",
            "--unlock", address, "--password", home / "password", "--allow-insecure-unlock",
        ], port, home / "geth.log")  # fmt: skip
        self._prepare([program, "--datadir", home, "init", "--state.scheme", "hash", first_block])
        self._prepare([
            program, "account", "import", "--datadir", home, "--lightkdf", "--password", home / "password",
            home / "signer.key",
        ])  # fmt: skip

    def client(self) -> LedgerClient:
        """A client of this node alone."""
        return LedgerClient(self.url)

    def enode(self) -> str:
        """Where other nodes reach it."""
        with self.client() as client:
            whole = str(client.request("admin_nodeInfo")["enode"])
        return whole.partition("?")[0]

    def peers(self) -> int:
        """How many nodes it is connected to."""
        with self.client() as client:
            return int(str(client.request("net_peerCount")), 16)

    def admin(self, method: str, *params: object) -> None:
        """Call one of geth's methods for its operator."""
        with self.client() as client:
            client.request(f"admin_{method}", *params)

    def _prepare(self, command: Sequence[str | Path]) -> None:
        words = [str(word) for word in command]
        with self.log.open("ab") as output:
            done = subprocess.run(
                words, stdout=output, stderr=subprocess.STDOUT, timeout=START_SECONDS, check=False
            )
        if done.returncode:
            raise UnavailableError(f"geth does not make the files of {self.name}: {last_words(self.log)}")


class Network:
    """Running nodes that know each other."""

    def __init__(self, nodes: Sequence[GethNode]) -> None:
        self.nodes = tuple(nodes)

    @property
    def running(self) -> list[GethNode]:
        """The nodes that were not killed."""
        return [node for node in self.nodes if node.is_running]

    def connect(self) -> None:
        """Have every two running nodes connected.

        Raises:
            UnavailableError: they do not find each other.
        """
        enodes = {node.name: node.enode() for node in self.running}

        def call_each_other() -> bool:
            for node in self.running:
                for name, enode in enodes.items():
                    if name != node.name:
                        node.admin("addPeer", enode)
            return all(node.peers() == len(enodes) - 1 for node in self.running)

        wait_until(call_each_other, "the nodes find each other")

    def cut_off(self, node: GethNode) -> None:
        """Take a running node's connections away; it and the others go on, each for themselves."""
        others = [other for other in self.running if other is not node]
        enode = node.enode()

        def is_alone() -> bool:
            for other in others:
                node.admin("removePeer", other.enode())
                other.admin("removePeer", enode)
            return node.peers() == 0

        wait_until(is_alone, f"{node.name} is cut off")

    def agree(self) -> int:
        """Wait until all running nodes have the same block at the height of the lowest; that height."""
        height = 0

        def is_one() -> bool:
            nonlocal height
            height = min(head(node) for node in self.running)
            return len({block_hash(node, height) for node in self.running}) == 1

        wait_until(is_one, "the nodes agree")
        return height

    def wait_for_blocks(self, node: GethNode, count: int) -> int:
        """Wait until a node is so many blocks further; its height."""
        goal = head(node) + count
        wait_until(lambda: head(node) >= goal, f"{node.name} has {count} more blocks")
        return goal


@contextmanager
def network(directory: Path, size: int, funded: bytes, tools: Path = FOLDER) -> Iterator[Network]:
    """Running nodes, connected, sealing blocks.

    Args:
        directory: of their files; the path is short enough for geth, any is.
        size: how many.
        funded: the address that owns funds.
        tools: where the program is kept.

    Raises:
        ToolMissingError: geth cannot be had.
        UnavailableError: a node does not start, or they do not find each other.
    """
    program = geth(tools)
    signers = [Signer(ec.generate_private_key(ec.SECP256K1())) for _ in range(size)]
    first_block = directory / "genesis.json"
    first_block.write_text(json.dumps(genesis([signer.address for signer in signers], funded)))
    nodes: list[GethNode] = []
    try:
        for number, signer in enumerate(signers):
            nodes.append(GethNode(program, directory / f"geth{number}", signer, first_block))
            nodes[-1].start()
        joined = Network(nodes)
        joined.connect()
        joined.agree()
        yield joined
    finally:
        for node in nodes:
            node.stop()


def head(node: GethNode) -> int:
    """Number of a node's newest block."""
    with node.client() as client:
        return client.block_number()


def block_hash(node: GethNode, number: int) -> bytes | None:
    """Hash of a node's block of that number."""
    with node.client() as client:
        block = client.block(number)
    return None if block is None else block.hash


def wait_until(condition: Callable[[], bool], what: str, patience: float = PATIENCE_SECONDS) -> float:
    """Wait for a condition; how many seconds it took. A node that does not answer has not met it yet.

    Raises:
        UnavailableError: it did not come in time.
    """
    start = time.monotonic()
    while True:
        try:
            if condition():
                return time.monotonic() - start
        except LedgerError:
            pass
        if time.monotonic() - start > patience:
            raise UnavailableError(f"after {patience:.0f} s it is not so that {what}")
        time.sleep(POLL_SECONDS)
