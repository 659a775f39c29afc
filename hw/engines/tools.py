"""Where the engines come from: npm and the Go client, each at one version, kept in one folder.

`python -m hw.engines.tools [anvil|forge|geth ...]` fetches them beforehand; the tests do so by themselves.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hw.errors import UnavailableError

FOLDER = Path(__file__).resolve().parents[2] / ".tools"
"""Of this checkout; nothing outside of it is written, but for the caches of npm and Go."""

NPM_TOOLS = {"anvil": "@foundry-rs/anvil@1.7.1", "forge": "@foundry-rs/forge@1.7.1"}
"""Program: its package and version; npm checks what it fetches against the hash in its index."""

GETH_VERSION = "v1.13.15"
"""The last release line that seals blocks by proof of authority (clique): from 1.14 on geth only follows a
beacon chain. Under clique it has the rules up to London, for which the contract is compiled."""

GETH_PACKAGE = "github.com/ethereum/go-ethereum/cmd/geth"

LINKER_FLAGS = "-s -w -checklinkname=0"
"""geth's profiling reaches into Go's runtime, which linkers since Go 1.23 refuse unless told otherwise."""

SECONDS_FOR_NPM = 180
SECONDS_FOR_GO = 1800
"""geth takes three minutes on two cores, and a Raspberry Pi a quarter of an hour."""


class ToolMissingError(UnavailableError):
    """A tool is neither here nor to be had: its package manager is missing, or the network is."""


def npm_tool(name: str, folder: Path = FOLDER) -> Path:
    """The program of one of `NPM_TOOLS`, fetched if it is not there.

    Raises:
        ToolMissingError: there is no npm, no network, or no such program for this machine.
    """
    home = folder / name
    with _alone(folder):
        if (program := _program(home, name)) is None:
            _fetch_by_npm(name, home)
            program = _program(home, name)
    if program is None:
        raise ToolMissingError(f"npm has no {name} for this kind of machine")
    return program


def geth(folder: Path = FOLDER) -> Path:
    """The program geth, built if it is not there; that takes minutes.

    Raises:
        ToolMissingError: there is no Go, no network, or it does not build.
    """
    home = folder / f"geth-{GETH_VERSION}"
    program = home / "geth"
    with _alone(folder):
        if not program.exists():
            _build_by_go(f"{GETH_PACKAGE}@{GETH_VERSION}", home)
    return program


def _program(home: Path, name: str) -> Path | None:
    """The binary itself: npm's own entry is a script of Node that would stand between us and its signals."""
    return next(iter(sorted(home.glob(f"node_modules/@foundry-rs/{name}-*/bin/{name}"))), None)


def _fetch_by_npm(name: str, home: Path) -> None:
    npm = _manager("npm", f"which fetches {name}")
    # No script of the packages runs: the programs are complete as they come.
    options = ["--ignore-scripts", "--no-save", "--no-audit", "--no-fund", "--prefix", str(home)]
    _run([npm, "install", *options, NPM_TOOLS[name]], SECONDS_FOR_NPM, f"npm cannot fetch {name}")


def _build_by_go(package: str, home: Path) -> None:
    go = _manager("go", "which builds geth")
    home.mkdir(parents=True, exist_ok=True)
    command = [go, "install", "-trimpath", f"-ldflags={LINKER_FLAGS}", package]
    _run(command, SECONDS_FOR_GO, "Go cannot build geth", {"GOBIN": str(home), "CGO_ENABLED": "0"})


def _manager(name: str, purpose: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ToolMissingError(f"{name} is not installed, {purpose}")
    return found


def _run(command: Sequence[str], seconds: float, trouble: str, more: Mapping[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            ["nice", "-n", "10", *command],  # noqa: S607 - coreutils'
            env={**os.environ, **(more or {})},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolMissingError(f"{trouble}: {error}") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise ToolMissingError(f"{trouble}: {lines[-1][:300] if lines else 'it did not say why'}")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One fetch at a time, as tests run on several workers."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise ToolMissingError(f"cannot keep tools in {folder}: {error.strerror}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(argv: Sequence[str]) -> int:
    """Fetch the tools that are named, or all."""
    wanted = list(argv) or [*NPM_TOOLS, "geth"]
    for name in wanted:
        if name != "geth" and name not in NPM_TOOLS:
            print(f"no such tool: {name}; known are {', '.join([*NPM_TOOLS, 'geth'])}", file=sys.stderr)
            return 2
        try:
            print(f"{name}: {geth() if name == 'geth' else npm_tool(name)}", flush=True)
        except ToolMissingError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
