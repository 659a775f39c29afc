"""Queue and courier against a model: nothing lost, out of order, too soon or too often."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from contracts.acts import ActKind
from contracts.messages import ReceiptStatus
from edge.errors import StateError, UnavailableError
from edge.links.courier import Courier
from edge.links.link import LinkDownError, LinkLostError, LinkRefusedError, LinkState, LinkStatus
from edge.links.outbox import Outbox
from edge.links.pacing import FIRST, LARGEST, SOON, Backoff, Window
from edge.links.schedule import STUCK_SECONDS, Route
from edge.state.database import Database
from tests.edge.test_outbox import receipt

BACKOFF = Backoff(first=10.0, limit=160.0, jitter=0.5, in_doubt=5.0)
LIMIT = 6
SUBJECTS = [bytes([number]) * 20 for number in range(1, 5)]
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a real disk would spend the time in fsync

MOODS = {"down": LinkDownError, "lost": LinkLostError, "refusing": LinkRefusedError}


class FakeLink:
    """A link that does as it is told, and keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, bool]] = []
        self.state = LinkState.UP
        self.mood = "willing"

    @property
    def status(self) -> LinkStatus:
        return LinkStatus(self.state)

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def send(self, message: bytes, *, again: bool) -> None:
        assert self.state is LinkState.UP, "a message for a link that is not up"
        if self.mood == "down":
            raise LinkDownError("down")
        self.sent.append((message[1:], again))
        if self.mood in MOODS:
            raise MOODS[self.mood](self.mood)


def everything(courier: Courier, routes: list[Route]) -> None:
    """Send what is due, by every link; a link that was lost is not tried again in the same breath."""
    for route in routes:
        while courier.carry(route):
            pass


class CourierMachine(RuleBasedStateMachine):
    """Puts, sends, receipts, lost links, restarts, full disks and clocks that jump, in any order."""

    digests = Bundle("digests")

    @initialize()
    def begin(self) -> None:
        self._directory = tempfile.TemporaryDirectory(dir=MEMORY)
        self.path = Path(self._directory.name) / "kiosk.sqlite"
        self.wall, self.monotonic, self.chance = 1_800_000_000.0, 5_000.0, 0.0
        self.waiting: list[tuple[bytes, bytes]] = []  # (subject, digest) in the order of signing
        self.sends: dict[bytes, int] = {}
        self.not_before: dict[bytes, float] = {}
        self.links = [FakeLink(), FakeLink()]
        self.routes = [Route(f"link {number}", link) for number, link in enumerate(self.links)]
        self.number = 0
        self.open()

    def open(self) -> None:
        self.database = Database(self.path)
        self.outbox = Outbox(self.database, limit=LIMIT, reserve=0, clock=lambda: self.wall)
        self.courier = Courier(
            self.outbox,
            self.routes,
            backoff=BACKOFF,
            monotonic=lambda: self.monotonic,
            chance=lambda: self.chance,
        )

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
            self._directory.cleanup()

    @rule(target=digests, subject=st.sampled_from(SUBJECTS))
    def put(self, subject: bytes) -> bytes:
        self.number += 1
        digest = self.number.to_bytes(32, "big")
        if len(self.waiting) == LIMIT:
            with pytest.raises(UnavailableError, match="Nothing was lost"):
                self.outbox.put(digest, ActKind.DENY, subject, digest, b"m" + digest, deadline=None)
        else:
            self.outbox.put(digest, ActKind.DENY, subject, digest, b"m" + digest, deadline=None)
            self.waiting.append((subject, digest))
        return digest

    @rule(
        moods=st.tuples(*[st.sampled_from(["willing", "willing", "down", "lost", "refusing"])] * 2),
        chance=st.floats(0, 0.999),
    )
    def send(self, moods: tuple[str, str], chance: float) -> None:
        self.chance = chance
        for link, mood in zip(self.links, moods, strict=True):
            link.mood, link.sent = mood, []
        everything(self.courier, self.routes)
        firsts = set(dict(reversed(self.waiting)).values())
        for link in self.links:
            for digest, again in link.sent:
                assert digest in firsts, "a message overtook an earlier one of its person, or was settled"
                assert again is (digest in self.sends), "a resend is marked, and nothing else is"
                assert self.monotonic >= self.not_before.get(digest, 0.0), "a message was sent too soon"
                self.sends[digest] = self.sends.get(digest, 0) + 1
            for digest, _ in link.sent:
                self._rest(digest, link.mood)

    def _rest(self, digest: bytes, mood: str) -> None:
        """How long a message has to stay, but for a link that was lost or has refused it."""
        shortest = BACKOFF.delay(self.sends[digest], 1.0)
        if mood == "refusing":
            shortest = 0.0
        elif mood == "lost":
            shortest = min(shortest, BACKOFF.in_doubt)
        self.not_before[digest] = self.monotonic + shortest

    @rule(number=st.integers(0, 1), state=st.sampled_from(LinkState))
    def change_link(self, number: int, state: LinkState) -> None:
        self.links[number].state = state
        for digest, earliest in self.not_before.items():  # it may be in doubt from now on
            self.not_before[digest] = min(earliest, self.monotonic + BACKOFF.in_doubt)

    @rule(digest=digests, status=st.sampled_from(ReceiptStatus))
    def settle(self, digest: bytes, status: ReceiptStatus) -> None:
        was_waiting = digest in [waiting for _, waiting in self.waiting]
        assert self.outbox.settle(receipt(digest, status), b"receipt") is was_waiting
        self.waiting = [each for each in self.waiting if each[1] != digest]

    @rule(seconds=st.floats(0, 500))
    def wait(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    @rule(seconds=st.floats(-1e9, 1e9))
    def jump(self, seconds: float) -> None:
        """Somebody sets the clock; that alone sends nothing and keeps nothing back."""
        self.wall += seconds

    @rule(seconds=st.floats(-1e9, 1e9))
    def restart(self, seconds: float) -> None:
        """The power goes, and the clock is anything when it is back: waits end by the limit, or at once."""
        self.database.close()
        self.wall += seconds
        self.not_before = {}
        self.open()

    @rule()
    def retry(self) -> None:
        self.not_before = {}
        assert self.courier.retry() == len({subject for subject, _ in self.waiting})

    @rule(subject=st.sampled_from(SUBJECTS))
    def full_disk(self, subject: bytes) -> None:
        self.database.rows("PRAGMA max_page_count = 1")
        with pytest.raises((StateError, UnavailableError)):
            self.outbox.put(b"\xff" * 32, ActKind.DENY, subject, b"", bytes(200_000), deadline=None)
        self.database.rows("PRAGMA max_page_count = 1000000")

    @rule()
    def everything_is_mended(self) -> None:
        """However it came about: with links up and the gateway answering, all is settled within bounds."""
        for link in self.links:
            link.state, link.mood = LinkState.UP, "willing"
        for _ in range(20 * LIMIT):
            if not self.waiting:
                break
            self.send(("willing", "willing"), 0.5)
            for link in self.links:
                for digest, _ in link.sent:
                    self.settle(digest, ReceiptStatus.FINAL)
            self.wait(BACKOFF.limit / 4)
        assert not self.waiting

    @invariant()
    def nothing_is_lost(self) -> None:
        if not hasattr(self, "outbox"):
            return
        assert [entry.digest for entry in self.outbox.queue()] == [digest for _, digest in self.waiting]
        for _, digest in self.waiting:
            assert self.outbox.message(digest) == b"m" + digest
            assert self.outbox.entry(digest).attempts == self.sends.get(digest, 0)


TestCourier = CourierMachine.TestCase
TestCourier.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_model_for_minutes() -> None:
    run_state_machine_as_test(
        CourierMachine, settings=settings(max_examples=2000, stateful_step_count=80, deadline=None)
    )


@given(st.integers(1, 10_000), st.floats(0, 0.999), st.floats(0, 1e6))
def test_the_back_off_doubles_to_its_limit_and_never_vanishes(
    attempts: int, chance: float, usual: float
) -> None:
    delay = BACKOFF.delay(attempts, chance, usual)
    longest = min(BACKOFF.limit, BACKOFF.first * 2 ** min(attempts - 1, 20))
    assert longest / 2 <= delay <= BACKOFF.limit


def test_the_window_opens_while_receipts_come_soon_and_closes_when_they_do_not() -> None:
    window = Window()
    assert window.size == FIRST
    for _ in range(100):
        window.answered(SOON)
    assert window.size == LARGEST
    assert window.usual == SOON
    for _ in range(100):
        window.answered(10 * SOON)
    assert window.size == 1
    window.answered(0.1)
    assert window.size == 2
    window.unanswered()
    window.unanswered()
    assert window.size == 1
    window.restart()
    assert window.size == FIRST


class Bench:
    """A courier with a clock in the hand, and people who have each signed one act."""

    def __init__(self, database: Database, links: int = 1) -> None:
        self.now = 0.0
        self.outbox = Outbox(database, limit=10_000)
        self.links = [FakeLink() for _ in range(links)]
        self.routes = [Route(str(number), link) for number, link in enumerate(self.links)]
        self.courier = Courier(
            self.outbox, self.routes, backoff=BACKOFF, monotonic=lambda: self.now, chance=lambda: 0.0
        )

    def sign(self, *numbers: int, subject: bytes | None = None) -> list[bytes]:
        digests = [number.to_bytes(32, "big") for number in numbers]
        for digest in digests:
            self.outbox.put(
                digest,
                ActKind.DENY,
                subject or digest[:20] + digest[-20:],
                digest,
                b"m" + digest,
                deadline=None,
            )
        return digests

    def sends(self) -> list[list[int]]:
        """What each link is given now."""
        for link in self.links:
            link.sent = []
        everything(self.courier, self.routes)
        return [[int.from_bytes(digest, "big") for digest, _ in link.sent] for link in self.links]

    def answer(self, *numbers: int) -> None:
        for number in numbers:
            self.outbox.settle(receipt(number.to_bytes(32, "big")), b"receipt")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Database(tmp_path / "kiosk.sqlite") as database:
        yield Bench(database)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Bench]:
    with Database(tmp_path / "kiosk.sqlite") as database:
        yield Bench(database, links=2)


def test_no_more_is_on_its_way_than_the_window_lets(bench: Bench) -> None:
    bench.sign(*range(1, 30))
    assert bench.sends() == [[1, 2]]
    assert bench.sends() == [[]]
    bench.answer(1)
    assert bench.sends() == [[3, 4]]  # one for the receipt, one more as it came soon
    bench.now += SOON + 1
    bench.answer(2)
    assert bench.sends() == [[]]  # it came late: the window is two again
    bench.answer(3)
    assert bench.sends() == [[5]]


def test_a_lost_link_costs_a_window_of_resends_and_no_more(bench: Bench) -> None:
    """Captured off line, sent, lost with the broker: every message but those on their way is sent once."""
    count = 100
    bench.sign(*range(1, count + 1))
    sends = bench.sends()[0]
    while bench.outbox.waiting() > count // 2:
        bench.answer(*sends[-1:])
        sends += bench.sends()[0]
    on_their_way = len(sends) - count // 2
    bench.links[0].state = LinkState.DOWN
    assert bench.sends() == [[]]
    bench.now += 24 * 3600.0
    bench.links[0].state = LinkState.UP
    while bench.outbox.waiting():
        now = bench.sends()[0]
        sends += now
        bench.answer(*now)
        bench.now += 1.0
    assert len(sends) <= count + on_their_way
    assert on_their_way <= LARGEST


def test_receipts_that_were_only_delayed_by_a_lost_link_spare_the_resends(bench: Bench) -> None:
    bench.sign(1, 2)
    assert bench.sends() == [[1, 2]]
    bench.links[0].state = LinkState.DOWN
    bench.sends()
    bench.links[0].state = LinkState.UP
    bench.sends()
    bench.now += BACKOFF.in_doubt - 0.1
    bench.answer(1)
    assert bench.sends() == [[]]
    bench.now += 0.2
    assert bench.sends() == [[2]]


def test_a_silent_gateway_is_asked_seldom(bench: Bench) -> None:
    """The link works, nobody answers, for a day: a window, and then one message for each longest wait."""
    bench.sign(*range(1, 60))
    sent = 0
    for _ in range(24 * 360):
        sent += len(bench.sends()[0])
        bench.now += 10.0
    assert sent <= 5 * 60 + 24 * 3600 / BACKOFF.limit
    assert all(entry.status is None for entry in bench.outbox.queue())


def test_a_link_that_refuses_kiosks_or_messages_stands_in_nobodys_way(two: Bench) -> None:
    two.sign(1, 2)
    two.links[0].state = LinkState.REFUSED
    assert two.sends() == [[], [1, 2]]
    two.answer(1, 2)
    two.links[0].state, two.links[0].mood = LinkState.UP, "refusing"
    two.sign(3)
    assert two.sends() == [[3], [3]]
    assert two.outbox.entry((3).to_bytes(32, "big")).link == "1"


def test_when_every_link_has_refused_a_message_it_rests(two: Bench) -> None:
    for link in two.links:
        link.mood = "refusing"
    two.sign(1)
    assert two.sends() == [[1], [1]]
    assert two.outbox.entry((1).to_bytes(32, "big")).complaint == "refusing"
    assert two.sends() == [[], []]
    two.now += BACKOFF.limit
    assert two.sends() == [[1], [1]]


def test_a_link_that_takes_nothing_is_tried_seldom_and_with_one_message(bench: Bench) -> None:
    """As a broker at which no gateway listens: after an outage its kiosks are often there first."""
    bench.sign(*range(1, 60))
    bench.links[0].mood = "refusing"
    sent = 0
    for _ in range(600):
        sent += len(bench.sends()[0])
        bench.now += 1.0
    assert sent == 13  # after 0, 4, 12, 28, 60 seconds, and then once a minute
    bench.links[0].mood = "willing"
    bench.now += BACKOFF.refused_limit
    assert len(bench.sends()[0]) == FIRST


def test_a_message_that_is_never_taken_does_not_hold_up_the_others(bench: Bench) -> None:
    bench.sign(*range(1, 20))
    inner = bench.links[0].send

    def picky(message: bytes, *, again: bool) -> None:
        inner(message, again=again)
        if message[-1] == 1:
            raise LinkRefusedError("it is too long")

    bench.links[0].send = picky  # type: ignore[method-assign]
    for _ in range(60):
        bench.answer(*(number for number in bench.sends()[0] if number != 1))
        bench.now += 1.0
    assert bench.outbox.waiting() == 1


def test_the_first_link_is_preferred_and_the_next_takes_what_it_lost(two: Bench) -> None:
    two.sign(1, 2)
    assert two.sends() == [[1, 2], []]
    two.answer(2)
    two.now += BACKOFF.first
    assert two.sends() == [[], [1]]  # it went unanswered: perhaps the other link leads to the gateway
    two.links[0].state = LinkState.DOWN
    two.sign(3)
    assert two.sends() == [[], [3]]


def test_a_stuck_link_is_passed_over(two: Bench) -> None:
    two.sign(1, 2)
    inner = two.links[0].send

    def stuck(message: bytes, *, again: bool) -> None:
        inner(message, again=again)
        assert not two.courier.carry(two.routes[1])  # busy, but not for long
        two.now += STUCK_SECONDS
        assert two.courier.carry(two.routes[1])

    two.links[0].send = stuck  # type: ignore[method-assign]  # in the middle of a send, as another thread would
    assert two.courier.carry(two.routes[0])
    assert [len(link.sent) for link in two.links] == [1, 1]


def test_the_wait_for_a_receipt_begins_when_a_slow_link_has_sent(bench: Bench) -> None:
    """A large record takes a slow radio longer than any receipt is waited for."""
    bench.sign(1)
    inner = bench.links[0].send

    def slow(message: bytes, *, again: bool) -> None:
        bench.now += 3 * BACKOFF.first
        inner(message, again=again)

    bench.links[0].send = slow  # type: ignore[method-assign]
    assert bench.sends() == [[1]]
    bench.now += BACKOFF.first - 0.1
    assert bench.sends() == [[]]
    bench.now += 0.2
    assert bench.sends() == [[1]]


def test_people_do_not_wait_for_each_other(bench: Bench) -> None:
    anna, ben = b"\x0a" * 20, b"\x0b" * 20
    bench.sign(1, 2, 3, subject=anna)
    bench.sign(4, 5, subject=ben)
    assert bench.sends() == [[1, 4]]
    bench.answer(4)
    assert bench.sends() == [[5]]
    bench.answer(1)
    assert bench.sends() == [[2]]


def test_an_operators_retry_does_not_wait_for_the_back_off(bench: Bench) -> None:
    first, behind = bench.sign(1, 2, subject=b"\x0a" * 20)
    assert bench.sends() == [[1]]
    assert bench.courier.again_in(first) == BACKOFF.first
    assert bench.courier.again_in(behind) is None
    assert bench.sends() == [[]]
    assert bench.courier.retry(behind) == 0
    assert bench.courier.retry(first) == 1
    assert bench.sends() == [[1]]


@pytest.mark.parametrize(
    ("jump", "longest"),
    [(0.0, BACKOFF.first), (-1e9, BACKOFF.first), (1e9, 0.0), (3.0, BACKOFF.first - 3.0)],
    ids=["right", "set back", "set forward", "a moment later"],
)
def test_after_a_restart_a_wait_is_bounded_whatever_the_clock_says(
    tmp_path: Path, jump: float, longest: float
) -> None:
    wall, now = 1_800_000_000.0, 0.0
    link = FakeLink()
    route = Route("only", link)

    def courier(database: Database) -> Courier:
        outbox = Outbox(database, limit=5, clock=lambda: wall)
        return Courier(outbox, [route], backoff=BACKOFF, monotonic=lambda: now, chance=lambda: 0.0)

    with Database(tmp_path / "kiosk.sqlite") as database:
        Outbox(database, limit=5).put(bytes(32), ActKind.DENY, SUBJECTS[0], b"", b"m", deadline=None)
        assert courier(database).carry(route)
    wall += jump
    with Database(tmp_path / "kiosk.sqlite") as database:
        after = courier(database)
        assert after.carry(route) is (longest == 0.0)
        now = longest
        assert after.carry(route) is (longest > 0.0)


def test_a_full_disk_sends_nothing_and_does_not_end_the_courier(tmp_path: Path) -> None:
    with Database(tmp_path / "kiosk.sqlite") as database:
        bench = Bench(database)
        (digest,) = bench.sign(1)
        sending = bench.outbox.sending
        failures = iter([StateError("no room"), StateError("no room")])

        def fail_twice(digest: bytes, link: str, wait: float) -> bytes | None:
            if failure := next(failures, None):
                raise failure
            return sending(digest, link, wait)

        bench.outbox.sending = fail_twice  # type: ignore[method-assign]  # the disk is full for a while
        with pytest.raises(StateError):
            bench.courier.carry(bench.routes[0])
        assert bench.links[0].sent == []
        bench.courier.start()
        for _ in range(600):
            if bench.outbox.entry(digest).attempts:
                break
            bench.outbox.wait_change(bench.outbox.changes, 0.05)
        bench.courier.stop()
        assert bench.links[0].sent == [(digest, False)]


def test_a_fault_in_one_link_does_not_end_its_thread(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Database(tmp_path / "kiosk.sqlite") as database:
        bench = Bench(database, links=2)
        (digest,) = bench.sign(1)
        inner = bench.links[0].send
        faults = iter([ZeroDivisionError()])

        def faulty(message: bytes, *, again: bool) -> None:
            if fault := next(faults, None):
                raise fault
            inner(message, again=again)

        bench.links[0].send = faulty  # type: ignore[method-assign]
        bench.courier.start()
        for _ in range(600):
            if "fault in sending by 0" in caplog.text:
                break
            bench.outbox.wait_change(bench.outbox.changes, 0.05)
        bench.now += BACKOFF.limit
        bench.outbox.wake()
        for _ in range(600):
            if bench.links[0].sent or bench.links[1].sent:
                break
            bench.outbox.wait_change(bench.outbox.changes, 0.05)
        bench.courier.stop()
        assert bench.links[0].sent + bench.links[1].sent == [(digest, True)]
