"""The kiosk's process: it owns the sensor, the state, the outbox and the links, and serves the panel.

Starting order is the order of what can be wrong: configuration, keys, another agent, state, sensor, panel.
The links are not in that list: a kiosk without a network takes consents, and the outbox keeps them.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol

from contracts.cose import kid_of
from contracts.messages import Action
from drivers import urls
from drivers.bluetooth.called import Called
from drivers.errors import SensorError
from edge.config import EdgeConfig
from edge.desk import device_key, opened
from edge.errands import Errands
from edge.errors import ConfigError, EdgeError, RefusedError
from edge.events import JsonObject
from edge.identity import files, hardening
from edge.journeys.visit import Desk
from edge.links import opening, phones
from edge.links.courier import Courier
from edge.links.inbox import Inbox
from edge.links.link import LinkState
from edge.links.mqtt import MqttLink
from edge.links.opening import Ends
from edge.links.phones import PhoneLink
from edge.links.schedule import Route
from edge.outbox_errands import OutboxErrands
from edge.panel import Panel
from edge.phones.errands import PhoneErrands
from edge.phones.reception import Reception
from edge.steering.presence import Presences
from edge.steering.steward import Steward

if TYPE_CHECKING:
    from edge.phones.door import Door

log = logging.getLogger(__name__)

FIRST_LOOK_SECONDS = 3.0
"""How long the readiness line waits to say how the links are."""


class Part(Protocol):
    """What runs beside the journeys, in threads of its own."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End in good order."""


def run(config: EdgeConfig, ready: Callable[[JsonObject], None], load: Callable[[], EdgeConfig]) -> bool:
    """Run the agent until SIGTERM or SIGINT, or until its gateway has it read the configuration again.

    Args:
        config: what the kiosk is told.
        ready: called once, with kiosk id, sensor model and how the links are.
        load: reads the configuration as it then is, before the agent ends to start anew with it.

    Returns:
        Whether to start anew, with the configuration as it then is.

    Raises:
        EdgeError, SensorError: it could not start; the message says what to do.
    """
    hardening.harden()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    open_links = check(config)
    with opened(config) as desk:
        agent = Agent(config, desk, open_links, lambda: check(load()), stopping)
        with agent.running():
            agent.first_look()
            ready(agent.status())
            stopping.wait()
            log.info("starting anew" if agent.is_to_start_anew else "stopping")
    return agent.is_to_start_anew


def check(config: EdgeConfig) -> Callable[[Ends], list[Route]]:
    """Look at everything in a configuration that can be known to be wrong before anything is opened.

    Returns:
        What makes its links.

    Raises:
        EdgeError, SensorError: the agent could not start with it; the message says what to do.
    """
    open_links = opening.check(config.links, config.state)
    urls.parse(config.sensor)
    device_key(config.state)
    if config.phones is not None:
        _door_class()
    return open_links


class Agent:
    """The parts around a desk, each knowing those that it speaks to.

    Args:
        config: what the kiosk is told.
        desk: what journeys work with.
        open_links: makes the configured links.
        check: raises if the agent could not start with the configuration as it is now.
        stopping: set to end the agent.
    """

    def __init__(
        self,
        config: EdgeConfig,
        desk: Desk,
        open_links: Callable[[Ends], list[Route]],
        check: Callable[[], object],
        stopping: threading.Event,
    ) -> None:
        self.is_to_start_anew = False
        self._check, self._stopping = check, stopping
        self._sensor, self._environment = desk.sensor, config.environment
        self._kiosk_id = kid_of(desk.device_key.public_key()).hex()
        presences = Presences(desk.database, desk.device_key, config.environment)
        steward = Steward(desk, presences)
        inbox = Inbox(
            desk.database,
            desk.outbox,
            gateway_key=config.gateway_key,
            domain=config.domain,
            steer=steward.steer,
        )
        ends = Ends(
            self._kiosk_id,
            desk.device_key,
            config.gateway_key,
            config.environment,
            inbox.hear,
            desk.outbox.wake,
            presences.next,
        )
        self._links = open_links(ends)
        steward.speak_over([route.link for route in self._links if isinstance(route.link, MqttLink)])
        self._door = _door(config, desk, inbox, ends.called)
        if self._door is not None:
            self._links.append(Route(phones.NAME, PhoneLink(desk.room)))
        self._courier = Courier(desk.outbox, self._links)
        outbox_errands = OutboxErrands(desk, self._courier, inbox, config.gateway_key)
        errands = {**outbox_errands.by_name(), **PhoneErrands(desk).by_name()}
        self._errands = Errands(desk, config.gateway_key, self.status, errands)
        steward.obey({Action.RESEND: self._courier.retry, Action.RELOAD_CONFIGURATION: self._start_anew})
        panel = Panel(config.panel, self._errands.handle)
        doors = [] if self._door is None else [self._door]
        self._parts: list[Part] = [
            *(route.link for route in self._links),
            self._courier,
            steward,
            *doors,
            panel,
        ]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start everything, and stop it at the end of the `with`, the last first."""
        with ExitStack() as stack:
            for part in self._parts:
                part.start()
                stack.callback(part.stop)
            yield

    def status(self) -> JsonObject:
        """How the kiosk is, for its technician."""
        return {
            "kiosk": self._kiosk_id,
            "environment": self._environment,
            "sensor": self._sensor.info.model if self._sensor.ready else "failed",
            "broker": str(self._links[0].link.status),
            "links": self._courier.links(),
            "phones": "off" if self._door is None else self._door.status,
        }

    def first_look(self) -> None:
        """Wait a moment for the links' first successes or failures."""
        end = time.monotonic() + FIRST_LOOK_SECONDS
        while self._any_connecting() and time.monotonic() < end:
            self._stopping.wait(0.05)

    def _any_connecting(self) -> bool:
        return any(route.link.status.state is LinkState.CONNECTING for route in self._links)

    def _start_anew(self) -> None:
        """End, to be started again with the configuration as it is now.

        Raises:
            RefusedError: it is not the time, or the configuration is one that would keep the kiosk down.
        """
        if self._errands.busy:
            raise RefusedError("a person is at the kiosk")
        try:
            self._check()
        except (EdgeError, SensorError) as error:
            raise RefusedError(str(error)) from None
        self.is_to_start_anew = True
        self._stopping.set()


def _door(config: EdgeConfig, desk: Desk, inbox: Inbox, called: Called) -> "Door | None":
    """Where phones come in, if they are to.

    Raises:
        ConfigError: what Bluetooth needs is not installed.
    """
    if config.phones is None:
        return None
    reception = Reception(desk, files.phone_key(desk.state), inbox.hear)
    return _door_class()(reception.arrived, config.phones, called)


def _door_class() -> "type[Door]":
    try:  # a kiosk without Bluetooth does without its packages
        from edge.phones.door import Door
    except ModuleNotFoundError:
        raise ConfigError("phones by Bluetooth need more: pip install 'ridgekey[ble]'") from None
    return Door
