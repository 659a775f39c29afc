"""What the ring of light around an R503 says; other sensors have none, and nobody is told off for that.

Only red, blue and purple are used: the others came with manual 1.2, and older modules refuse them.
"""

from enum import Enum

from drivers.errors import SensorError
from drivers.module import Module
from drivers.probing import insist

_BREATHE, _FLASH, _ON, _OFF = 1, 2, 3, 4
_RED, _BLUE, _PURPLE = 1, 2, 3
_SLOW, _QUICK = 0x60, 0x20  # of 0x00 to 0xFF; the slowest breath takes about 5 s


class Light(Enum):
    """What is shown: mode, speed, colour and count (0 for no end) of AuraLedConfig."""

    PLACE = (_BREATHE, _SLOW, _BLUE, 0)
    KEEP = (_ON, 0, _PURPLE, 0)
    DONE = (_FLASH, _QUICK, _BLUE, 2)
    FAILED = (_FLASH, _QUICK, _RED, 3)
    OFF = (_OFF, 0, _BLUE, 0)


def show(module: Module, light: Light) -> bool:
    """Show it; False if the module cannot, or does not answer: a light is never worth an error."""

    def command() -> int:
        module.light(*light.value)
        return 0

    try:
        insist(module, command)
    except SensorError:
        return False
    return True
