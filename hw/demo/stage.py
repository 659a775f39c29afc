"""Builds the demo's small world in one directory: keys, configurations and the processes that run."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hw import broker
from hw.demo import commands
from hw.demo.processes import Part
from hw.fingers import FingerSource, open_source
from hw.simulator.remote import SensorRemote

ENVIRONMENT = "demo"
"""Goes into every signature, so that a consent of a demo can never verify in production."""

REQUESTER_NAME = "the hospital"

BAUD = 115_200
"""What a provisioned kiosk runs at: half the transfer time of the factory's 57600."""


@dataclass(frozen=True)
class Cast:
    """Who takes part: the choices of the command line."""

    profile: str
    fingers: str
    finger: int
    stranger: int
    storage: str
    paced: bool


@dataclass(frozen=True)
class Stage:
    """The running world, and where its parts are reached."""

    directory: Path
    source: FingerSource
    remote: SensorRemote
    broker: str
    sensor_log: Path
    kiosk_config: Path
    kiosk_key: str
    requester_state: Path
    gateway_url: str
    ledger_url: str
    contract: str
    chain_id: int
    parts: tuple[Part, ...]

    @property
    def ledger(self) -> list[str]:
        """The options that name the ledger and the contract."""
        return ["--ledger", self.ledger_url, "--contract", self.contract]

    def check(self) -> None:
        """Raise `PartError` if any part has ended."""
        for part in self.parts:
            part.check()


@contextmanager
def raised(directory: Path, cast: Cast) -> Iterator[Stage]:
    """Set the stage in `directory`, and take it down again at the end of the `with`.

    Raises:
        BenchError: a part could not be started; the message names it.
    """
    source = open_source(cast.fingers)
    logs = directory / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    kiosk_state, gateway_state, requester_state = (
        directory / name for name in ("kiosk", "gateway", "requester")
    )

    kiosk = commands.run(["edge", "init", "--state", str(kiosk_state)]).result
    gateway_key = commands.run(["gateway", "init", "--state", str(gateway_state)]).result["public_key"]
    requester = commands.run(["requester", "init", "--state", str(requester_state)]).result

    with ExitStack() as stack:
        wire = stack.enter_context(broker.start(directory / "broker"))

        sensor_log, control = logs / "sensor-opcodes.jsonl", directory / "finger.sock"
        sensor = stack.enter_context(
            Part("sensor", sensor_arguments(cast, control, sensor_log), logs / "sensor.log")
        )
        port = sensor.wait_ready()["port"]

        gateway_config = directory / "gateway.toml"
        gateway_config.write_text(
            gateway_toml(gateway_state, wire.url, kiosk["kiosk_id"], kiosk["public_key"])
        )
        gateway = stack.enter_context(
            Part(
                "gateway", ["gateway", "run", "--config", str(gateway_config), "--json"], logs / "gateway.log"
            )
        )
        ledger = gateway.wait_ready()

        kiosk_config = directory / "edge.toml"
        kiosk_config.write_text(
            edge_toml(
                kiosk_state,
                sensor=f"serial:{port}",
                broker_url=wire.url,
                gateway_key=gateway_key,
                contract=ledger["contract"],
                chain_id=ledger["chain_id"],
                storage=cast.storage,
                requester=requester["address"],
            )
        )
        agent = stack.enter_context(
            Part("agent", ["edge", "agent", "--config", str(kiosk_config), "--json"], logs / "agent.log")
        )
        agent.wait_ready()

        yield Stage(
            directory=directory,
            source=source,
            remote=SensorRemote(control),
            broker=wire.name,
            sensor_log=sensor_log,
            kiosk_config=kiosk_config,
            kiosk_key=kiosk["public_key"],
            requester_state=requester_state,
            gateway_url=ledger["url"],
            ledger_url=ledger["ledger"],
            contract=ledger["contract"],
            chain_id=ledger["chain_id"],
            parts=(sensor, gateway, agent),
        )


def sensor_arguments(cast: Cast, control: Path, log: Path) -> list[str]:
    """The command line of the simulated sensor."""
    arguments = [
        "sensor",
        "simulate",
        "--profile",
        cast.profile,
        "--fingers",
        cast.fingers,
        "--baud",
        str(BAUD),
    ]
    arguments += ["--control", str(control), "--log", str(log), "--json"]
    return arguments if cast.paced else [*arguments, "--no-pacing"]


def gateway_toml(state: Path, broker_url: str, kiosk_id: str, kiosk_key: str) -> str:
    """The gateway's configuration: it knows one kiosk, and runs its own ledger."""
    return f"""\
state = "{state}"
environment = "{ENVIRONMENT}"
broker = "{broker_url}"
listen = "127.0.0.1:0"

[kiosks]
{kiosk_id} = "{kiosk_key}"
"""


def edge_toml(
    state: Path,
    *,
    sensor: str,
    broker_url: str,
    gateway_key: str,
    contract: str,
    chain_id: int,
    storage: str,
    requester: str,
) -> str:
    """The kiosk's configuration: its sensor, its gateway, and the one requester it knows by name."""
    return f"""\
state = "{state}"
environment = "{ENVIRONMENT}"
sensor = "{sensor}"
broker = "{broker_url}"
gateway_key = "{gateway_key}"
contract = "{contract}"
chain_id = {chain_id}
storage = "{storage}"

[requesters]
"{requester}" = "{REQUESTER_NAME}"
"""
