"""The audit as its user runs it, timed; then its file with a byte altered here and there."""

import hashlib
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from contracts.hexes import checksum_address
from gateway.audit.errors import HistoryFileError
from gateway.audit.history import load
from gateway.audit.verify import verify
from hw.bench.crowd.ledger import CHAIN_ID, ENVIRONMENT
from hw.errors import BenchError
from hw.processes import Part

HISTORY_FILE = "history.jsonl"
CHECKSUM_LENGTH = len('{"sha256":"0x"}\n') + 64
"""Bytes of the last line of a history."""

PART = 1 << 20
"""Bytes that are copied at once."""

VERDICT = re.compile(rb"^([0-9]+) acts?(?:, all signatures hold|;)", re.MULTILINE)


class AuditFailedError(BenchError):
    """The audit did not come to the end that it should have."""


@dataclass(frozen=True)
class Audited:
    """One run of the command.

    Attributes:
        seconds: from the start of the process to its end.
        acts: how many acts it found.
        holds: whether it found nothing wrong.
        memory: bytes of memory at most.
    """

    seconds: float
    acts: int
    holds: bool
    memory: int


def audit_ledger(state: Path, contract: bytes) -> Audited:
    """Serve the ledger by a process of its own, audit it over JSON-RPC, and export it beside its file."""
    words = ["ledger", "run", "--json", "--state", str(state), "--listen", "127.0.0.1:0"]
    with Part("ledger", [*words, "--chain-id", str(CHAIN_ID)], state / "ledger.log") as ledger:
        url = ledger.wait_ready()["url"]
        return _run([
            "--ledger", url, "--contract", checksum_address(contract), "--environment", ENVIRONMENT,
            "--export", str(state / HISTORY_FILE),
        ])  # fmt: skip


def audit_file(state: Path) -> Audited:
    """Audit the exported history, without a ledger."""
    return _run(["--from-file", str(state / HISTORY_FILE)])


def alter(state: Path, count: int, seed: int, progress: Callable[[int], None]) -> int:
    """How many of so many altered bytes are found, each anywhere in the history, its checksum made anew.

    Args:
        state: Where the exported history is.
        count: How many, each in a copy of its own.
        seed: Makes the same places.
        progress: Called with the number so far.
    """
    draw = random.Random(seed)  # noqa: S311 - where to alter is no secret
    original, altered = state / HISTORY_FILE, state / "altered.jsonl"
    found = 0
    for done in range(1, count + 1):
        _alter_one(original, altered, draw)
        found += _is_found(altered)
        progress(done)
    altered.unlink(missing_ok=True)
    return found


def _alter_one(original: Path, altered: Path, draw: random.Random) -> None:
    """Copy a history with one byte of one line altered into another hex digit, or flipped."""
    size = original.stat().st_size - CHECKSUM_LENGTH
    place = draw.randrange(size)
    digest = hashlib.sha256()
    with original.open("rb") as source, altered.open("wb") as target:
        for position in range(0, size, PART):
            part = bytearray(source.read(min(PART, size - position)))
            if position <= place < position + len(part):
                part[place - position] = _another(part[place - position], draw)
            digest.update(part)
            target.write(part)
        target.write(b'{"sha256":"0x%s"}\n' % digest.hexdigest().encode())


def _another(byte: int, draw: random.Random) -> int:
    """Another byte; for a digit another digit, so that the line still reads as one."""
    alphabet = b"0123456789abcdef" if byte in b"0123456789abcdef" else bytes(range(256))
    return draw.choice([other for other in alphabet if other != byte])


def _is_found(altered: Path) -> bool:
    try:
        return not verify(load(altered)).holds
    except HistoryFileError:
        return True


def _run(words: Sequence[str]) -> Audited:
    with TemporaryDirectory() as folder:
        peak = Path(folder) / "peak"
        command = [sys.executable, "-m", "hw.memory", str(peak), "ridgekey", "audit", *words]
        start = time.monotonic()
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        seconds = time.monotonic() - start
        memory = int(peak.read_text() or 0) if peak.exists() else 0
    verdict = VERDICT.search(done.stdout)
    if verdict is None:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise AuditFailedError(f"the audit failed: {said[-1] if said else 'it did not say why'}")
    return Audited(seconds, int(verdict[1]), done.returncode == 0, memory)
