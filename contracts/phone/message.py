"""What every message between phone and kiosk is made of: fields in order, each with its bounds."""

from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar, Self

from contracts import cbor
from contracts.hexes import ADDRESS_LENGTH
from contracts.labels import clean

VERSION = 1

MAX_NAME = 60
"""Characters of a requester's name, as in the kiosk's directory."""

MAX_WORD = 60
"""Characters of a kind of record, or of how a request stands."""

MAX_TEXT = 200
"""Characters of an answer: a sentence or two."""

MAX_URL = 200

MAX_SEALED_RECORD = 48 * 1024
"""Bytes of what a kiosk keeps of a person's fingers, sealed; one finger takes under 1 KB, ten under 48."""

NOBODY = bytes(ADDRESS_LENGTH)
"""Stands where no person is meant."""


def octets_field(least: int, most: int | None = None) -> Any:
    """A byte string of `least` bytes exactly, or of `least` to `most`."""
    return field(metadata={"octets": (least, least if most is None else most)})


def text_field(most: int) -> Any:
    """A text of at most `most` characters."""
    return field(metadata={"text": most})


def number_field(most: int = cbor.UINT64_MAX) -> Any:
    """An unsigned integer."""
    return field(metadata={"number": most})


def truth_field() -> Any:
    """True or false."""
    return field(metadata={"truth": True})


@dataclass(frozen=True, slots=True)
class PhoneMessage:
    """What all of them share. Texts are cleaned as they come in, so that a screen can show them."""

    KIND: ClassVar[int]

    def encode(self) -> bytes:
        """The message as bytes."""
        values = {key: getattr(self, member.name) for key, member in enumerate(fields(self), start=2)}
        return cbor.encode({0: VERSION, 1: self.KIND, **values})

    @classmethod
    def read(cls, item: object, what: str) -> Self:
        """The message of this kind in a decoded map.

        Raises:
            MalformedError, UnsupportedVersionError: it is none.
        """
        members = fields(cls)
        reader = cbor.Fields(item, what, set(range(len(members) + 2)), version=VERSION)
        return cls(*(_read(reader, key, member) for key, member in enumerate(members, start=2)))


def _read(reader: cbor.Fields, key: int, member: "Field[Any]") -> bytes | str | int | bool:
    match dict(member.metadata):
        case {"octets": (least, most)}:
            return reader.octets(key, least, most)
        case {"text": most}:
            return clean(reader.text(key, most), most)
        case {"number": most}:
            return reader.unsigned(key, most)
    return reader.truth(key)
