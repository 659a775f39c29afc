"""The queue on disk: what is put stays until its receipt, and whoever asks is answered in words."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.acts import ActKind
from contracts.messages import Receipt, ReceiptStatus
from edge.errors import NotFoundError, StateError, UnavailableError
from edge.links import outbox as module
from edge.links.outbox import RESERVE, Outbox
from edge.state.database import SCHEMAS, Database

ANNA, BEN = b"\x01" * 20, b"\x02" * 20
NOW = 1_800_000_000.0


def receipt(digest: bytes, status: ReceiptStatus = ReceiptStatus.FINAL) -> Receipt:
    if status is ReceiptStatus.REJECTED:
        return Receipt("test", digest, status, None, None, "no", 1)
    return Receipt("test", digest, status, bytes(32), 1, "", 1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "kiosk.sqlite") as opened:
        yield opened


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database, limit=50, clock=lambda: NOW)


def put(outbox: Outbox, number: int, subject: bytes = ANNA, deadline: int | None = None) -> bytes:
    digest = number.to_bytes(32, "big")
    outbox.put(digest, ActKind.DENY, subject, bytes(32), b"m%d" % number, deadline=deadline)
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


def test_the_first_receipt_counts(outbox: Outbox) -> None:
    digest = put(outbox, 1)
    assert outbox.settle(receipt(digest), b"first")
    assert not outbox.settle(receipt(digest, ReceiptStatus.REJECTED), b"second")
    assert (outbox.entry(digest).status, outbox.entry(digest).receipt) == (ReceiptStatus.FINAL, b"first")


def test_a_full_queue_says_so_and_keeps_what_it_has(database: Database) -> None:
    outbox = Outbox(database, limit=3)
    digests = [put(outbox, number) for number in range(3)]
    with pytest.raises(UnavailableError, match=r"3 signed messages wait.*Nothing was lost"):
        outbox.check_room()
    with pytest.raises(UnavailableError):
        put(outbox, 3)
    assert [entry.digest for entry in outbox.queue()] == digests
    outbox.settle(receipt(digests[0]), b"receipt")
    outbox.check_room()
    put(outbox, 3)


def test_a_disk_that_is_nearly_full_takes_no_new_acts_but_still_lets_go_of_old_ones(
    database: Database, outbox: Outbox
) -> None:
    digest = put(outbox, 1)
    outbox.check_room()
    size, pages = (database.rows(f"PRAGMA {name}")[0][0] for name in ("page_size", "page_count"))
    database.rows(f"PRAGMA max_page_count = {pages + RESERVE // size - 1}")
    with pytest.raises(UnavailableError, match=r"disk is nearly full \(15 MB left\).*Nothing was lost"):
        outbox.check_room()
    assert outbox.sending(digest, "mqtt", 15.0) == b"m1"
    assert outbox.settle(receipt(digest), b"receipt")


def test_what_does_not_fit_on_the_disk_is_refused_and_nothing_lost(
    database: Database, outbox: Outbox
) -> None:
    digest = put(outbox, 1)
    database.rows("PRAGMA max_page_count = 1")
    with pytest.raises(StateError, match=r"no room on the disk.*nothing was lost"):
        outbox.put(bytes(32), ActKind.DENY, ANNA, bytes(32), bytes(200_000), deadline=None)
    database.rows("PRAGMA max_page_count = 1000000")
    assert [entry.digest for entry in outbox.queue()] == [digest]
    assert outbox.message(digest) == b"m1"


def test_only_the_oldest_message_of_a_person_may_go(outbox: Outbox) -> None:
    first, second, other = put(outbox, 1), put(outbox, 2), put(outbox, 3, BEN)
    assert [head.digest for head in outbox.heads()] == [first, other]
    outbox.settle(receipt(first, ReceiptStatus.REJECTED), b"receipt")  # a final refusal counts as an end
    assert [head.digest for head in outbox.heads()] == [second, other]


def test_an_attempt_is_noted_before_it_is_made(outbox: Outbox) -> None:
    digest = put(outbox, 1)
    assert outbox.sending(digest, "mqtt", 15.0) == b"m1"
    outbox.complain(digest, "not authorised")
    entry = outbox.entry(digest)
    assert (entry.attempts, entry.link, entry.complaint) == (1, "mqtt", "not authorised")
    assert outbox.heads()[0].rest == 15.0
    outbox.did_not_leave(digest)
    assert (outbox.entry(digest).attempts, outbox.heads()[0].rest) == (0, 0.0)


def test_what_is_settled_is_not_sent(outbox: Outbox) -> None:
    digest = put(outbox, 1)
    outbox.settle(receipt(digest), b"receipt")
    assert outbox.sending(digest, "mqtt", 15.0) is None


def test_the_bytes_of_the_last_messages_are_kept(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLED_KEPT", 3)
    digests = [put(outbox, number) for number in range(1, 8)]
    for digest in digests[:6]:
        outbox.settle(receipt(digest), b"receipt")
    kept = [outbox.entry(digest).size is not None for digest in digests]
    assert kept == [False, False, False, True, True, True, True]
    assert outbox.entry(digests[0]).receipt == b"receipt"
    with pytest.raises(NotFoundError, match="its receipt is kept"):
        outbox.message(digests[0])


def test_an_unknown_digest_is_said_to_be_unknown(outbox: Outbox) -> None:
    for ask in (outbox.entry, outbox.message):
        with pytest.raises(NotFoundError, match="no message with digest"):
            ask(bytes(32))


def test_a_message_is_found_by_its_first_digits(outbox: Outbox) -> None:
    outbox.put(b"\xab\xcd" + bytes(30), ActKind.DENY, ANNA, ANNA, b"m", deadline=None)
    outbox.put(b"\xab\xef" + bytes(30), ActKind.DENY, ANNA, ANNA, b"m", deadline=None)
    assert outbox.find("0xABCD").digest == b"\xab\xcd" + bytes(30)
    for prefix, words in (
        ("ab", "more digits"),
        ("0x12", "no message"),
        ("*", "no digest"),
        ("", "no digest"),
    ):
        with pytest.raises(NotFoundError, match=words):
            outbox.find(prefix)


def test_the_last_answer_is_the_last_that_may_count(outbox: Outbox) -> None:
    assert outbox.latest(bytes(32)) is None
    first = put(outbox, 1)
    second = put(outbox, 2, deadline=int(NOW))
    third = put(outbox, 3, deadline=int(NOW) - 1)
    outbox.settle(receipt(put(outbox, 4), ReceiptStatus.REJECTED), b"receipt")

    def latest() -> bytes:
        found = outbox.latest(bytes(32))
        assert found is not None
        return found.digest

    assert latest() == second  # the fourth was rejected, and the third's deadline has passed
    assert outbox.entry(third).is_late(NOW)
    assert not outbox.entry(second).is_late(NOW)
    assert not outbox.entry(first).is_late(NOW)
    outbox.settle(receipt(third), b"receipt")  # it had arrived in time: the receipt decides
    assert latest() == third
    assert not outbox.entry(third).is_late(NOW)


def test_a_queue_of_an_earlier_version_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    with Database(path, SCHEMAS[:1]) as old, old.transaction() as connection:
        connection.execute(
            "INSERT INTO outbox (digest, act, subject, about, message, queued_at, next_at)"
            " VALUES (?, 5, ?, ?, ?, 1, 1)",
            (bytes(32), ANNA, ANNA, b"m"),
        )
    with Database(path) as new:
        entry = Outbox(new, limit=5).entry(bytes(32))
        assert entry.deadline is None
        assert not entry.is_late(NOW)
