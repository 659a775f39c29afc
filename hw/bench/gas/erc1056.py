"""ERC-1056 (ethr-did-registry): a consent as a delegate of the person's, for a time.

It has no purpose, no sealed key and no request, checks neither a deadline nor a low s, and knows no batch.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contracts.keccak import keccak256
from hw.bench.crowd.account import Account
from hw.bench.gas.artifacts import Package, contract, fetch
from hw.bench.gas.evm import Evm, encode_call

PACKAGE = Package(
    "ethr-did-registry@1.3.0",
    "ethr-did-registry-1.3.0.tgz",
    "7b3385a371218e5d7fad8b4182309894c6684e1904da44f8ff863e9be6d90ea5",
)
DELEGATE_TYPE = keccak256(b"ridgekey.record/identity-document")
VALIDITY = 86_400


class Bench:
    """The registry on an EVM, and one person."""

    def __init__(self, evm: Evm, artifact: Mapping[str, Any]) -> None:
        self._evm, self._abi = evm, artifact["abi"]
        self._address, self.deployment = evm.deploy(bytes.fromhex(artifact["bytecode"][2:]))
        self._person = Account("bench gas 70")
        self._nonce = 0

    def add(self, delegate: Account) -> int:
        """Gas of adding a delegate."""
        validity = VALIDITY.to_bytes(32, "big")
        return self._send("addDelegate", DELEGATE_TYPE + delegate.address + validity, delegate, VALIDITY)

    def revoke(self, delegate: Account) -> int:
        """Gas of revoking a delegate."""
        return self._send("revokeDelegate", DELEGATE_TYPE + delegate.address, delegate)

    def _send(self, act: str, told: bytes, delegate: Account, *more: int) -> int:
        identity = self._person.address
        place = b"\x19\0" + self._address + self._nonce.to_bytes(32, "big") + identity
        signature = self._person.sign(keccak256(place + act.encode() + told))
        self._nonce += 1
        signed = (identity, signature[64], signature[:32], signature[32:64])
        call = encode_call(self._abi, f"{act}Signed", *signed, DELEGATE_TYPE, delegate.address, *more)
        return self._evm.send(self._address, call)


def measure(evm: Evm, cache: Path) -> Mapping[str, int]:
    """Gas by figure, in steady state: the person has added a delegate before.

    Raises:
        PeerMissingError: the package cannot be had.
    """
    folder = "package/artifacts/contracts/EthereumDIDRegistry.sol"
    bench = Bench(evm, contract(fetch(PACKAGE, cache), f"{folder}/EthereumDIDRegistry.json"))
    first, second = Account("bench gas 71"), Account("bench gas 72")
    bench.add(first)
    return {
        "gas_deploy": bench.deployment,
        "gas_grant": bench.add(second),
        "gas_withdraw": bench.revoke(second),
    }
