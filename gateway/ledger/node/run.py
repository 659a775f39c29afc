"""Start the node: the state directory, the funded account, the chain, then HTTP until a signal ends it."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from contracts.hexes import checksum_address
from gateway import keyfiles
from gateway.ledger.account import KEY_FILE, Relayer
from gateway.ledger.node.chain import Chain
from gateway.ledger.node.methods import Methods
from gateway.ledger.node.server import listen, serve
from gateway.ledger.node.store import Store

LEDGER_FILE = "ledger.sqlite"


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """The settings of a node.

    Attributes:
        state: directory of the ledger's file and, without `funded`, of the relayer's key.
        host: where to listen.
        port: where to listen; 0 takes a free port.
        chain_id: EIP-155 chain id of a new ledger, and what an existing one must have; None for
            `DEFAULT_CHAIN_ID`, or whatever the existing one has.
        funded: addresses that own funds in a new ledger; none makes a relayer account in the state directory.
    """

    state: Path
    host: str
    port: int
    chain_id: int | None
    funded: tuple[bytes, ...]


def run(config: NodeConfig, *, as_json: bool) -> None:
    """Run until SIGTERM or Ctrl-C; prints one line once requests are answered."""
    keyfiles.make_directory(config.state)
    funded = config.funded or (_relayer(config.state).address,)
    listener = listen(config.host, config.port)
    store = Store(config.state / LEDGER_FILE)
    try:
        chain = Chain(store, config.chain_id, funded)
        url = f"http://{_bracketed(config.host)}:{listener.getsockname()[1]}"
        serve(Methods(chain), listener, lambda: _announce(chain, url, funded, as_json=as_json))
    finally:
        store.close()
        listener.close()


def _relayer(state: Path) -> Relayer:
    """The account of this directory; made at the first start, so that no two ledgers share a key."""
    path = state / KEY_FILE
    return Relayer.load(path) if path.exists() else Relayer.create(path)


def _announce(chain: Chain, url: str, funded: tuple[bytes, ...], *, as_json: bool) -> None:
    accounts, height = [checksum_address(address) for address in funded], chain.head.block_number
    if as_json:
        print(
            json.dumps({"url": url, "chain_id": chain.chain_id, "block": height, "funded": accounts}),
            flush=True,
        )
        return
    print(
        f"ledger ready at {url}: chain {chain.chain_id}, block {height}, funds at {', '.join(accounts)}",
        file=sys.stderr,
        flush=True,
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
