"""A ledger with a history, written straight into the embedded node's own store: minutes become seconds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from contracts import registry
from contracts.acts import Act, Request
from contracts.eip712 import Domain
from contracts.registry import MAX_BATCH
from gateway.ledger.account import Fees, Relayer
from gateway.ledger.node.chain import Chain
from gateway.ledger.node.run import LEDGER_FILE
from gateway.ledger.node.store import Store
from hw.bench.crowd.account import Account
from hw.bench.gas.evm import encode_call
from hw.errors import BenchError

CHAIN_ID = 20_022
ENVIRONMENT = "bench"
BATCH_GAS = 12_000_000
FEES = Fees(most=10**11, tip=0)


class RefusedTransactionError(BenchError):
    """The ledger did not take a transaction of the benchmark whole."""


@dataclass(frozen=True, slots=True)
class Signed:
    """An act, who signs it, and the request that a grant goes with."""

    signer: Account
    act: Act
    asked: Request | None = None


class Ledger:
    """The embedded node's chain in a directory, and the contract on it; used in a `with`.

    Args:
        state: the node's directory.
        relayer: owns the funds and sends the transactions.
    """

    def __init__(self, state: Path, relayer: Relayer) -> None:
        """Begin a chain and deploy the contract."""
        self._file, self._relayer, self.nonce = state / LEDGER_FILE, relayer, 0
        self._open()
        contract = self._transact(None, registry.deployment_code(ENVIRONMENT))
        if contract is None:
            raise RefusedTransactionError("the ledger created no contract")
        self.contract: bytes = contract
        self.domain = Domain(CHAIN_ID, contract, ENVIRONMENT)

    def write(self, acts: Iterable[Signed], progress: Callable[[int], None] = lambda _: None) -> int:
        """Execute acts, in batches as full as can be; the number of acts.

        Args:
            acts: in the order of the ledger.
            progress: called with the number of acts so far.

        Raises:
            RefusedTransactionError: the contract refused a batch.
        """
        written = 0
        for part in batched_calls(acts, self.domain, MAX_BATCH):
            self._transact(self.contract, part.data)
            written += part.count
            progress(written)
        return written

    def sign(self, data: bytes, nonce: int) -> bytes:
        """A raw transaction of the relayer to the contract."""
        return self._relayer.sign(
            chain_id=CHAIN_ID, nonce=nonce, to=self.contract, data=data, gas=BATCH_GAS, fees=FEES
        ).raw

    def settle(self) -> None:
        """Bring everything into the one file, so that it can be copied."""
        self._store.close()
        self._open()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()

    def _open(self) -> None:
        self._store = Store(self._file)
        self._chain = Chain(self._store, CHAIN_ID, (self._relayer.address,))

    def _transact(self, to: bytes | None, data: bytes) -> bytes | None:
        signed = self._relayer.sign(
            chain_id=CHAIN_ID, nonce=self.nonce, to=to, data=data, gas=BATCH_GAS, fees=FEES
        )
        mined = self._chain.send(signed.raw)
        if not mined.succeeded:
            raise RefusedTransactionError("the contract refused a transaction of the benchmark")
        self.nonce += 1
        return mined.contract


@dataclass(frozen=True, slots=True)
class Batch:
    """Call data, and how many acts are in it."""

    data: bytes
    count: int


def batched_calls(acts: Iterable[Signed], domain: Domain, size: int) -> Iterable[Batch]:
    """Call data that brings so many acts at a time; one alone goes without the batch around it."""
    waiting = iter(acts)
    while part := list(islice(waiting, size)):
        calls = [_call(signed, domain) for signed in part]
        if len(calls) == 1:
            yield Batch(calls[0], 1)
        else:
            name, arguments = registry.batch_arguments(calls)
            yield Batch(encode_call(registry.ABI, name, *arguments), len(calls))


def _call(signed: Signed, domain: Domain) -> bytes:
    signature = signed.signer.sign(signed.act.digest(domain))
    name, arguments = registry.call_arguments(signed.act, signature, signed.asked)
    return encode_call(registry.ABI, name, *arguments)
