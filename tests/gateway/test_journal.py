"""The journal against a model, with the file closed and opened again at any moment."""

import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from contracts.acts import ActKind
from gateway.entries import Arrival, State, Transaction
from gateway.journal import Journal, JournalError

RECEIPT = b"receipt"


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


def transaction(nonce: int) -> Transaction:
    return Transaction(nonce, b"raw %d" % nonce, b"hash %d" % nonce)


def moved_to_mined(journal: Journal, digest: bytes, nonce: int = 0) -> None:
    journal.verify(digest)
    journal.sign(digest, transaction(nonce))
    journal.accept(digest)
    journal.mine(digest, 7, b"block hash")


MOVES = {
    "verify": ({State.RECEIVED}, State.VERIFIED),
    "sign": ({State.VERIFIED}, State.SIGNED),
    "accept": ({State.SIGNED}, State.ACCEPTED),
    "mine": ({State.ACCEPTED}, State.MINED),
    "send_again": ({State.ACCEPTED, State.MINED}, State.SIGNED),
    "sign_again": ({State.SIGNED}, State.VERIFIED),
    "next_step": ({State.MINED}, State.VERIFIED),
    "finish": ({State.MINED}, State.FINAL),
    "reject": ({State.RECEIVED, State.VERIFIED, State.MINED}, State.REJECTED),
}
"""An independent account of the state machine: each move, where it may start, where it ends."""


class JournalMachine(RuleBasedStateMachine):
    """Any moves in any order: the journal takes those that `MOVES` allows and refuses the others."""

    digests = Bundle("digests")

    @initialize()
    def open(self) -> None:
        memory = Path("/dev/shm")  # each move waits for the disk; the model needs none
        self.directory = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        self.path = Path(self.directory.name) / "journal.sqlite"
        self.journal = Journal(self.path)
        self.states: dict[bytes, State] = {}
        self.steps: dict[bytes, int] = {}
        self.nonces: dict[bytes, int] = {}
        self.fingerprints: dict[bytes, bytes] = {}

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

    @rule(digest=digests, data=st.data(), on_chain=st.integers(0, 5))
    def allowed_move(self, digest: bytes, data: st.DataObject, on_chain: int) -> None:
        allowed = sorted(move for move, (sources, _) in MOVES.items() if self.states[digest] in sources)
        if allowed:
            self.move(digest, data.draw(st.sampled_from(allowed)), on_chain)

    @rule(digest=digests, move=st.sampled_from(sorted(MOVES)), on_chain=st.integers(0, 5))
    def any_move(self, digest: bytes, move: str, on_chain: int) -> None:
        self.move(digest, move, on_chain)

    def move(self, digest: bytes, move: str, on_chain: int) -> None:
        sources, target = MOVES[move]
        nonce = self.journal.next_nonce(on_chain)
        arguments = (transaction(nonce),) if move == "sign" else ARGUMENTS.get(move, ())
        if self.states[digest] not in sources:
            with pytest.raises(JournalError):
                getattr(self.journal, move)(digest, *arguments)
            return
        if move == "sign":
            assert nonce >= on_chain
            assert nonce not in self.taken()
            self.nonces[digest] = nonce
        getattr(self.journal, move)(digest, *arguments)
        self.states[digest] = target
        self.steps[digest] += move == "next_step"

    @rule()
    def reopen(self) -> None:
        self.journal.close()
        self.journal = Journal(self.path)

    def taken(self) -> set[int]:
        under_way = (State.SIGNED, State.ACCEPTED, State.MINED)
        return {self.nonces[digest] for digest, state in self.states.items() if state in under_way}

    @invariant()
    def agree(self) -> None:
        if not hasattr(self, "states"):
            return
        for digest, state in self.states.items():
            entry = self.journal.find(digest)
            assert (entry.state, entry.step) == (state, self.steps[digest])
            assert (entry.receipt is not None) == (state in (State.FINAL, State.REJECTED))
            assert (entry.message == b"") == (state in (State.FINAL, State.REJECTED))
            if state in (State.SIGNED, State.ACCEPTED, State.MINED):
                found = self.journal.transaction(digest, entry.step)
                assert found.raw == transaction(self.nonces[digest]).raw
                assert (found.block is not None) == (state is State.MINED)
        under_way = [
            digest for digest, state in self.states.items() if state not in (State.FINAL, State.REJECTED)
        ]
        assert {digest for digest, _ in self.journal.under_way()} == set(under_way)
        assert self.journal.count_under_way() == len(under_way)


JournalMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=50, deadline=None)
test_the_journal_follows_its_model = JournalMachine.TestCase


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite")


PATHS = {
    State.RECEIVED: [],
    State.VERIFIED: ["verify"],
    State.SIGNED: ["verify", "sign"],
    State.ACCEPTED: ["verify", "sign", "accept"],
    State.MINED: ["verify", "sign", "accept", "mine"],
    State.FINAL: ["verify", "sign", "accept", "mine", "finish"],
    State.REJECTED: ["reject"],
}
ARGUMENTS = {
    "sign": (transaction(0),),
    "mine": (7, b"block hash"),
    "finish": (RECEIPT,),
    "reject": ("because", RECEIPT),
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("state", PATHS)
def test_every_move_in_every_state(journal: Journal, state: State, move: str) -> None:
    digest, (sources, target) = b"\1" * 32, MOVES[move]
    journal.admit(arrival(digest))
    for step in PATHS[state]:
        getattr(journal, step)(digest, *ARGUMENTS.get(step, ()))
    if state in sources:
        getattr(journal, move)(digest, *ARGUMENTS.get(move, ()))
        assert journal.find(digest).state is target
    else:
        with pytest.raises(JournalError, match="no act"):
            getattr(journal, move)(digest, *ARGUMENTS.get(move, ()))
        assert journal.find(digest).state is state


def test_a_refused_act_is_taken_up_again_only_with_another_signature_or_object(journal: Journal) -> None:
    digest = b"\1" * 32
    journal.admit(arrival(digest, fingerprint=b"forged"))
    journal.reject(digest, "wrong signer", RECEIPT)
    assert journal.admit(arrival(digest, fingerprint=b"forged"))[1] is False
    entry, is_new = journal.admit(arrival(digest, fingerprint=b"genuine"))
    assert is_new
    assert (entry.state, entry.receipt, entry.reason) == (State.RECEIVED, None, "")


def test_a_final_act_stays_final_whatever_comes(journal: Journal) -> None:
    digest = b"\1" * 32
    journal.admit(arrival(digest))
    moved_to_mined(journal, digest)
    journal.finish(digest, RECEIPT)
    assert journal.admit(arrival(digest, fingerprint=b"another"))[1] is False


def test_an_enrolment_is_known_once_it_is_final(journal: Journal) -> None:
    digest = b"\1" * 32
    journal.admit(arrival(digest))
    moved_to_mined(journal, digest)
    assert journal.kiosks_of(digest[:20]) == []
    journal.finish(digest, RECEIPT)
    assert journal.kiosks_of(digest[:20]) == [b"kiosk-01"]


@pytest.mark.parametrize("answer", [ActKind.GRANT, ActKind.DENY])
def test_an_answer_closes_its_request(journal: Journal, answer: ActKind) -> None:
    asked, other, answered = b"\1" * 32, b"\2" * 32, b"\3" * 32
    for digest in (asked, other):
        journal.admit(arrival(digest, ActKind.REQUEST, request=digest, requester=b"r" * 20, kiosk=None))
        moved_to_mined(journal, digest)
        journal.finish(digest, RECEIPT)
    assert journal.request(asked).message == b"message", "a request must stay to be announced"
    journal.admit(arrival(answered, answer, request=asked))
    moved_to_mined(journal, answered)
    journal.finish(answered, RECEIPT)
    assert [entry.digest for entry in journal.open_requests_of_requester(b"r" * 20)] == [other]


def test_open_requests_are_those_of_people_who_enrolled_at_the_kiosk(journal: Journal) -> None:
    here, elsewhere = b"\1" * 32, b"\2" * 32
    for digest, kiosk in ((here, b"kiosk-01"), (elsewhere, b"kiosk-02")):
        journal.admit(arrival(digest, kiosk=kiosk))
        moved_to_mined(journal, digest)
        journal.finish(digest, RECEIPT)
        asked = bytes(reversed(digest[:-1] + b"\x09"))
        request = Arrival(asked, ActKind.REQUEST, digest[:20], asked, b"r" * 20, None, b"m", 1, b"f")
        journal.admit(request)
        moved_to_mined(journal, asked)
        journal.finish(asked, RECEIPT)
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
    moved_to_mined(journal, digest)
    journal.finish(digest, RECEIPT)
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
