"""The protocol's numbers: instruction codes, confirmation codes, and what no host of ours may send.

Names follow the manuals (ZFM-20 2.0, R503 1.4.1) and, for what only drivers know, the AS608 headers.
"""

from enum import IntEnum


class Opcode(IntEnum):
    """Instruction codes that the simulated sensor can name."""

    GEN_IMG = 0x01
    GEN_CHAR = 0x02
    MATCH = 0x03
    SEARCH = 0x04
    REG_MODEL = 0x05
    STORE = 0x06
    LOAD_CHAR = 0x07
    UP_CHAR = 0x08
    DOWN_CHAR = 0x09
    UP_IMAGE = 0x0A
    DOWN_IMAGE = 0x0B
    DELETE_CHAR = 0x0C
    EMPTY = 0x0D
    SET_SYS_PARA = 0x0E
    READ_SYS_PARA = 0x0F
    ENROLL = 0x10
    IDENTIFY = 0x11
    SET_PWD = 0x12
    VFY_PWD = 0x13
    GET_RANDOM_CODE = 0x14
    SET_ADDER = 0x15
    READ_INF_PAGE = 0x16
    PORT_CONTROL = 0x17
    WRITE_NOTEPAD = 0x18
    READ_NOTEPAD = 0x19
    BURN_CODE = 0x1A
    HIGH_SPEED_SEARCH = 0x1B
    GEN_BIN_IMAGE = 0x1C
    TEMPLATE_NUM = 0x1D
    USER_GPIO = 0x1E
    READ_INDEX_TABLE = 0x1F
    GET_IMAGE_EX = 0x28
    CANCEL = 0x30
    AUTO_ENROLL = 0x31
    AUTO_IDENTIFY = 0x32
    STANDBY = 0x33
    GET_CHIP_SN = 0x34
    AURA_LED_CONFIG = 0x35
    CHECK_SENSOR = 0x36
    GET_ALG_VER = 0x39
    GET_FW_VER = 0x3A
    READ_PROD_INFO = 0x3C
    SOFT_RST = 0x3D
    HAND_SHAKE = 0x40
    GET_ECHO = 0x53
    HLK_SET_KEY = 0xE0
    HLK_LOCK = 0xE1
    HLK_GET_CIPHERTEXT = 0xE2
    HLK_SAFE_STORE = 0xE3
    HLK_SAFE_SEARCH = 0xE4

    @property
    def title(self) -> str:
        """The name as a log shows it: `UP_IMAGE` is UpImage."""
        return "".join(word.capitalize() for word in self.name.split("_"))


CAPTURES = frozenset({Opcode.GEN_IMG, Opcode.GET_IMAGE_EX})
"""Instructions that look at the glass."""

MAKES_TEMPLATE = "makes a template of the finger"
STORES_TEMPLATE = "stores a template"
MOVES_TEMPLATE = "moves a template over the wire or out of flash"
MATCHES = "matches inside the sensor"
LOCKS = "can lock or brick the module, or read its secrets"

FORBIDDEN = {
    Opcode.GEN_CHAR: MAKES_TEMPLATE,
    Opcode.MATCH: MATCHES,
    Opcode.SEARCH: MATCHES,
    Opcode.REG_MODEL: MAKES_TEMPLATE,
    Opcode.STORE: STORES_TEMPLATE,
    Opcode.LOAD_CHAR: MOVES_TEMPLATE,
    Opcode.UP_CHAR: MOVES_TEMPLATE,
    Opcode.DOWN_CHAR: MOVES_TEMPLATE,
    Opcode.ENROLL: STORES_TEMPLATE,
    Opcode.IDENTIFY: MATCHES,
    Opcode.READ_INF_PAGE: LOCKS,
    Opcode.PORT_CONTROL: LOCKS,
    Opcode.BURN_CODE: LOCKS,
    Opcode.HIGH_SPEED_SEARCH: MATCHES,
    Opcode.GEN_BIN_IMAGE: MAKES_TEMPLATE,
    Opcode.USER_GPIO: LOCKS,
    Opcode.AUTO_ENROLL: STORES_TEMPLATE,
    Opcode.AUTO_IDENTIFY: MATCHES,
    Opcode.HLK_SET_KEY: LOCKS,
    Opcode.HLK_LOCK: LOCKS,
    Opcode.HLK_GET_CIPHERTEXT: LOCKS,
    Opcode.HLK_SAFE_STORE: STORES_TEMPLATE,
    Opcode.HLK_SAFE_SEARCH: MATCHES,
}
"""Instructions at which the simulated sensor stops, with the reason: a biometric would outlive the press, or
the module would be lost. Any code in the table is refused whether or not the profile's manual knows it."""


class Code(IntEnum):
    """Confirmation codes: the first byte of an acknowledge packet."""

    OK = 0x00
    BAD_PACKET = 0x01
    NO_FINGER = 0x02
    CAPTURE_FAILED = 0x03
    POOR_IMAGE = 0x07
    UPLOAD_FAILED = 0x0F
    DELETE_FAILED = 0x10
    WRONG_PASSWORD = 0x13
    BAD_REGISTER = 0x1A
    BAD_VALUE = 0x1B
    BAD_NOTEPAD_PAGE = 0x1C
    MUST_VERIFY = 0x21
    SENSOR_FAULT = 0x29
    ALIVE = 0x55
    UNSUPPORTED = 0xFC
