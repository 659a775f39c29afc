"""Builds the demo's small world in one directory: keys, configurations and the processes that run."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw import broker
from hw.demo import commands
from hw.fingers import FingerSource, open_source
from hw.processes import Part
from hw.simulator.remote import SensorRemote

ENVIRONMENT = "demo"
"""Goes into every signature, so that a consent of a demo can never verify in production."""

REQUESTER_NAME = "the hospital"

RELAYER_KEY = "relayer.json"
"""Where the gateway keeps the key that pays; the dishonest gateway of the demo uses it, too."""

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
    kiosk_config: Path
    kiosk_key: str
    requester_state: Path
    relayer_key: Path
    ledger_url: str
    contract: str
    cast: Cast
    parts: tuple[Part, ...]

    @property
    def kiosk(self) -> list[str]:
        """The option that names the kiosk."""
        return ["--config", str(self.kiosk_config)]

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
    commands.run(["gateway", "init", "--state", str(gateway_state)])

    with ExitStack() as stack:

        def start(name: str, argv: list[str]) -> Part:
            return stack.enter_context(Part(name, [*argv, "--json"], logs / f"{name}.log"))

        wire = stack.enter_context(broker.start(directory / "broker"))
        control = directory / "finger.sock"
        sensor = start("sensor", sensor_arguments(cast, control, logs / "opcodes.jsonl"))
        gateway_config = directory / "gateway.toml"
        gateway_config.write_text(
            gateway_toml(gateway_state, wire.url, kiosk["kiosk_id"], kiosk["public_key"])
        )
        gateway = start("gateway", ["gateway", "run", "--config", str(gateway_config)])
        facts = gateway.wait_ready()

        requester = commands.run(["requester", "init", "--state", str(requester_state), *where(facts)]).result
        kiosk_config = directory / "edge.toml"
        kiosk_config.write_text(
            edge_toml(
                kiosk_state,
                sensor=f"serial:{sensor.wait_ready()['port']}",
                broker_url=wire.url,
                facts=facts,
                storage=cast.storage,
                requester=requester["address"],
            )
        )
        agent = start("agent", ["edge", "agent", "--config", str(kiosk_config)])
        agent.wait_ready()

        yield Stage(
            directory=directory,
            source=source,
            remote=SensorRemote(control),
            broker=wire.name,
            kiosk_config=kiosk_config,
            kiosk_key=kiosk["public_key"],
            requester_state=requester_state,
            relayer_key=gateway_state / RELAYER_KEY,
            ledger_url=facts["ledger"],
            contract=facts["contract"],
            cast=cast,
            parts=(sensor, gateway, agent),
        )


def where(facts: dict[str, Any]) -> list[str]:
    """The options by which a requester finds the gateway and its ledger."""
    return ["--gateway", facts["http"], "--ledger", facts["ledger"], "--contract", facts["contract"]]


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
    arguments += ["--control", str(control), "--log", str(log)]
    return arguments if cast.paced else [*arguments, "--no-pacing"]


def gateway_toml(state: Path, broker_url: str, kiosk_id: str, kiosk_key: str) -> str:
    """The gateway's configuration: it knows one kiosk, and runs its own ledger."""
    return f"""\
state = "{state}"
environment = "{ENVIRONMENT}"
broker = "{broker_url}"
listen = "127.0.0.1:0"
ledger_listen = "127.0.0.1:0"

[kiosks]
{kiosk_id} = "{kiosk_key}"
"""


def edge_toml(
    state: Path, *, sensor: str, broker_url: str, facts: dict[str, Any], storage: str, requester: str
) -> str:
    """The kiosk's configuration: its sensor, its gateway, and the one requester it knows by name."""
    return f"""\
state = "{state}"
environment = "{ENVIRONMENT}"
sensor = "{sensor}"
broker = "{broker_url}"
gateway_key = "{facts["gateway_key"]}"
contract = "{facts["contract"]}"
chain_id = {facts["chain_id"]}
storage = "{storage}"
repeated_images = "allow"  # a folder of fingers has few impressions

[requesters]
"{requester}" = "{REQUESTER_NAME}"
"""
