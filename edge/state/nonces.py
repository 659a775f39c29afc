"""Nonces of the people who sign here: a word of 256 for each person, filled bit by bit.

The contract keeps nonces as a bitmap per person (word = nonce >> 8, bit = nonce & 255) and takes them in any
order. The first bit of a word costs 17,100 gas more than those after it, so a kiosk stays in its word.

A word is 248 random bits: no other kiosk has it, nor has this one after it was set up again. If an old copy
of the state comes back, bits that it takes for free are used up; the first act that the ledger rejects then
makes the kiosk leave the word, so a person presses once more and is never locked out.
"""

import secrets

from edge.state.database import Database

BITS = 256
"""Nonces in a word."""

WORD_BYTES = 31  # the other 248 bits of a uint256


def take(database: Database, subject: bytes) -> int:
    """The person's next nonce at this kiosk; used up even if nothing is signed with it in the end.

    Args:
        database: the kiosk's state.
        subject: address of the person.

    Raises:
        StateError: the state cannot be written.
    """
    with database.transaction() as connection:
        row = connection.execute("SELECT word, taken FROM nonces WHERE subject = ?", (subject,)).fetchone()
        word, taken = row or (b"", BITS)
        if taken == BITS:
            word, taken = secrets.token_bytes(WORD_BYTES), 0
        connection.execute("REPLACE INTO nonces VALUES (?, ?, ?)", (subject, word, taken + 1))
    return int.from_bytes(word, "big") << 8 | taken


def leave_word(database: Database, subject: bytes) -> None:
    """Take the person's next nonce from a new word; joins the transaction under way."""
    with database.transaction() as connection:
        connection.execute("DELETE FROM nonces WHERE subject = ?", (subject,))
