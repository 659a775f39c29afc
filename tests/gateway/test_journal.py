"""The journal against a model, closed and opened again at any moment; on either database."""

import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
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
from gateway.entries import Arrival, Candidate, Entry, Mined, State, Verdict
from gateway.journal import Journal, JournalError
from tests.gateway.cluster import Cluster

MEMORY = Path("/dev/shm")
"""Each move waits for the disk; the state machine needs none."""

RECEIPT, SENDER = b"receipt", b"relayer" + bytes(13)


def arrival(
    digest: bytes, kind: ActKind = ActKind.ENROL, fingerprint: bytes = b"f", **other: bytes
) -> Arrival:
    fields = {"request": None, "requester": None, "kiosk": b"kiosk-01", **other}
    return Arrival(
        digest=digest,
        kind=kind,
        subject=digest[:20],
        message=b"message",
        steps=1,
        fingerprint=fingerprint,
        **fields,
    )


def candidate(name: bytes) -> Candidate:
    return Candidate(hash=b"hash " + name, raw=b"raw " + name, most=10, tip=1, signed_at=1_700_000_000)


def opened(place: Path | str) -> Journal:
    """The journal, with one gateway at work on it."""
    journal = Journal(place)
    journal.join([SENDER])
    journal.keep()
    return journal


def verdict(digest: bytes) -> Verdict:
    return Verdict(digest, RECEIPT)


class Driver:
    """Makes the moves of one act that goes alone; the arguments that do not matter are made up."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.count = 0

    def move(self, digest: bytes, name: str) -> None:
        getattr(self, name)(digest)

    def verify(self, digest: bytes) -> None:
        self.journal.verify(digest)

    def acknowledge(self, digest: bytes) -> None:
        self.journal.acknowledge(verdict(digest), b"elsewhere", 3)

    def skip_step(self, digest: bytes) -> None:
        self.journal.skip_step(digest, b"elsewhere", 3)

    def reject(self, digest: bytes) -> None:
        self.journal.reject(Verdict(digest, RECEIPT, "because"))

    def sign(self, digest: bytes) -> None:
        self.count += 1
        name = digest[:1] + b"%d" % self.count
        self.journal.sign(SENDER, self.next_nonce(), b"data", 100_000, 500, candidate(name), [digest])

    def next_nonce(self) -> int:
        pending = self.journal.pending()
        return pending[SENDER].highest + 1 if pending else 0

    def bump(self, digest: bytes) -> None:
        self.count += 1
        self.journal.bump(self.shipment(digest), candidate(digest[:1] + b"%d" % self.count), 700)

    def accept(self, digest: bytes) -> None:
        self.journal.accept([self.shipment(digest)])

    def mine(self, digest: bytes) -> None:
        self.journal.mine([Mined(self.shipment(digest), b"hash", 7, b"block hash", 300)])

    def send_again(self, digest: bytes) -> None:
        self.journal.send_again(self.shipment(digest))

    def sign_again(self, digest: bytes) -> None:
        self.journal.sign_again(self.shipment(digest))

    def finish(self, digest: bytes) -> None:
        self.conclude(digest, lambda: self.journal.finish(verdict(digest)))

    def next_step(self, digest: bytes) -> None:
        self.conclude(digest, lambda: self.journal.next_step(digest))

    def try_again(self, digest: bytes) -> None:
        self.conclude(digest, lambda: self.journal.try_again(digest))

    def conclude(self, digest: bytes, write: Callable[[], None]) -> None:
        shipment = self.shipment(digest)
        with self.journal.together():
            write()
            self.journal.close_shipment(shipment)

    def shipment(self, digest: bytes) -> int:
        entry = self.journal.find(digest)
        assert entry is not None
        return entry.shipment or 0


MOVES = {
    "verify": ({State.RECEIVED}, State.VERIFIED),
    "acknowledge": ({State.RECEIVED, State.VERIFIED, State.MINED}, State.FINAL),
    "skip_step": ({State.RECEIVED, State.VERIFIED, State.MINED}, State.VERIFIED),
    "reject": ({State.RECEIVED, State.VERIFIED, State.MINED}, State.REJECTED),
    "sign": ({State.VERIFIED}, State.SIGNED),
    "bump": ({State.SIGNED, State.ACCEPTED}, State.SIGNED),
    "accept": ({State.SIGNED}, State.ACCEPTED),
    "mine": ({State.ACCEPTED}, State.MINED),
    "send_again": ({State.ACCEPTED, State.MINED}, State.SIGNED),
    "sign_again": ({State.SIGNED}, State.VERIFIED),
    "next_step": ({State.MINED}, State.VERIFIED),
    "try_again": ({State.MINED}, State.VERIFIED),
    "finish": ({State.MINED}, State.FINAL),
}
"""An independent account of the state machine: each move, where it may start, where it ends."""

CARRIED = (State.SIGNED, State.ACCEPTED, State.MINED)


class JournalMachine(RuleBasedStateMachine):
    """Any moves in any order: the journal takes those that `MOVES` allows and refuses the others."""

    digests = Bundle("digests")

    @initialize()
    def open(self) -> None:
        self.directory = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.place = self.new_place()
        self.journal = opened(self.place)
        self.driver = Driver(self.journal)
        self.states: dict[bytes, State] = {}
        self.steps: dict[bytes, int] = {}
        self.nonces: dict[bytes, int] = {}
        self.candidates: dict[bytes, int] = {}
        self.fingerprints: dict[bytes, bytes] = {}

    def new_place(self) -> Path | str:
        return Path(self.directory.name) / "journal.sqlite"

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.journal.close()
            self.directory.cleanup()

    @rule(target=digests, number=st.integers(0, 2))
    def admit(self, number: int) -> bytes:
        digest = bytes([number]) * 32
        fingerprint = self.fingerprints.setdefault(digest, b"first")
        entry, is_new = self.journal.admit(arrival(digest, fingerprint=fingerprint))
        assert is_new == (digest not in self.states)
        self.states.setdefault(digest, State.RECEIVED)
        self.steps.setdefault(digest, 0)
        assert entry.state is self.states[digest]
        return digest

    @rule(digest=digests)
    def admit_another_attempt(self, digest: bytes) -> None:
        _, is_new = self.journal.admit(arrival(digest, fingerprint=b"another"))
        was_rejected = self.states[digest] is State.REJECTED
        assert is_new == (was_rejected and self.fingerprints[digest] != b"another")
        if is_new:
            self.states[digest], self.steps[digest] = State.RECEIVED, 0
            self.fingerprints[digest] = b"another"

    @rule(digest=digests, data=st.data())
    def allowed_move(self, digest: bytes, data: st.DataObject) -> None:
        allowed = sorted(move for move, (sources, _) in MOVES.items() if self.states[digest] in sources)
        if allowed:
            self.move(digest, data.draw(st.sampled_from(allowed)))

    @rule(digest=digests, move=st.sampled_from(sorted(MOVES)))
    def any_move(self, digest: bytes, move: str) -> None:
        self.move(digest, move)

    def move(self, digest: bytes, move: str) -> None:
        sources, target = MOVES[move]
        state, nonce = self.states[digest], self.driver.next_nonce()
        if state not in sources:
            with pytest.raises(JournalError):
                self.driver.move(digest, move)
            return
        if move in ("acknowledge", "skip_step", "reject") and state is State.MINED:
            write = getattr(self.driver, move)
            self.driver.conclude(digest, lambda: write(digest))
        else:
            self.driver.move(digest, move)
        if move == "sign":
            self.nonces[digest], self.candidates[digest] = nonce, 0
        self.states[digest] = target
        self.steps[digest] += move in ("next_step", "skip_step")
        self.candidates[digest] = self.candidates.get(digest, 0) + (move in ("sign", "bump"))

    @rule()
    def reopen(self) -> None:
        self.journal.close()
        self.journal = self.driver.journal = opened(self.place)

    @invariant()
    def agree(self) -> None:
        if not hasattr(self, "states"):
            return
        for digest, state in self.states.items():
            entry = self.journal.find(digest)
            assert (entry.state, entry.step) == (state, self.steps[digest])
            assert (entry.receipt is not None) == (state in (State.FINAL, State.REJECTED))
            assert (entry.message == b"") == (state in (State.FINAL, State.REJECTED))
            if state in CARRIED:
                self.agree_on_shipment(entry)
        under_way = {
            digest for digest, state in self.states.items() if state not in (State.FINAL, State.REJECTED)
        }
        assert {entry.digest for entry in self.journal.under_way()} == under_way
        assert sum(self.journal.count_under_way().values()) == len(under_way)
        carried = {self.nonces[digest] for digest, state in self.states.items() if state in CARRIED}
        assert {shipment.nonce for shipment in self.journal.shipments(*CARRIED)} == carried

    def agree_on_shipment(self, entry: Entry) -> None:
        shipment = self.journal.shipment(entry.shipment)
        assert (shipment.state, shipment.nonce) == (entry.state, self.nonces[entry.digest])
        assert len(shipment.candidates) == self.candidates[entry.digest]
        assert (shipment.block is not None) == (entry.state is State.MINED)
        assert [each.digest for each in self.journal.carried(shipment.number)] == [entry.digest]


JournalMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=50, deadline=None)
test_the_journal_follows_its_model = JournalMachine.TestCase


def test_a_shared_journal_follows_the_same_model(postgres: Cluster) -> None:
    class SharedJournalMachine(JournalMachine):
        def new_place(self) -> str:
            return postgres.place()

    run_state_machine_as_test(
        SharedJournalMachine, settings=settings(max_examples=12, stateful_step_count=50, deadline=None)
    )


def finished(journal: Journal, digest: bytes) -> None:
    driver = Driver(journal)
    for move in PATHS[State.FINAL]:
        driver.move(digest, move)


@pytest.fixture(params=["sqlite", "postgresql"])
def journal(request: pytest.FixtureRequest) -> Iterator[Journal]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as directory:
        place: Path | str = Path(directory) / "journal.sqlite"
        if request.param == "postgresql":
            place = request.getfixturevalue("postgres").place()
        journal = opened(place)
        yield journal
        journal.close()


PATHS = {
    State.RECEIVED: [],
    State.VERIFIED: ["verify"],
    State.SIGNED: ["verify", "sign"],
    State.ACCEPTED: ["verify", "sign", "accept"],
    State.MINED: ["verify", "sign", "accept", "mine"],
    State.FINAL: ["verify", "sign", "accept", "mine", "finish"],
    State.REJECTED: ["reject"],
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("state", PATHS)
def test_every_move_in_every_state(journal: Journal, state: State, move: str) -> None:
    digest, (sources, target), driver = b"\1" * 32, MOVES[move], Driver(journal)
    journal.admit(arrival(digest))
    for step in PATHS[state]:
        driver.move(digest, step)
    if state in sources:
        driver.move(digest, move)
        assert journal.find(digest).state is target
    else:
        with pytest.raises(JournalError, match=r"no act|no shipment|is not over"):
            driver.move(digest, move)
        assert journal.find(digest).state is state


def test_a_refused_act_is_taken_up_again_only_with_another_signature_or_object(journal: Journal) -> None:
    digest = b"\1" * 32
    journal.admit(arrival(digest, fingerprint=b"forged"))
    journal.reject(Verdict(digest, RECEIPT, "wrong signer"))
    assert journal.admit(arrival(digest, fingerprint=b"forged"))[1] is False
    entry, is_new = journal.admit(arrival(digest, fingerprint=b"genuine"))
    assert is_new
    assert (entry.state, entry.receipt, entry.reason) == (State.RECEIVED, None, "")


def test_a_final_act_stays_final_whatever_comes(journal: Journal) -> None:
    digest = b"\1" * 32
    journal.admit(arrival(digest))
    finished(journal, digest)
    assert journal.admit(arrival(digest, fingerprint=b"another"))[1] is False


def test_an_enrolment_is_known_once_it_is_final(journal: Journal) -> None:
    digest = b"\1" * 32
    journal.admit(arrival(digest))
    for move in PATHS[State.MINED]:
        Driver(journal).move(digest, move)
    assert journal.kiosks_of(digest[:20]) == []
    Driver(journal).finish(digest)
    assert journal.kiosks_of(digest[:20]) == [b"kiosk-01"]


@pytest.mark.parametrize("answer", [ActKind.GRANT, ActKind.DENY])
def test_an_answer_closes_its_request(journal: Journal, answer: ActKind) -> None:
    asked, other, answered = b"\1" * 32, b"\2" * 32, b"\3" * 32
    for digest in (asked, other):
        journal.admit(arrival(digest, ActKind.REQUEST, request=digest, requester=b"r" * 20, kiosk=None))
        finished(journal, digest)
    assert journal.request(asked).message == b"message", "a request must stay to be announced"
    journal.admit(arrival(answered, answer, request=asked))
    finished(journal, answered)
    assert [entry.digest for entry in journal.open_requests_of_requester(b"r" * 20)] == [other]


def test_open_requests_are_those_of_people_who_enrolled_at_the_kiosk(journal: Journal) -> None:
    here, elsewhere = b"\1" * 32, b"\2" * 32
    for digest, kiosk in ((here, b"kiosk-01"), (elsewhere, b"kiosk-02")):
        journal.admit(arrival(digest, kiosk=kiosk))
        finished(journal, digest)
        asked = bytes(reversed(digest[:-1] + b"\x09"))
        request = Arrival(asked, ActKind.REQUEST, digest[:20], asked, b"r" * 20, None, b"m", 1, b"f")
        journal.admit(request)
        finished(journal, asked)
    assert [entry.subject for entry in journal.open_requests_at(b"kiosk-01")] == [here[:20]]
    journal.set_answered(journal.open_requests_at(b"kiosk-01")[0].request)
    assert journal.open_requests_at(b"kiosk-01") == []


def test_the_ciphertext_of_a_finished_act_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal, digest, secret = Journal(path), b"\1" * 32, b"CIPHERTEXT" * 500
    journal.admit(Arrival(digest, ActKind.REGISTER, digest[:20], None, None, b"kiosk-01", secret, 1, b"f"))
    journal.close()
    assert b"CIPHERTEXT" in path.read_bytes()
    journal = Journal(path)
    finished(journal, digest)
    journal.close()
    assert b"CIPHERTEXT" not in path.read_bytes()


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path) -> None:
    journal, kept, refused = Journal(tmp_path / "journal.sqlite"), b"\1" * 32, b"\2" * 32
    journal.admit(arrival(kept))
    (pages,) = journal._database.connection.execute("PRAGMA page_count").fetchone()
    journal._database.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalError, match="full") as caught:
        journal.admit(Arrival(refused, ActKind.ENROL, b"s" * 20, None, None, b"k", b"m" * 100_000, 1, b"f"))
    assert caught.value.exit_code == 74
    assert "\n" not in str(caught.value)
    journal._database.connection.execute(f"PRAGMA max_page_count = {pages + 1000}")
    assert journal.find(refused) is None
    journal.verify(kept)
    assert journal.find(kept).state is State.VERIFIED


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(JournalError, match="not a database"):
        Journal(path)


def test_a_journal_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(JournalError, match="version 99"):
        Journal(path)


ONE, NOW = b"1" * 32, 2_000_000_000
ASKED: list[Callable[[Journal, Entry], object]] = [
    lambda journal, _: journal.received(NOW, 9),
    lambda journal, _: journal.received(NOW, 9, waiting=True, after=5),
    lambda journal, _: journal.verified(NOW, 9),
    lambda journal, _: journal.verified(NOW, 9, requests=True),
    lambda journal, entry: journal.is_preceded(entry),
    lambda journal, _: journal.carried(1),
    lambda journal, _: journal.shipments(State.SIGNED),
    lambda journal, _: journal.shipments(State.ACCEPTED, State.MINED),
    lambda journal, _: journal.shipment(1),
    lambda journal, _: journal.pending(),
    lambda journal, _: journal.bound(),
    lambda journal, _: journal.spent_since(SENDER, NOW),
    lambda journal, _: journal.count_under_way(),
    lambda journal, _: journal.count_by_kiosk(),
    lambda journal, _: journal.request(ONE),
    lambda journal, _: journal.settled_about(ONE),
    lambda journal, _: journal.open_requests_of_requester(ONE[:20]),
    lambda journal, _: journal.open_requests_about(ONE[:20]),
    lambda journal, _: journal.open_requests_at(b"kiosk-01"),
]
"""What is asked at each turn, or for each act that comes."""

MANY = re.compile(r"^SCAN|rowid[<>]")
OF_THE_LIVING = re.compile(r"INDEX (entries_under_way|entries_subject|open_requests|shipments_under_way)$")
"""Steps of SQLite's plan for a question: through many rows, and by an index that leaves out what is over."""


@pytest.mark.parametrize("ask", ASKED)
def test_no_question_of_every_day_reads_all_that_ever_was(
    tmp_path: Path, ask: Callable[[Journal, Entry], object]
) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    entry, _ = journal.admit(arrival(ONE))
    connection, statements = journal._database.connection, list[str]()
    connection.set_trace_callback(statements.append)
    ask(journal, entry)
    connection.set_trace_callback(None)
    assert statements
    steps = [step for each in statements for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {each}")]
    assert [step for step in steps if MANY.search(step) and not OF_THE_LIVING.search(step)] == []
    journal.close()
