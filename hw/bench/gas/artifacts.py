"""The peers' compiled contracts, as npm publishes them: fetched once, checked, kept where the user says."""

import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw.errors import BenchError

SECONDS_TO_FETCH = 120


class PeerMissingError(BenchError):
    """A peer's package is neither at hand nor to be had; the benchmark goes on without it."""


@dataclass(frozen=True)
class Package:
    """An npm package of one version.

    Attributes:
        name: as npm knows it, with the version.
        file: name of its tarball.
        sha256: of the tarball; figures are worth comparing only if the code is the same.
    """

    name: str
    file: str
    sha256: str


def fetch(package: Package, cache: Path) -> Path:
    """The package's tarball in `cache`, fetched by npm if it is not there.

    Raises:
        PeerMissingError: there is no npm, no network, or another file than expected.
    """
    path = cache / package.file
    if not path.exists():
        _pack(package, cache)
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise PeerMissingError(f"cannot read {path}: {error.strerror}") from error
    if found != package.sha256:
        raise PeerMissingError(f"{path} is not the {package.name} that was measured before; delete it")
    return path


def contract(tarball: Path, member: str) -> Mapping[str, Any]:
    """A compiled contract out of a package: `abi`, and `bytecode` in hex."""
    with tarfile.open(tarball) as archive:
        file = archive.extractfile(member)
        assert file is not None  # noqa: S101 - the tarball's hash was checked: the member is there
        artifact: Mapping[str, Any] = json.load(file)
        return artifact


def _pack(package: Package, cache: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise PeerMissingError(f"npm is not installed, which fetches {package.name}")
    command = [npm, "pack", "--silent", "--pack-destination", str(cache), package.name]
    try:
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(command, check=True, capture_output=True, timeout=SECONDS_TO_FETCH)
    except OSError as error:
        raise PeerMissingError(f"cannot keep {package.name} in {cache}: {error.strerror}") from error
    except subprocess.SubprocessError:
        raise PeerMissingError(f"npm cannot fetch {package.name}: no network, perhaps") from None
