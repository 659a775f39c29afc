"""The GATT objects that BlueZ asks a peripheral for, as tables; no I/O.

One service with its characteristics, and one advertisement of it: org.bluez.GattService(5),
org.bluez.GattCharacteristic(5), org.bluez.LEAdvertisement(5).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dbus_fast import Message, Variant

from drivers.bluetooth.bluez import OBJECT_MANAGER, PROPERTIES

SERVICE = "org.bluez.GattService1"
CHARACTERISTIC = "org.bluez.GattCharacteristic1"
ADVERTISEMENT = "org.bluez.LEAdvertisement1"

ROOT = "/ridgekey"
SERVICE_PATH = f"{ROOT}/service"
ADVERTISEMENT_PATH = f"{ROOT}/advertisement"

SMALLEST_MTU = 23
"""Of ATT on LE, for a BlueZ that does not say (before 5.62)."""


@dataclass(frozen=True)
class Client:
    """Who reads or writes.

    Attributes:
        device: D-Bus path of BlueZ's device, the same as long as it is connected.
        mtu: of ATT.
    """

    device: str
    mtu: int


class AttError(Exception):
    """Raised by a handler to refuse a read or a write.

    Attributes:
        code: an ATT application error, 0x80 to 0x9F; BlueZ passes no other on.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"0x{code:02x}")
        self.code = code


Read = Callable[[Client], bytes]
Write = Callable[[Client, bytes], Awaitable[None]]


@dataclass(frozen=True)
class Characteristic:
    """What a peripheral offers.

    Attributes:
        uuid: 128 bits, in text.
        read: answers a read; None if it cannot be read.
        write: takes a write, always one with response: the client has its answer when this returns. None if
            it cannot be written.
        notify: whether it can be subscribed to.
    """

    uuid: str
    read: Read | None = None
    write: Write | None = None
    notify: bool = False

    @property
    def flags(self) -> list[str]:
        """Its properties, in BlueZ's words."""
        able = {"read": self.read is not None, "write": self.write is not None, "notify": self.notify}
        return [flag for flag, has in able.items() if has]


@dataclass(frozen=True)
class Application:
    """One service.

    Attributes:
        uuid: of the service.
        name: advertised.
        characteristics: of the service.
    """

    uuid: str
    name: str
    characteristics: Sequence[Characteristic]

    def path_of(self, uuid: str) -> str:
        """D-Bus path of a characteristic."""
        numbers = {one.uuid: number for number, one in enumerate(self.characteristics)}
        return f"{SERVICE_PATH}/char{numbers[uuid]:04x}"

    def at(self, path: str | None) -> Characteristic | None:
        """The characteristic at a D-Bus path."""
        return next((one for one in self.characteristics if self.path_of(one.uuid) == path), None)

    def properties_at(self, path: str | None, interface: str) -> dict[str, Variant] | None:
        """The properties of one interface of one of our objects; None if there is none."""
        if (path, interface) == (ADVERTISEMENT_PATH, ADVERTISEMENT):
            return self.advertisement()
        return self.objects().get(path or "", {}).get(interface)

    def objects(self) -> dict[str, dict[str, dict[str, Variant]]]:
        """What GetManagedObjects answers."""
        service = {"UUID": Variant("s", self.uuid), "Primary": Variant("b", True)}
        objects = {SERVICE_PATH: {SERVICE: service}}
        for one in self.characteristics:
            objects[self.path_of(one.uuid)] = {
                CHARACTERISTIC: {
                    "UUID": Variant("s", one.uuid),
                    "Service": Variant("o", SERVICE_PATH),
                    "Flags": Variant("as", one.flags),
                }
            }
        return objects

    def advertisement(self) -> dict[str, Variant]:
        """The service's UUID, and a name, which goes into the scan response: one packet lacks the room."""
        return {
            "Type": Variant("s", "peripheral"),
            "ServiceUUIDs": Variant("as", [self.uuid]),
            "LocalName": Variant("s", self.name),
        }

    def answer(self, call: Message) -> Message | None:
        """The answer to a call about our objects; None for one that is none, as a read or a write."""
        if (call.interface, call.member) == (OBJECT_MANAGER, "GetManagedObjects") and call.path == ROOT:
            return Message.new_method_return(call, "a{oa{sa{sv}}}", [self.objects()])
        if call.interface == PROPERTIES and call.signature in ("s", "ss"):
            return self._answer_properties(call)
        if call.interface == CHARACTERISTIC and call.member in ("StartNotify", "StopNotify"):
            return Message.new_method_return(call)
        if (call.interface, call.member) == (ADVERTISEMENT, "Release"):
            return Message.new_method_return(call)
        return None

    def _answer_properties(self, call: Message) -> Message | None:
        properties = self.properties_at(call.path, call.body[0])
        if properties is None:
            return None
        if call.member == "GetAll":
            return Message.new_method_return(call, "a{sv}", [properties])
        if call.member == "Get" and call.signature == "ss" and call.body[1] in properties:
            return Message.new_method_return(call, "v", [properties[call.body[1]]])
        return None


def client_of(options: dict[str, Variant]) -> Client:
    """Who calls, out of the options of ReadValue and WriteValue."""
    device, mtu = options.get("device"), options.get("mtu")
    return Client(str(device.value) if device else "", int(mtu.value) if mtu else SMALLEST_MTU)


def offset_of(options: dict[str, Variant]) -> int:
    """Where a long read goes on; BlueZ leaves 0 out."""
    offset = options.get("offset")
    return int(offset.value) if offset else 0


def value_changed(path: str, value: bytes) -> Message:
    """The signal by which BlueZ notifies whoever has subscribed."""
    body: list[Any] = [CHARACTERISTIC, {"Value": Variant("ay", value)}, []]
    return Message.new_signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", body)
