"""How people's identities stand on the ledger, as the gateway has told: their key, a recovery under way."""

from contracts.messages import IdentityNotice, PendingRecovery
from edge.state.database import Database


def note(database: Database, notice: IdentityNotice) -> bool:
    """Remember a notice, unless a later one was heard before; whether it was news."""
    recovery = notice.recovery
    told = (None, None, None) if recovery is None else (recovery.id, recovery.new_key, recovery.ready)
    with database.transaction() as connection:
        noted = connection.execute(
            "INSERT INTO identities VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (subject) DO UPDATE SET"
            " key = excluded.key, at = excluded.at, recovery = excluded.recovery,"
            " new_key = excluded.new_key, ready = excluded.ready WHERE excluded.at > at",
            (notice.subject, notice.key, notice.at, *told),
        )
    return noted.rowcount == 1


def recovery_of(database: Database, subject: bytes) -> PendingRecovery | None:
    """The recovery of a person that is under way, as far as is known here."""
    row = database.row(
        "SELECT recovery, new_key, ready FROM identities WHERE subject = ? AND recovery IS NOT NULL",
        (subject,),
    )
    return None if row is None else PendingRecovery(row["recovery"], row["new_key"], row["ready"])


def no_recovery(database: Database, subject: bytes) -> None:
    """The person has ended the recovery; joins the transaction under way."""
    with database.transaction() as connection:
        connection.execute(
            "UPDATE identities SET recovery = NULL, new_key = NULL, ready = NULL WHERE subject = ?",
            (subject,),
        )
