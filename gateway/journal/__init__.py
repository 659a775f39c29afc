"""The journal: what the gateway has been handed and how far each act has come, surviving kill -9.

An entry is one signed act, known by its EIP-712 digest; a repeat finds the entry that is there. It moves
through the states of `State`, and only as the methods of `Moves` allow. Each move is one synchronised
transaction of the database, made before what it announces can be seen outside: a transaction's bytes are in
the journal before the ledger gets them, a receipt is in the journal before the kiosk gets it. So after a
crash every entry can be taken up from its state.
"""

from gateway.journal.database import JournalError, RivalError
from gateway.journal.journal import JOURNAL_FILE, Journal

__all__ = ["JOURNAL_FILE", "Journal", "JournalError", "RivalError"]
