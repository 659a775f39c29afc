"""Confirmation codes of the sensor's acknowledge packets, and what each means in words."""

from enum import IntEnum


class Code(IntEnum):
    """The codes that the driver acts upon; any other stays a number (unknown ones are met in the field)."""

    DONE = 0x00
    BAD_PACKET = 0x01
    NO_FINGER = 0x02
    CAPTURE_FAILED = 0x03
    TOO_DRY = 0x04
    TOO_WET = 0x05
    POOR_IMAGE = 0x07
    UPLOAD_FAILED = 0x0F
    WRONG_PASSWORD = 0x13
    NO_VALID_IMAGE = 0x15
    RESIDUAL_PRINT = 0x17
    UNSPECIFIED = 0x19
    WRONG_ADDRESS = 0x20
    PASSWORD_NEEDED = 0x21
    SENSOR_FAULT = 0x29
    ALIVE = 0x55
    UNSUPPORTED = 0xFC
    HARDWARE_FAULT = 0xFD
    EXECUTION_FAILED = 0xFE


_MEANINGS = {
    Code.DONE: "done",
    Code.BAD_PACKET: "it received a damaged packet",
    Code.NO_FINGER: "no finger",
    Code.CAPTURE_FAILED: "the capture failed",
    Code.TOO_DRY: "the image is too light",
    Code.TOO_WET: "the image is too dark",
    Code.POOR_IMAGE: "the image is poor",
    Code.UPLOAD_FAILED: "it could not send the image",
    Code.WRONG_PASSWORD: "the password is wrong",
    Code.NO_VALID_IMAGE: "it holds no valid image",
    Code.RESIDUAL_PRINT: "the print of the last finger is still on the glass",
    Code.UNSPECIFIED: "an error that it does not name",
    Code.WRONG_ADDRESS: "the address is wrong",
    Code.PASSWORD_NEEDED: "the password must be verified first",
    Code.SENSOR_FAULT: "its sensing part is faulty",
    Code.ALIVE: "alive",
    Code.UNSUPPORTED: "it does not know the command",
    Code.HARDWARE_FAULT: "a hardware fault",
    Code.EXECUTION_FAILED: "the command failed",
}


def meaning(code: int) -> str:
    """A confirmation code (0 to 255) in words, with its number."""
    known = _MEANINGS.get(Code(code)) if code in set(Code) else None
    return f"{known or 'a code that we do not know'} (0x{code:02X})"
