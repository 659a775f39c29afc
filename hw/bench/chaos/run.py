"""The run: people act without pause while gateway and ledger are killed; then all must come to rest."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from contracts.envelope import commitment
from hw import broker
from hw.bench.chaos.killer import STARTING, Fallen, Victim, blows, strike
from hw.bench.chaos.life import Book, Life, Step
from hw.bench.chaos.verdict import Verdict, judge
from hw.bench.crowd.kiosk import Kiosk, Wire
from hw.bench.crowd.people import Person, Requester
from hw.bench.crowd.premises import Premises, Running
from hw.errors import UnavailableError

PEOPLE, KIOSKS = 24, 4
"""Of 24 people about as many acts are under way at any time: enough to fill batches now and then."""

PATIENCE = 1.0
"""Seconds after which what has no answer is sent again: a gateway lives for two or three."""

DEADLINE_SECONDS = 7 * 86_400
TURN = 0.02
"""Seconds between two looks at what each person waits for."""

DRAIN_SECONDS = 180.0
"""Longest wait, after the last kill, for everything to be answered."""


@dataclass(frozen=True)
class Result:
    """What happened, and the verdict.

    Attributes:
        fallen: all kills.
        verdict: what the ledger says.
        sendings: how often acts were sent, repeats included.
        drain_seconds: from the last restart until nothing waited.
        seconds: of the whole.
    """

    fallen: list[Fallen]
    verdict: Verdict
    sendings: int
    drain_seconds: float
    seconds: float

    @property
    def kills(self) -> Counter[Victim]:
        """Kills by victim."""
        return Counter(each.blow.victim for each in self.fallen if each.hit)

    @property
    def moments(self) -> Counter[str]:
        """Kills by the moment at which they fell: a state that was seen just before, or a start."""
        return Counter(
            each.blow.moment
            for each in self.fallen
            if each.hit and (each.seen or each.blow.moment == STARTING)
        )


class Crowd:
    """The people, on a thread of their own.

    Args:
        lives: of everybody.
    """

    def __init__(self, lives: list[Life]) -> None:
        self._lives = lives
        self._http = httpx.Client(timeout=2.0)
        self._more, self._stop = True, threading.Event()
        self._thread = threading.Thread(target=self._run, name="crowd", daemon=True)

    def meet(self, gateway: Running) -> None:
        """Speak to the gateway at its new address."""
        self._http.base_url = httpx.URL(gateway.http)

    def start(self) -> None:
        """Begin to act."""
        self._thread.start()

    def come_to_rest(self, seconds: float) -> bool:
        """Finish what is begun; whether all of it was answered in time."""
        self._more = False
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.rests:
            time.sleep(TURN)
        self._stop.set()
        self._thread.join()
        return self.rests

    @property
    def rests(self) -> bool:
        """Whether nobody waits for anything."""
        return all(life.step is Step.IDLE for life in self._lives)

    def _run(self) -> None:
        while not self._stop.wait(TURN):
            for life in self._lives:
                life.turn(self._http, time.monotonic(), more=self._more)


def run(directory: Path, kills: int, seed: int, told: Callable[[str, int], None]) -> Result:
    """Run the whole.

    Args:
        directory: empty; everything is kept in it.
        kills: how many; a blow at a ledger that is not up again yet is none.
        seed: of the victims and moments.
        told: called with the name of the stage and the kills so far.

    Raises:
        UnavailableError: the gateway does not come up, or people were not enrolled.
    """
    begun = time.monotonic()
    with ExitStack() as stack:
        wire = stack.enter_context(broker.start(directory / "broker"))
        kiosks = [Kiosk() for _ in range(KIOSKS)]
        premises = stack.enter_context(Premises(directory, wire.url, kiosks))
        book = Book()
        post = stack.enter_context(Wire(wire.url, kiosks, premises.gateway.key, book.hear))
        crowd = Crowd(_enrol(kiosks, premises.gateway, post, book, seed, told))
        crowd.meet(premises.gateway)
        crowd.start()
        fallen = _kill(premises, crowd, kills, seed, told)
        told("coming to rest", kills)
        last = time.monotonic()
        premises.gateway.wait_well()
        crowd.come_to_rest(DRAIN_SECONDS)
        drained = time.monotonic() - last
        verdict = judge(book, premises.gateway.registry(), premises.gateway.domain)
    return Result(fallen, verdict, book.sendings, drained, time.monotonic() - begun)


def _kill(
    premises: Premises, crowd: Crowd, kills: int, seed: int, told: Callable[[str, int], None]
) -> list[Fallen]:
    """The kills; in the end a gateway is up again, and the crowd speaks to it."""
    fallen: list[Fallen] = []
    part, plan = premises.gateway.part, blows(seed)
    while (done := sum(each.hit for each in fallen)) < kills:
        told("killing", done)
        blow = next(plan)
        if blow.moment != STARTING and part is not premises.gateway.part:
            crowd.meet(premises.meet(part))
        fallen.append(strike(blow, premises.journal, part.pid))
        if blow.victim is Victim.GATEWAY:
            part.kill()
            part = premises.launch()
    if part is not premises.gateway.part:
        crowd.meet(premises.meet(part))
    return fallen


def _enrol(
    kiosks: list[Kiosk], gateway: Running, post: Wire, book: Book, seed: int, told: Callable[[str, int], None]
) -> list[Life]:
    """People on the ledger with a record each, before the first kill."""
    told("enrolling people", 0)
    deadline = int(time.time()) + DEADLINE_SECONDS
    requesters = [Requester(f"chaos {seed} requester {n}", deadline, deadline) for n in range(PEOPLE)]
    people = [Person(f"chaos {seed} person {n}", deadline) for n in range(PEOPLE)]
    lives = [
        Life(person, kiosks[n % KIOSKS], requesters[n], gateway.domain, post.publish, book, PATIENCE)
        for n, person in enumerate(people)
    ]
    for person, life in zip(people, lives, strict=True):
        life.begin(person.enrol())
    _await_answers(lives)
    for person, life in zip(people, lives, strict=True):
        document = person.document()
        life.begin(person.register(commitment(document)), document)
    _await_answers(lives)
    return lives


def _await_answers(lives: list[Life]) -> None:
    deadline = time.monotonic() + 60
    with httpx.Client() as http:
        while not all(life.is_answered for life in lives):
            if time.monotonic() > deadline:
                raise UnavailableError("the gateway does not take people's enrolment; nothing was killed yet")
            for life in lives:
                life.again(http, time.monotonic())
            time.sleep(TURN)
