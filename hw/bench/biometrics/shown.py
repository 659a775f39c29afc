"""A figure in words; one that is not finite was not seen, and is shown as a dash."""

from math import isfinite

UNSEEN = "–"


def shown(value: float | int | str | None, form: str) -> str:
    """The figure in a form of `str.format`; a dash for one that is missing, not a number, or infinite."""
    return form.format(value) if isinstance(value, int | float) and isfinite(value) else UNSEEN
