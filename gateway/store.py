"""The content-addressed store: encrypted records as files, each named by the SHA-256 of its bytes.

The name is the commitment that the ledger holds, so a reader needs no trust in this store. An object is on
the disk under its final name or not at all: it is written beside its place, synchronised, and renamed.
"""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Protocol

from gateway.errors import GatewayError

COMMITMENT_LENGTH = 32
HALF_WRITTEN = "half-written-"


class StoreError(GatewayError):
    """The disk refused an object, or gave back other bytes than it was given."""

    exit_code = 74


class Objects(Protocol):
    """Where encrypted records are kept, by the SHA-256 of their bytes."""

    def put(self, data: bytes) -> bytes:
        """Keep an object; on the disk when this returns. Returns its commitment."""
        ...

    def get(self, commitment: bytes) -> bytes | None:
        """The object with this commitment, or None."""
        ...


class ObjectStore:
    """Objects in `directory/ab/abcdef…`, two levels deep so that no directory grows past reason."""

    def __init__(self, directory: Path) -> None:
        """Open a store, making its directory; what a crash left half-written is removed.

        Raises:
            StoreError: The directory cannot be made or read.
        """
        self._directory = directory
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for leftover in directory.glob(f"{HALF_WRITTEN}*"):
                leftover.unlink()
        except OSError as error:
            raise StoreError(f"cannot open the object store {directory}: {error.strerror}") from None

    def put(self, data: bytes) -> bytes:
        """Keep an object; on the disk when this returns. An object that is there unaltered is left as it is.

        Returns:
            Its commitment: the SHA-256 of the bytes.

        Raises:
            StoreError: The disk is full or refuses.
        """
        commitment = hashlib.sha256(data).digest()
        place = self._place(commitment)
        try:
            if not place.exists() or place.read_bytes() != data:
                place.parent.mkdir(mode=0o700, exist_ok=True)
                self._write(place, data)
        except OSError as error:
            raise StoreError(
                f"cannot store an object in {self._directory}: {error.strerror}; make room and start again"
            ) from None
        return commitment

    def get(self, commitment: bytes) -> bytes | None:
        """The object with this commitment, or None.

        Raises:
            StoreError: The file can't be read, or its bytes are no longer those of its name.
        """
        try:
            data = self._place(commitment).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"cannot read an object in {self._directory}: {error.strerror}") from None
        if hashlib.sha256(data).digest() != commitment:
            raise StoreError(
                f"the object {commitment.hex()} in {self._directory} was altered; restore it from a copy"
            )
        return data

    def discard(self, commitment: bytes) -> None:
        """Remove an object if it is there.

        Raises:
            StoreError: The disk refuses.
        """
        place = self._place(commitment)
        try:
            place.unlink(missing_ok=True)
            if place.parent.exists():
                _synchronise(place.parent)
        except OSError as error:
            raise StoreError(f"cannot remove an object from {self._directory}: {error.strerror}") from None

    def _place(self, commitment: bytes) -> Path:
        if len(commitment) != COMMITMENT_LENGTH:
            raise ValueError("a commitment has 32 bytes")
        name = commitment.hex()
        return self._directory / name[:2] / name

    def _write(self, place: Path, data: bytes) -> None:
        descriptor, name = tempfile.mkstemp(prefix=HALF_WRITTEN, dir=self._directory)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).rename(place)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink(missing_ok=True)
            raise
        _synchronise(place.parent)
        _synchronise(self._directory)


def _synchronise(directory: Path) -> None:
    """Put a directory's names on the disk: a rename alone may be lost with the power."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
