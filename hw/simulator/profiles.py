"""What tells one module from another, as data (R503 manual 1.4.1; R30x manuals, ZFM-20 manual 2.0)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hw.simulator.opcodes import Code, Opcode

BAUD_UNIT = 9600
"""Modules count their baud rate in multiples of this."""


@dataclass(frozen=True)
class ProductInfo:
    """What ReadProdInfo tells of a module; text fields are ASCII, padded with zeros on the wire."""

    model: str
    batch: str
    serial: str
    hardware_version: tuple[int, int]
    sensor_type: str


@dataclass(frozen=True)
class Profile:
    """One model of module.

    Attributes:
        name: as `--profile` takes it.
        title: as people write it.
        width: columns of the image, pixels.
        height: rows of the image, pixels.
        dpi: resolution of the image.
        system_id: field of ReadSysPara.
        library_size: templates that the module could store.
        template_size: bytes of one template.
        opcodes: instructions that the module knows.
        unknown_code: what it answers to the others.
        baud_factors: permitted baud rates in multiples of 9600.
        capture_seconds: from GenImg to its acknowledge.
        startup_seconds: from power-up or reset until it listens.
        announces_itself: whether it sends a bare 0x55 when it has started.
        led_colours: colours of AuraLedConfig, 0 without a ring light.
        product: answer to ReadProdInfo; None where the module has no such instruction.
        algorithm_version: answer to GetAlgVer.
        firmware_version: answer to GetFwVer.
        chip_serial: answer to GetChipSN.
        marks_end: whether the last data packet of an image is marked as the last.
        meanings: instruction codes that this maker gave another meaning.
    """

    name: str
    title: str
    width: int
    height: int
    dpi: int
    system_id: int
    library_size: int
    template_size: int
    opcodes: frozenset[Opcode]
    unknown_code: Code
    baud_factors: frozenset[int]
    capture_seconds: float
    startup_seconds: float
    announces_itself: bool
    led_colours: int = 0
    product: ProductInfo | None = None
    algorithm_version: str = ""
    firmware_version: str = ""
    chip_serial: str = ""
    marks_end: bool = True
    meanings: Mapping[Opcode, Opcode] = field(default_factory=dict)

    @property
    def image_bytes(self) -> int:
        """Bytes of an uploaded image: two pixels in each."""
        return self.width * self.height // 2


COMMON = frozenset(
    {
        Opcode.GEN_IMG,
        Opcode.UP_IMAGE,
        Opcode.DOWN_IMAGE,
        Opcode.DELETE_CHAR,
        Opcode.EMPTY,
        Opcode.SET_SYS_PARA,
        Opcode.READ_SYS_PARA,
        Opcode.SET_PWD,
        Opcode.VFY_PWD,
        Opcode.GET_RANDOM_CODE,
        Opcode.SET_ADDER,
        Opcode.WRITE_NOTEPAD,
        Opcode.READ_NOTEPAD,
        Opcode.TEMPLATE_NUM,
        Opcode.READ_INDEX_TABLE,
    }
)
"""Instructions that every manual of the family has, the forbidden ones left out."""

R307 = Profile(
    name="r307",
    title="R307",
    width=256,
    height=288,
    dpi=500,
    system_id=0x0009,
    library_size=1000,
    template_size=512,
    opcodes=COMMON | {Opcode.GET_ECHO},  # in no manual, but the module answers and drivers knock with it
    unknown_code=Code.BAD_PACKET,
    baud_factors=frozenset(range(1, 13)),
    capture_seconds=0.25,  # manual: under 0.3
    startup_seconds=0.3,  # manual: 0.2 to 0.5
    announces_itself=False,
)

R503 = Profile(
    name="r503",
    title="R503",
    width=192,
    height=192,
    dpi=508,
    system_id=0x0000,
    library_size=200,
    template_size=1536,
    opcodes=COMMON
    | {
        Opcode.GET_IMAGE_EX,
        Opcode.CANCEL,
        Opcode.AURA_LED_CONFIG,
        Opcode.CHECK_SENSOR,
        Opcode.GET_ALG_VER,
        Opcode.GET_FW_VER,
        Opcode.READ_PROD_INFO,
        Opcode.SOFT_RST,
        Opcode.HAND_SHAKE,
    },
    unknown_code=Code.UNSUPPORTED,
    baud_factors=frozenset({1, 2, 4, 6, 12}),
    capture_seconds=0.15,  # manual: under 0.2
    startup_seconds=0.05,  # manual: at most 0.05
    announces_itself=True,
    led_colours=7,  # manuals before 1.2 know three
    product=ProductInfo("R503", "SIM1", "00000001", (1, 4), "capacit"),
    algorithm_version="simulated algorithm 1.0",
    firmware_version="simulated firmware 1.4",
)

R503_EARLY = replace(
    R503,
    name="r503-early",
    title="R503 of before manual 1.2",
    led_colours=3,  # red, blue, purple
    product=ProductInfo("R503", "SIM0", "00000002", (1, 1), "capacit"),
    firmware_version="simulated firmware 1.1",
)

CLONE = replace(
    R307, name="clone-no-end", title="R307 clone that never marks an image's end", marks_end=False
)

R308 = replace(
    R307,
    name="r308",
    title="R308",
    opcodes=R307.opcodes - {Opcode.READ_SYS_PARA},  # answered with "bad packet", as users report
)

HLK = replace(
    R307,
    name="hlk",
    title="HLK ZW1xx",
    width=160,
    height=160,
    dpi=508,
    system_id=0x0000,
    library_size=50,
    opcodes=COMMON
    | {Opcode.STANDBY, Opcode.GET_CHIP_SN, Opcode.CHECK_SENSOR, Opcode.READ_PROD_INFO, Opcode.HAND_SHAKE},
    capture_seconds=0.2,
    startup_seconds=0.1,
    announces_itself=True,
    led_colours=7,
    chip_serial="simulated die 00000003",
    meanings={Opcode.READ_PROD_INFO: Opcode.AURA_LED_CONFIG},
)
"""The kin of which a probe must beware: 3C drives its light, with arguments like those of AuraLedConfig."""

PROFILES = {profile.name: profile for profile in (R307, R503, R503_EARLY, CLONE, R308, HLK)}
