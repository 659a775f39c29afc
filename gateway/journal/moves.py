"""How acts move in the journal: each arrow of the state machine is a method, and there are no others."""

from collections.abc import Iterable, Sequence

from contracts.acts import ActKind
from contracts.hexes import to_hex
from gateway.entries import Candidate, Mined, State, Verdict
from gateway.journal.database import Cursor, Database, JournalError, Sql
from gateway.journal.rows import NEW_KEY, move, move_shipment, remember, take_turn
from gateway.rates import Rate


class Moves:
    """Writes of the journal; each is one transaction of the database, or part of one that is open.

    All raise `JournalError` if an act is in none of the states from which the arrow starts.
    """

    _database: Database

    # Acts on their own

    def verify(self, digest: bytes, person: bytes | None = None, rate: Rate | None = None) -> None:
        """Received -> verified; if the person is over the rate, to be shipped later."""
        with self._database.writing() as sql:
            move(sql, digest, State.VERIFIED, State.RECEIVED)
            if rate is not None and person is not None:
                due = take_turn(sql, person, rate)
                sql.execute("UPDATE entries SET due = ? WHERE digest = ?", (due, digest))

    def skip_step(self, digest: bytes, transaction: bytes, block: int) -> None:
        """Received, verified or mined -> verified: the ledger has had this step, by another way."""
        with self._database.writing() as sql:
            move(sql, digest, State.VERIFIED, State.RECEIVED, State.VERIFIED, State.MINED)
            sql.execute(
                "UPDATE entries SET tx = ?, block = ?, step = step + 1, shipment = NULL WHERE digest = ?",
                (transaction, block, digest),
            )

    def acknowledge(self, verdict: Verdict, transaction: bytes, block: int) -> None:
        """Received, verified or mined -> final: the ledger has had the act already, by another way."""
        with self._database.writing() as sql:
            move(sql, verdict.digest, State.FINAL, State.RECEIVED, State.VERIFIED, State.MINED)
            sql.execute(
                "UPDATE entries SET tx = ?, block = ? WHERE digest = ?", (transaction, block, verdict.digest)
            )
            _finish(sql, verdict)

    def reject(self, verdict: Verdict) -> None:
        """Received, verified or mined -> rejected, with the reason and the receipt."""
        with self._database.writing() as sql:
            move(sql, verdict.digest, State.REJECTED, State.RECEIVED, State.VERIFIED, State.MINED)
            _conclude(sql, verdict)

    def note(self, digest: bytes, trouble: str) -> bool:
        """Note why an act waits, for `ridgekey gateway journal`; it stays where it is.

        Returns:
            Whether that is news.
        """
        with self._database.writing() as sql:
            noted = sql.execute(
                "UPDATE entries SET trouble = ? WHERE digest = ? AND trouble <> ?", (trouble, digest, trouble)
            )
            return noted.rowcount == 1

    # Shipments, and the acts that they carry

    def sign(
        self, sender: bytes, nonce: int, data: bytes, gas: int, cost: int, candidate: Candidate,
        digests: Sequence[bytes],
    ) -> int:  # fmt: skip
        """Verified -> signed: these acts, in this order, with the transaction that will be sent for them.

        Args:
            sender: The relayer's address.
            nonce: Of its account.
            data: Call data.
            gas: Gas limit.
            cost: Gwei that the transaction costs at most.
            candidate: The transaction.
            digests: The acts.

        Returns:
            The shipment's number.
        """
        with self._database.writing() as sql:
            number = _one(
                sql.execute(
                    "INSERT INTO shipments (sender, nonce, state, data, gas, cost, signed_at /*!, owner */)"
                    " VALUES (?, ?, ?, ?, ?, ?, ? /*!, :gateway */) RETURNING number",
                    (sender, nonce, State.SIGNED, data, gas, cost, candidate.signed_at),
                )
            )
            _add(sql, number, candidate)
            for position, digest in enumerate(digests):
                move(sql, digest, State.SIGNED, State.VERIFIED)
                sql.execute(
                    "UPDATE entries SET shipment = ?, position = ? WHERE digest = ?",
                    (number, position, digest),
                )
            return number

    def bump(self, shipment: int, candidate: Candidate, cost: int) -> None:
        """Accepted -> signed, or still signed: another transaction for the same nonce, which pays more.

        Its cost is spent from now on, not when the first one was signed.
        """
        with self._database.writing() as sql:
            move_shipment(sql, shipment, State.SIGNED, State.SIGNED, State.ACCEPTED)
            sql.execute(
                "UPDATE shipments SET cost = ?, signed_at = ? WHERE number = ?",
                (cost, candidate.signed_at, shipment),
            )
            _add(sql, shipment, candidate)

    def accept(self, shipments: Iterable[int]) -> None:
        """Signed -> accepted."""
        with self._database.writing() as sql:
            for number in shipments:
                move_shipment(sql, number, State.ACCEPTED, State.SIGNED)

    def mine(self, found: Iterable[Mined]) -> None:
        """Accepted -> mined, in these blocks."""
        with self._database.writing() as sql:
            for mined in found:
                move_shipment(sql, mined.shipment, State.MINED, State.ACCEPTED)
                sql.execute(
                    "UPDATE shipments SET tx = ?, block = ?, block_hash = ?, cost = ? WHERE number = ?",
                    (mined.transaction, mined.block, mined.block_hash, mined.cost, mined.shipment),
                )

    def send_again(self, shipment: int) -> None:
        """Accepted or mined -> signed: the ledger lost the transaction, the same bytes go out once more."""
        with self._database.writing() as sql:
            move_shipment(sql, shipment, State.SIGNED, State.ACCEPTED, State.MINED)
            sql.execute(
                "UPDATE shipments SET tx = NULL, block = NULL, block_hash = NULL WHERE number = ?",
                (shipment,),
            )

    def sign_again(self, shipment: int) -> None:
        """Signed -> verified: its nonce is gone, so it can never take effect; its bytes are forgotten."""
        with self._database.writing() as sql:
            move_shipment(sql, shipment, State.VERIFIED, State.SIGNED)
            sql.execute("UPDATE entries SET shipment = NULL WHERE shipment = ?", (shipment,))
            sql.execute("DELETE FROM shipments WHERE number = ?", (shipment,))
            sql.execute("DELETE FROM candidates WHERE shipment = ?", (shipment,))

    # The end of a shipment's acts, each for itself, and then of the shipment

    def finish(self, verdict: Verdict) -> None:
        """Mined -> final, with the receipt; notes where a person enrolled, which request is answered."""
        with self._database.writing() as sql:
            move(sql, verdict.digest, State.FINAL, State.MINED)
            _note_transaction(sql, verdict.digest)
            _finish(sql, verdict)

    def next_step(self, digest: bytes) -> None:
        """Mined -> verified: this transaction of the act is final, the next one is due."""
        with self._database.writing() as sql:
            move(sql, digest, State.VERIFIED, State.MINED)
            _note_transaction(sql, digest)
            sql.execute("UPDATE entries SET step = step + 1, shipment = NULL WHERE digest = ?", (digest,))

    def try_again(self, digest: bytes) -> None:
        """Mined -> verified: its transaction failed for a reason that is not the act's own."""
        with self._database.writing() as sql:
            move(sql, digest, State.VERIFIED, State.MINED)
            sql.execute("UPDATE entries SET tries = tries + 1, shipment = NULL WHERE digest = ?", (digest,))

    def close_shipment(self, shipment: int) -> None:
        """A shipment is over, and with it its bytes; what it has cost stays for the spending limit."""
        with self._database.writing() as sql:
            closed = sql.execute(
                "UPDATE shipments SET state = 'final', data = ? WHERE number = ? AND state = 'mined' AND NOT"
                " EXISTS (SELECT 1 FROM entries WHERE shipment = shipments.number AND state = 'mined')",
                (b"", shipment),
            )
            if closed.rowcount != 1:
                raise JournalError(f"shipment {shipment} is not over")
            sql.execute("DELETE FROM candidates WHERE shipment = ?", (shipment,))

    # Others

    def set_answered(self, request: bytes) -> None:
        """Note that a request is no longer open: the ledger says so."""
        with self._database.writing() as sql:
            sql.execute("UPDATE entries SET answered = 1 WHERE kind = 3 AND request = ?", (request,))

    def remember(self, name: str, value: bytes) -> None:
        """Keep a lasting fact."""
        with self._database.writing() as sql:
            remember(sql, name, value)

    def revise(self, name: str, known: bytes, value: bytes | None) -> None:
        """Change a lasting fact, or let it go for None; not if it no longer says what is known."""
        with self._database.writing() as sql:
            if value is None:
                sql.execute("DELETE FROM facts WHERE name = ? AND value = ?", (name, known))
            else:
                sql.execute("UPDATE facts SET value = ? WHERE name = ? AND value = ?", (value, name, known))

    def note_new_key(self, subject: bytes) -> None:
        """The ledger says that a person no longer signs with the first key; nor may ever again."""
        with self._database.writing() as sql:
            remember(sql, NEW_KEY + to_hex(subject), b"")

    def enrol_recovered(self, subject: bytes) -> None:
        """A recovery is over: its person is at home from now on where it was begun, too."""
        with self._database.writing() as sql:
            sql.execute(
                "INSERT INTO enrolments (subject, kiosk) SELECT DISTINCT subject, kiosk FROM entries"
                " WHERE subject = ? AND kind = ? AND state = 'final' AND kiosk IS NOT NULL"
                " ON CONFLICT DO NOTHING",
                (subject, int(ActKind.RECOVER)),
            )


def _one(cursor: Cursor) -> int:
    (value,) = cursor.fetchone()
    return int(value)


def _add(sql: Sql, shipment: int, candidate: Candidate) -> None:
    sql.execute(
        "INSERT INTO candidates (hash, shipment, raw, most, tip, signed_at) VALUES (?, ?, ?, ?, ?, ?)",
        (candidate.hash, shipment, candidate.raw, candidate.most, candidate.tip, candidate.signed_at),
    )


def _note_transaction(sql: Sql, digest: bytes) -> None:
    """The transaction of an act is that of its first step: in it stands the act itself."""
    sql.execute(
        "UPDATE entries SET (tx, block) = (SELECT tx, block FROM shipments WHERE number = entries.shipment)"
        " WHERE digest = ? AND step = 0",
        (digest,),
    )


def _finish(sql: Sql, verdict: Verdict) -> None:
    _conclude(sql, verdict)
    sql.execute(
        "INSERT INTO enrolments (subject, kiosk)"
        " SELECT subject, kiosk FROM entries WHERE digest = ? AND kind = ? AND kiosk IS NOT NULL"
        " ON CONFLICT DO NOTHING",
        (verdict.digest, int(ActKind.ENROL)),
    )
    kind, subject = sql.execute(
        "SELECT kind, subject FROM entries WHERE digest = ?", (verdict.digest,)
    ).fetchone()
    if kind in (ActKind.ROTATE, ActKind.DEACTIVATE):
        remember(sql, NEW_KEY + to_hex(subject), b"")
    sql.execute(
        "UPDATE entries SET answered = 1 WHERE kind = ? AND request ="
        " (SELECT request FROM entries WHERE digest = ? AND kind IN (?, ?))",
        (int(ActKind.REQUEST), verdict.digest, int(ActKind.GRANT), int(ActKind.DENY)),
    )


def _conclude(sql: Sql, verdict: Verdict) -> None:
    """Keep the receipt; forget the message and its ciphertext, unless a request is to be announced."""
    sql.execute(
        "UPDATE entries SET receipt = ?, reason = ?,"
        " answered = CASE state WHEN 'rejected' THEN 1 ELSE 0 END,"
        " message = CASE WHEN kind = ? AND state = 'final' THEN message ELSE ? END WHERE digest = ?",
        (verdict.receipt, verdict.reason, int(ActKind.REQUEST), b"", verdict.digest),
    )
