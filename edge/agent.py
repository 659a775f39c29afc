"""The kiosk's process: it owns the sensor, the state, the outbox and the links, and serves the panel.

Starting order is the order of what can be wrong: configuration, keys, another agent, state, sensor, panel.
The links are not in that list: a kiosk without a network takes consents, and the outbox keeps them.
"""

import fcntl
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.cose import kid_of
from contracts.messages import Action
from edge.biometrics.minutiae import MinutiaExtractor
from edge.biometrics.presentation import Seen
from edge.config import EdgeConfig
from edge.errands import Errands
from edge.errors import ConfigError, RefusedError, StateError, UnavailableError
from edge.events import JsonObject
from edge.identity import files, hardening
from edge.identity.keys import wipe
from edge.journeys.visit import Desk
from edge.links import opening, phones
from edge.links.courier import Courier, Route
from edge.links.inbox import Inbox
from edge.links.link import Link, LinkState
from edge.links.mqtt import MqttLink
from edge.links.opening import Ends
from edge.links.outbox import Outbox
from edge.links.phones import PhoneLink
from edge.outbox_errands import OutboxErrands
from edge.panel import Panel
from edge.phones.errands import PhoneErrands
from edge.phones.reception import Reception
from edge.phones.room import Room
from edge.sensor import KioskSensor
from edge.state.database import FILE_NAME, Database
from edge.steering.presence import Presences
from edge.steering.steward import Steward

if TYPE_CHECKING:
    from edge.phones.door import Door

log = logging.getLogger(__name__)

FIRST_LOOK_SECONDS = 3.0
"""How long the readiness line waits to say how the links are."""


def run(config: EdgeConfig, ready: Callable[[JsonObject], None], check: Callable[[], object]) -> bool:
    """Run the agent until SIGTERM or SIGINT, or until its gateway has it read the configuration again.

    Args:
        config: what the kiosk is told.
        ready: called once, with kiosk id, sensor model and how the links are.
        check: raises an `EdgeError` if the configuration is now one that it could not start with.

    Returns:
        Whether to start anew, with the configuration as it then is.

    Raises:
        EdgeError, SensorError: it could not start; the message says what to do.
    """
    hardening.harden()
    stopping, anew = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    open_links = opening.check(config.links, config.state)
    with ExitStack() as stack:
        desk = _open_desk(config, stack)
        kiosk_id = kid_of(desk.device_key.public_key()).hex()
        presences = Presences(desk.database, desk.device_key, config.environment)
        steward = Steward(desk, presences)
        inbox = Inbox(
            desk.database,
            desk.outbox,
            gateway_key=config.gateway_key,
            domain=config.domain,
            steer=steward.steer,
        )
        links = open_links(
            Ends(
                kiosk_id,
                desk.device_key,
                config.gateway_key,
                config.environment,
                inbox.hear,
                desk.outbox.wake,
                presences.next,
            )
        )
        steward.speak_over([route.link for route in links if isinstance(route.link, MqttLink)])
        doors = []
        if config.phones is not None:
            doors.append(_open_door(config.phones, desk, inbox))
            links.append(Route(phones.NAME, PhoneLink(desk.room)))
        courier = Courier(desk.outbox, links)

        def status() -> JsonObject:
            return {
                "kiosk": kiosk_id,
                "environment": config.environment,
                "sensor": desk.sensor.info.model if desk.sensor.ready else "failed",
                "broker": str(links[0].link.status),
                "links": courier.links(),
                "phones": doors[0].status if doors else "off",
            }

        outbox_errands = OutboxErrands(desk, courier, inbox, config.gateway_key)
        errands = {**outbox_errands.by_name(), **PhoneErrands(desk).by_name()}
        desk_errands = Errands(desk, config.gateway_key, status, errands)

        def start_anew() -> None:
            if desk_errands.busy:
                raise RefusedError("a person is at the kiosk")
            check()
            anew.set()
            stopping.set()

        steward.obey({Action.RESEND: courier.retry, Action.RELOAD_CONFIGURATION: start_anew})
        panel = Panel(config.panel, desk_errands.handle)
        parts: list[Link | Courier | Steward | Panel | Door] = [
            *(route.link for route in links),
            courier,
            steward,
            *doors,
            panel,
        ]
        for part in parts:
            part.start()
            stack.callback(part.stop)
        _first_look(links, stopping)
        ready(status())
        stopping.wait()
        log.info("starting anew" if anew.is_set() else "stopping")
    return anew.is_set()


def _open_desk(config: EdgeConfig, stack: ExitStack) -> Desk:
    """Open what journeys work with; the stack closes it."""
    device_key = files.device_key(config.state)
    wipe(files.pepper(config.state))  # only to find a missing one now rather than under a finger
    stack.enter_context(_only_agent(config.state))
    database = stack.enter_context(Database(config.state / FILE_NAME))
    sensor = KioskSensor(config.sensor)
    stack.callback(sensor.close)
    outbox = Outbox(database, limit=config.outbox_limit)
    return Desk(
        sensor=sensor,
        extractor=MinutiaExtractor(),
        database=database,
        outbox=outbox,
        state=config.state,
        device_key=device_key,
        domain=config.domain,
        on_ledger=config.on_ledger,
        requesters=config.requesters,
        room=Room(outbox.wake),
        gateway_url=config.gateway_url,
        seen=None if config.allow_repeats else Seen(),
    )


def _open_door(adapter: str, desk: Desk, inbox: Inbox) -> "Door":
    """Where phones come in.

    Raises:
        ConfigError: what Bluetooth needs is not installed.
    """
    try:
        from edge.phones.door import Door
    except ModuleNotFoundError:
        raise ConfigError("phones by Bluetooth need more: pip install 'ridgekey[ble]'") from None
    reception = Reception(desk, files.phone_key(desk.state), inbox.hear)
    return Door(reception.arrived, adapter)


def _first_look(links: Sequence[Route], stopping: threading.Event) -> None:
    """Wait a moment for the links' first successes or failures."""
    end = time.monotonic() + FIRST_LOOK_SECONDS
    while _any_connecting(links) and time.monotonic() < end:
        stopping.wait(0.05)


def _any_connecting(links: Sequence[Route]) -> bool:
    return any(route.link.status.state is LinkState.CONNECTING for route in links)


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
