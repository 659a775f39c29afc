"""The kiosk's process: it owns the sensor, the state, the outbox and the link, and serves the panel.

Starting order is the order of what can be wrong: configuration, keys, another agent, state, sensor, panel.
The broker is not in that list: a kiosk without a network takes consents, and the outbox keeps them.
"""

import fcntl
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from contracts.cose import kid_of
from drivers.mqtt.broker import Broker
from edge.biometrics.minutiae import MinutiaExtractor
from edge.biometrics.presentation import Seen
from edge.config import EdgeConfig
from edge.errands import Errands
from edge.errors import StateError, UnavailableError
from edge.events import JsonObject
from edge.identity import certificate, files, hardening
from edge.identity.keys import wipe
from edge.journeys.visit import Desk
from edge.links.courier import Courier, Route
from edge.links.inbox import Inbox
from edge.links.link import Link, LinkState
from edge.links.mqtt import MqttLink
from edge.links.outbox import Outbox
from edge.panel import Panel
from edge.sensor import KioskSensor
from edge.state.database import FILE_NAME, Database

log = logging.getLogger(__name__)

FIRST_LOOK_SECONDS = 3.0
"""How long the readiness line waits to say how the broker is."""


def run(config: EdgeConfig, ready: Callable[[JsonObject], None]) -> None:
    """Run the agent until SIGTERM or SIGINT.

    Args:
        config: what the kiosk is told.
        ready: called once, with kiosk id, sensor model and the broker's state.

    Raises:
        EdgeError, SensorError: it could not start; the message says what to do.
    """
    hardening.harden()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    broker = Broker.of(config.broker)
    with ExitStack() as stack:
        desk = _open_desk(config, stack)
        kiosk_id = kid_of(desk.device_key.public_key()).hex()
        inbox = Inbox(desk.database, desk.outbox, gateway_key=config.gateway_key, domain=config.domain)
        credentials = certificate.credentials(config.state) if broker.tls else None
        link = MqttLink(broker, kiosk_id, inbox.hear, desk.outbox.wake, credentials=credentials)

        def status() -> JsonObject:
            return {
                "kiosk": kiosk_id,
                "environment": config.environment,
                "sensor": desk.sensor.info.model if desk.sensor.ready else "failed",
                "broker": str(link.status),
            }

        panel = Panel(config.panel, Errands(desk, config.gateway_key, status).handle)
        for part in (link, Courier(desk.outbox, [Route(config.broker, link)]), panel):
            part.start()
            stack.callback(part.stop)
        _first_look(link, stopping)
        ready(status())
        stopping.wait()
        log.info("stopping")


def _open_desk(config: EdgeConfig, stack: ExitStack) -> Desk:
    """Open what journeys work with; the stack closes it."""
    device_key = files.device_key(config.state)
    wipe(files.pepper(config.state))  # only to find a missing one now rather than under a finger
    stack.enter_context(_only_agent(config.state))
    database = stack.enter_context(Database(config.state / FILE_NAME))
    sensor = KioskSensor(config.sensor)
    stack.callback(sensor.close)
    return Desk(
        sensor=sensor,
        extractor=MinutiaExtractor(),
        database=database,
        outbox=Outbox(database, limit=config.outbox_limit),
        state=config.state,
        device_key=device_key,
        domain=config.domain,
        on_ledger=config.on_ledger,
        requesters=config.requesters,
        seen=None if config.allow_repeats else Seen(),
    )


def _first_look(link: Link, stopping: threading.Event) -> None:
    """Wait a moment for the link's first success or failure."""
    end = time.monotonic() + FIRST_LOOK_SECONDS
    while link.status.state is LinkState.CONNECTING and time.monotonic() < end:
        stopping.wait(0.05)


@contextmanager
def _only_agent(state: Path) -> Iterator[None]:
    """Hold the state directory's lock; two agents would fight over the sensor and the socket.

    Raises:
        UnavailableError: another agent has it.
    """
    try:
        descriptor = os.open(state / "agent.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StateError(f"cannot write in the state directory {state}: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise UnavailableError(f"another agent is running on {state}; stop it first") from None
    else:
        yield
    finally:
        os.close(descriptor)
