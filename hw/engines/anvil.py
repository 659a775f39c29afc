"""anvil of the Foundry tools: one node, fast and forgetful, against which the embedded ledger is compared."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.hexes import checksum_address
from gateway.ledger.client import LedgerClient
from gateway.ledger.node.rules import BLOCK_GAS, FIRST_BASE_FEE, FUNDS
from hw.broker import free_port
from hw.engines.engine import HOST, Engine
from hw.engines.tools import FOLDER, npm_tool

HARDFORK = "prague"
"""The rules of the embedded ledger; anvil's default moves on with its releases."""


@contextmanager
def anvil(
    directory: Path, chain_id: int, funded: bytes | None, *, genesis: Path | None = None, tools: Path = FOLDER
) -> Iterator[Engine]:
    """A running anvil that mines each transaction at once, as the embedded ledger does.

    Args:
        directory: of its log.
        chain_id: EIP-155 chain id.
        funded: the address that owns funds, anvil's well-known accounts being left out; None for a ledger
            on which transactions cost nothing and nobody owns anything.
        genesis: a file with the first block, in the form that geth and Besu share.
        tools: where the program is kept.

    Raises:
        ToolMissingError: it cannot be had.
        UnavailableError: it does not start.
    """
    program, port = npm_tool("anvil", tools), free_port()
    command: list[object] = [
        program, "--host", HOST, "--port", port, "--chain-id", chain_id, "--hardfork", HARDFORK,
        "--accounts", 0, "--gas-limit", BLOCK_GAS, "--quiet",
    ]  # fmt: skip
    if funded is None:
        command += ["--block-base-fee-per-gas", 0, "--gas-price", 0, "--disable-min-priority-fee"]
    else:
        command += ["--block-base-fee-per-gas", FIRST_BASE_FEE]
    if genesis is not None:
        command += ["--init", genesis]
    with Engine("anvil", [str(word) for word in command], port, directory / "anvil.log") as engine:
        if funded is not None:
            with LedgerClient(engine.url) as client:
                client.request("anvil_setBalance", checksum_address(funded), hex(FUNDS))
        yield engine
