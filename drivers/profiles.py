"""What is known of each model, and what a module tells of itself."""

from dataclasses import dataclass

_PRODUCT_TEXTS = {"model": slice(0, 16), "serial": slice(20, 28), "sensor_type": slice(30, 38)}
_WIDTH = slice(38, 40)
_HEIGHT = slice(40, 42)
_SIDE = range(64, 513)
"""Sides that an image of this family can have, in pixels; the smallest met is 160, the largest 288."""


@dataclass(frozen=True)
class Profile:
    """One model of sensor.

    Attributes:
        model: Its name.
        width: Pixels in a row of its image.
        height: Rows of its image.
        dpi: Resolution of its image.
    """

    model: str
    width: int
    height: int
    dpi: int


R307 = Profile("R307", 256, 288, 500)
R308 = Profile("R308", 256, 288, 500)
"""An R307's image, but it does not know ReadSysPara."""

R503 = Profile("R503", 192, 192, 508)
HLK = Profile("HLK ZW1xx", 160, 160, 508)
"""Answers the probe as an R503 does; only its image tells it apart. To it, ReadProdInfo's code means its
light, which takes arguments: without any, it refuses."""

BY_IMAGE = {kin.width * kin.height // 2: kin for kin in (HLK,)}
"""Bytes of an image: the model that sends so many, among those that do not tell their size."""

OPTICAL_SYSTEM_ID = 0x0009
"""System id in ReadSysPara of the R30x generation."""


@dataclass(frozen=True)
class Product:
    """A module's own description (ReadProdInfo).

    Attributes:
        model: Name on the label, printable ASCII.
        serial: Serial number, printable ASCII.
        sensor_type: Name of the sensing part, printable ASCII.
        width: Pixels in a row of the image.
        height: Rows of the image.
    """

    model: str
    serial: str
    sensor_type: str
    width: int
    height: int


def parse_product(results: bytes) -> Product | None:
    """The 46 or 50 bytes that ReadProdInfo answers; None if they describe no sensor of this family.

    Fields: model 16, batch 4, serial 8, hardware version 2, sensor type 8, width 2, height 2, template size
    2, library size 2, reserved 4 (in the longer form). Texts are padded with zeros.
    """
    width = int.from_bytes(results[_WIDTH], "big")
    height = int.from_bytes(results[_HEIGHT], "big")
    if width not in _SIDE or height not in _SIDE or width % 2:
        return None
    texts = {name: _printable(results[place]) for name, place in _PRODUCT_TEXTS.items()}
    return Product(**texts, width=width, height=height)


def _printable(field: bytes) -> str:
    """A text field without padding and without anything that a terminal might act upon."""
    return "".join(chr(byte) for byte in field.split(b"\0")[0] if 0x20 <= byte < 0x7F).strip()
