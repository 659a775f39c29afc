"""The relayers' keys in a state directory: `relayer.json`, `relayer-2.json` and so on, under one passphrase.

The passphrase is read from a file, never from the command line: the one that is configured, else systemd's
credential `relayer-passphrase`, else `relayer.passphrase` beside the keys, which `init` makes if it is given
no other. That last one keeps nobody out who can read the directory; it makes moving it elsewhere one step.
"""

import json
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from gateway import keyfiles
from gateway.keyfiles import KeyFileError
from gateway.ledger.account import KEY_FILE, Relayer
from gateway.relayers import keystore

PASSPHRASE_FILE = "relayer.passphrase"  # noqa: S105 - the name of a file
CREDENTIAL = "relayer-passphrase"
"""Name of the systemd credential (LoadCredential= and LoadCredentialEncrypted= in the unit)."""

FIRST = "relayer.json"
MAX_RELAYERS = 64
SHORTEST = 12
"""Bytes of a passphrase; with scrypt in front of it, that much is out of reach for guessing."""


def init(state: Path, passphrase_file: Path | None) -> Relayer:
    """Make the first relayer of a state directory, and a passphrase if none is given.

    Raises:
        KeyFileError: There is one already, or the disk refuses.
    """
    if files(state):
        raise KeyFileError(f"{state} has relayers already, which are kept; choose another --state directory")
    if passphrase_file is None and not _credential().is_file():
        keyfiles.create_secret(state / PASSPHRASE_FILE, secrets.token_hex(32).encode())
    return add(state, passphrase_file)


def add(state: Path, passphrase_file: Path | None) -> Relayer:
    """Make another relayer, in the next free file.

    Raises:
        KeyFileError: No passphrase, or the disk refuses.
    """
    names = [FIRST, *(f"relayer-{number}.json" for number in range(2, MAX_RELAYERS + 1))]
    free = next((name for name in names if not (state / name).exists()), None)
    if free is None:
        raise KeyFileError(f"{state} has {MAX_RELAYERS} relayers, the most there can be")
    path = _passphrase_path(state, passphrase_file)
    key = ec.generate_private_key(ec.SECP256K1())
    relayer = Relayer(key)
    secret = bytearray(key.private_numbers().private_value.to_bytes(32, "big"))
    cost = keystore.COST_RANDOM if path.name == PASSPHRASE_FILE else keystore.COST_CHOSEN
    passphrase = _read_passphrase(path)
    try:
        text = keystore.encrypt(secret, relayer.address, passphrase, cost)
        keyfiles.create_secret(state / free, text.encode())
    finally:
        _wipe(secret, passphrase)
    return relayer


def load(state: Path, passphrase_file: Path | None) -> list[Relayer]:
    """All relayers of a state directory, in the order of their making.

    Raises:
        KeyFileError: None there, readable by others, or another passphrase.
    """
    paths = files(state)
    if not paths and (state / KEY_FILE).exists():
        return [Relayer.load(state / KEY_FILE)]  # of a ledger of its own, without a passphrase
    if not paths:
        raise KeyFileError(f"there is no relayer's key in {state}; make one with: ridgekey gateway init")
    passphrase = _read_passphrase(_passphrase_path(state, passphrase_file))
    try:
        return [_open(path, passphrase) for path in paths]
    finally:
        _wipe(passphrase)


def files(state: Path) -> list[Path]:
    """The keystores in a state directory, in the order of their making."""
    return sorted(state.glob("relayer*.json"), key=lambda path: (len(path.name), path.name))


def address_in(path: Path) -> bytes:
    """The address that a keystore names in clear.

    Raises:
        KeyFileError: It names none.
    """
    try:
        return bytes.fromhex(json.loads(bytes(keyfiles.read_secret(path, "")))["address"].removeprefix("0x"))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KeyFileError(f"the keystore {path} names no address") from None


def first_address(state: Path) -> bytes:
    """The address of the first relayer of a state directory, which takes no passphrase to know.

    Raises:
        KeyFileError: There is none, or its file names no address.
    """
    paths = files(state)
    return address_in(paths[0]) if paths else load(state, None)[0].address


def load_one(path: Path, passphrase_file: Path | None = None) -> Relayer:
    """One relayer by its file: a keystore, or an unencrypted PKCS #8 key as `ridgekey ledger run` makes it.

    Raises:
        KeyFileError: No such file, readable by others, or no such key.
    """
    if path.suffix != ".json":
        return Relayer.load(path)
    passphrase = _read_passphrase(_passphrase_path(path.parent, passphrase_file))
    try:
        return _open(path, passphrase)
    finally:
        _wipe(passphrase)


def _open(path: Path, passphrase: bytearray) -> Relayer:
    text = keyfiles.read_secret(path, "ridgekey gateway keys add makes one")
    try:
        secret = keystore.decrypt(bytes(text), passphrase)
    except KeyFileError as error:
        raise KeyFileError(f"the relayer's key {path} cannot be opened: {error}") from None
    try:
        return Relayer(ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256K1()))
    except ValueError:
        raise KeyFileError(f"{path} holds no private key on secp256k1") from None
    finally:
        _wipe(secret)


def _passphrase_path(state: Path, configured: Path | None) -> Path:
    if configured is not None:
        return configured
    credential = _credential()
    return credential if credential.is_file() else state / PASSPHRASE_FILE


def _credential() -> Path:
    """Where systemd puts the credential (systemd.exec(5), CREDENTIALS_DIRECTORY)."""
    return Path(os.environ.get("CREDENTIALS_DIRECTORY", os.devnull)) / CREDENTIAL


def _read_passphrase(path: Path) -> bytearray:
    if path == _credential():
        passphrase = bytearray(path.read_bytes())  # its directory is the unit's own, whatever its mode says
    else:
        passphrase = keyfiles.read_secret(path, "it holds the passphrase of the relayers' keys")
    while passphrase.endswith((b"\n", b"\r")):
        del passphrase[-1:]
    if len(passphrase) < SHORTEST:
        raise KeyFileError(f"the passphrase in {path} is too short; take {SHORTEST} characters at least")
    return passphrase


def _wipe(*secrets_: bytearray) -> None:
    for secret in secrets_:
        secret[:] = bytes(len(secret))
