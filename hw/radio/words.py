"""BlueZ's names, and how its properties look."""

import re
import uuid
from collections.abc import Iterable

from bumble.core import UUID
from bumble.gatt import Characteristic

BLUEZ = "org.bluez"
ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
SERVICE = "org.bluez.GattService1"
CHARACTERISTIC = "org.bluez.GattCharacteristic1"
DESCRIPTOR = "org.bluez.GattDescriptor1"
GATT_MANAGER = "org.bluez.GattManager1"
ADVERTISING_MANAGER = "org.bluez.LEAdvertisingManager1"
ADVERTISEMENT = "org.bluez.LEAdvertisement1"

_PROPERTY = Characteristic.Properties

FLAGS = {
    "broadcast": _PROPERTY.BROADCAST,
    "read": _PROPERTY.READ,
    "write-without-response": _PROPERTY.WRITE_WITHOUT_RESPONSE,
    "write": _PROPERTY.WRITE,
    "notify": _PROPERTY.NOTIFY,
    "indicate": _PROPERTY.INDICATE,
}
"""Flags of org.bluez.GattCharacteristic(5) that need no pairing, in its order."""


def flags_of(properties: Characteristic.Properties) -> list[str]:
    """A characteristic's properties in BlueZ's words."""
    return [flag for flag, bit in FLAGS.items() if properties & bit]


def properties_of(flags: Iterable[str]) -> Characteristic.Properties:
    """BlueZ's words as a characteristic's properties.

    Raises:
        KeyError: a flag that this look-alike does not know; those that ask for encryption among them.
    """
    properties = _PROPERTY(0)
    for flag in flags:
        properties |= FLAGS[flag]
    return properties


def uuid_text(number: UUID) -> str:
    """128 bits in lower case, as BlueZ writes every UUID."""
    return str(uuid.UUID(bytes=number.to_bytes(force_128=True)[::-1]))


_APPLICATION_ERROR = re.compile(r"(0x)?[0-9a-fA-F]+")


def att_code(name: str, text: str) -> int:
    """The ATT error that the error of a peripheral's application becomes (`dbus_error_to_att_ecode`).

    Args:
        name: of the D-Bus error.
        text: its message.
    """
    short = name.removeprefix("org.bluez.Error.")
    if short == "Failed":
        code = int(text, 0) if _APPLICATION_ERROR.fullmatch(text) else 0x80
        return code if 0x80 <= code <= 0x9F else 0x0E
    return {
        "NotSupported": 0x06,
        "NotAuthorized": 0x08,
        "InvalidValueLength": 0x0D,
        "InvalidOffset": 0x07,
        "InProgress": 0xFE,
        "ImproperlyConfigured": 0xFD,
        "NotPermitted": 0x03,
    }.get(short, 0x0E)


def gatt_error(code: int) -> tuple[str, str]:
    """Name and text of the D-Bus error that an ATT error becomes for a client (`create_gatt_dbus_error`)."""
    known = {
        0x02: ("NotPermitted", "Read not permitted"),
        0x03: ("NotPermitted", "Write not permitted"),
        0x05: ("NotPermitted", "Not paired"),
        0x06: ("NotSupported", "Operation is not supported"),
        0x07: ("InvalidArguments", "Invalid offset"),
        0x08: ("NotAuthorized", "Operation Not Authorized"),
        0x0C: ("NotPermitted", "Not paired"),
        0x0D: ("InvalidArguments", "Invalid Length"),
        0x0F: ("NotPermitted", "Not paired"),
    }
    return known.get(code, ("Failed", f"Operation failed with ATT error: 0x{code:02x}"))
