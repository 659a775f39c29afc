"""An EVM in this process: one open block, whose time the test sets, and one account that pays for all."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from eth.abc import BlockHeaderAPI, LogAPI, VirtualMachineAPI
from eth.chains.base import MiningChain
from eth.consensus import ConsensusApplier, NoProofConsensus
from eth.db.atomic import AtomicDB
from eth.vm.forks import PragueVM
from eth_abi import decode, encode
from eth_account import Account
from eth_account.signers.local import LocalAccount

from contracts import registry
from contracts.acts import Act, Request
from contracts.eip712 import Domain
from contracts.keccak import keccak256

CHAIN_ID = 31337
NOW = 1_800_000_000
GAS_LIMIT = 10**9
TRANSACTION_GAS = 8_000_000
REVERT_SELECTOR = keccak256(b"Error(string)")[:4]


def chain_class(chain_id: int) -> type[MiningChain]:
    vms = ConsensusApplier(NoProofConsensus).amend_vm_configuration(((0, PragueVM),))
    return type("TestChain", (MiningChain,), {"chain_id": chain_id, "vm_configuration": vms})


@dataclass
class Outcome:
    """What a transaction did."""

    reason: str | None
    """None if it went through, else the text of its revert; empty if it gave none."""
    gas: int
    output: bytes
    logs: Sequence[LogAPI]


@dataclass
class Evm:
    chain_id: int = CHAIN_ID
    time: int = NOW
    payer: LocalAccount = field(default_factory=lambda: Account.from_key(b"\x01" * 32))
    nonce: int = 0

    def __post_init__(self) -> None:
        rich = {"balance": 10**30, "nonce": 0, "code": b"", "storage": {}}
        genesis = {"difficulty": 0, "gas_limit": GAS_LIMIT, "timestamp": self.time - 1, "extra_data": b""}
        state = {bytes.fromhex(self.payer.address[2:]): rich}
        self.database = AtomicDB()
        self.chain = chain_class(self.chain_id).from_genesis(self.database, genesis, state)
        self._seen: tuple[BlockHeaderAPI, VirtualMachineAPI] | None = None

    def fork(self, chain_id: int) -> "Evm":
        """The same state under another chain id."""
        other = Evm(chain_id, self.time, self.payer, self.nonce)
        other.chain = chain_class(chain_id)(self.database, self.chain.header)
        return other

    def transact(self, to: bytes, data: bytes, value: int = 0, gas: int = TRANSACTION_GAS) -> Outcome:
        fees = {"gas": gas, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1}
        signed = self.payer.sign_transaction(
            {"chainId": self.chain_id, "nonce": self.nonce, "to": to, "data": data, "value": value, **fees}
        )
        vm = self._vm_now()
        transaction = vm.get_transaction_builder().decode(bytes(signed.raw_transaction))
        receipt, computation = vm.apply_transaction(self.chain.header, transaction)
        vm.state.persist()
        # Only the state moves on: the block is never sealed, so its receipts need no trie.
        self.chain.header = self.chain.header.copy(state_root=vm.state.state_root)
        self.nonce += 1
        self.created = computation.msg.storage_address
        reason = None if computation.is_success else revert_text(computation.output)
        return Outcome(reason, receipt.gas_used, computation.output, receipt.logs)

    def snapshot(self) -> None:
        self._kept = (self.chain.header, self.nonce)

    def revert(self) -> None:
        """Back to the last snapshot."""
        self.chain.header, self.nonce = self._kept

    def look(self, contract: bytes, data: bytes) -> bytes:
        """What a call answers, without a transaction."""
        vm = self._vm_to_look_at()
        payer = bytes.fromhex(self.payer.address[2:])
        code = vm.state.get_code(contract)
        computation = vm.execute_bytecode(payer, 0, TRANSACTION_GAS, contract, payer, 0, data, code, contract)
        assert computation.is_success, revert_text(computation.output)
        return bytes(computation.output)

    def _vm_now(self) -> VirtualMachineAPI:
        self.chain.set_header_timestamp(self.time)
        return self.chain.get_vm()

    def _vm_to_look_at(self) -> VirtualMachineAPI:
        """The same one until something changes: what it has read from the state it need not read again."""
        self.chain.set_header_timestamp(self.time)
        header = self.chain.header
        if self._seen is None or self._seen[0] != header:
            self._seen = header, self.chain.get_vm()
        return self._seen[1]


def revert_text(output: bytes) -> str:
    if output[:4] != REVERT_SELECTOR:
        return ""
    (text,) = decode(["string"], output[4:])
    return text


class Registry:
    """A deployed `ConsentRegistry`, called by the ABI that is shipped."""

    def __init__(self, evm: Evm, environment: str = "tests", code: bytes | None = None) -> None:
        self.evm = evm
        deployed = evm.transact(b"", code or registry.deployment_code(environment))
        assert deployed.reason is None
        self.deployment_gas = deployed.gas
        self.address = bytes(evm.created)
        self.domain = Domain(evm.chain_id, self.address, environment)

    def on(self, evm: Evm) -> "Registry":
        """The same contract on a fork."""
        other = copy(self)
        other.evm = evm
        return other

    def call(self, name: str, *arguments: object) -> Outcome:
        return self.evm.transact(self.address, calldata(name, arguments))

    def view(self, name: str, *arguments: object) -> Any:
        output = self.evm.look(self.address, calldata(name, arguments))
        values = decode([_type(entry) for entry in registry.function(name)["outputs"]], output)
        return values[0] if len(values) == 1 else values

    def submit_batch(self, calls: Sequence[bytes]) -> Outcome:
        name, arguments = registry.batch_arguments(calls)
        return self.call(name, *arguments)

    def submit(self, act: Act, signature: bytes, request: Request | None = None) -> Outcome:
        name, arguments = registry.call_arguments(act, signature, request)
        return self.call(name, *arguments)


def calldata(name: str, arguments: Sequence[object]) -> bytes:
    types = [_type(entry) for entry in registry.function(name)["inputs"]]
    return registry.selector(name) + encode(types, arguments)


def decode_log(log: LogAPI) -> tuple[str, dict[str, Any]]:
    """Name and arguments of an event, addresses as 20 bytes."""
    topics = [topic.to_bytes(32, "big") for topic in log.topics]
    entry = next(
        entry
        for entry in registry.ABI
        if entry["type"] == "event" and registry.event_topic(entry["name"]) == topics[0]
    )
    indexed = [part for part in entry["inputs"] if part["indexed"]]
    plain = [part for part in entry["inputs"] if not part["indexed"]]
    values = {
        part["name"]: decode([part["type"]], topic)[0]
        for part, topic in zip(indexed, topics[1:], strict=True)
    }
    decoded = decode([part["type"] for part in plain], log.data)
    values |= dict(zip((part["name"] for part in plain), decoded, strict=True))
    for part in entry["inputs"]:
        if part["type"] == "address":
            values[part["name"]] = bytes.fromhex(values[part["name"]][2:])
    return entry["name"], values


def _type(parameter: dict[str, Any]) -> str:
    return registry.signature_of({"name": "", "inputs": [parameter]})[1:-1]
