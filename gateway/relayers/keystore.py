"""A secp256k1 private key under a passphrase: Web3 Secret Storage, version 3, as geth and others read it.

https://ethereum.org/developers/docs/data-structures-and-encoding/web3-secret-storage: scrypt (RFC 7914)
stretches the passphrase; AES-128-CTR encrypts; Keccak-256 over the other half of the stretched key and the
ciphertext tells a wrong passphrase.
"""

import hmac
import json
import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from contracts.keccak import keccak256
from gateway.keyfiles import KeyFileError

KEY_LENGTH = 32

COST_CHOSEN = 1 << 17
"""scrypt's n for a passphrase that a person chose: 128 MiB and half a second (OWASP's least for scrypt)."""
COST_RANDOM = 1 << 12
"""For a passphrase of 256 random bits, which nobody guesses however fast: 4 MiB."""
MAX_MEMORY = 512 << 20
"""Bytes that a file may ask us to spend: geth's own take 256 MiB."""


def encrypt(key: bytes | bytearray, address: bytes, passphrase: bytes | bytearray, cost: int) -> str:
    """A private key as the text of a keystore file.

    Args:
        key: 32 bytes.
        address: Of the account, 20 bytes; it stands in the file in clear.
        passphrase: Any bytes.
        cost: scrypt's n, a power of two.
    """
    salt, iv = secrets.token_bytes(32), secrets.token_bytes(16)
    stretched = Scrypt(salt=salt, length=32, n=cost, r=8, p=1).derive(bytes(passphrase))
    ciphertext = _crypt(stretched, iv, key)
    return json.dumps(
        {
            "version": 3,
            "id": str(uuid.uuid4()),
            "address": address.hex(),
            "crypto": {
                "cipher": "aes-128-ctr",
                "cipherparams": {"iv": iv.hex()},
                "ciphertext": ciphertext.hex(),
                "kdf": "scrypt",
                "kdfparams": {"dklen": 32, "n": cost, "r": 8, "p": 1, "salt": salt.hex()},
                "mac": keccak256(stretched[16:] + ciphertext).hex(),
            },
        },
        indent=2,
    )


def decrypt(text: str | bytes, passphrase: bytes | bytearray) -> bytearray:
    """The private key in a keystore file, 32 bytes; to be wiped by the caller.

    Raises:
        KeyFileError: Not such a file, one that asks for too much, or another passphrase.
    """
    try:
        crypto = _members(json.loads(text))
        stretched = _stretch(_members(crypto["kdfparams"]), passphrase)
        ciphertext, mac = bytes.fromhex(crypto["ciphertext"]), bytes.fromhex(crypto["mac"])
        iv = bytes.fromhex(_members(crypto["cipherparams"])["iv"])
    except (ValueError, KeyError, TypeError) as error:
        raise KeyFileError(f"it is no keystore of version 3 with scrypt ({error!r})") from None
    if not hmac.compare_digest(keccak256(stretched[16:32] + ciphertext), mac):
        raise KeyFileError("the passphrase is not the one that it was encrypted with")
    if len(ciphertext) != KEY_LENGTH or len(iv) != 16:
        raise KeyFileError("it holds no private key of 32 bytes")
    return _crypt(stretched, iv, ciphertext)


def _members(value: Any) -> Mapping[str, Any]:
    """The object itself; of the outermost one its `crypto`, once version and algorithms are ours."""
    if not isinstance(value, dict):
        raise TypeError("an object was expected")
    if "crypto" not in value:
        return value
    crypto: Mapping[str, Any] = value["crypto"]
    if (value["version"], crypto["cipher"], crypto["kdf"]) != (3, "aes-128-ctr", "scrypt"):
        raise ValueError("another version, cipher or KDF")
    return crypto


def _stretch(parameters: Mapping[str, Any], passphrase: bytes | bytearray) -> bytes:
    n, r, p = (int(parameters[name]) for name in ("n", "r", "p"))
    if min(n, r, p) < 1 or 128 * n * r > MAX_MEMORY or p > 16 or int(parameters["dklen"]) != 32:
        raise ValueError("its scrypt parameters are out of bounds")
    salt = bytes.fromhex(parameters["salt"])
    return Scrypt(salt=salt, length=32, n=n, r=r, p=p).derive(bytes(passphrase))


def _crypt(stretched: bytes, iv: bytes, data: bytes | bytearray) -> bytearray:
    """AES-128 in counter mode, which is its own inverse."""
    cipher = Cipher(algorithms.AES(stretched[:16]), modes.CTR(iv)).encryptor()
    result = bytearray(len(data) + 15)
    length = cipher.update_into(data, result)
    cipher.finalize()
    return result[:length]
