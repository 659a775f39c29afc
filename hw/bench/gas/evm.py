"""An EVM in this process, with one open block."""

from collections.abc import Mapping, Sequence
from typing import Any

from eth.chains.base import MiningChain
from eth.consensus.applier import ConsensusApplier
from eth.consensus.noproof import NoProofConsensus
from eth.db.atomic import AtomicDB
from eth.vm.forks.prague import PragueVM
from eth_abi.abi import encode
from eth_keys.datatypes import PrivateKey as PayersKey
from eth_typing import Address

from contracts.keccak import keccak256
from contracts.registry import signature_of
from hw.bench.crowd.account import Account
from hw.errors import BenchError

CHAIN_ID = 31337
NOW = 1_800_000_000
DEADLINE = NOW + 600
EXPIRY = NOW + 86_400
BLOCK_GAS = 10**9
TRANSACTION_GAS = 12_000_000
GAS_PRICE = 10**10

Abi = Sequence[Mapping[str, Any]]


class RevertedCallError(BenchError):
    """A contract refused what the benchmark asked of it."""


class Evm:
    """The chain's rules are Prague's; one account pays for every transaction."""

    def __init__(self) -> None:
        vms = ConsensusApplier(NoProofConsensus).amend_vm_configuration(((0, PragueVM),))
        # py-evm types what all chains have, and not what one that mines has besides.
        chain: Any = type("BenchChain", (MiningChain,), {"chain_id": CHAIN_ID, "vm_configuration": vms})
        payer = Account("bench gas 0")
        self._payer = PayersKey(payer.seed)
        rich = {"balance": 10**30, "nonce": 0, "code": b"", "storage": {}}
        genesis = {"difficulty": 0, "gas_limit": BLOCK_GAS, "timestamp": NOW - 1, "extra_data": b""}
        self._chain = chain.from_genesis(AtomicDB(), genesis, {payer.address: rich})
        self._nonce = 0

    def deploy(self, code: bytes) -> tuple[bytes, int]:
        """Address of a new contract, and the gas of its deployment."""
        address, gas, _ = self._transact(b"", code)
        return address, gas

    def send(self, to: bytes, data: bytes) -> int:
        """Gas of a transaction, calldata included.

        Raises:
            RevertedCallError: the contract refuses.
        """
        return self.ask(to, data)[0]

    def ask(self, to: bytes, data: bytes) -> tuple[int, bytes]:
        """Gas of a transaction, and what the contract answered."""
        _, gas, output = self._transact(to, data)
        return gas, output

    def _transact(self, to: bytes, data: bytes) -> tuple[bytes, int, bytes]:
        self._chain.set_header_timestamp(NOW)
        vm = self._chain.get_vm()
        transaction = vm.create_unsigned_transaction(
            nonce=self._nonce, gas_price=GAS_PRICE, gas=TRANSACTION_GAS, to=Address(to), value=0, data=data
        ).as_signed_transaction(self._payer, CHAIN_ID)
        receipt, computation = vm.apply_transaction(self._chain.header, transaction)
        vm.state.persist()
        # Only the state moves on: the block is never sealed, so that every act is one of a single time.
        self._chain.header = self._chain.header.copy(state_root=vm.state.state_root)
        self._nonce += 1
        if computation.is_error:
            raise RevertedCallError(f"a contract refused the benchmark's call: 0x{computation.output.hex()}")
        return computation.msg.storage_address, receipt.gas_used, bytes(computation.output)


def encode_call(abi: Abi, name: str, *arguments: object) -> bytes:
    """Call data for the function of this name."""
    entry = next(entry for entry in abi if entry["type"] == "function" and entry["name"] == name)
    types = [signature_of({"name": "", "inputs": [parameter]})[1:-1] for parameter in entry["inputs"]]
    return keccak256(signature_of(entry).encode())[:4] + encode(types, arguments)
