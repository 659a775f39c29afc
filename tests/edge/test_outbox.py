"""The outbox against a model: nothing lost, nothing out of order, nothing sent too soon."""

import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from contracts.acts import ActKind
from contracts.messages import Receipt, ReceiptStatus
from edge.errors import NotFoundError, StateError, UnavailableError
from edge.links import outbox as module
from edge.links.courier import Courier
from edge.links.link import LinkDownError, LinkRefusedError, LinkState, LinkStatus
from edge.links.outbox import Backoff, Outbox
from edge.state.database import Database

BACKOFF = Backoff(first=10.0, limit=160.0, jitter=0.5)
LIMIT = 6
SUBJECTS = [bytes([number]) * 20 for number in range(1, 4)]


def receipt(digest: bytes, status: ReceiptStatus = ReceiptStatus.FINAL) -> Receipt:
    if status is ReceiptStatus.REJECTED:
        return Receipt("test", digest, status, None, None, "no", 1)
    return Receipt("test", digest, status, bytes(32), 1, "", 1)


class FakeLink:
    """A link that does as it is told, and keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.mood = "up"

    @property
    def status(self) -> LinkStatus:
        return LinkStatus(LinkState.UP)

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def send(self, message: bytes, *, again: bool) -> None:
        if self.mood == "down":
            raise LinkDownError("down")
        self.sent.append(message)
        if self.mood == "refusing":
            raise LinkRefusedError("not authorised")


class OutboxMachine(RuleBasedStateMachine):
    """Puts, sends, receipts, restarts, full disks and clocks that jump, in any order."""

    digests = Bundle("digests")

    @initialize()
    def begin(self) -> None:
        self._directory = tempfile.TemporaryDirectory()
        self.path = Path(self._directory.name) / "kiosk.sqlite"
        self.now = 1_800_000_000.0
        self.chance = 0.0
        self.waiting: list[tuple[bytes, bytes]] = []  # (subject, digest) in the order of signing
        self.sent_at: dict[bytes, tuple[int, float]] = {}
        self.link = FakeLink()
        self.number = 0
        self.open()

    def open(self) -> None:
        self.database = Database(self.path)
        self.outbox = Outbox(
            self.database, limit=LIMIT, backoff=BACKOFF, clock=lambda: self.now, chance=lambda: self.chance
        )
        self.courier = Courier(self.outbox, self.link)

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
                self.outbox.put(digest, ActKind.DENY, subject, digest, b"m" + digest)
        else:
            self.outbox.put(digest, ActKind.DENY, subject, digest, b"m" + digest)
            self.waiting.append((subject, digest))
        return digest

    @rule(mood=st.sampled_from(["up", "up", "down", "refusing"]), chance=st.floats(0, 0.999))
    def send(self, mood: str, chance: float) -> None:
        self.link.mood, self.link.sent, self.chance = mood, [], chance
        self.courier.round()
        sent = [message[1:] for message in self.link.sent]
        firsts = dict(reversed(self.waiting))
        assert len(sent) == len(set(sent)), "a message was sent twice in one round"
        assert set(sent) <= set(firsts.values()), "a message overtook an earlier one of its person"
        for digest in sent:
            attempts, last = self.sent_at.get(digest, (0, float("-inf")))
            shortest = BACKOFF.delay(attempts, 1.0) if attempts else 0.0
            if self.now >= last:
                assert self.now - last >= shortest, "a message was sent again too soon"
            self.sent_at[digest] = (attempts + 1, self.now)
        if mood != "down":
            for digest in firsts.values():
                assert self.sent_at[digest][1] + BACKOFF.limit >= self.now, "a message was forgotten"

    @rule(digest=digests, status=st.sampled_from(ReceiptStatus))
    def settle(self, digest: bytes, status: ReceiptStatus) -> None:
        was_waiting = digest in [waiting for _, waiting in self.waiting]
        assert self.outbox.settle(receipt(digest, status), b"receipt") is was_waiting
        self.waiting = [each for each in self.waiting if each[1] != digest]

    @rule(seconds=st.floats(-1000, 1000))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def restart(self) -> None:
        self.database.close()
        self.open()

    @rule(digest=digests, subject=st.sampled_from(SUBJECTS))
    def full_disk(self, digest: bytes, subject: bytes) -> None:
        self.database.rows("PRAGMA max_page_count = 1")
        with pytest.raises((StateError, UnavailableError)):
            self.outbox.put(b"\xff" * 32, ActKind.DENY, subject, digest, bytes(200_000))
        self.database.rows("PRAGMA max_page_count = 1000000")

    @invariant()
    def nothing_is_lost(self) -> None:
        if not hasattr(self, "outbox"):
            return
        assert self.outbox.waiting() == len(self.waiting)
        for _, digest in self.waiting:
            assert self.outbox.entry(digest).message == b"m" + digest


TestOutbox = OutboxMachine.TestCase
TestOutbox.settings = settings(max_examples=20, stateful_step_count=50, deadline=None)


@given(st.integers(1, 10_000), st.floats(0, 0.999))
def test_the_back_off_doubles_to_its_limit_and_never_vanishes(attempts: int, chance: float) -> None:
    delay = BACKOFF.delay(attempts, chance)
    longest = min(BACKOFF.limit, BACKOFF.first * 2 ** min(attempts - 1, 20))
    assert longest / 2 <= delay <= longest


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(Database(tmp_path / "kiosk.sqlite"), limit=500)


def put(outbox: Outbox, number: int) -> bytes:
    digest = number.to_bytes(32, "big")
    outbox.put(digest, ActKind.DENY, SUBJECTS[0], bytes(32), b"m")
    return digest


def test_a_receipt_wakes_who_waits_for_it(outbox: Outbox) -> None:
    digest = put(outbox, 1)
    threading.Timer(0.05, outbox.settle, (receipt(digest), b"receipt")).start()
    entry = outbox.wait_settled(digest, 20.0, lambda: False)
    assert entry.status is ReceiptStatus.FINAL
    assert entry.receipt == b"receipt"


def test_waiting_ends_with_the_time_or_the_patience(outbox: Outbox) -> None:
    digest = put(outbox, 1)
    assert outbox.wait_settled(digest, 0.0, lambda: False).status is None
    assert outbox.wait_settled(digest, 3600.0, lambda: True).status is None


def test_the_bytes_of_the_last_messages_are_kept(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLED_KEPT", 3)
    digests = [put(outbox, number) for number in range(1, 8)]
    for digest in digests[:6]:
        outbox.settle(receipt(digest), b"receipt")
    kept = [outbox.entry(digest).message is not None for digest in digests]
    assert kept == [False, False, False, True, True, True, True]
    assert outbox.entry(digests[0]).receipt == b"receipt"


def test_an_unknown_digest_is_said_to_be_unknown(outbox: Outbox) -> None:
    with pytest.raises(NotFoundError, match="no message with digest"):
        outbox.entry(bytes(32))


def test_the_last_answer_is_the_last_that_was_not_rejected(outbox: Outbox) -> None:
    assert outbox.latest(bytes(32)) is None
    first, second = put(outbox, 1), put(outbox, 2)
    outbox.settle(receipt(second, ReceiptStatus.REJECTED), b"receipt")
    latest = outbox.latest(bytes(32))
    assert latest is not None
    assert latest.digest == first


def test_a_full_disk_does_not_end_the_courier(tmp_path: Path) -> None:
    with Database(tmp_path / "kiosk.sqlite") as database:
        outbox, link = Outbox(database, limit=5), FakeLink()
        put(outbox, 1)
        courier = Courier(outbox, link)
        attempted = outbox.attempted
        failures = iter([StateError("no room")])

        def fail_once(digest: bytes, complaint: str = "") -> None:
            if failure := next(failures, None):
                raise failure
            attempted(digest, complaint)

        outbox.attempted = fail_once  # type: ignore[method-assign]  # the disk is full once
        courier.start()
        for _ in range(200):
            if outbox.entry((1).to_bytes(32, "big")).attempts:
                break
            outbox.wait_change(outbox.changes, 0.05)
        courier.stop()
        assert outbox.entry((1).to_bytes(32, "big")).attempts == 1
