"""JSON of a peer, parsed only if it isn't nested beyond reason.

Python's parser recurses in C. It stops at the interpreter's limit of recursion, but py-evm raises that limit
so far that a body of brackets would overflow the stack and end the process.
"""

import json
import re
from typing import Any

MAX_DEPTH = 16
"""Brackets within brackets; a block with whole transactions in a batch of answers takes 7."""

TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|([\[{])|([\]}])', re.DOTALL)
"""A string, an opening or a closing bracket. A string may lack its end here: so no text makes the search
start over, and it takes linear time."""


def parse(body: bytes | bytearray) -> Any:
    """The value of a JSON text in UTF-8.

    Raises:
        ValueError: it is none, or is nested more than `MAX_DEPTH` deep.
    """
    text = body.decode()
    if depth(text) > MAX_DEPTH:
        raise ValueError(f"nested more than {MAX_DEPTH} deep")
    return json.loads(text)


def depth(text: str) -> int:
    """How deep brackets are nested in a JSON text, at most; those in strings do not count."""
    deepest = level = 0
    for token in TOKEN.finditer(text):
        if token.lastindex == 1:
            level += 1
            deepest = max(deepest, level)
        elif token.lastindex == 2:
            level -= 1
    return deepest
