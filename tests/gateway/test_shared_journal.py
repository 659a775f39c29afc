"""A journal that gateways share: who works on what, who takes over, and who can no longer write."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from contracts.acts import ActKind
from gateway import worker
from gateway.entries import State, Verdict
from gateway.journal import Journal, JournalError, RivalError
from gateway.journal.objects import SharedObjects
from gateway.rates import Rate
from tests.gateway.cluster import Cluster
from tests.gateway.test_journal import PATHS, RECEIPT, SENDER, Driver, arrival, candidate

ONE, OTHER = b"one" + bytes(17), b"other" + bytes(15)
DIGEST = b"\1" * 32


class Shared:
    """A journal and those who have it open."""

    def __init__(self, cluster: Cluster, exits: ExitStack) -> None:
        self.cluster, self.url, self._exits = cluster, cluster.place(), exits

    def gateway(self, relayer: bytes) -> Journal:
        journal = self._exits.enter_context(Journal(self.url))
        journal.join([relayer])
        journal.keep()
        return journal

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        return self.cluster.ask(statement, self.url)

    def everything(self) -> list[object]:
        tables = ("entries", "shipments", "candidates", "rates", "enrolments", "facts", "objects")
        return [self.ask(f"SELECT * FROM {table} ORDER BY 1") for table in tables]

    def give_up(self, relayer: bytes) -> None:
        """Let the lease of a gateway run out, sooner than the clock would."""
        self.ask(
            "UPDATE gateways SET alive_until = now() - interval '1 s'"
            f" WHERE relayer = decode('{relayer.hex()}', 'hex')"
        )


@pytest.fixture
def shared(postgres: Cluster) -> Iterator[Shared]:
    with ExitStack() as exits:
        yield Shared(postgres, exits)


def keep(journal: Journal) -> bool:
    """As `Journal.keep` at the time when it does something."""
    assert journal.shared is not None
    journal.shared._renew_at = 0.0
    return journal.keep()


def bring(journal: Journal, digest: bytes, state: State) -> None:
    driver = Driver(journal)
    journal.admit(arrival(digest))
    for move in PATHS[state]:
        driver.move(digest, move)


def work(journal: Journal) -> tuple[list[bytes], list[bytes], list[int]]:
    """What a gateway finds to do."""
    now = int(time.time())
    return (
        [entry.digest for entry in journal.received(now, 9)],
        [entry.digest for entry in journal.verified(now, 9)],
        [shipment.number for shipment in journal.shipments(State.SIGNED, State.ACCEPTED, State.MINED)],
    )


NOTHING: tuple[list[bytes], list[bytes], list[int]] = ([], [], [])


@pytest.mark.parametrize("state", [State.RECEIVED, State.VERIFIED, State.SIGNED, State.ACCEPTED, State.MINED])
def test_an_act_is_the_work_of_one_until_that_one_dies(shared: Shared, state: State) -> None:
    one, other = shared.gateway(ONE), shared.gateway(OTHER)
    bring(one, DIGEST, state)
    found = work(one)
    assert (found == NOTHING, work(other)) == (False, NOTHING)
    assert other.find(DIGEST) == one.find(DIGEST), "but everybody knows how it stands"
    assert keep(other) is False
    shared.give_up(ONE)
    assert keep(other) is True
    assert work(other) == found
    assert (other.find(DIGEST).state, keep(other)) == (state, False)


@pytest.mark.parametrize("state", [State.RECEIVED, State.VERIFIED, State.SIGNED, State.ACCEPTED, State.MINED])
def test_one_that_was_given_up_can_write_nothing_any_more(shared: Shared, state: State) -> None:
    one, other = shared.gateway(ONE), shared.gateway(OTHER)
    bring(one, DIGEST, state)
    shared.give_up(ONE)
    keep(other)
    before, number = shared.everything(), one.find(DIGEST).shipment or 0
    writes = [
        lambda: one.admit(arrival(b"\2" * 32)),
        lambda: one.verify(DIGEST),
        lambda: one.note(DIGEST, "trouble"),
        lambda: one.reject(Verdict(DIGEST, RECEIPT, "because")),
        lambda: one.sign(ONE, 7, b"data", 1, 1, candidate(b"late"), [DIGEST]),
        lambda: one.bump(number, candidate(b"more"), 900),
        lambda: one.accept([number]),
        lambda: one.send_again(number),
        lambda: one.sign_again(number),
        lambda: one.finish(Verdict(DIGEST, RECEIPT)),
        lambda: one.remember("fact", b"value"),
        lambda: SharedObjects(one.shared).put(b"object"),
        lambda: keep(one),
    ]
    for write in writes:
        with pytest.raises(JournalError, match="no sign of this gateway for 10 seconds") as caught:
            write()
        assert (type(caught.value), caught.value.exit_code) == (JournalError, 74)
    assert shared.everything() == before
    for move in PATHS[State.FINAL][len(PATHS[state]) :]:
        Driver(other).move(DIGEST, move)
    assert one.find(DIGEST).state is State.FINAL, "to read does no harm"


def test_one_that_falls_asleep_in_a_transaction_holds_nobody_up_and_has_written_nothing(
    shared: Shared,
) -> None:
    one, other = shared.gateway(ONE), shared.gateway(OTHER)
    bring(one, DIGEST, State.RECEIVED)
    one.shared.connection.execute("SET idle_in_transaction_session_timeout = '300ms'")

    def doze() -> None:
        with one.together():
            one.verify(DIGEST)
            shared.give_up(ONE)
            assert keep(other) is True

    with pytest.raises(JournalError, match="idle-in-transaction"):
        doze()
    assert work(other) == ([DIGEST], [], [])


def test_a_takeover_waits_for_what_is_being_written(shared: Shared) -> None:
    one, other = shared.gateway(ONE), shared.gateway(OTHER)
    bring(one, DIGEST, State.RECEIVED)
    with ThreadPoolExecutor(1) as pool:
        with one.together():  # and has seen that nobody has given it up
            shared.give_up(ONE)
            takeover = pool.submit(keep, other)
            time.sleep(0.3)
            assert not takeover.done()
            one.verify(DIGEST)
        assert takeover.result() is True
    assert work(other) == ([], [DIGEST], [])


def test_two_that_wait_for_each_other_do_not_wait_for_ever(shared: Shared) -> None:
    """One of them is refused, has written nothing and may try again."""
    gateways, digests = [shared.gateway(ONE), shared.gateway(OTHER)], [DIGEST, b"\2" * 32]
    for digest in digests:
        gateways[0].admit(arrival(digest))
    both = threading.Barrier(2)

    def cross(number: int) -> bool:
        with gateways[number].together():
            gateways[number].note(digests[number], f"by {number}")
            both.wait(timeout=10)
            try:
                return gateways[number].note(digests[1 - number], f"by {number}")
            except JournalError as error:
                caught.append(error)
                raise

    caught: list[JournalError] = []
    with ThreadPoolExecutor(2) as pool:
        crossing = [pool.submit(cross, number) for number in range(2)]
    refused = [each for each in crossing if each.exception() is not None]
    assert [type(each.exception()) for each in refused] == [type(error) for error in caught] == [RivalError]
    winner = next(number for number in range(2) if crossing[number].exception() is None)
    assert {gateways[0].find(digest).trouble for digest in digests} == {f"by {winner}"}
    gateways[1 - winner].note(DIGEST, "again")


def test_a_worker_looks_again_when_another_gateway_came_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)
    stop, turns = threading.Event(), 0

    def turn() -> bool:
        nonlocal turns
        turns += 1
        if turns == 1:
            raise RivalError("another gateway was faster")
        stop.set()
        return False

    worker.Worker(turn, worker.Bell(), stop).run()
    assert turns == 2


def test_a_slow_one_whom_nobody_has_given_up_goes_on(shared: Shared) -> None:
    one = shared.gateway(ONE)
    bring(one, DIGEST, State.RECEIVED)
    shared.give_up(ONE)
    assert keep(one) is False
    one.verify(DIGEST)


def test_one_that_ends_in_order_is_followed_at_once(shared: Shared) -> None:
    one, other = shared.gateway(ONE), shared.gateway(OTHER)
    bring(one, DIGEST, State.SIGNED)
    one.close()
    assert keep(other) is True
    assert len(work(other)[2]) == 1


def test_one_that_comes_back_has_what_its_relayer_signed_and_leaves_the_rest(shared: Shared) -> None:
    one, other = shared.gateway(ONE), shared.gateway(OTHER)
    one.admit(arrival(DIGEST))
    one.admit(arrival(b"\2" * 32))
    one.verify(DIGEST)
    number = one.sign(ONE, 0, b"data", 1, 1, candidate(b"1"), [DIGEST])
    shared.give_up(ONE)
    keep(other)
    again = shared.gateway(ONE)
    assert work(again) == ([], [], [number]), "nobody else can offer more for it"
    assert work(other) == ([b"\2" * 32], [], [])
    for late in (lambda: other.accept([number]), lambda: other.bump(number, candidate(b"2"), 900)):
        with pytest.raises(RivalError):
            late()
    again.accept([number])
    with pytest.raises(JournalError, match="another was started with its relayer"):
        one.admit(arrival(b"\3" * 32))


def test_an_act_waits_for_an_earlier_one_of_the_same_person_at_another_gateway(shared: Shared) -> None:
    """From two accounts they could change places."""
    one, other = shared.gateway(ONE), shared.gateway(OTHER)
    first, second = DIGEST, DIGEST[:31] + b"\2"
    bring(one, first, State.VERIFIED)
    bring(other, second, State.VERIFIED)
    assert (work(one)[1], work(other)[1]) == ([first], [])
    for move in PATHS[State.ACCEPTED][1:]:
        Driver(one).move(first, move)
    assert work(other)[1] == []
    assert one.bound() == other.bound() == {first[:20]: SENDER}
    for move in ("mine", "finish"):
        Driver(one).move(first, move)
    assert work(other)[1] == [second]


def test_an_act_waits_for_a_request_at_another_gateway_only_once_that_is_signed(shared: Shared) -> None:
    """Before that, it is something of which the person may know nothing."""
    one, other = shared.gateway(ONE), shared.gateway(OTHER)
    asked, mine = DIGEST, DIGEST[:31] + b"\2"
    one.admit(arrival(asked, ActKind.REQUEST, request=asked, requester=b"r" * 20, kiosk=None))
    bring(other, mine, State.VERIFIED)
    assert work(other)[1] == [mine]
    Driver(one).move(asked, "verify")
    assert work(other)[1] == [mine]
    Driver(one).move(asked, "sign")
    assert work(other)[1] == []


def test_what_was_heard_before_the_work_began_is_taken_up(shared: Shared) -> None:
    early, one = Journal(shared.url), shared.gateway(ONE)
    early.admit(arrival(DIGEST))
    early.close()
    assert keep(one) is True
    assert work(one) == ([DIGEST], [], [])


def test_what_several_are_handed_at_once_is_new_to_one_of_them(shared: Shared) -> None:
    gateways = [shared.gateway(bytes([number]) * 20) for number in range(3)]
    digests = [bytes([number]) * 32 for number in range(60)]
    rate = Rate(per_minute=6, burst=30)
    new: Counter[bytes] = Counter()

    def hand(journal: Journal, order: list[bytes]) -> list[bytes]:
        with ThreadPoolExecutor(4) as pool:
            return [
                entry.digest
                for entry, is_new in pool.map(lambda digest: journal.admit(arrival(digest), rate), order)
                if is_new
            ]

    with ThreadPoolExecutor(3) as pool:
        orders = [digests, digests[::-1], digests[30:] + digests[:30]]
        for found in pool.map(hand, gateways, orders):
            new.update(found)
    assert new == Counter(digests)
    due = sum(gateways[0].find(digest).due > 0 for digest in digests)
    assert due in (29, 30), "one kiosk has one rate, wherever its acts arrive"


def test_a_crash_of_the_database_is_one_line_and_loses_nothing(shared: Shared) -> None:
    one = shared.gateway(ONE)
    bring(one, DIGEST, State.SIGNED)
    before = shared.everything()
    try:
        shared.cluster.stop(signal.SIGQUIT)
        for use in (lambda: one.admit(arrival(b"\2" * 32)), lambda: one.find(DIGEST), lambda: keep(one)):
            with pytest.raises(JournalError, match="on PostgreSQL") as caught:
                use()
            assert (caught.value.exit_code, "\n" in str(caught.value)) == (74, False)
        with pytest.raises(JournalError, match="check the server"):
            Journal(shared.url)
    finally:
        shared.cluster.start()
    one.close()
    again = shared.gateway(ONE)
    assert shared.everything()[0][0][:-1] == before[0][0][:-1], "all but its owner"
    assert len(work(again)[2]) == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql:///x?host=/nowhere/at/all", "No such file or directory"),
        ("postgresql://127.0.0.1:1/x", "refused"),
        ("postgresql:///x?nonsense=1", "nonsense"),
        ("postgresql://[", "cannot be used"),
    ],
)
def test_a_database_that_cannot_be_reached_is_one_line(url: str, words: str) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(JournalError, match=words) as caught:
        Journal(url)
    assert "\n" not in str(caught.value)


def test_a_database_that_is_not_there_or_no_journal_or_of_another_version_is_refused(shared: Shared) -> None:
    with pytest.raises(JournalError, match='"absent" does not exist'):
        Journal(shared.cluster.url("absent"))
    shared.gateway(ONE)
    shared.ask("UPDATE facts SET value = '99' WHERE name = 'version'")
    with pytest.raises(JournalError, match="version 99; this gateway reads 2"):
        Journal(shared.url)
    shared.ask("DROP TABLE facts; CREATE TABLE facts (something TEXT)")
    with pytest.raises(JournalError, match="cannot be used"):
        Journal(shared.url)


def test_several_may_make_the_tables_at_once(shared: Shared) -> None:
    with ThreadPoolExecutor(4) as pool:
        for journal in pool.map(lambda _: Journal(shared.url), range(4)):
            journal.close()
    assert shared.ask("SELECT count(*) FROM facts") == [(1,)]


def test_objects_are_everybodys_and_answer_to_their_name(shared: Shared) -> None:
    one, other = (SharedObjects(shared.gateway(name).shared) for name in (ONE, OTHER))
    commitment = one.put(b"encrypted")
    assert other.put(b"encrypted") == commitment
    assert (other.get(commitment), other.get(bytes(32))) == (b"encrypted", None)
    shared.ask("UPDATE objects SET data = 'else'")
    with pytest.raises(JournalError, match="was altered"):
        other.get(commitment)
    one.put(b"encrypted")
    assert other.get(commitment) == b"encrypted", "what comes again mends it"


def test_a_fact_that_another_gateway_has_renewed_is_not_revised(shared: Shared) -> None:
    one, other = shared.gateway(ONE), shared.gateway(OTHER)
    for value in (b"told", None):
        one.remember("recovery", b"block 1")
        other.remember("recovery", b"block 2")
        one.revise("recovery", b"block 1", value)
        assert one.fact("recovery") == b"block 2"
        one.revise("recovery", b"block 2", value)
        assert other.fact("recovery") == value


def test_a_new_key_that_one_gateway_has_heard_of_is_known_to_all(shared: Shared) -> None:
    one, other = shared.gateway(ONE), shared.gateway(OTHER)
    assert not other.has_new_key(b"person")
    one.note_new_key(b"person")
    assert other.has_new_key(b"person")
    assert not other.has_new_key(b"stranger")
