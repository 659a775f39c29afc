"""The fields of a request at the panel, each taken once, by name and type."""

from contracts.hexes import ADDRESS_LENGTH, from_hex
from edge.errors import UsageError
from edge.events import JsonObject
from edge.identity.keyring import Policy, Position


class Arguments:
    """The fields of a request at the panel, taken by name and type."""

    def __init__(self, fields: JsonObject) -> None:
        self._fields = dict(fields)

    def text(self, name: str) -> str:
        """A text that must be there."""
        value = self.optional_text(name)
        if not value:
            raise UsageError(f"{name!r} is missing")
        return value

    def optional_text(self, name: str) -> str | None:
        """A text, or None."""
        value = self._fields.pop(name, None)
        if value is not None and not isinstance(value, str):
            raise UsageError(f"{name!r} must be a text")
        return value

    def texts(self, name: str) -> list[str]:
        """A list of texts; empty if it is not there."""
        value = self._fields.pop(name, None) or []
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise UsageError(f"{name!r} must be a list of texts")
        return value

    def optional_number(self, name: str) -> float | None:
        """A number from 0 up, or None."""
        value = self._fields.pop(name, None)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 2**63:
            raise UsageError(f"{name!r} must be a number from 0 up")
        return value

    def number(self, name: str) -> float:
        """A number that must be there."""
        value = self.optional_number(name)
        if value is None:
            raise UsageError(f"{name!r} is missing")
        return value

    def octets(self, name: str, length: int) -> bytes | None:
        """Bytes in hex, or None."""
        value = self.optional_text(name)
        return from_hex(value, length) if value else None

    @property
    def subject(self) -> bytes | None:
        """Whose errand it is; None where the finger is to tell."""
        return self.octets("subject", ADDRESS_LENGTH)

    @property
    def fingers(self) -> tuple[Position, ...]:
        """Which fingers; empty where none is named."""
        return tuple(Position.of(text) for text in self.texts("fingers"))

    @property
    def policy(self) -> Policy:
        """How many fingers open; any, where nothing is said."""
        named = self.optional_text("policy")
        try:
            return Policy(named or Policy.ANY.value)
        except ValueError:
            raise UsageError(f"'policy' is one of: {', '.join(each.value for each in Policy)}") from None

    def flag(self, name: str) -> bool:
        """True or false; false where it is missing."""
        value = self._fields.pop(name, False)
        if not isinstance(value, bool):
            raise UsageError(f"{name!r} must be true or false")
        return value

    def finish(self) -> None:
        """Refuse what nobody took."""
        if self._fields:
            raise UsageError(f"unknown argument {next(iter(self._fields))!r}")
