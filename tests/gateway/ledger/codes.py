"""Tiny contracts in bytecode, so that the node is tested without a compiler."""


def deployment(runtime: bytes) -> bytes:
    """Code that returns `runtime`: PUSH len, PUSH 12, PUSH 0, CODECOPY, PUSH len, PUSH 0, RETURN."""
    length = len(runtime).to_bytes(1, "big").hex()
    return bytes.fromhex(f"60{length}600c60003960{length}6000f3") + runtime


STORE = deployment(bytes.fromhex("600035600055"))
"""Stores the first word of its input in slot 0."""

CLOCK = deployment(bytes.fromhex("4260005260206000f3"))
"""Returns the block's timestamp."""

LOG = deployment(bytes.fromhex("60003560206000a1"))
"""Emits an event without data of its own: topic is the first word, data is one word of memory."""

REASON = "no such luck"
REVERT = deployment(
    # MSTORE of the selector, the offset, the length and the text of Error(string), then REVERT of 100 bytes
    bytes.fromhex("62461bcd60e51b6000526020600452600c6024526b" + REASON.encode().hex() + "60a01b604452")
    + bytes.fromhex("60646000fd")
)
"""Reverts with a reason, as Solidity and Vyper do."""

BARE_REVERT = deployment(bytes.fromhex("60006000fd"))
"""Reverts without a word."""

INVALID = deployment(bytes.fromhex("fe"))
"""Ends in an invalid instruction."""

LOOP = deployment(bytes.fromhex("5b600056"))
"""Runs until its gas is used up."""
