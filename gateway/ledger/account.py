"""The relayer: the account that pays for transactions; it never signs for a person.

What a transaction carries was signed by the person it concerns; whoever takes the relayer's key can spend
its funds and delay consents, and can forge none.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from eth_account import Account
from eth_account.signers.local import LocalAccount

from contracts.hexes import checksum_address, to_hex
from gateway import keyfiles

KEY_FILE = "relayer.pem"
"""Name of the relayer's key in a state directory."""

DYNAMIC_FEE = 2
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


class Relayer:
    """A secp256k1 account that signs EIP-1559 transactions."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._account: LocalAccount = Account.from_key(
            key.private_numbers().private_value.to_bytes(32, "big")
        )

    def __repr__(self) -> str:
        return f"Relayer({self._account.address})"

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
        return bytes.fromhex(self._account.address[2:])

    def sign(
        self, *, chain_id: int, nonce: int, to: bytes | None, data: bytes, gas: int, fees: Fees
    ) -> SignedTransaction:
        """Sign a transaction that carries no value; `to` is None to create a contract."""
        fields: dict[str, Any] = {
            "type": DYNAMIC_FEE,
            "chainId": chain_id,
            "nonce": nonce,
            "data": to_hex(data),
            "gas": gas,
            "maxFeePerGas": fees.most,
            "maxPriorityFeePerGas": fees.tip,
            "value": 0,
        }
        if to is not None:
            fields["to"] = checksum_address(to)
        signed = self._account.sign_transaction(fields)
        return SignedTransaction(bytes(signed.hash), bytes(signed.raw_transaction))
