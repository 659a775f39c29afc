"""Secrets of the device on its disk: its signing key, and the pepper under the protected records.

A file of secrets has mode 0600, belongs to the user of the process, and appears whole or not at all.
"""

import os
import secrets
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge.errors import ConfigError, StateError
from edge.identity.keys import wipe

DEVICE_KEY = "device.key"
PEPPER = "pepper"
PHONE_KEY = "phone.key"
SECRET_BYTES = 32  # an Ed25519 seed (RFC 8032); a pepper of 256 bits


def create_secret(path: Path, data: bytearray) -> bool:
    """Write a new secret file, atomically and readable by this user only.

    The bytes go to a file of another name first, which is then linked to `path`: a power cut leaves no half
    key, and a second writer cannot replace the first one's.

    Returns:
        False if the file is already there, which is left as it is.

    Raises:
        StateError: the directory cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                file.write(data)
                os.fsync(file.fileno())
            os.link(draft, path)
        finally:
            draft.unlink()
        _sync_directory(path.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise StateError(f"cannot write the key file {path}: {error.strerror}") from None
    return True


def replace(path: Path, data: bytes | bytearray) -> None:
    """Write a file of mode 0600, or replace it: whoever reads it sees the old bytes or the new.

    Raises:
        StateError: the directory cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                file.write(data)
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        _sync_directory(path.parent)
    except OSError as error:
        raise StateError(f"cannot write {path}: {error.strerror}") from None


def read_secret(path: Path, length: int = SECRET_BYTES) -> bytearray:
    """Read a secret file after checking that it is fit to hold one.

    Raises:
        ConfigError: it is missing, a link, of another size, owned by or open to another user.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # a FIFO would block
    except FileNotFoundError:
        raise ConfigError(
            f"there is no {path}; make the kiosk's keys with: ridgekey edge init --state {path.parent}"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot read the key file {path}: {error.strerror}") from None
    try:
        _check(path, os.fstat(descriptor), length)
        data = bytearray(length)
        if os.readv(descriptor, [data]) != length:
            wipe(data)
            raise ConfigError(f"the key file {path} was cut short; restore it from where it came")
    finally:
        os.close(descriptor)
    return data


def initialise(state: Path) -> bool:
    """Make the device key and the pepper of a new kiosk in `state` (created with mode 0700 if need be).

    Returns:
        False if both were there already.

    Raises:
        StateError: the directory cannot be written.
    """
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(f"cannot make the state directory {state}: {error.strerror}") from None
    created = [
        create_secret(state / name, bytearray(secrets.token_bytes(SECRET_BYTES)))
        for name in (DEVICE_KEY, PEPPER)
    ]
    return any(created)


def device_key(state: Path) -> Ed25519PrivateKey:
    """The key with which this kiosk signs its messages."""
    seed = read_secret(state / DEVICE_KEY)
    try:
        return Ed25519PrivateKey.from_private_bytes(seed)
    finally:
        wipe(seed)


def phone_key(state: Path) -> X25519PrivateKey:
    """The key by which phones know this kiosk; made when it is first needed.

    Raises:
        StateError, ConfigError: it cannot be written, or is not fit for use.
    """
    path = state / PHONE_KEY
    if not path.exists():
        create_secret(path, bytearray(secrets.token_bytes(SECRET_BYTES)))
    seed = read_secret(path)
    try:
        return X25519PrivateKey.from_private_bytes(seed)
    finally:
        wipe(seed)


def pepper(state: Path) -> bytearray:
    """The secret under which protected records are encrypted on this kiosk; the caller wipes it."""
    return read_secret(state / PEPPER)


def _check(path: Path, status: os.stat_result, length: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{path} is not a plain file")
    if status.st_uid != os.geteuid():
        raise ConfigError(
            f"the key file {path} belongs to another user; give it to the user that runs the kiosk"
        )
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigError(f"the key file {path} is open to other users; close it with: chmod 600 {path}")
    if status.st_size != length:
        raise ConfigError(
            f"the key file {path} has {status.st_size} bytes instead of {length};"
            " restore it from where it came"
        )


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
