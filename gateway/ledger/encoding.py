"""Call data of our contract: a function's selector and its ABI-encoded arguments."""

from collections.abc import Sequence
from functools import cache

from eth_abi.encoding import TupleEncoder
from eth_abi.registry import registry as abi_types

from contracts.registry import function, selector, signature_of


def call_data(name: str, arguments: Sequence[object] = ()) -> bytes:
    """The call of a function of the contract."""
    prefix, encoder = _encoder(name)
    return prefix + bytes(encoder(list(arguments)))


@cache
def _encoder(name: str) -> tuple[bytes, TupleEncoder]:
    """A function's selector, and what encodes its arguments; to find them takes longer than to encode."""
    encoders = [abi_types.get_encoder(kind) for kind in _types(signature_of(function(name)))]
    return selector(name), TupleEncoder(encoders=encoders)  # type: ignore[no-untyped-call]  # eth-abi's is untyped


def _types(signature: str) -> list[str]:
    """The types in a canonical signature: those of `grant((address,uint64),bytes)` are two."""
    inside, types, depth, start = signature[signature.index("(") + 1 : -1], [], 0, 0
    for position, character in enumerate(inside + ","):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            types.append(inside[start:position])
            start = position + 1
    return [kind for kind in types if kind]
