"""What each instruction does to the module and what it answers (manuals' chapters on instructions)."""

import hashlib
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass

from hw.simulator.opcodes import Code, Opcode
from hw.simulator.pixels import is_poor, pack
from hw.simulator.state import NOTEPAD_PAGE_LENGTH, NOTEPAD_PAGES, ModuleState

PARAMETER_BAUD, PARAMETER_SECURITY, PARAMETER_PACKET = 4, 5, 6
SECURITY_LEVELS = range(1, 6)
PACKET_CODES = range(4)
LED_MODES = range(1, 7)
INDEX_PAGE_SLOTS = 256
INDEX_PAGES = 4

PARAMETERS = struct.Struct(">4H 4s 2H")
"""ReadSysPara: status, system id, library size, security; address; packet code, baud factor."""
PRODUCT_INFO = struct.Struct(">16s 4s 8s 2B 8s 4H")
"""ReadProdInfo: model, batch, serial; hardware version; sensor type; image, template and library sizes."""
VERSION = struct.Struct("32s")


@dataclass(frozen=True)
class Answer:
    """What follows a command.

    Attributes:
        code: confirmation code.
        result: bytes after it in the acknowledge packet.
        busy: seconds that the module works before it acknowledges.
        upload: bytes that follow in data packets.
        restart: whether the module then starts anew.
        before: bare bytes ahead of the acknowledge packet.
        pause: seconds of silence before all that, also without pacing.
        repeated: whether the acknowledge packet comes twice.
        packet_size: payload of the data packets, where it is not the one that the settings name.
    """

    code: int
    result: bytes = b""
    busy: float = 0.0
    upload: bytes = b""
    restart: bool = False
    before: bytes = b""
    pause: float = 0.0
    repeated: bool = False
    packet_size: int | None = None


Command = Callable[[ModuleState, bytes], Answer]
DONE = Answer(Code.OK)


def gen_img(state: ModuleState, _: bytes) -> Answer:
    """Take an image; without a finger the buffer keeps what it held."""
    pixels = state.window.look()
    if pixels is None:
        return Answer(Code.NO_FINGER, busy=state.profile.capture_seconds)
    state.image = pixels
    return Answer(Code.OK, busy=state.profile.capture_seconds)


def get_image_ex(state: ModuleState, arguments: bytes) -> Answer:
    """As GenImg, but says so when the image is poor."""
    answer = gen_img(state, arguments)
    if answer.code == Code.OK and state.image is not None and is_poor(state.image):
        return Answer(Code.POOR_IMAGE, busy=answer.busy)
    return answer


def up_image(state: ModuleState, _: bytes) -> Answer:
    """Send the image; the buffer keeps it."""
    if state.image is None:
        return Answer(Code.UPLOAD_FAILED)
    data = pack(state.image)
    state.uploaded = hashlib.sha256(data).hexdigest()
    return Answer(Code.OK, upload=data)


def down_image(state: ModuleState, _: bytes) -> Answer:
    """Get ready for the host's data packets, which fill the image buffer."""
    state.download = bytearray()
    return DONE


def delete_char(state: ModuleState, arguments: bytes) -> Answer:
    """Free a run of slots in the library."""
    start, count = int.from_bytes(arguments[:2], "big"), int.from_bytes(arguments[2:], "big")
    if start + count > state.profile.library_size:
        return Answer(Code.DELETE_FAILED)
    state.flash.templates.difference_update(range(start, start + count))
    return DONE


def empty(state: ModuleState, _: bytes) -> Answer:
    """Free the whole library."""
    state.flash.templates.clear()
    return DONE


def set_sys_para(state: ModuleState, arguments: bytes) -> Answer:
    """Change a setting: a new packet size counts at once, a new baud rate from the next start."""
    parameter, value = arguments
    permitted = {
        PARAMETER_BAUD: state.profile.baud_factors,
        PARAMETER_SECURITY: SECURITY_LEVELS,
        PARAMETER_PACKET: PACKET_CODES,
    }
    if parameter not in permitted:
        return Answer(Code.BAD_REGISTER)
    if value not in permitted[parameter]:
        return Answer(Code.BAD_VALUE)
    if parameter == PARAMETER_BAUD:
        state.flash.baud_factor = value
    elif parameter == PARAMETER_SECURITY:
        state.flash.security = value
    else:
        state.flash.packet_code = value
    return DONE


def read_sys_para(state: ModuleState, _: bytes) -> Answer:
    """Status register and settings, 16 bytes; the baud rate is the stored one."""
    flash, profile = state.flash, state.profile
    before = (state.status, profile.system_id, profile.library_size, flash.security)
    return Answer(Code.OK, PARAMETERS.pack(*before, flash.address, flash.packet_code, flash.baud_factor))


def set_pwd(state: ModuleState, arguments: bytes) -> Answer:
    """Store a new password, which this session has thereby shown."""
    state.flash.password = arguments
    state.verified = True
    return DONE


def vfy_pwd(state: ModuleState, arguments: bytes) -> Answer:
    """Unlock the module until it loses power."""
    if arguments != state.flash.password:
        return Answer(Code.WRONG_PASSWORD)
    state.verified = True
    return DONE


def get_random_code(_: ModuleState, __: bytes) -> Answer:
    """Four random bytes."""
    return Answer(Code.OK, secrets.token_bytes(4))


def set_adder(state: ModuleState, arguments: bytes) -> Answer:
    """Take a new address; the acknowledge carries it already."""
    state.flash.address = arguments
    return DONE


def write_notepad(state: ModuleState, arguments: bytes) -> Answer:
    """Store one page of 32 bytes."""
    page = arguments[0]
    if page >= NOTEPAD_PAGES:
        return Answer(Code.BAD_NOTEPAD_PAGE)
    state.flash.notepad[page] = arguments[1:]
    return DONE


def read_notepad(state: ModuleState, arguments: bytes) -> Answer:
    """One page of 32 bytes."""
    page = arguments[0]
    if page >= NOTEPAD_PAGES:
        return Answer(Code.BAD_NOTEPAD_PAGE)
    return Answer(Code.OK, state.flash.notepad[page])


def template_num(state: ModuleState, _: bytes) -> Answer:
    """How many templates the library holds."""
    return Answer(Code.OK, len(state.flash.templates).to_bytes(2, "big"))


def read_index_table(state: ModuleState, arguments: bytes) -> Answer:
    """Bitmap of 256 slots; bit 0 of the first byte is the first slot."""
    page = arguments[0]
    if page >= INDEX_PAGES:
        return Answer(Code.BAD_PACKET)
    first = page * INDEX_PAGE_SLOTS
    bits = sum(1 << slot - first for slot in state.flash.templates if 0 <= slot - first < INDEX_PAGE_SLOTS)
    return Answer(Code.OK, bits.to_bytes(INDEX_PAGE_SLOTS // 8, "little"))


def aura_led_config(state: ModuleState, arguments: bytes) -> Answer:
    """Set the ring light: mode, speed, colour, count."""
    mode, _, colour, _ = arguments
    if mode not in LED_MODES or not 1 <= colour <= state.profile.led_colours:
        return Answer(Code.BAD_PACKET)
    state.led = arguments
    return DONE


def read_prod_info(state: ModuleState, _: bytes) -> Answer:
    """The module's label and geometry, 46 bytes."""
    product, profile = state.profile.product, state.profile
    if product is None:
        return Answer(profile.unknown_code)
    texts = [text.encode("ascii") for text in (product.model, product.batch, product.serial)]
    geometry = (profile.width, profile.height, profile.template_size, profile.library_size)
    kind = product.sensor_type.encode("ascii")
    return Answer(Code.OK, PRODUCT_INFO.pack(*texts, *product.hardware_version, kind, *geometry))


def get_alg_ver(state: ModuleState, _: bytes) -> Answer:
    """Version of the algorithm, 32 bytes of text."""
    return Answer(Code.OK, VERSION.pack(state.profile.algorithm_version.encode("ascii")))


def get_fw_ver(state: ModuleState, _: bytes) -> Answer:
    """Version of the firmware, 32 bytes of text."""
    return Answer(Code.OK, VERSION.pack(state.profile.firmware_version.encode("ascii")))


def soft_rst(_: ModuleState, __: bytes) -> Answer:
    """Acknowledge, then start anew."""
    return Answer(Code.OK, restart=True)


def get_chip_sn(state: ModuleState, _: bytes) -> Answer:
    """The serial number of the die, 32 bytes."""
    return Answer(Code.OK, VERSION.pack(state.profile.chip_serial.encode("ascii")))


def get_echo(_: ModuleState, __: bytes) -> Answer:
    """Alive; this instruction alone says so with 0x55."""
    return Answer(Code.ALIVE)


def acknowledge(_: ModuleState, __: bytes) -> Answer:
    """For instructions that only ask whether all is well."""
    return DONE


COMMANDS: dict[Opcode, tuple[int, Command]] = {
    Opcode.GEN_IMG: (0, gen_img),
    Opcode.UP_IMAGE: (0, up_image),
    Opcode.DOWN_IMAGE: (0, down_image),
    Opcode.DELETE_CHAR: (4, delete_char),
    Opcode.EMPTY: (0, empty),
    Opcode.SET_SYS_PARA: (2, set_sys_para),
    Opcode.READ_SYS_PARA: (0, read_sys_para),
    Opcode.SET_PWD: (4, set_pwd),
    Opcode.VFY_PWD: (4, vfy_pwd),
    Opcode.GET_RANDOM_CODE: (0, get_random_code),
    Opcode.SET_ADDER: (4, set_adder),
    Opcode.WRITE_NOTEPAD: (1 + NOTEPAD_PAGE_LENGTH, write_notepad),
    Opcode.READ_NOTEPAD: (1, read_notepad),
    Opcode.TEMPLATE_NUM: (0, template_num),
    Opcode.READ_INDEX_TABLE: (1, read_index_table),
    Opcode.GET_IMAGE_EX: (0, get_image_ex),
    Opcode.CANCEL: (0, acknowledge),
    Opcode.STANDBY: (0, acknowledge),
    Opcode.GET_CHIP_SN: (0, get_chip_sn),
    Opcode.AURA_LED_CONFIG: (4, aura_led_config),
    Opcode.CHECK_SENSOR: (0, acknowledge),
    Opcode.GET_ALG_VER: (0, get_alg_ver),
    Opcode.GET_FW_VER: (0, get_fw_ver),
    Opcode.READ_PROD_INFO: (0, read_prod_info),
    Opcode.SOFT_RST: (0, soft_rst),
    Opcode.HAND_SHAKE: (0, acknowledge),
    Opcode.GET_ECHO: (0, get_echo),
}
"""Length of the arguments and the function, by instruction; a profile says which of them its module has."""
