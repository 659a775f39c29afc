"""A site as its operator sets it up, command by command: authority, broker, gateway and two kiosks."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from drivers.mqtt.broker import Broker
from drivers.mqtt.tls import Credentials
from edge.identity import certificate
from gateway.config import load_config
from gateway.provisioning import own
from gateway.provisioning.authority import Authority
from hw import broker
from tests.gateway.running import ENVIRONMENT, run_here, write_config


def done(*arguments: object) -> dict[str, object]:
    """A command that must succeed; its JSON."""
    ran = run_here(*map(str, arguments), "--json")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@dataclass
class KioskSite:
    """A kiosk's files."""

    id: str
    config: Path

    @property
    def state(self) -> Path:
        return self.config.parent / "kiosk"

    @property
    def credentials(self) -> Credentials:
        return certificate.credentials(self.state)


@dataclass
class Site:
    """Everything's files, and the broker that runs on them."""

    directory: Path
    config: Path
    port: int
    running: broker.Broker | None = None

    @property
    def state(self) -> Path:
        return load_config(self.config).state

    @property
    def authority(self) -> Authority:
        return Authority.load(self.state / "authority")

    @property
    def credentials(self) -> Credentials:
        """The gateway's."""
        return own.credentials(self.state)

    @property
    def broker(self) -> Broker:
        return Broker("localhost", self.port, tls=True)

    def provision(self, *arguments: object) -> dict[str, object]:
        return done("gateway", "provision", *arguments, "--config", self.config)

    def second_gateway(self) -> Credentials:
        """Of another gateway on the same broker, whose state directory is made on this machine."""
        state = self.directory / "second-state"
        done("gateway", "init", "--state", state)
        self.provision("gateway", "--out", state)
        return own.credentials(state)

    def new_kiosk(self, name: str) -> KioskSite:
        """A kiosk with its keys and configuration, that has asked for nothing yet."""
        directory = self.directory / name
        directory.mkdir()
        made = done("edge", "init", "--state", directory / "kiosk")
        config = directory / "edge.toml"
        config.write_text(
            f'state = "kiosk"\nenvironment = "{ENVIRONMENT}"\nchain_id = 1\ncontract = "0x{"11" * 20}"\n'
            f'sensor = "serial:/dev/nowhere"\nbroker = "mqtts://localhost:{self.port}"\n'
            f'gateway_key = "{"22" * 32}"\n'
        )
        return KioskSite(str(made["kiosk_id"]), config)

    def admit(self, kiosk: KioskSite, *options: object) -> None:
        """The way of a certificate: asked for at the kiosk, signed at the gateway, installed at the kiosk."""
        asked, bundle = kiosk.config.parent / "request.json", kiosk.config.parent / "certificate.pem"
        done("edge", "certificate", "request", "--config", kiosk.config, "--out", asked)
        self.provision("kiosk", asked, "--out", bundle, *options)
        done("edge", "certificate", "install", bundle, "--config", kiosk.config)


def new_site(directory: Path) -> Site:
    """Authority and broker files, nothing running."""
    done("gateway", "init", "--state", directory / "state")
    port = broker.free_port()
    site = Site(directory, write_config(directory, f"mqtts://localhost:{port}", []), port)
    site.provision(
        "broker", "--host", "localhost", "--host", "127.0.0.1", "--port", site.port,
        "--out", directory / "mosquitto",
    )  # fmt: skip
    return site


@pytest.fixture
def paper(tmp_path: Path) -> Site:
    """A site of which only the files are wanted."""
    return new_site(tmp_path)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    directory = tmp_path_factory.mktemp("site")
    site = new_site(directory)
    site.provision("gateway")
    with broker.start_provisioned(directory / "running", directory / "mosquitto", site.port) as running:
        site.running = running
        yield site
