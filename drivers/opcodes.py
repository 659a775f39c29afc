"""Which commands may go to the sensor: the one list, and the guard in front of the wire.

ridgekey takes the image from the sensor and nothing else. Commands that compute, store, export or match
templates, or that can lock or brick a module are not on the list, so nothing above this module can send them
by mistake, not even through the published Adafruit class that has a method for most of them. The few that
write the image buffer, or the settings in flash, are let through only while their level is asked for
(`Exchange.at`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from types import MappingProxyType

from drivers.codes import Code
from drivers.errors import ForbiddenOpcodeError


class Opcode(IntEnum):
    """The commands that this driver sends, under the names of the vendor's manuals."""

    GEN_IMG = 0x01
    UP_IMAGE = 0x0A
    DOWN_IMAGE = 0x0B
    SET_SYS_PARA = 0x0E
    READ_SYS_PARA = 0x0F
    SET_PWD = 0x12
    VFY_PWD = 0x13
    GET_RANDOM_CODE = 0x14
    WRITE_NOTEPAD = 0x18
    READ_NOTEPAD = 0x19
    TEMPLETE_NUM = 0x1D
    AURA_LED_CONFIG = 0x35
    CHECK_SENSOR = 0x36
    READ_PROD_INFO = 0x3C
    SOFT_RST = 0x3D
    HAND_SHAKE = 0x40
    GET_ECHO = 0x53


class Level(Enum):
    """What for a command may be sent."""

    EVERYDAY = "to find a sensor and take images"
    SCRUBBING = "to overwrite the image that the sensor holds"
    PROVISIONING = "to set a sensor up, which writes its flash"


@dataclass(frozen=True)
class Answer:
    """The shape of a command's acknowledge packet.

    Attributes:
        results: Bytes that may follow the confirmation code when the command succeeded.
        success: The confirmation code that means success.
        expected: Further codes that are part of normal life and returned to the caller; any other is an
            error.
        captures: True for the command that scans the glass, which is given the longer deadline.
        level: What it may be sent for; the everyday ones always.
    """

    results: frozenset[int] = frozenset({0})
    success: int = Code.DONE
    expected: frozenset[int] = field(default_factory=frozenset)
    captures: bool = False
    level: Level = Level.EVERYDAY


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
        Opcode.DOWN_IMAGE: Answer(level=Level.SCRUBBING),
        Opcode.SET_SYS_PARA: Answer(level=Level.PROVISIONING),
        Opcode.READ_SYS_PARA: Answer(results=frozenset({16})),
        Opcode.SET_PWD: Answer(level=Level.PROVISIONING),
        Opcode.VFY_PWD: Answer(),
        Opcode.GET_RANDOM_CODE: Answer(results=frozenset({4})),
        Opcode.WRITE_NOTEPAD: Answer(level=Level.PROVISIONING),
        Opcode.READ_NOTEPAD: Answer(results=frozenset({32})),
        Opcode.TEMPLETE_NUM: Answer(results=frozenset({2})),
        Opcode.AURA_LED_CONFIG: Answer(),
        Opcode.CHECK_SENSOR: Answer(),
        # The R503 manual lists 50 bytes, the last 4 reserved, but prints the length of 46: both are met.
        Opcode.READ_PROD_INFO: Answer(results=frozenset({46, 50})),
        Opcode.SOFT_RST: Answer(),
        Opcode.HAND_SHAKE: Answer(),
        Opcode.GET_ECHO: Answer(success=Code.ALIVE),
    }
)
"""Every command that may be sent, with the answer that it gets."""


def guard(opcode: int, level: Level = Level.EVERYDAY) -> Opcode:
    """Let an allowed opcode through.

    Args:
        opcode: The command.
        level: What is being done.

    Raises:
        ForbiddenOpcodeError: For every other one.
    """
    if opcode not in ALLOWED:
        raise ForbiddenOpcodeError(
            f"command 0x{opcode:02X} is not sent to a sensor: this driver takes images, "
            "and never touches templates"
        )
    allowed = Opcode(opcode)
    if ALLOWED[allowed].level not in (Level.EVERYDAY, level):
        raise ForbiddenOpcodeError(
            f"command 0x{opcode:02X} is only sent {ALLOWED[allowed].level.value}, which is not being done"
        )
    return allowed
