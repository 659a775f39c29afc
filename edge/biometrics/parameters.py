"""The numbers that a protected record is made with, and carries, so that a later release still opens it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameters:
    """What enrolment and unlocking must agree on.

    Chosen by a sweep over two public optical sets.

    Attributes:
        coefficients: k, number of coefficients of the bound polynomial: so many features must be met again.
            One more costs one or two points of one-press acceptance and gives some 6 bits.
        cell_px: side of a lattice cell at 500 dpi. 18 px give half a point and cost some 5 bits.
        sectors: sectors of direction. Twelve cost half a point and give some bits.
        kept: features that a vault holds, at most. 44 give half a point and cost 5 to 10 bits.
    """

    coefficients: int = 9
    cell_px: int = 16
    sectors: int = 10
    kept: int = 36


RICH = Parameters()
POOR = Parameters(coefficients=8)
"""For a finger that shows few minutiae: it meets fewer features, but so does a stranger by chance."""

RICH_FEATURES = 30
"""A finger is rich when each of its vaults holds so many."""
