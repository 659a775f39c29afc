"""Deterministic CBOR (RFC 8949, section 4.2.1), and a decoder that takes nothing else.

The formats use maps with unsigned integer keys, arrays, byte and text strings, unsigned and small negative
integers, true, false and null: no tags, no floats. So there is exactly one encoding of a message, and a
signature over the bytes is a signature over what they mean.
"""

from collections.abc import Mapping, Set
from typing import Any, NoReturn

import cbor2

from contracts.errors import MalformedError, UnsupportedVersionError

MAX_DEPTH = 8
"""Nesting that a decoder follows; the deepest of our formats has 4 levels."""

UINT64_MAX = 2**64 - 1


def encode(value: object) -> bytes:
    """The one deterministic encoding of `value`."""
    # cbor2's canonical order is RFC 7049's (length first); it equals RFC 8949's here, because all keys of a
    # map are unsigned integers.
    return cbor2.dumps(value, canonical=True)


def decode(data: bytes, limit: int, what: str) -> object:
    """The value that `data` encodes, if `data` is the deterministic encoding of it.

    Args:
        data: the whole item.
        limit: most bytes to look at.
        what: name of the thing for the error's text, such as "a receipt".

    Raises:
        MalformedError: on anything else: too long, trailing bytes, duplicate keys, indefinite lengths,
            integers that are not the shortest, tags, or bytes that are no CBOR at all.
    """
    if not data:
        raise MalformedError(f"{what} is empty")
    if len(data) > limit:
        raise MalformedError(f"{what} has {len(data)} bytes, the most is {limit}")
    try:
        value = cbor2.loads(
            data,
            max_depth=MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            semantic_decoders=NO_TAGS,
        )
        again = encode(value)
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise MalformedError(f"{what} is not deterministic CBOR") from error
    # cbor2 takes trailing bytes, long integers and unsorted keys; a re-encoding shows them all.
    if again != data:
        raise MalformedError(f"{what} is not deterministic CBOR")
    return value


class _RefuseTags(dict[int, Any]):
    """A table of tag decoders in which every tag leads to a refusal."""

    def __missing__(self, tag: int) -> Any:
        return _refuse_tag


def _refuse_tag(*_: object) -> NoReturn:
    raise ValueError("tags are not part of the formats")


NO_TAGS = _RefuseTags()
"""For cbor2's `semantic_decoders`."""


class Fields:
    """Reads a decoded map field by field, each with its type and its bounds.

    Args:
        value: what `decode` returned, or an item of it.
        what: name of the thing for the error's text.
        keys: every key that the map may have; those not in `optional` must be there.
        optional: the keys that may be absent.
        version: the one version that key 0 may hold; None for a map without.

    Raises:
        UnsupportedVersionError: saying which of the two ends is behind.
    """

    def __init__(
        self,
        value: object,
        what: str,
        keys: Set[int],
        optional: Set[int] = frozenset(),
        version: int | None = None,
    ) -> None:
        if not isinstance(value, Mapping):
            raise MalformedError(f"{what} is not a map")
        if version is not None:
            _check_version(value.get(0), version, what)
        present = set(value)
        # True == 1 in Python, but not in CBOR.
        integers = all(type(key) is int for key in present)
        if not integers or not present <= keys or not keys - optional <= present:
            raise MalformedError(f"{what} lacks a field or has one that its version does not know")
        self._map = value
        self._what = what

    def __contains__(self, key: int) -> bool:
        return key in self._map

    def item(self, key: int) -> object:
        """The field as decoded, for a nested map."""
        return self._map[key]

    def octets(self, key: int, least: int, most: int | None = None) -> bytes:
        """A byte string of `least` bytes exactly, or of `least` to `most`."""
        most = least if most is None else most
        value = self._map[key]
        if not isinstance(value, bytes) or not least <= len(value) <= most:
            bounds = f"{least}" if least == most else f"{least} to {most}"
            raise self._bad(key, f"a byte string of {bounds} bytes")
        return value

    def text(self, key: int, most: int) -> str:
        """A text string of at most `most` characters."""
        value = self._map[key]
        if not isinstance(value, str) or len(value) > most:
            raise self._bad(key, f"a text of at most {most} characters")
        return value

    def unsigned(self, key: int, most: int = UINT64_MAX) -> int:
        """An unsigned integer of at most `most`."""
        value = self._map[key]
        if type(value) is not int or not 0 <= value <= most:
            raise self._bad(key, f"an unsigned integer of at most {most}")
        return value

    def truth(self, key: int) -> bool:
        """True or false."""
        value = self._map[key]
        if not isinstance(value, bool):
            raise self._bad(key, "true or false")
        return value

    def _bad(self, key: int, expected: str) -> MalformedError:
        return MalformedError(f"field {key} of {self._what} is not {expected}")


def _check_version(found: object, spoken: int, what: str) -> None:
    if type(found) is not int:
        raise MalformedError(f"{what} does not say its version")
    if found != spoken:
        raise UnsupportedVersionError(
            f"{what} has version {found}, this release speaks {spoken}; update the older of the two ends"
        )
