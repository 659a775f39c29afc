"""What a journey has at hand: the kiosk's parts, the person's screen, and a watch."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.acts import ACT_LIFETIME
from contracts.eip712 import Domain
from edge.biometrics.minutiae import MinutiaExtractor
from edge.biometrics.presentation import Likeness, Seen
from edge.errors import CancelledError
from edge.events import Report
from edge.links.outbox import Outbox
from edge.phones.room import Room
from edge.sensor import KioskSensor
from edge.state.database import Database

LOOK_SECONDS = 0.05
"""Between two looks whether the person has left, while the decoder runs."""


@dataclass(frozen=True)
class Desk:
    """The kiosk's parts, made once by the agent.

    Attributes:
        sensor: where fingers are pressed.
        extractor: image to minutiae.
        database: the kiosk's state.
        outbox: where signed messages go.
        state: directory of the pepper.
        device_key: signs for the kiosk.
        domain: where the person's signatures count.
        on_ledger: whether ciphertexts go on the ledger too.
        requesters: display names by address.
        room: phones that are here.
        gateway_url: of the gateway's HTTP, as phones reach it; empty if they are not to carry messages.
        seen: knows an image that comes twice; None where that is allowed.
        clock: Unix time.
    """

    sensor: KioskSensor
    extractor: MinutiaExtractor
    database: Database
    outbox: Outbox
    state: Path
    device_key: Ed25519PrivateKey
    domain: Domain
    on_ledger: bool
    requesters: Mapping[bytes, str]
    room: Room = field(default_factory=Room)
    gateway_url: str = ""
    seen: Seen | None = field(default_factory=Seen)
    clock: Callable[[], float] = time.time

    def now(self) -> int:
        """Unix seconds."""
        return int(self.clock())


@dataclass(frozen=True)
class Visit:
    """One person's errand at the desk.

    Attributes:
        desk: the kiosk's parts.
        report: shows an event to the person.
        cancelled: whether the person has left or called it off.
        seconds: time spent, by phase: `capture` (image on the wire), `unlock` (image to key), `sign`.
        last: the last capture, reduced, to know its residue by; biometric, wiped at the end of the `with`.
    """

    desk: Desk
    report: Report
    cancelled: Callable[[], bool] = lambda: False
    seconds: dict[str, float] = field(default_factory=dict)
    last: list[Likeness] = field(default_factory=list, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.forget()

    def forget(self) -> None:
        """Overwrite what is kept of the last capture."""
        for likeness in self.last:
            likeness.wipe()
        self.last.clear()

    def check_cancelled(self) -> None:
        """A point at which the journey can stop without harm.

        Raises:
            CancelledError: the person has left or called it off.
        """
        if self.cancelled():
            raise CancelledError("cancelled; nothing was signed")

    @contextmanager
    def cancelling(self) -> Iterator[bytearray]:
        """One zero byte that is set when the person leaves: for work that looks at it and cannot ask."""
        flag, done = bytearray(1), threading.Event()

        def watch() -> None:
            while not done.wait(LOOK_SECONDS):
                flag[0] |= self.cancelled()

        watcher = threading.Thread(target=watch, name="cancelling", daemon=True)
        watcher.start()
        try:
            yield flag
        finally:
            done.set()
            watcher.join()

    @contextmanager
    def timing(self, phase: str) -> Iterator[None]:
        """Add the time inside the `with` to a phase."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.spent(phase, time.monotonic() - began)

    def spent(self, phase: str, seconds: float) -> None:
        """Add time to a phase."""
        self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds

    def deadline(self) -> int:
        """Last second at which the contract takes an act signed now."""
        return self.desk.now() + ACT_LIFETIME
