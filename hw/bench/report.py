"""What every benchmark's JSON holds besides its figures."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hw.errors import FileTroubleError


def machine() -> dict[str, Any]:
    """The machine that was measured on: `cores` and `processor`."""
    return {"cores": os.cpu_count(), "processor": _processor()}


def report(
    name: str, command: str, figures: dict[str, Any], peers: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """The JSON object of one benchmark."""
    return {
        "name": name,
        "version": version("ridgekey"),
        "machine": machine(),
        "command": command,
        "figures": figures,
        "peers": peers,
    }


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a benchmark's JSON.

    Raises:
        FileTroubleError: the file cannot be written.
    """
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a table of a benchmark.

    Raises:
        FileTroubleError: the file cannot be written.
    """
    try:
        path.write_text(text)
    except OSError as error:
        raise FileTroubleError(f"cannot write {path}: {error.strerror}") from error


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else platform.machine()
