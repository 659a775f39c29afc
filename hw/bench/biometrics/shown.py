"""A figure in words; one that is not finite was not seen, and is shown as a dash."""

from collections.abc import Mapping
from math import isfinite

Value = float | int | str | None

UNSEEN = "–"


def shown(value: Value, form: str) -> str:
    """The figure in a form of `str.format`; a dash for one that is missing, not a number, or infinite."""
    return form.format(value) if isinstance(value, int | float) and isfinite(value) else UNSEEN


def accepted(figures: Mapping[str, Value], refused: str) -> str:
    """The share that is accepted, by the name of the share that is refused."""
    value = figures[refused]
    return shown(1 - value if isinstance(value, int | float) else value, "{:.1%}")


def accepted_with_interval(figures: Mapping[str, Value], refused: str) -> str:
    """The same and its interval, whose ends change places."""
    rate, low, high = (accepted(figures, refused + end) for end in ("", "_high", "_low"))
    return rate if rate == UNSEEN else f"{rate} [{low}, {high}]"
