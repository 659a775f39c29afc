"""The sensor's password: four bytes that travel in clear, and that a file holds."""

from pathlib import Path

from drivers.errors import PasswordFileError

FACTORY_PASSWORD = bytes(4)
"""What every module has from the factory; with it, commands work without being verified."""


def read_password(path: str) -> bytes:
    """The password in a file: eight hexadecimal digits.

    Raises:
        PasswordFileError: The file cannot be read, or holds something else.
    """
    try:
        text = Path(path).read_text(encoding="ascii").strip()
        password = bytes.fromhex(text)
    except (OSError, ValueError) as error:
        raise PasswordFileError(f"no password could be read from {path}: {_why(error)}") from error
    if len(password) != len(FACTORY_PASSWORD):
        raise PasswordFileError(f"no password could be read from {path}: it must be eight hexadecimal digits")
    return password


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "it must be eight hexadecimal digits"
