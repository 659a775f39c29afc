"""A whole gateway as its operator starts it: processes, a broker, a state directory."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import ridgekey as entry
from contracts.eip712 import Domain
from contracts.hexes import from_hex
from gateway.ledger.client import LedgerClient
from gateway.ledger.registry import Registry
from tests.gateway.actors import KioskKey

ENVIRONMENT = "test"


def ridgekey(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [sys.executable, "-m", "ridgekey", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def run_here(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command's entry point in this process, to its end."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = entry.main(arguments)
        except SystemExit as ended:  # argparse ends it so, for --help and for wrong usage
            code = int(ended.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def write_config(directory: Path, broker: str, kiosks: list[KioskKey], **settings: object) -> Path:
    """A configuration with free ports; `settings` are added or replace its own."""
    values: dict[str, object] = {
        "state": "state",
        "environment": ENVIRONMENT,
        "broker": broker,
        "listen": "127.0.0.1:0",
        "ledger_listen": "127.0.0.1:0",
        **settings,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    lines += ["[kiosks]", *(f'"{kiosk.id}" = "{kiosk.public.public_bytes_raw().hex()}"' for kiosk in kiosks)]
    path = directory / "gateway.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


class RunningGateway:
    """`ridgekey gateway run`, from its readiness line to its end."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.start()

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "ridgekey",
            "gateway",
            "run",
            "--config",
            str(self.config),
            "--json",
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            assert self.process.stderr is not None
            raise AssertionError(f"the gateway did not start: {self.process.stderr.read()}")
        self.ready: dict[str, Any] = json.loads(line)

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> tuple[int, str]:
        """End it as systemd does; its exit code and what it said."""
        self.process.terminate()
        _, words = self.process.communicate(timeout=30)
        return self.process.returncode, words

    @property
    def key(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.ready["gateway_key"]))

    @property
    def domain(self) -> Domain:
        return Domain(self.ready["chain_id"], from_hex(self.ready["contract"], 20), self.ready["environment"])

    def registry(self) -> Registry:
        return Registry(LedgerClient(self.ready["ledger"]), self.domain.contract)
