"""Which commands may go to the sensor: the one list, and the guard in front of the wire.

ridgekey takes the image from the sensor and nothing else. Commands that compute, store, export or match
templates, that write the sensor's flash, or that can lock or brick a module are not on the list, so nothing
above this module can send them by mistake, not even through the published Adafruit class that has a method
for most of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType

from drivers.codes import Code
from drivers.errors import ForbiddenOpcodeError


class Opcode(IntEnum):
    """The commands that this driver sends, under the names of the vendor's manuals."""

    GEN_IMG = 0x01
    UP_IMAGE = 0x0A
    READ_SYS_PARA = 0x0F
    VFY_PWD = 0x13
    TEMPLETE_NUM = 0x1D
    CHECK_SENSOR = 0x36
    READ_PROD_INFO = 0x3C
    HAND_SHAKE = 0x40
    GET_ECHO = 0x53


@dataclass(frozen=True)
class Answer:
    """The shape of a command's acknowledge packet.

    Attributes:
        results: Bytes that may follow the confirmation code when the command succeeded.
        success: The confirmation code that means success.
        expected: Further codes that are part of normal life and returned to the caller; any other is an
            error.
        captures: True for the command that scans the glass, which is given the longer deadline.
    """

    results: frozenset[int] = frozenset({0})
    success: int = Code.DONE
    expected: frozenset[int] = field(default_factory=frozenset)
    captures: bool = False


ALLOWED: Mapping[Opcode, Answer] = MappingProxyType(
    {
        Opcode.GEN_IMG: Answer(
            captures=True,
            expected=frozenset(
                {
                    Code.NO_FINGER,
                    Code.CAPTURE_FAILED,
                    Code.TOO_DRY,
                    Code.TOO_WET,
                    Code.POOR_IMAGE,
                    Code.RESIDUAL_PRINT,
                }
            ),
        ),
        Opcode.UP_IMAGE: Answer(),
        Opcode.READ_SYS_PARA: Answer(results=frozenset({16})),
        Opcode.VFY_PWD: Answer(),
        Opcode.TEMPLETE_NUM: Answer(results=frozenset({2})),
        Opcode.CHECK_SENSOR: Answer(),
        # The R503 manual lists 50 bytes, the last 4 reserved, but prints the length of 46: both are met.
        Opcode.READ_PROD_INFO: Answer(results=frozenset({46, 50})),
        Opcode.HAND_SHAKE: Answer(),
        Opcode.GET_ECHO: Answer(success=Code.ALIVE),
    }
)
"""Every command that may be sent, with the answer that it gets."""


def guard(opcode: int) -> Opcode:
    """Let an allowed opcode through.

    Raises:
        ForbiddenOpcodeError: For every other one.
    """
    if opcode not in ALLOWED:
        raise ForbiddenOpcodeError(
            f"command 0x{opcode:02X} is not sent to a sensor: this driver takes images, "
            "and never touches templates or flash"
        )
    return Opcode(opcode)
