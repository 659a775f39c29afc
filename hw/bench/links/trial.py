"""One link through every fault: consents are captured while it strikes, and in the end the ledger is asked.

Real are the kiosks' outboxes, couriers and links, the medium, the gateway as a process, and its embedded
ledger, on which the requests stand beforehand. Consents are grants, each of a request of its own, so that
the ledger would refuse none and each must be there exactly once.
"""

import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from contracts.messages import ReceiptStatus
from gateway.ledger.events import ActEvent, decode
from hw.bench.crowd.kiosk import Kiosk
from hw.bench.crowd.ledger import Signed
from hw.bench.links.crew import Member
from hw.bench.links.faults import FAULTS, Fault, Scene
from hw.bench.links.media import Medium
from hw.bench.relay.stage import Stage
from hw.errors import UnavailableError

UP_SECONDS = 120.0
"""Longest wait for the first connections; amqtt and radios on a busy machine take seconds."""

DRAIN_SECONDS = 1800.0
"""Longest wait for the last receipt once a fault has ended; what has none then counts as lost."""

LATENCIES = 30
"""Consents of which each waits for the receipt of the one before."""

GLANCE = 0.01

Progress = Callable[[str, int], None]
"""Is told what goes on, and how many messages are through."""


@dataclass(frozen=True)
class Phase:
    """What one fault did.

    Attributes:
        fault: its name.
        messages: consents captured.
        refused: captures that a kiosk without room refused; the person came again.
        sends: how often messages were handed to a link.
        most_sends: of one message.
        drain_seconds: from the fault's end to the last receipt.
        digests: of the consents.
    """

    fault: str
    messages: int
    refused: int
    sends: int
    most_sends: int
    drain_seconds: float
    digests: list[bytes] = field(repr=False)

    @property
    def sends_per_message(self) -> float:
        """1 where nothing was sent twice."""
        return self.sends / max(1, self.messages)


@dataclass(frozen=True)
class Result:
    """What one link did.

    Attributes:
        link: its name.
        phases: by fault.
        lost: for each fault, consents that are not on the ledger or whose kiosk was never told.
        doubled: for each fault, consents that took effect more than once.
        per_second: consents from queue to receipt, all captured at once.
        octets_per_message: that crossed the medium for each consent, both ways, receipt included.
        latency: median seconds from queue to receipt.
    """

    link: str
    phases: list[Phase]
    lost: dict[str, int]
    doubled: dict[str, int]
    per_second: float
    octets_per_message: float
    latency: float


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        messages: in all, spread over the faults.
        seconds: over which each fault's messages are captured, at least.
        rate: consents captured a second, at most.
        seed: of the faults' moments.
    """

    messages: int
    seconds: float
    rate: float
    seed: int


class Trial:
    """One link under measurement.

    Args:
        medium: what it is made of, already there.
        directory: of everything.
        plan: how much.
        told: progress.
    """

    def __init__(self, medium: Medium, directory: Path, plan: Plan, told: Progress) -> None:
        self._medium, self._plan, self._told = medium, plan, told
        self._kiosks = [Kiosk() for _ in range(medium.kiosks)]
        told(f"{medium.name}: writing requests", 0)
        stage = Stage(directory / "stage", self._kiosks)
        each = -(-plan.messages // len(FAULTS))
        asked = stage.ask((1 + len(FAULTS)) * each + LATENCIES)
        self._consents: Iterator[Signed] = (each.granted() for each in asked)
        self._homes = {person.address: number for number, person in enumerate(stage.people)}
        self._premises = stage.premises(medium.broker, settings=medium.settings)
        self._directory, self._each = directory, each
        self._through = 0

    def run(self) -> Result:
        """Measure the link at rest, then through every fault.

        Raises:
            UnavailableError: the link does not come up before anything has befallen it.
        """
        with ExitStack() as stack:
            stack.enter_context(self._premises)
            self._crew = [
                stack.enter_context(
                    Member(
                        kiosk, self._directory / kiosk.id, self._medium.url(number), self._premises.gateway
                    )
                )
                for number, kiosk in enumerate(self._kiosks)
            ]
            self._await_up()
            latency = self._one_by_one()
            per_second, octets = self._at_once()
            phases = [self._phase(name, fault) for name, fault in FAULTS.items()]
            lost, doubled = self._verdict(phases)
        return Result(self._medium.name, phases, lost, doubled, per_second, octets, latency)

    def _one_by_one(self) -> float:
        self._told(f"{self._medium.name}: latency", self._through)
        seconds = []
        for _ in range(LATENCIES):
            signed = next(self._consents)
            start = time.monotonic()
            digest = self._capture(signed)
            if (
                digest is None
                or self._member(signed).outbox.wait_settled(digest, UP_SECONDS, lambda: False).status is None
            ):
                raise UnavailableError(
                    f"{self._medium.name}: a consent had no receipt though nothing befell it"
                )
            seconds.append(time.monotonic() - start)
        return statistics.median(seconds)

    def _at_once(self) -> tuple[float, float]:
        self._told(f"{self._medium.name}: throughput", self._through)
        before, start = self._medium.octets, time.monotonic()
        for _ in range(self._each):
            self._capture(next(self._consents))
        self._drain(DRAIN_SECONDS)
        seconds = time.monotonic() - start
        return self._each / seconds, (self._medium.octets - before) / self._each

    def _phase(self, name: str, fault: Fault) -> Phase:
        """Capture consents while a fault strikes; then wait for the last receipt."""
        self._told(f"{self._medium.name}: {name}", self._through)
        before = self._sends()
        over = threading.Event()
        seconds = max(self._plan.seconds, self._each / self._plan.rate)
        dice = random.Random(f"{self._plan.seed} {self._medium.name} {name}")  # noqa: S311 - to run it again
        scene = Scene(self._medium, self._premises, self._crew, dice)
        errors: list[BaseException] = []

        def strike() -> None:
            try:
                fault(scene, over.wait, seconds)
            except BaseException as error:  # noqa: BLE001 - raised again below, in the main thread
                errors.append(error)

        thread = threading.Thread(target=strike, name=name)
        thread.start()
        digests, refused = self._stream(seconds)
        over.set()
        thread.join()
        if errors:
            raise errors[0]
        for member in self._crew:
            member.free_disk()
        drain = self._drain(DRAIN_SECONDS)
        self._through += len(digests)
        sends = self._sends()
        sends.subtract(before)
        return Phase(
            name, len(digests), refused, sends.total(), max(sends.values(), default=0), drain, digests
        )

    def _stream(self, seconds: float) -> tuple[list[bytes], int]:
        """Capture this fault's share of consents, evenly; who is refused comes again."""
        digests: list[bytes] = []
        refused = 0
        start = time.monotonic()
        for number in range(self._each):
            time.sleep(max(0.0, start + seconds * number / self._each - time.monotonic()))
            signed = next(self._consents)
            while (digest := self._capture(signed)) is None:
                refused += 1
                time.sleep(0.2)
            digests.append(digest)
            self._told("", self._through + number + 1)
        return digests, refused

    def _capture(self, signed: Signed) -> bytes | None:
        return self._member(signed).capture(signed)

    def _member(self, signed: Signed) -> Member:
        """A person has one kiosk, as the outbox keeps the order of their acts."""
        return self._crew[self._homes[signed.signer.address] % len(self._crew)]

    def _sends(self) -> Counter[bytes]:
        return sum((member.sends for member in self._crew), Counter())

    def _drain(self, seconds: float) -> float:
        start = time.monotonic()
        while any(member.outbox.waiting() for member in self._crew) and time.monotonic() - start < seconds:
            time.sleep(GLANCE * len(self._crew))
        return time.monotonic() - start

    def _await_up(self) -> None:
        self._told(f"{self._medium.name}: connecting", 0)
        deadline = time.monotonic() + UP_SECONDS
        while not all(member.is_up for member in self._crew):
            if time.monotonic() > deadline:
                raise UnavailableError(f"{self._medium.name}: the link does not come up")
            time.sleep(GLANCE)

    def _verdict(self, phases: Sequence[Phase]) -> tuple[dict[str, int], dict[str, int]]:
        """Lost and doubled consents of each phase, from the ledger's own events and the kiosks' receipts."""
        gateway = self._premises.gateway
        registry = gateway.registry()
        events = (decode(log) for log in registry.logs(0, registry.client.block_number()))
        effects = Counter(event.act.digest(gateway.domain) for event in events if isinstance(event, ActEvent))
        told = {
            entry.digest
            for member in self._crew
            for entry in member.outbox.history(None, self._plan.messages * 2)
            if entry.status is ReceiptStatus.FINAL
        }
        lost = {
            phase.fault: sum(effects[each] == 0 or each not in told for each in phase.digests)
            for phase in phases
        }
        doubled = {phase.fault: sum(effects[each] > 1 for each in phase.digests) for phase in phases}
        return lost, doubled
