"""EAS (Ethereum Attestation Service): a consent as an attestation that its person signed and another submits.

The same is told as in our grant: whom, for what, until when, the sealed key. EAS stores the whole
attestation, so that contracts can read it; we store one word and leave the rest to the events.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eth_abi.abi import encode

from contracts.keccak import keccak256
from contracts.struct import SEALED_KEY_LENGTH
from hw.bench.crowd.account import Account
from hw.bench.gas.artifacts import Package, contract, fetch
from hw.bench.gas.evm import DEADLINE, EXPIRY, Evm, encode_call

PACKAGE = Package(
    "@ethereum-attestation-service/eas-contracts@1.4.1",
    "ethereum-attestation-service-eas-contracts-1.4.1.tgz",
    "31026dad6a1ace8aa3c4431c8e4365bbf130b1b6607b4ee3941b398bd232cf9a",
)
BATCH = 20
SCHEMA = "bytes32 request,bytes32 purpose,bytes sealedKey"
NOBODY = bytes(20)

ATTEST_TYPEHASH = keccak256(
    b"Attest(address attester,bytes32 schema,address recipient,uint64 expirationTime,bool revocable,"
    b"bytes32 refUID,bytes data,uint256 value,uint256 nonce,uint64 deadline)"
)
REVOKE_TYPEHASH = keccak256(
    b"Revoke(address revoker,bytes32 schema,bytes32 uid,uint256 value,uint256 nonce,uint64 deadline)"
)

Attestation = tuple[bytes, int, bool, bytes, bytes, int]
"""Recipient, expiration, whether it can be revoked, an attestation that it refers to, data, value."""


class Bench:
    """EAS on an EVM with one schema."""

    def __init__(self, evm: Evm, tarball: Path) -> None:
        folder = "package/artifacts/contracts"
        schemas = contract(tarball, f"{folder}/SchemaRegistry.sol/SchemaRegistry.json")
        eas = contract(tarball, f"{folder}/EAS.sol/EAS.json")
        self._evm, self._abi = evm, eas["abi"]
        registry, _ = evm.deploy(_code(schemas))
        self._address, self.deployment = evm.deploy(_code(eas) + registry.rjust(32, b"\0"))
        _, self._schema = evm.ask(registry, encode_call(schemas["abi"], "register", SCHEMA, NOBODY, True))
        _, self._separator = evm.ask(self._address, encode_call(self._abi, "getDomainSeparator"))
        self._nonces: dict[bytes, int] = {}

    def attest(self, person: Account, *, sealed: bool = True) -> tuple[bytes, int]:
        """An attestation's id, and its gas; not `sealed` has a hash where the sealed key would be."""
        attestation = _attestation(person, sealed=sealed)
        signed = (self._schema, attestation, self._sign_attestation(person, attestation))
        call = encode_call(self._abi, "attestByDelegation", (*signed, person.address, DEADLINE))
        gas, uid = self._evm.ask(self._address, call)
        return uid, gas

    def revoke(self, person: Account, uid: bytes) -> int:
        """Gas of revoking an attestation."""
        values = (person.address, self._schema, uid, 0, self._nonce(person), DEADLINE)
        types = ["address", "bytes32", "bytes32", "uint256", "uint256", "uint64"]
        signature = self._sign(person, REVOKE_TYPEHASH + encode(types, values))
        revocation = (self._schema, (uid, 0), signature, person.address, DEADLINE)
        return self._evm.send(self._address, encode_call(self._abi, "revokeByDelegation", revocation))

    def batch(self, people: Sequence[Account], each: int) -> float:
        """Gas of each attestation where these people attest `each` times in one transaction."""
        requests = []
        for person in people:
            attestations = [_attestation(person)] * each
            signatures = [self._sign_attestation(person, attestation) for attestation in attestations]
            requests.append((self._schema, attestations, signatures, person.address, DEADLINE))
        gas = self._evm.send(self._address, encode_call(self._abi, "multiAttestByDelegation", requests))
        return gas / (len(people) * each)

    def _sign_attestation(self, person: Account, attestation: Attestation) -> tuple[int, bytes, bytes]:
        recipient, expiration, revocable, refers_to, data, value = attestation
        told = (recipient, expiration, revocable, refers_to, keccak256(data), value)
        values = (person.address, self._schema, *told, self._nonce(person), DEADLINE)
        types = ["address", "bytes32", "address", "uint64", "bool", "bytes32", "bytes32", "uint256"]
        return self._sign(person, ATTEST_TYPEHASH + encode([*types, "uint256", "uint64"], values))

    def _sign(self, person: Account, encoded: bytes) -> tuple[int, bytes, bytes]:
        signature = person.sign(keccak256(b"\x19\x01" + self._separator + keccak256(encoded)))
        return signature[64], signature[:32], signature[32:64]

    def _nonce(self, person: Account) -> int:
        nonce = self._nonces.get(person.address, 0)
        self._nonces[person.address] = nonce + 1
        return nonce


def measure(evm: Evm, cache: Path) -> Mapping[str, int]:
    """Gas by figure, in steady state: each person has attested before.

    Raises:
        PeerMissingError: the package cannot be had.
    """
    bench = Bench(evm, fetch(PACKAGE, cache))
    people = [Account(f"bench gas {number}") for number in range(40, 40 + BATCH)]
    for person in people:
        bench.attest(person)
    uid, grant = bench.attest(people[0])
    _, hashed = bench.attest(people[0], sealed=False)
    return {
        "gas_deploy": bench.deployment,
        "gas_grant": grant,
        "gas_grant_hashed": hashed,
        "gas_withdraw": bench.revoke(people[0], uid),
        "gas_batch_distinct": round(bench.batch(people, 1)),
        "gas_batch_same": round(bench.batch(people[:1], BATCH)),
    }


def _attestation(person: Account, *, sealed: bool = True) -> Attestation:
    key = person.octets("sealed", SEALED_KEY_LENGTH if sealed else 32)
    told = [person.octets("request", 32), person.octets("purpose", 32), key]
    data = encode(["bytes32", "bytes32", "bytes"], told)
    return Account("bench gas 1").address, EXPIRY, True, bytes(32), data, 0


def _code(artifact: Mapping[str, Any]) -> bytes:
    return bytes.fromhex(artifact["bytecode"].removeprefix("0x"))
