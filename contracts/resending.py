"""The mark of a message that may have been sent before, for a link without a place for it beside the message.

A kiosk's message is an untagged COSE_Sign1: an array of four, which begins with 0x84. The mark is a byte in
front of it with which no such message begins: news goes unchanged, and nothing that is signed ever changes.
Nothing depends on the mark; it lets a gateway count resends, also of what never arrived the first time.
"""

MARK = b"\x01"


def marked(message: bytes, *, again: bool) -> bytes:
    """The message as it is handed to the link."""
    return MARK + message if again else message


def unmarked(data: bytes) -> tuple[bytes, bool]:
    """What came over the link: the message, and whether it may have been sent before."""
    return (data[len(MARK) :], True) if data.startswith(MARK) else (data, False)
