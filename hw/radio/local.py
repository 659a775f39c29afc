"""What the programs of this machine offer on an adapter: GATT applications, and an advertisement."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bumble.att import ATT_Error
from bumble.core import UUID, AdvertisingData
from bumble.device import Connection, Device
from bumble.gatt import Characteristic, CharacteristicValue, Service
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from hw.radio.faults import Faults
from hw.radio.objects import OBJECT_MANAGER, PROPERTIES, ObjectTree, refused
from hw.radio.words import (
    ADVERTISEMENT,
    ADVERTISING_MANAGER,
    CHARACTERISTIC,
    SERVICE,
    att_code,
    properties_of,
)

log = logging.getLogger(__name__)

DBUS = "org.freedesktop.DBus"

LONGEST_WRITE = 510
"""Bytes; BlueZ 5.66 as a server refuses longer ones, whatever the MTU."""

LONGEST_VALUE = 512
ATT_HEADER = 3
INVALID_LENGTH, UNLIKELY = 0x0D, 0x0E

LEGACY_DATA = 31
"""Bytes of an advertisement, and of a scan response."""

ADVERTISING_MILLISECONDS = 20.0

Complain = Callable[[str], None]
"""Takes what a real BlueZ would have done without a word, and no caller wants."""


@dataclass
class Application:
    """What one program registered.

    Attributes:
        owner: its unique name on the bus.
        root: path of its object manager.
        services: for bumble.
        characteristics: for bumble, by their paths.
    """

    owner: str
    root: str
    services: list[Service] = field(default_factory=list)
    characteristics: dict[str, Characteristic[bytes]] = field(default_factory=dict)


class Local:
    """The peripheral side of an adapter."""

    def __init__(
        self,
        path: str,
        device: Device,
        bus: MessageBus,
        tree: ObjectTree,
        faults: Faults,
        device_path: Callable[[Connection], str],
        complain: Complain,
    ) -> None:
        self._path = path
        self._device = device
        self._bus = bus
        self._tree = tree
        self._faults = faults
        self._device_path = device_path
        self._complain = complain
        self._applications: list[Application] = []
        self._advertiser: tuple[str, str] | None = None
        self._built_in = len(device.gatt_server.attributes), len(device.gatt_server.services)
        self._to_notify: asyncio.Queue[tuple[Characteristic[bytes], bytes]] = asyncio.Queue()
        self._notifier = asyncio.get_running_loop().create_task(self._notify())

    def close(self) -> None:
        """Stop notifying."""
        self._notifier.cancel()

    # Applications

    async def register_application(self, owner: str, root: str) -> None:
        """Take the services of a program.

        Raises:
            DBusError: they are none, or known already.
        """
        if any((one.owner, one.root) == (owner, root) for one in self._applications):
            raise refused("AlreadyExists", "Already Exists")
        reply = await self._ask(owner, root, OBJECT_MANAGER, "GetManagedObjects")
        if reply.message_type is MessageType.ERROR or not reply.body[0]:
            raise refused("Failed", "No object received")
        application = Application(owner, root)
        self._build(application, reply.body[0])
        rule = f"type='signal',sender='{owner}',member='PropertiesChanged',path_namespace='{root}'"
        await self._ask(DBUS, "/org/freedesktop/DBus", DBUS, "AddMatch", "s", rule)
        self._applications.append(application)
        self._device.gatt_server.add_services(application.services)

    def unregister_application(self, owner: str, root: str) -> None:
        """Take a program's services away.

        Raises:
            DBusError: there are none.
        """
        if not self._withdraw(lambda one: (one.owner, one.root) == (owner, root)):
            raise refused("DoesNotExist", "Does Not Exist")

    def value_changed(self, signal: Message) -> None:
        """A program's characteristic has a new value: notify whoever has subscribed."""
        for application in self._applications:
            characteristic = application.characteristics.get(signal.path or "")
            changed = signal.body[1]
            if application.owner == signal.sender and characteristic is not None and "Value" in changed:
                self._to_notify.put_nowait((characteristic, bytes(changed["Value"].value)))

    async def _notify(self) -> None:
        while True:
            characteristic, value = await self._to_notify.get()
            await asyncio.sleep(self._faults.seconds_per_packet)
            mtus = [one.att_mtu - ATT_HEADER for one in self._subscribers(characteristic)]
            room = min([LONGEST_VALUE, *mtus])
            if len(value) > room:
                self._complain(f"a notification of {len(value)} bytes was cut to {room}")
            await self._device.notify_subscribers(characteristic, value[:LONGEST_VALUE])
            # dbus-fast gives a bus up when its socket is full; so the signals that follow must not pile up.
            await self._ask(DBUS, "/org/freedesktop/DBus", DBUS, "GetId")
            self._to_notify.task_done()

    async def drained(self) -> None:
        """Wait until what was to be notified has been; BlueZ gives a disconnection two seconds for it."""
        await self._to_notify.join()

    def _subscribers(self, characteristic: Characteristic[bytes]) -> list[Connection]:
        held = self._device.gatt_server.subscribers
        return [
            bearer
            for bearer, values in held.items()
            if isinstance(bearer, Connection) and values.get(characteristic.handle, b"\0\0") != b"\0\0"
        ]

    def _build(self, application: Application, objects: dict[str, dict[str, dict[str, Variant]]]) -> None:
        members: dict[str, list[Characteristic[bytes]]] = {}
        for path, interfaces in objects.items():
            if CHARACTERISTIC in interfaces:
                properties = interfaces[CHARACTERISTIC]
                characteristic = self._characteristic(application.owner, path, properties)
                application.characteristics[path] = characteristic
                members.setdefault(properties["Service"].value, []).append(characteristic)
        for path, interfaces in objects.items():
            if SERVICE in interfaces:
                uuid = interfaces[SERVICE]["UUID"].value
                application.services.append(Service(uuid, members.get(path, [])))
        if not application.services:
            raise refused("Failed", "No valid service object found")

    def _characteristic(self, owner: str, path: str, properties: dict[str, Variant]) -> Characteristic[bytes]:
        try:
            able = properties_of(properties["Flags"].value)
        except KeyError as error:
            raise refused("Failed", f"Failed to create entry in database: flag {error}") from None

        async def read(connection: Connection) -> bytes:
            reply = await self._ask(
                owner, path, CHARACTERISTIC, "ReadValue", "a{sv}", self._options(connection)
            )
            return bytes(_checked(reply).body[0])

        async def write(connection: Connection, value: bytes) -> None:
            if len(value) > LONGEST_WRITE:
                raise ATT_Error(INVALID_LENGTH)
            options = self._options(connection)
            reply = await self._ask(
                owner, path, CHARACTERISTIC, "WriteValue", "aya{sv}", bytes(value), options
            )
            _checked(reply)

        permissions = Characteristic.Permissions(0)
        if able & Characteristic.Properties.READ:
            permissions |= Characteristic.Permissions.READABLE
        if able & (Characteristic.Properties.WRITE | Characteristic.Properties.WRITE_WITHOUT_RESPONSE):
            permissions |= Characteristic.Permissions.WRITEABLE
        made: Characteristic[bytes] = Characteristic(
            properties["UUID"].value, able, permissions, CharacteristicValue(read=read, write=write)
        )

        def subscribed(_connection: Connection, notify: bool, indicate: bool) -> None:
            member = "StartNotify" if notify or indicate else "StopNotify"
            if member == "StartNotify" or not self._subscribers(made):
                asyncio.get_running_loop().create_task(self._ask(owner, path, CHARACTERISTIC, member))

        made.on(made.EVENT_SUBSCRIPTION, subscribed)
        return made

    def _options(self, connection: Connection) -> dict[str, Variant]:
        """What BlueZ tells an application of a read or a write (its `append_options`).

        A long read or write adds `offset` and `prepare-authorize`; bumble puts these together by itself.
        """
        return {
            "device": Variant("o", self._device_path(connection)),
            "link": Variant("s", "LE"),
            "mtu": Variant("q", connection.att_mtu),
        }

    def _withdraw(self, which: Callable[[Application], bool]) -> bool:
        left = [one for one in self._applications if not which(one)]
        if len(left) == len(self._applications):
            return False
        server = self._device.gatt_server
        attributes, services = self._built_in
        del server.attributes[attributes:]
        del server.services[services:]
        server.attributes_by_handle.clear()
        server.subscribers.clear()
        self._applications = left
        for application in left:
            server.add_services(application.services)
        return True

    # The advertisement

    async def register_advertisement(self, owner: str, path: str) -> None:
        """Go on the air with a program's advertisement.

        Raises:
            DBusError: there is one already, or it does not fit.
        """
        if self._advertiser == (owner, path):
            raise refused("AlreadyExists", "Already Exists")
        if self._advertiser is not None:
            raise refused("NotPermitted", "Maximum advertisements reached")
        reply = await self._ask(owner, path, PROPERTIES, "GetAll", "s", ADVERTISEMENT)
        if reply.message_type is MessageType.ERROR:
            raise refused("Failed", "Failed to register advertisement")
        data, response = _advertising_data(reply.body[0])
        if max(len(data), len(response)) > LEGACY_DATA:
            raise refused("Failed", "Failed to parse advertisement.")
        self._device.advertising_data, self._device.scan_response_data = data, response
        self._advertiser = (owner, path)
        await self.advertise()
        self._instances(1)

    async def unregister_advertisement(self, owner: str, path: str) -> None:
        """Take a program's advertisement from the air.

        Raises:
            DBusError: it is not there.
        """
        if self._advertiser != (owner, path):
            raise refused("DoesNotExist", "Does Not Exist")
        await self._end_advertisement()

    async def advertise(self) -> None:
        """Be on the air, if there is anything to advertise; unlike BlueZ, bumble stops at a connection."""
        if self._advertiser is not None and not self._device.is_advertising:
            await self._device.start_advertising(
                advertising_interval_min=ADVERTISING_MILLISECONDS,
                advertising_interval_max=ADVERTISING_MILLISECONDS,
            )

    async def forget(self, owner: str) -> bool:
        """A program has left the bus; returns whether services went with it."""
        if self._advertiser is not None and self._advertiser[0] == owner:
            await self._end_advertisement()
        return self._withdraw(lambda one: one.owner == owner)

    async def forget_all(self) -> None:
        """The adapter is switched off, or gone, or bluetoothd ends: nobody's services are left."""
        if self._advertiser is not None:
            owner, path = self._advertiser
            message = Message(destination=owner, path=path, interface=ADVERTISEMENT, member="Release")
            self._bus.send(message)
            await self._end_advertisement()
        self._withdraw(lambda _: True)

    async def _end_advertisement(self) -> None:
        self._advertiser = None
        await self._device.stop_advertising()
        self._instances(0)

    def _instances(self, active: int) -> None:
        self._tree.change(self._path, ADVERTISING_MANAGER, ActiveInstances=Variant("y", active))

    async def _ask(
        self, owner: str, path: str, interface: str, member: str, signature: str = "", *body: Any
    ) -> Message:
        message = Message(
            destination=owner,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=[*body],
        )
        return await self._bus.call(message)


def _checked(reply: Message) -> Message:
    if reply.message_type is MessageType.ERROR:
        text = str(reply.body[0]) if reply.body else ""
        raise ATT_Error(att_code(reply.error_name or "", text))
    return reply


def _advertising_data(properties: dict[str, Variant]) -> tuple[bytes, bytes]:
    """Advertisement and scan response."""
    uuids = [UUID(text) for text in properties["ServiceUUIDs"].value] if "ServiceUUIDs" in properties else []
    packed = b"".join(uuid.to_bytes(force_128=True) for uuid in uuids)
    name = properties["LocalName"].value.encode() if "LocalName" in properties else b""
    data: list[Any] = [(AdvertisingData.FLAGS, b"\x06")]
    if packed:
        data.append((AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS, packed))
    response: list[Any] = [(AdvertisingData.COMPLETE_LOCAL_NAME, name)] if name else []
    return bytes(AdvertisingData(data)), bytes(AdvertisingData(response))
