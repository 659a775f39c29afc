"""Several signed messages in one file: a CBOR sequence (RFC 8742), one after the other with nothing between.

So they travel on a stick where no link does: kiosk messages one way, receipts the other. A file with one
message is that message.
"""

import io
from collections.abc import Iterable

import cbor2

from contracts import cbor
from contracts.errors import MalformedError

MAX_SEQUENCE = 512 << 20
"""Bytes of a file: a full outbox of the largest messages has half of that."""


def join(messages: Iterable[bytes]) -> bytes:
    """The sequence of these messages."""
    return b"".join(messages)


def split(data: bytes, limit: int = MAX_SEQUENCE) -> list[bytes]:
    """The messages of a sequence, each as its sender signed it; what they are is for `verify` to find out.

    Raises:
        MalformedError: it is empty, too long, or not CBOR to its end.
    """
    if not 0 < len(data) <= limit:
        raise MalformedError(f"a file of messages has 1 to {limit} bytes, this one {len(data)}")
    stream = io.BytesIO(data)
    messages: list[bytes] = []
    start = 0
    while start < len(data):
        _skip(stream, len(messages) + 1)
        end = stream.tell()
        messages.append(data[start:end])
        start = end
    return messages


def _skip(stream: io.BytesIO, number: int) -> None:
    try:
        cbor2.load(
            stream,
            max_depth=cbor.MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            semantic_decoders=cbor.NO_TAGS,
        )
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise MalformedError(
            f"message {number} of the file is damaged, or it is another kind of file"
        ) from error
