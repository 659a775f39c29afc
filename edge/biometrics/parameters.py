"""The numbers that a protected record was made with; they travel inside it, so that a later release still opens it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameters:
    """What enrolment and unlocking must agree on.

    Attributes:
        coefficients: k, number of coefficients of the bound polynomial: so many features must be met again. Each step
            costs 2 to 5 points of one-press acceptance and gives about 5 bits.
        cell_px: side of a lattice cell at 500 dpi. 16 px cost one or two points and give 2 to 4 bits, 20 px the reverse.
        sectors: sectors of direction. Twelve cost two points.
        kept: features that a vault holds, at most.
    """

    coefficients: int = 8
    cell_px: int = 18
    sectors: int = 10
    kept: int = 44


DEFAULTS = Parameters()
