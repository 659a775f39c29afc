"""Nonces: each once, a word at a time, and a state that was lost or came back old locks nobody out."""

import shutil
from itertools import pairwise

import pytest

from contracts.acts import ActKind
from contracts.messages import Receipt, ReceiptStatus
from edge.errors import StateError
from edge.links.outbox import Outbox
from edge.state import nonces
from edge.state.database import SCHEMAS, VERSION, Database

ANNA, BEN = b"\x0a" * 20, b"\x0b" * 20


@pytest.fixture
def database(tmp_path):
    with Database(tmp_path / "kiosk.sqlite") as opened:
        yield opened


def words(taken):
    return {nonce >> 8 for nonce in taken}


def test_a_word_is_filled_bit_by_bit_before_the_next(database):
    taken = [nonces.take(database, ANNA) for _ in range(520)]
    assert len(set(taken)) == 520
    assert len(words(taken)) == 3
    for first, second in pairwise(taken[:256]):
        assert second == first + 1
    assert [nonce & 255 for nonce in taken] == [*range(256), *range(256), *range(8)]
    assert all(0 <= nonce < 2**256 for nonce in taken)


def test_people_and_kiosks_do_not_share_words(database, tmp_path):
    with Database(tmp_path / "other.sqlite") as elsewhere:
        firsts = [nonces.take(kiosk, who) for kiosk in (database, elsewhere) for who in (ANNA, BEN)]
    assert len(words(firsts)) == 4
    assert all(nonce & 255 == 0 for nonce in firsts)


def test_a_nonce_stays_taken_over_a_restart(tmp_path):
    with Database(tmp_path / "kiosk.sqlite") as before:
        first = nonces.take(before, ANNA)
    with Database(tmp_path / "kiosk.sqlite") as after:
        assert nonces.take(after, ANNA) == first + 1


def test_a_nonce_taken_in_a_transaction_that_fails_is_free_again(database):
    first = nonces.take(database, ANNA)
    with pytest.raises(StateError):
        take_and_fail(database)
    assert nonces.take(database, ANNA) == first + 1


def take_and_fail(database):
    with database.transaction() as connection:
        nonces.take(database, ANNA)
        connection.execute("INSERT INTO subjects VALUES (NULL, NULL, NULL)")


def settle(database, number, status):
    """An act of Anna's that was handed in and answered."""
    outbox, digest = Outbox(database, limit=10), bytes([number]) * 32
    outbox.put(digest, ActKind.GRANT, ANNA, digest, b"message", deadline=None)
    final = status is ReceiptStatus.FINAL
    receipt = Receipt(
        "test", digest, status, bytes(32) if final else None, 1 if final else None, "" if final else "no", 1
    )
    assert outbox.settle(receipt, b"receipt")


def test_an_old_copy_of_the_state_costs_one_rejected_act(tmp_path):
    with Database(tmp_path / "kiosk.sqlite") as before:
        used = [nonces.take(before, ANNA)]
        backup = before.rows("SELECT * FROM nonces")[0]
        used += [nonces.take(before, ANNA) for _ in range(3)]
    shutil.copy(tmp_path / "kiosk.sqlite", tmp_path / "restored.sqlite")
    with Database(tmp_path / "restored.sqlite") as restored:
        with restored.transaction() as connection:
            connection.execute("UPDATE nonces SET taken = ?", (backup["taken"],))
        ben = nonces.take(restored, BEN)
        assert nonces.take(restored, ANNA) in used  # the ledger rejects this one
        settle(restored, 1, ReceiptStatus.REJECTED)
        assert nonces.take(restored, ANNA) >> 8 not in words(used)
        assert nonces.take(restored, BEN) == ben + 1


def test_a_final_receipt_leaves_the_word_as_it_is(database):
    first = nonces.take(database, ANNA)
    settle(database, 1, ReceiptStatus.FINAL)
    assert nonces.take(database, ANNA) == first + 1


def test_a_state_of_the_version_before_gets_its_table(tmp_path):
    with Database(tmp_path / "kiosk.sqlite", SCHEMAS[:1]):
        pass
    with Database(tmp_path / "kiosk.sqlite") as new:
        assert nonces.take(new, ANNA) & 255 == 0
        assert new.rows("PRAGMA user_version")[0][0] == VERSION == len(SCHEMAS)
