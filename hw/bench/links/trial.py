"""One link at rest, or through one fault: consents are captured while it strikes; then the ledger is asked.

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
from pathlib import Path

from contracts.messages import ReceiptStatus
from gateway.ledger.events import ActEvent, decode
from hw.bench.crowd.kiosk import Kiosk
from hw.bench.crowd.ledger import Signed
from hw.bench.links.crew import Member
from hw.bench.links.faults import FAULTS, Fault, Scene
from hw.bench.links.media import Medium
from hw.bench.links.outcome import Phase, Rest
from hw.bench.relay.stage import Stage
from hw.errors import UnavailableError

UP_SECONDS = 120.0
"""Longest wait for the first connections; amqtt and radios on a busy machine take seconds."""

DRAIN_SECONDS = 1800.0
"""Longest wait for the last receipt once a fault has ended; what has none then counts as lost."""

LATENCIES = 30
"""Consents of which each waits for the receipt of the one before."""

GLANCE = 0.01

Told = Callable[[str, int], None]
"""Is told what goes on, and how many consents of this trial are captured."""


class Ground:
    """What all trials of a link begin with: kiosks, and a ledger full of requests, copied for each trial.

    Args:
        directory: of the ledger and its copies.
        kiosks: how many.
        requests: how many.

    Attributes:
        kiosks: their keys.
        stage: the ledger.
        homes: the number of the kiosk that a person goes to, by address: the outbox keeps the order of their
            acts.
    """

    def __init__(self, directory: Path, kiosks: int, requests: int) -> None:
        self.kiosks = [Kiosk() for _ in range(kiosks)]
        self.stage = Stage(directory, self.kiosks)
        self._asked = self.stage.ask(requests)
        self.homes = {person.address: number % kiosks for number, person in enumerate(self.stage.people)}

    def consents(self, number: int) -> Iterator[Signed]:
        """So many answers: yes."""
        return (each.granted() for each in self._asked[:number])


class Trial:
    """One link under measurement; used in a `with`, which brings gateway and kiosks to life and ends them.

    Args:
        medium: what it is made of, already there.
        ground: to begin with.
        directory: of the kiosks' state.
        consents: how many there are to capture.
        told: progress.

    Raises:
        UnavailableError: the link does not come up before anything has befallen it.
    """

    def __init__(self, medium: Medium, ground: Ground, directory: Path, consents: int, told: Told) -> None:
        self._medium, self._ground, self._directory, self._told = medium, ground, directory, told
        self._number, self._consents = consents, ground.consents(consents)
        self._premises = ground.stage.premises(medium.broker, settings=medium.settings)
        self._stack = ExitStack()

    def __enter__(self) -> "Trial":
        try:
            self._stack.enter_context(self._premises)
            self._crew = [
                self._stack.enter_context(
                    Member(
                        kiosk, self._directory / kiosk.id, self._medium.url(number), self._premises.gateway
                    )
                )
                for number, kiosk in enumerate(self._ground.kiosks)
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
        self._told("throughput", 0)
        number = self._number - LATENCIES
        before, start = self._medium.octets, time.monotonic()
        for _ in range(number):
            self._capture(next(self._consents))
        self._drain(DRAIN_SECONDS)
        seconds, octets = time.monotonic() - start, self._medium.octets - before
        return Rest(round(number / seconds, 1), round(octets / number), round(latency, 4))

    def strike(self, name: str, seconds: float, seed: int) -> Phase:
        """Capture all consents while a fault strikes, and wait for the last receipt.

        Args:
            name: of the fault.
            seconds: over which they are captured, at least.
            seed: of its moments.
        """
        self._told(name, 0)
        dice = random.Random(f"{seed} {self._medium.name} {name}")  # noqa: S311 - to run it again
        scene = Scene(self._medium, self._premises, self._crew, dice)
        seconds = max(seconds, self._number / self._medium.rate)
        digests, refused = self._stream_through(FAULTS[name], scene, seconds)
        drain = self._drain(DRAIN_SECONDS)
        effects, told = self._effects(), self._told_final()
        sends = sum((member.sends for member in self._crew), Counter[bytes]())
        return Phase(
            fault=name,
            messages=len(digests),
            lost=sum(not effects[each] or each not in told for each in digests),
            doubled=sum(effects[each] > 1 for each in digests),
            sends=sends.total(),
            most_sends=max(sends.values(), default=0),
            refused=refused,
            drain_seconds=round(drain, 1),
        )

    def _one_by_one(self) -> float:
        self._told("latency", 0)
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

    def _stream_through(self, fault: Fault, scene: Scene, seconds: float) -> tuple[list[bytes], int]:
        """Capture consents while a fault strikes; their digests, and how many captures were refused."""
        over = threading.Event()
        errors: list[BaseException] = []

        def strike() -> None:
            try:
                fault(scene, over.wait, seconds)
            except BaseException as error:  # noqa: BLE001 - raised again below, in the main thread
                errors.append(error)

        thread = threading.Thread(target=strike, name="fault")
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
        """Capture consents evenly; who is refused comes again."""
        digests: list[bytes] = []
        refused = 0
        start = time.monotonic()
        for number, signed in enumerate(self._consents):
            time.sleep(max(0.0, start + seconds * number / self._number - time.monotonic()))
            while (digest := self._capture(signed)) is None:
                refused += 1
                time.sleep(0.2)
            digests.append(digest)
            self._told("", number + 1)
        return digests, refused

    def _capture(self, signed: Signed) -> bytes | None:
        return self._member(signed).capture(signed)

    def _member(self, signed: Signed) -> Member:
        return self._crew[self._ground.homes[signed.signer.address]]

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

    def _effects(self) -> Counter[bytes]:
        """How often each act took effect, by the ledger's own events."""
        gateway = self._premises.gateway
        registry = gateway.registry()
        events = (decode(log) for log in registry.logs(0, registry.client.block_number()))
        return Counter(event.act.digest(gateway.domain) for event in events if isinstance(event, ActEvent))

    def _told_final(self) -> set[bytes]:
        """Digests of the acts of which their kiosk has heard that they are on the ledger."""
        entries = (entry for member in self._crew for entry in member.outbox.history(None, self._number))
        return {entry.digest for entry in entries if entry.status is ReceiptStatus.FINAL}
