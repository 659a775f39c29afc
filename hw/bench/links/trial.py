"""One link through faults: consents are captured while each strikes, and then the ledger is asked.

Real are the kiosks' outboxes, couriers and links, the medium, the gateway as a process, and its embedded
ledger, on which the requests stand beforehand. Consents are grants, each of a request of its own, so that
the ledger would refuse none and each must be there exactly once.
"""

import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from contracts.messages import ReceiptStatus
from gateway.ledger.events import ActEvent, decode
from hw.bench.crowd.kiosk import Kiosk
from hw.bench.crowd.ledger import Signed
from hw.bench.links.crew import Member
from hw.bench.links.faults import FAULTS, Fault, Scene
from hw.bench.links.media import Medium
from hw.bench.links.outcome import Phase, Plan, Rest
from hw.bench.relay.stage import Stage
from hw.errors import UnavailableError

UP_SECONDS = 120.0
"""Longest wait for the first connections; amqtt and radios on a busy machine take seconds."""

DRAIN_SECONDS = 1800.0
"""Longest wait for the last receipt once a fault has ended; what has none then counts as lost."""

LATENCIES = 30
"""Consents of which each waits for the receipt of the one before."""

AT_ONCE = 500
"""Consents that are captured as fast as they can be, at most, to see how many a second get through."""

GLANCE = 0.01

Progress = Callable[[str, int], None]
"""Is told what goes on, and how many messages of this trial are through."""


class Trial:
    """One link under measurement; used in a `with`, which brings gateway and kiosks to life and ends them.

    Args:
        medium: what it is made of, already there.
        directory: of everything.
        plan: how much.
        faults: how many of them will strike.
        told: progress.

    Raises:
        UnavailableError: the link does not come up before anything has befallen it.
    """

    def __init__(self, medium: Medium, directory: Path, plan: Plan, faults: int, told: Progress) -> None:
        self._medium, self._plan, self._told = medium, plan, told
        self._kiosks = [Kiosk() for _ in range(medium.kiosks)]
        told("writing requests", 0)
        stage = Stage(directory / "stage", self._kiosks)
        self._each = -(-plan.messages // len(FAULTS))
        self._at_once = min(self._each, AT_ONCE)
        asked = stage.ask(faults * self._each + self._at_once + LATENCIES)
        self._consents: Iterator[Signed] = (each.granted() for each in asked)
        self._homes = {person.address: number for number, person in enumerate(stage.people)}
        self._premises = stage.premises(medium.broker, settings=medium.settings)
        self._directory = directory
        self._stack = ExitStack()
        self._through = 0
        self._effects: Counter[bytes] = Counter()  # of each consent, by the ledger's events
        self._read = 0  # blocks of the ledger that these are from
        self._digests: dict[str, list[bytes]] = {}
        self._phases: dict[str, Phase] = {}

    def __enter__(self) -> "Trial":
        try:
            self._stack.enter_context(self._premises)
            self._crew = [
                self._stack.enter_context(
                    Member(
                        kiosk, self._directory / kiosk.id, self._medium.url(number), self._premises.gateway
                    )
                )
                for number, kiosk in enumerate(self._kiosks)
            ]
            self._await_up()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def rest(self) -> Rest:
        """Measure the link while nothing befalls it.

        Raises:
            UnavailableError: a consent had no receipt.
        """
        latency = self._one_by_one()
        self._told("throughput", self._through)
        before, start = self._medium.octets, time.monotonic()
        for _ in range(self._at_once):
            self._capture(next(self._consents))
        self._drain(DRAIN_SECONDS)
        seconds, octets = time.monotonic() - start, self._medium.octets - before
        return Rest(round(self._at_once / seconds, 1), round(octets / self._at_once), round(latency, 4))

    def strike(self, name: str) -> list[Phase]:
        """Capture consents while a fault strikes, and wait for the last receipt.

        Returns:
            What this and the faults before it did: an act of an earlier one may have been doubled since.
        """
        self._told(name, self._through)
        before = self._sends()
        digests, refused = self._stream_through(name, FAULTS[name])
        drain = self._drain(DRAIN_SECONDS)
        self._through += len(digests)
        self._digests[name] = digests
        sends = self._sends()
        sends.subtract(before)
        self._phases[name] = Phase(
            fault=name,
            messages=len(digests),
            lost=0,
            doubled=0,
            sends=sends.total(),
            most_sends=max(sends.values(), default=0),
            refused=refused,
            drain_seconds=round(drain, 1),
        )
        return self._judged()

    def _one_by_one(self) -> float:
        self._told("latency", self._through)
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

    def _stream_through(self, name: str, fault: Fault) -> tuple[list[bytes], int]:
        """Capture this fault's share of consents while it strikes; digests, and how many were refused."""
        over = threading.Event()
        seconds = max(self._plan.seconds, self._each / self._medium.rate)
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
        try:
            captured = self._stream(seconds)
        finally:
            over.set()
            thread.join()
        if errors:
            raise errors[0]
        for member in self._crew:
            member.free_disk()
        return captured

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
        self._told("connecting", 0)
        deadline = time.monotonic() + UP_SECONDS
        while not all(member.is_up for member in self._crew):
            if time.monotonic() > deadline:
                raise UnavailableError(f"{self._medium.name}: the link does not come up")
            time.sleep(GLANCE)

    def _judged(self) -> list[Phase]:
        """The phases with their lost and doubled, by the ledger's own events and the kiosks' receipts."""
        self._read_ledger()
        told = self._told_final()
        for name, digests in self._digests.items():
            self._phases[name] = replace(
                self._phases[name],
                lost=sum(self._effects[each] == 0 or each not in told for each in digests),
                doubled=sum(self._effects[each] > 1 for each in digests),
            )
        return list(self._phases.values())

    def _read_ledger(self) -> None:
        gateway = self._premises.gateway
        registry = gateway.registry()
        last = registry.client.block_number()
        for event in (decode(log) for log in registry.logs(self._read, last)):
            if isinstance(event, ActEvent):
                self._effects[event.act.digest(gateway.domain)] += 1
        self._read = last + 1

    def _told_final(self) -> set[bytes]:
        """Digests of the acts of which their kiosk has heard that they are on the ledger."""
        entries = (entry for member in self._crew for entry in member.outbox.history(None, self._captured))
        return {entry.digest for entry in entries if entry.status is ReceiptStatus.FINAL}

    @property
    def _captured(self) -> int:
        return self._through + self._at_once + LATENCIES
