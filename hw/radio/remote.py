"""The GATT objects of a device that an adapter is connected to as central."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from bumble.att import ATT_Error
from bumble.device import Connection, Peer
from bumble.gatt_client import CharacteristicProxy, ServiceProxy
from dbus_fast import Message, Variant

from hw.radio.faults import Faults, Mishap
from hw.radio.objects import ObjectTree, refused
from hw.radio.words import CHARACTERISTIC, DESCRIPTOR, SERVICE, flags_of, gatt_error, uuid_text

ATT_HEADER = 3

Answer = tuple[str, list[Any]]
NOTHING: Answer = ("", [])


class RemoteCharacteristic:
    """One characteristic of the peer, as a D-Bus object."""

    def __init__(
        self,
        path: str,
        proxy: CharacteristicProxy[bytes],
        connection: Connection,
        tree: ObjectTree,
        faults: Faults,
    ) -> None:
        self.path = path
        self._proxy = proxy
        self._connection = connection
        self._tree = tree
        self._faults = faults
        self._uuid = uuid_text(proxy.uuid)
        self._busy = False
        self._notifying = False

    async def call(self, call: Message) -> Answer:
        """Answer a call to the object.

        Raises:
            DBusError: it is refused, here or by the peer.
        """
        match call.member:
            case "ReadValue":
                return "ay", [await self._alone(self._read)]
            case "WriteValue":
                value, options = bytes(call.body[0]), call.body[1]
                kind = options["type"].value if "type" in options else "request"
                await self._alone(lambda: self._write(value, with_response=kind != "command"))
            case "StartNotify":
                await self._start_notify()
            case "StopNotify":
                await self._stop_notify()
            case _:
                raise refused("NotSupported", "Operation is not supported")
        return NOTHING

    async def _alone(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """One operation at a time: BlueZ answers InProgress to a second."""
        if self._busy:
            raise refused("InProgress", "In Progress")
        self._busy = True
        try:
            return await self._ask(work())
        finally:
            self._busy = False

    async def _ask(self, work: Awaitable[Any]) -> Any:
        try:
            return await work
        except ATT_Error as error:
            raise refused(*gatt_error(error.error_code)) from None
        except asyncio.CancelledError:
            # bumble cancels what waits for an answer when the link is lost; nobody else cancels us.
            raise refused("Failed", "Not connected") from None

    async def _read(self) -> bytes:
        return bytes(await self._proxy.read_value())

    async def _write(self, value: bytes, *, with_response: bool) -> None:
        if not with_response and len(value) > self._connection.att_mtu - ATT_HEADER:
            raise refused("Failed", "Failed to initiate write")  # bumble would send it, and nobody receive it
        mishap = self._faults.strike(self._uuid)
        await asyncio.sleep(self._faults.seconds_per_packet)
        if mishap is not Mishap.LOST_BEFORE:
            await self._proxy.write_value(value, with_response=with_response)
        if mishap is Mishap.TWICE:
            await self._proxy.write_value(value, with_response=with_response)
        elif mishap is not None:
            await self._connection.disconnect()
            raise refused("Failed", "Not connected")

    async def _start_notify(self) -> None:
        if self._notifying:
            raise refused("InProgress", "In Progress")
        if not {"notify", "indicate"} & set(flags_of(self._proxy.properties)):
            raise refused("NotSupported", "Operation is not supported")
        await self._ask(self._proxy.subscribe(self._notified))
        self._notifying = True
        self._tree.change(self.path, CHARACTERISTIC, Notifying=Variant("b", True))

    async def _stop_notify(self) -> None:
        if not self._notifying:
            raise refused("Failed", "No notify session started")
        await self._ask(self._proxy.unsubscribe())
        self._notifying = False
        self._tree.change(self.path, CHARACTERISTIC, Notifying=Variant("b", False))

    def _notified(self, value: bytes) -> None:
        mishap = self._faults.strike(self._uuid)
        if mishap is not Mishap.LOST_BEFORE:
            self._tree.change(self.path, CHARACTERISTIC, Value=Variant("ay", bytes(value)))
        if mishap is Mishap.TWICE:
            self._tree.change(self.path, CHARACTERISTIC, Value=Variant("ay", bytes(value)))
        elif mishap is not None:
            asyncio.get_running_loop().create_task(self._connection.disconnect())


async def resolve(
    device: str, connection: Connection, mtu: int, tree: ObjectTree, faults: Faults
) -> dict[str, RemoteCharacteristic]:
    """Find out what the peer offers and show it on the bus; returns its characteristics by their paths."""
    peer = Peer(connection)
    agreed = await peer.request_mtu(mtu)
    found: dict[str, RemoteCharacteristic] = {}
    for service in await peer.discover_services():
        path = f"{device}/service{service.handle:04x}"
        tree.add(path, _service_interfaces(device, service))
        for proxy in await service.discover_characteristics():
            own = f"{path}/char{proxy.handle - 1:04x}"  # named by its declaration, one before the value
            tree.add(own, _characteristic_interfaces(path, proxy, agreed))
            found[own] = RemoteCharacteristic(own, proxy, connection, tree, faults)
            for descriptor in await proxy.discover_descriptors():
                properties = {
                    "UUID": Variant("s", uuid_text(descriptor.type)),
                    "Characteristic": Variant("o", own),
                    "Value": Variant("ay", b""),
                }
                tree.add(f"{own}/desc{descriptor.handle:04x}", {DESCRIPTOR: properties})
    return found


def _service_interfaces(device: str, service: ServiceProxy) -> dict[str, dict[str, Variant]]:
    return {
        SERVICE: {
            "UUID": Variant("s", uuid_text(service.uuid)),
            "Device": Variant("o", device),
            "Primary": Variant("b", True),
            "Includes": Variant("ao", []),
        }
    }


def _characteristic_interfaces(
    service: str, proxy: CharacteristicProxy[bytes], mtu: int
) -> dict[str, dict[str, Variant]]:
    properties = {
        "UUID": Variant("s", uuid_text(proxy.uuid)),
        "Service": Variant("o", service),
        "Value": Variant("ay", b""),
        "Flags": Variant("as", flags_of(proxy.properties)),
        "MTU": Variant("q", mtu),
    }
    if {"notify", "indicate"} & set(properties["Flags"].value):
        properties["Notifying"] = Variant("b", False)
    return {CHARACTERISTIC: properties}
