"""Typed structured data after EIP-712: the domain that ties a signature to one contract on one ledger."""

from dataclasses import dataclass
from functools import lru_cache

from contracts.errors import MalformedError
from contracts.hexes import ADDRESS_LENGTH
from contracts.keccak import keccak256

NAME = "ridgekey"
VERSION = "1"
MAX_ENVIRONMENT = 64
"""Characters in the name of an environment, such as "demo" or "city-of-x/production"."""

FEW_DEPLOYMENTS = 16
"""Whose hashes are remembered, not made anew for each message: a process works for one or two, and whoever
names more must not fill its memory."""

DOMAIN_TYPE = (
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
)
DOMAIN_TYPE_HASH = keccak256(DOMAIN_TYPE.encode("ascii"))


def word(value: int) -> bytes:
    """An unsigned integer as the 32 bytes, big-endian, in which EIP-712 encodes atomic values."""
    return value.to_bytes(32, "big")


@lru_cache(FEW_DEPLOYMENTS)
def environment_salt(environment: str) -> bytes:
    """The domain's salt: one deployment's consents mean nothing in another, even on the same ledger."""
    if not 0 < len(environment) <= MAX_ENVIRONMENT:
        raise MalformedError(
            f"an environment's name has 1 to {MAX_ENVIRONMENT} characters, got {len(environment)}"
        )
    return keccak256(environment.encode("utf-8"))


@dataclass(frozen=True, slots=True)
class Domain:
    """Where a signature counts: this contract, on this chain, in this environment.

    Attributes:
        chain_id: the ledger's chain id, as in EIP-155.
        contract: address of the registry, 20 bytes.
        environment: name of the deployment, hashed into the domain's salt.
    """

    chain_id: int
    contract: bytes
    environment: str

    def __post_init__(self) -> None:
        if not 0 <= self.chain_id < 2**256 or len(self.contract) != ADDRESS_LENGTH:
            raise MalformedError("a domain has a chain id of 256 bits and a contract address of 20 bytes")
        environment_salt(self.environment)

    def separator(self) -> bytes:
        """The domain separator (EIP-712, "Definition of domainSeparator"), 32 bytes."""
        return _separator(self)


@lru_cache(FEW_DEPLOYMENTS)
def _separator(domain: Domain) -> bytes:
    """Of few domains many signatures are checked, and these hashes are half the work of a digest."""
    return keccak256(
        DOMAIN_TYPE_HASH
        + keccak256(NAME.encode("ascii"))
        + keccak256(VERSION.encode("ascii"))
        + word(domain.chain_id)
        + domain.contract.rjust(32, b"\0")
        + environment_salt(domain.environment)
    )


def typed_digest(domain: Domain, hash_struct: bytes) -> bytes:
    """The 32 bytes that are signed: keccak256 of 0x19 0x01, the domain separator and the struct's hash."""
    return keccak256(b"\x19\x01" + domain.separator() + hash_struct)
