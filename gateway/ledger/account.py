"""The relayer: the account that pays for transactions; it never signs for a person.

What a transaction carries was signed by the person it concerns; whoever takes the relayer's key can spend
its funds and delay consents, and can forge none.
"""

from dataclasses import dataclass
from pathlib import Path

import rlp  # type: ignore[import-untyped]  # rlp ships no types
from coincurve import PrivateKey
from cryptography.hazmat.primitives.asymmetric import ec

from contracts.hexes import checksum_address
from contracts.keccak import keccak256
from gateway import keyfiles

KEY_FILE = "relayer.pem"
"""Name of the relayer's key in a state directory."""

DYNAMIC_FEE = b"\x02"
"""EIP-2718 type of the transactions made here (EIP-1559)."""


@dataclass(frozen=True, slots=True)
class Fees:
    """What a transaction offers, in wei per gas: at most `most` in all, `tip` of it beyond the base fee."""

    most: int
    tip: int


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction ready to be sent, any number of times: the same bytes are the same transaction."""

    hash: bytes
    raw: bytes


def nonce_of(raw: bytes) -> int:
    """The nonce of a transaction that a `Relayer` has signed."""
    return int.from_bytes(rlp.decode(raw.removeprefix(DYNAMIC_FEE))[1], "big")


def contract_address(sender: bytes, nonce: int) -> bytes:
    """Address of what an account's transaction of this nonce creates (yellow paper, section 7)."""
    return keccak256(rlp.encode([sender, nonce]))[-20:]


class Relayer:
    """A secp256k1 account that signs EIP-1559 transactions."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = PrivateKey.from_int(key.private_numbers().private_value)
        self._address = keccak256(self._key.public_key.format(compressed=False)[1:])[-20:]

    def __repr__(self) -> str:
        return f"Relayer({checksum_address(self._address)})"

    @classmethod
    def create(cls, path: Path) -> "Relayer":
        """Make a new account and write its key to a new file of mode 0600.

        Raises:
            KeyFileError: the file exists or cannot be written.
        """
        key = ec.generate_private_key(ec.SECP256K1())
        keyfiles.create(path, key)
        return cls(key)

    @classmethod
    def load(cls, path: Path) -> "Relayer":
        """Read the account's key.

        Raises:
            KeyFileError: no such file, readable by others, or not such a key.
        """
        remedy = "`ridgekey ledger run` and `ridgekey gateway init` make one"
        key = keyfiles.load(path, ec.EllipticCurvePrivateKey, remedy)
        if not isinstance(key.curve, ec.SECP256K1):
            raise keyfiles.KeyFileError(f"{path} holds a key on {key.curve.name}, not on secp256k1")
        return cls(key)

    @property
    def address(self) -> bytes:
        """The account's address, 20 bytes."""
        return self._address

    def sign(
        self,
        *,
        chain_id: int,
        nonce: int,
        to: bytes | None,
        data: bytes,
        gas: int,
        fees: Fees,
        value: int = 0,
    ) -> SignedTransaction:
        """Sign a transaction; `to` is None to create a contract, `value` is in wei.

        EIP-1559: 0x02 ‖ rlp([chain id, nonce, tip, most, gas, to, value, data, access list, v, r, s]).
        """
        fields = [chain_id, nonce, fees.tip, fees.most, gas, to or b"", value, data, []]
        digest = keccak256(DYNAMIC_FEE + rlp.encode(fields))
        signature = self._key.sign_recoverable(digest, hasher=None)  # RFC 6979, low s
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        raw = DYNAMIC_FEE + rlp.encode([*fields, signature[64], r, s])
        return SignedTransaction(keccak256(raw), raw)
