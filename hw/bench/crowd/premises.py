"""A gateway in a directory of its own: keys, configuration, and a process that may be killed and started."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.eip712 import Domain
from contracts.hexes import ADDRESS_LENGTH, from_hex
from gateway.ledger.client import LedgerClient
from gateway.ledger.registry import Registry
from hw.bench.crowd.kiosk import Kiosk
from hw.errors import UnavailableError
from hw.processes import Part

ENVIRONMENT = "bench"
UNLIMITED = {"kiosk_per_minute": 0, "person_per_minute": 0, "requests_per_minute": 0}
"""No rate limits: what is measured is how fast it can."""


class Premises:
    """Where a gateway lives; used in a `with`, which makes its keys if it has none, starts and ends it.

    Args:
        directory: of everything; the gateway's state is in `gateway`.
        broker: `mqtt://host:port`.
        kiosks: those it listens to.
        relay: its settings in the table `[relay]`, beside `UNLIMITED`.
        settings: further settings of gateway.toml.
    """

    def __init__(
        self,
        directory: Path,
        broker: str,
        kiosks: list[Kiosk],
        relay: Mapping[str, object] | None = None,
        **settings: object,
    ) -> None:
        self.state = directory / "gateway"
        self.config = directory / "gateway.toml"
        self._log = directory / "gateway.log"
        top = {
            "state": str(self.state),
            "environment": ENVIRONMENT,
            "broker": broker,
            "listen": "127.0.0.1:0",
            "ledger_listen": "127.0.0.1:0",
            **settings,
        }
        tables: dict[str, Mapping[str, object]] = {
            "relay": UNLIMITED | dict(relay or {}),
            "kiosks": {kiosk.id: kiosk.public_key for kiosk in kiosks},
        }
        self.config.write_text(_toml(top) + "".join(f"[{name}]\n{_toml(t)}" for name, t in tables.items()))

    def open(self) -> "Running":
        """Start the gateway and wait until it is ready.

        Raises:
            PartError: it does not start.
        """
        return self.meet(self.launch())

    def launch(self) -> Part:
        """Start the gateway's process; it is not ready yet."""
        self._part = Part("gateway", ["gateway", "run", "--config", str(self.config), "--json"], self._log)
        return self._part

    def meet(self, part: Part) -> "Running":
        """Wait until a launched gateway is ready; it is `gateway` from then on.

        Raises:
            PartError: it does not start.
        """
        try:
            self.gateway = Running(part, part.wait_ready())
        except BaseException:
            part.stop()
            raise
        return self.gateway

    def __enter__(self) -> "Premises":
        if not self.state.exists():
            make_keys(self.state, self._log)
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._part.stop()

    @property
    def journal(self) -> Path:
        """The gateway's journal."""
        return self.state / "journal.sqlite"


class Running:
    """A gateway that is ready, and where it is reached."""

    def __init__(self, part: Part, facts: dict[str, Any]) -> None:
        self.part = part
        self.http: str = facts["http"]
        self.ledger: str = facts["ledger"]
        self.domain = Domain(
            facts["chain_id"], from_hex(facts["contract"], ADDRESS_LENGTH), facts["environment"]
        )
        self.key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(facts["gateway_key"]))

    def wait_well(self, seconds: float = 60.0) -> None:
        """Wait until ledger and broker answer the gateway.

        Raises:
            UnavailableError: they do not in time.
        """
        deadline = time.monotonic() + seconds
        while not self._is_well():
            if time.monotonic() > deadline:
                raise UnavailableError(f"the gateway at {self.http} is not well after {seconds:.0f} s")
            time.sleep(0.1)

    def _is_well(self) -> bool:
        try:
            return httpx.get(f"{self.http}/health", timeout=5.0).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def registry(self) -> Registry:
        """The contract, asked past the gateway."""
        return Registry(LedgerClient(self.ledger), self.domain.contract)


def make_keys(state: Path, log: Path) -> None:
    """`ridgekey gateway init`.

    Raises:
        PartError: it fails.
    """
    with Part("gateway's keys", ["gateway", "init", "--state", str(state), "--json"], log) as part:
        part.wait_ready()


def _toml(table: Mapping[str, object]) -> str:
    return "".join(f"{json.dumps(name)} = {json.dumps(value)}\n" for name, value in table.items())
