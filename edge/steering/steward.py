"""A thread that looks after the kiosk itself: reports its health, renews its certificate, obeys commands."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

from contracts.cose import kid_of
from contracts.labels import clean
from contracts.messages import (
    Action,
    Command,
    Desired,
    Health,
    IssuedCertificate,
    SensorState,
    Setting,
)
from contracts.messages.status import MAX_LABEL
from edge.errors import EdgeError
from edge.journeys.visit import Desk
from edge.links.inbox import Steering
from edge.links.link import LinkState, LinkStatus
from edge.steering.orders import Orders, Perform
from edge.steering.presence import Presences
from edge.steering.renewal import Renewal
from edge.steering.settings import Settings, own_settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Between two looks at whether something is due."""


class Voice(Protocol):
    """A link over which the kiosk can speak of itself; messages of people go another way."""

    @property
    def status(self) -> LinkStatus:
        """How the link stands now."""

    def say_health(self, message: bytes) -> None:
        """Publish how the kiosk is; whoever asks later hears it too."""

    def say_report(self, message: bytes) -> None:
        """Publish an answer or a question to the gateway; kept in memory while there is no connection."""

    def reconnect(self) -> None:
        """Connect anew, as with a new certificate."""


class Steward:
    """Looks after the kiosk from `start` to `stop`."""

    def __init__(
        self,
        desk: Desk,
        presences: Presences,
    ) -> None:
        """Take up the configuration that the gateway has last set.

        Args:
            desk: the kiosk's parts.
            presences: numbers the connections.
        """
        environment = desk.domain.environment
        self._desk = desk
        self._presences = presences
        self._kiosk = kid_of(desk.device_key.public_key())
        self._renewal = Renewal(desk.state, self._kiosk.hex(), environment, desk.clock)
        self._settings = Settings(
            desk.database, environment, own_settings(desk.outbox.limit), self._apply, desk.clock
        )
        self._actions: dict[Action, Perform] = {
            Action.REPORT_HEALTH: self._report_health,
            Action.RENEW_CERTIFICATE: self._ask,
        }
        self._orders = Orders(desk.database, environment, self._actions, desk.clock)
        self._voices: Sequence[Voice] = ()
        self._said_over: dict[Voice, int] = {}
        self._began = self._health_due = time.monotonic()
        self._queue: queue.SimpleQueue[Steering | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="steward", daemon=True)

    def speak_over(self, voices: Sequence[Voice]) -> None:
        """Name the links to speak over, before `start`: they are made with parts that this one needs too."""
        self._voices = voices

    def obey(self, actions: Mapping[Action, Perform]) -> None:
        """Name what a command can ask for beside health and certificate, before `start`."""
        self._actions.update(actions)

    def start(self) -> None:
        """Begin to look after things in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is at hand."""
        self._queue.put(None)
        self._thread.join()

    def steer(self, item: Steering) -> None:
        """Take what the gateway sent to this kiosk; it is dealt with on the steward's thread."""
        if item.kiosk != self._kiosk:
            log.warning("ignored a %s for another kiosk", type(item).__name__)
            return
        self._queue.put(item)

    def health(self) -> Health:
        """How the kiosk is now; nothing in it is about a person."""
        desk, now = self._desk, self._desk.now()
        waiting, oldest = desk.outbox.backlog()
        return Health(
            environment=desk.domain.environment,
            sequence=self._presences.sequence,
            at=now,
            software=_software(),
            uptime=int(time.monotonic() - self._began),
            waiting=waiting,
            oldest=max(0, int(now - oldest)) if oldest is not None else 0,
            capacity=desk.outbox.limit,
            sensor=SensorState.READY if desk.sensor.ready else SensorState.FAILED,
            model=clean(desk.sensor.info.model, MAX_LABEL),
            certificate_end=self._renewal.end,
            configuration=self._settings.version,
        )

    # The thread

    def _run(self) -> None:
        while True:
            try:
                item = self._queue.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                self._guarded(self._look)
                continue
            if item is None:
                return
            self._guarded(partial(self._deal_with, item))

    def _guarded(self, task: Callable[[], None]) -> None:
        """Nothing that goes wrong here may end the thread, or concern a person."""
        try:
            task()
        except EdgeError as error:
            log.warning("%s", error)
        except Exception:
            log.exception("the steward could not do what was at hand, and goes on")

    def _look(self) -> None:
        fresh = [voice for voice in self._voices if self._is_fresh(voice)]
        if fresh or time.monotonic() >= self._health_due:
            self._report_health()
        if self._up() and self._renewal.is_due(self._settings[Setting.RENEW_DAYS]):
            self._ask()

    def _is_fresh(self, voice: Voice) -> bool:
        """Whether a connection has come up since the last report: its first word is how the kiosk is."""
        return voice.status.state is LinkState.UP and self._said_over.get(voice) != self._presences.sequence

    def _report_health(self) -> None:
        self._health_due = time.monotonic() + self._settings[Setting.HEALTH_SECONDS]
        message = self.health().sign(self._desk.device_key)
        for voice in self._up():
            voice.say_health(message)
            self._said_over[voice] = self._presences.sequence

    def _ask(self) -> None:
        self._say(self._renewal.ask().sign(self._desk.device_key))

    def _deal_with(self, item: Steering) -> None:
        if isinstance(item, Command):
            outcome = self._orders.carry_out(item)
            if outcome is not None:
                self._say(outcome.sign(self._desk.device_key))
        elif isinstance(item, Desired):
            reported = self._settings.deal_with(item)
            if reported is not None:
                self._say(reported.sign(self._desk.device_key))
                self._report_health()
        else:
            self._install(item)

    def _install(self, issued: IssuedCertificate) -> None:
        self._renewal.install(issued)
        log.info("a new certificate for the broker is in use")
        for voice in self._voices:
            voice.reconnect()

    def _apply(self, settings: Settings) -> None:
        self._desk.outbox.limit = settings[Setting.OUTBOX_LIMIT]

    def _up(self) -> list[Voice]:
        return [voice for voice in self._voices if voice.status.state is LinkState.UP]

    def _say(self, message: bytes) -> None:
        for voice in self._voices:
            voice.say_report(message)


def _software() -> str:
    try:
        return version("ridgekey")
    except PackageNotFoundError:
        return ""
