"""Text from a peer, made fit to be shown on a screen or written to a log."""

import unicodedata

ELLIPSIS = "…"
MAX_COMBINING = 2
"""Marks allowed on one letter: enough for every living orthography, too few to climb over the line above."""

# Cc control, Cf format (holds the bidirectional overrides and the zero-width signs), Cs lone surrogates,
# Co private use, Cn unassigned.
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_MARKS = frozenset({"Mn", "Me"})


def clean(text: str, limit: int) -> str:
    """`text` on one line, without characters that hide, reorder or forge, and of at most `limit` characters.

    Composes to NFC, turns each run of white space into one blank, drops control, format, private and
    unassigned characters, keeps at most `MAX_COMBINING` marks on a letter. A cut text ends in an ellipsis.
    Cleaning a clean text changes nothing.

    Args:
        text: anything.
        limit: most characters to return, at least 1.
    """
    if limit < 1:
        raise ValueError("limit must be at least 1")
    # No more than this can matter; what a peer sends may be long and normalising is not free.
    head = text[: 8 * limit + 64]
    composed = unicodedata.normalize("NFC", " ".join(_visible(head).split()))
    if len(composed) <= limit and len(head) == len(text):
        return composed
    return unicodedata.normalize("NFC", composed[: limit - 1].rstrip() + ELLIPSIS)


def _visible(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for character in text:
        if character.isspace():
            kept.append(" ")
            continue
        category = unicodedata.category(character)
        if category in _DROPPED:
            continue
        marks = marks + 1 if category in _MARKS else 0
        if marks <= MAX_COMBINING:
            kept.append(character)
    return "".join(kept)
