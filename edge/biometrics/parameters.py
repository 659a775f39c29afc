"""The numbers that a protected record is made with, and carries, so that a later release still opens it.

They go by the size of the sensor's window and not by the finger: a record that says how rich its finger is
would link the finger's records to one another. `ridgekey bench biometrics --tune` shows how they were chosen.
"""

from dataclasses import dataclass

MM_PER_INCH = 25.4


@dataclass(frozen=True, slots=True)
class Parameters:
    """What enrolment and unlocking must agree on.

    Attributes:
        coefficients: k, number of coefficients of the bound polynomial: so many features must be met again.
            One more costs two points of one-press acceptance and gives some 6 bits.
        cell_px: side of a lattice cell at 500 dpi. 18 px give a point and cost some 6 bits.
        sectors: sectors of direction.
        kept: features that a vault holds. 44 give half a point and cost 2 to 5 bits.
    """

    coefficients: int = 10
    cell_px: int = 16
    sectors: int = 10
    kept: int = 36


LARGE = Parameters()
SMALL = Parameters(coefficients=9)
"""For a window that shows half as many minutiae: ten are too many to meet again."""

LARGE_MM2 = 140.0
"""An R307 sees 190 mm², an R503 95."""


def for_sensor(width: int, height: int, dpi: float) -> Parameters:
    """What a finger is enrolled with on a sensor of so many pixels."""
    return LARGE if width * height * (MM_PER_INCH / dpi) ** 2 >= LARGE_MM2 else SMALL
