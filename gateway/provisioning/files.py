"""Small files that appear whole or not at all."""

import os
import secrets
from pathlib import Path

from gateway.errors import GatewayError

MAX_FILE = 1 << 20
"""Bytes; certificates have 1 KB, a revocation list of a thousand kiosks 40."""


class ProvisioningError(GatewayError):
    """A certificate cannot be made, found or written; the text says what to do."""

    exit_code = 78


def write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write or replace a file; on the disk when this returns.

    Raises:
        ProvisioningError: the directory cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        try:
            descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, mode)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, mode)  # whatever the umask
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise ProvisioningError(f"cannot write {path}: {error.strerror}") from None


def read(path: Path, remedy: str) -> bytes:
    """The bytes of a file.

    Args:
        path: which.
        remedy: what to do where it is missing, to end the error's text with.

    Raises:
        ProvisioningError: it is missing, unreadable or too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except FileNotFoundError:
        raise ProvisioningError(f"there is no {path}; {remedy}") from None
    except OSError as error:
        raise ProvisioningError(f"cannot read {path}: {error.strerror}") from None
    if len(data) > MAX_FILE:
        raise ProvisioningError(f"{path} is too large to be what it should be; {remedy}")
    return data
