"""Secrets as files, readable by their owner alone; private keys as unencrypted PKCS #8 in PEM."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from gateway.errors import GatewayError

Key = TypeVar("Key", bound=PrivateKeyTypes)

OWNER_ONLY = 0o600
MAX_KEY_FILE = 4096
"""A PKCS #8 file of the curves used here is under 300 bytes; anything larger is another file."""


class KeyFileError(GatewayError):
    """A key file is missing, exists already, is open to others, or holds no such key."""

    exit_code = 78


def create(path: Path, key: PrivateKeyTypes) -> None:
    """Write a private key to a new file of mode 0600, on the disk when this returns.

    Raises:
        KeyFileError: The file exists (a key is never overwritten), or cannot be written.
    """
    pem = bytearray(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    try:
        create_secret(path, pem)
    finally:
        pem[:] = bytes(len(pem))


def create_secret(path: Path, content: bytes | bytearray) -> None:
    """Write a secret to a new file of mode 0600, on the disk when this returns.

    Raises:
        KeyFileError: The file exists (a key is never overwritten), or cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise KeyFileError(f"{path} exists already and is kept; choose another --state directory") from None
    except OSError as error:
        raise KeyFileError(f"cannot write the key file {path}: {error.strerror}") from None


def read_secret(path: Path, remedy: str) -> bytearray:
    """The content of a secret's file, to be wiped by the caller.

    Raises:
        KeyFileError: No such file, or readable by others; `remedy` ends the text for a missing one.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise KeyFileError(f"other users can read the key file {path}; run: chmod 600 {path}")
        with path.open("rb") as file:
            return bytearray(file.read(MAX_KEY_FILE))
    except FileNotFoundError:
        raise KeyFileError(f"there is no key file {path}; {remedy}") from None
    except OSError as error:
        raise KeyFileError(f"cannot read the key file {path}: {error.strerror}") from None


def load(path: Path, kind: Callable[..., Key], remedy: str) -> Key:
    """Read a private key of one kind.

    Args:
        path: The PEM file.
        kind: The class of the key wanted, for example `Ed25519PrivateKey`.
        remedy: What to do when the file is missing; it ends the error's text.

    Raises:
        KeyFileError: No such file, readable by others, or not a key of this kind.
    """
    pem = read_secret(path, remedy)
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise KeyFileError(f"{path} holds no unencrypted PKCS #8 private key") from None
    finally:
        pem[:] = bytes(len(pem))
    wanted = cast("type[Key]", kind)  # declared as a callable, since the library's key classes are abstract
    if not isinstance(key, wanted):
        raise KeyFileError(f"{path} holds another kind of key than {wanted.__name__}")
    return key


def make_directory(directory: Path) -> None:
    """Make a state directory, open to its owner alone if it is new.

    Raises:
        KeyFileError: It cannot be made.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise KeyFileError(f"cannot make the state directory {directory}: {error.strerror}") from None
