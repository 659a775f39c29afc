"""What the kiosk's state makes of a receipt, beside settling its message; in the same transaction."""

from contracts.acts import ActKind
from edge.identity.keyring import Keyring
from edge.links.entry import Entry
from edge.state import identities, nonces, subjects, successors
from edge.state.database import Database


def rejected(database: Database, entry: Entry) -> None:
    """The ledger does not take an act."""
    # Perhaps for its nonce: see `edge.state.nonces`. A word too many costs little.
    nonces.leave_word(database, entry.subject)
    successors.drop(database, entry.digest)


def final(database: Database, entry: Entry, now: int) -> bool:
    """An act is on the ledger.

    Returns:
        Whether a secret was overwritten: the log of changes should be scrubbed after the transaction.
    """
    match entry.act:
        case ActKind.ROTATE:
            heir = successors.find(database, entry.subject)
            if heir is None or heir.digest != entry.digest:
                return False
            return successors.take_over(database, heir.subject, Keyring.decode(heir.sealed).key, now)
        case ActKind.ENTRUST | ActKind.CONTEST:
            identities.no_recovery(database, entry.subject)
        case ActKind.DEACTIVATE:
            subjects.forget(database, entry.subject)
            return True
    return False
