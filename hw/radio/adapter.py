"""One adapter: it scans, connects and is connected to; its devices are objects on the bus."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from bumble.core import AdvertisingData
from bumble.device import Advertisement, Connection, Device
from bumble.hci import Address, Role
from dbus_fast import Message, Variant
from dbus_fast.aio import MessageBus

from hw.radio import air
from hw.radio.faults import Faults
from hw.radio.local import Complain, Local
from hw.radio.objects import ObjectTree, Properties, refused
from hw.radio.remote import NOTHING, Answer, RemoteCharacteristic, resolve
from hw.radio.words import ADAPTER, ADVERTISING_MANAGER, DEVICE, GATT_MANAGER, uuid_text

log = logging.getLogger(__name__)

CONNECT_SECONDS = 20.0
"""After which BlueZ gives a connection up."""

LARGEST_MTU = 517

UUID_LISTS = (
    AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
)


class Adapter:
    """hci0 and its like.

    Attributes:
        path: on the bus.
        mtu: the largest that it agrees to.
        powered: whether it is switched on.
    """

    def __init__(
        self, path: str, device: Device, bus: MessageBus, tree: ObjectTree, faults: Faults, complain: Complain
    ) -> None:
        self.path = path
        self.powered = False
        self._device = device
        self._tree = tree
        self._faults = faults
        self._scanners: dict[str, frozenset[str]] = {}
        self._filters: dict[str, frozenset[str]] = {}
        self._addresses: dict[str, Address] = {}
        self._connections: dict[str, Connection] = {}
        self._remote: dict[str, RemoteCharacteristic] = {}
        self._peers: Callable[[Address], Device | None] = lambda _: None
        self._tasks: set[asyncio.Task[None]] = set()
        self.local = Local(path, device, bus, tree, faults, self._path_of_client, complain)
        self.mtu = LARGEST_MTU
        device.on("advertisement", self._heard)
        device.on("connection", self._connected)

    @property
    def address(self) -> str:
        """Of Bluetooth."""
        return self._device.random_address.to_string(False)

    @property
    def device(self) -> Device:
        """The radio of bumble's behind it."""
        return self._device

    def plug(self, peers: Callable[[Address], Device | None]) -> None:
        """Show the adapter on the bus, switched on."""
        self._peers = peers
        self.powered = True
        self._tree.add(self.path, self._interfaces())

    async def unplug(self) -> None:
        """It is gone, and all that hung on it."""
        await self._quiet()
        self._tree.remove(self.path)

    async def power(self, on: bool) -> None:
        """Switch it on or off."""
        self.powered = on
        if not on:
            await self._quiet()
        self._tree.change(self.path, ADAPTER, Powered=Variant("b", on))

    async def disconnect_all(self) -> None:
        """End every connection, as radio silence would."""
        for connection in list(self._connections.values()):
            await self._end(connection)

    def set_mtu(self, mtu: int) -> None:
        """Agree to no more than this."""
        self.mtu = self._device.gatt_server.max_mtu = mtu

    async def forget(self, owner: str) -> None:
        """A program has left the bus."""
        if await self.local.forget(owner):
            await self._services_changed()
        self._filters.pop(owner, None)
        if owner in self._scanners:
            await self._stop_discovery(owner)

    def close(self) -> None:
        """Stop what runs in the background."""
        self.local.close()
        for task in self._tasks:
            task.cancel()

    # Calls

    async def call(self, call: Message) -> Answer:
        """Answer a call to the adapter.

        Raises:
            DBusError: it is refused.
        """
        owner, body = call.sender or "", call.body
        work: dict[tuple[str | None, str | None], Callable[[], Awaitable[None]]] = {
            (ADAPTER, "SetDiscoveryFilter"): lambda: self._set_filter(owner, body[0]),
            (ADAPTER, "StartDiscovery"): lambda: self._start_discovery(owner),
            (ADAPTER, "StopDiscovery"): lambda: self._stop_discovery(owner),
            (ADAPTER, "RemoveDevice"): lambda: self._remove_device(body[0]),
            (GATT_MANAGER, "RegisterApplication"): lambda: self.local.register_application(owner, body[0]),
            (GATT_MANAGER, "UnregisterApplication"): lambda: self._unregister_application(owner, body[0]),
            (ADVERTISING_MANAGER, "RegisterAdvertisement"): lambda: self.local.register_advertisement(
                owner, body[0]
            ),
            (ADVERTISING_MANAGER, "UnregisterAdvertisement"): lambda: self.local.unregister_advertisement(
                owner, body[0]
            ),
        }
        asked = work.get((call.interface, call.member))
        if asked is None:
            raise refused("NotSupported", "Operation is not supported")
        if not self.powered:
            raise refused("NotReady", "Resource Not Ready")
        await asked()
        return NOTHING

    async def call_device(self, path: str, member: str) -> Answer:
        """Answer a call to a device.

        Raises:
            DBusError: it is refused.
        """
        if member == "Connect":
            if not self.powered:
                raise refused("NotReady", "Resource Not Ready")
            await self._connect(path)
        elif member == "Disconnect":
            if path not in self._connections:
                raise refused("NotConnected", "Not Connected")
            await self.local.drained()
            await self._end(self._connections.get(path))
        else:
            raise refused("NotSupported", "Operation is not supported")  # pairing among others
        return NOTHING

    async def call_characteristic(self, call: Message) -> Answer:
        """Answer a call to a characteristic of a connected device.

        Raises:
            DBusError: it is refused.
        """
        characteristic = self._remote.get(call.path or "")
        if characteristic is None:
            raise refused("Failed", "Not connected")
        return await characteristic.call(call)

    # Discovery

    async def _set_filter(self, owner: str, wanted: dict[str, Variant]) -> None:
        self._filters[owner] = frozenset(wanted["UUIDs"].value if "UUIDs" in wanted else ())

    async def _start_discovery(self, owner: str) -> None:
        if owner in self._scanners:
            raise refused("InProgress", "Operation already in progress")
        self._scanners[owner] = self._filters.get(owner, frozenset())
        if len(self._scanners) == 1:
            await self._device.start_scanning(filter_duplicates=False)
            self._tree.change(self.path, ADAPTER, Discovering=Variant("b", True))

    async def _stop_discovery(self, owner: str) -> None:
        if self._scanners.pop(owner, None) is None:
            raise refused("Failed", "No discovery started")
        if not self._scanners:
            await self._device.stop_scanning()
            for path in self._addresses:
                self._tree.drop(path, DEVICE, "RSSI")
            self._tree.change(self.path, ADAPTER, Discovering=Variant("b", False))

    def _heard(self, heard: Advertisement) -> None:
        lists = [heard.data.get(kind) for kind in UUID_LISTS]
        uuids = [uuid_text(one) for found in lists if isinstance(found, list) for one in found]
        wanted = any(not asked or asked.intersection(uuids) for asked in self._scanners.values())
        if not self._scanners or not (wanted or self._path_of(heard.address) in self._addresses):
            return
        news: Properties = {"RSSI": Variant("n", -60)}
        name = heard.data.get(AdvertisingData.COMPLETE_LOCAL_NAME)
        if name:
            text = name if isinstance(name, str) else bytes(name).decode(errors="replace")
            news |= {"Name": Variant("s", text), "Alias": Variant("s", text)}
        if uuids:
            news["UUIDs"] = Variant("as", uuids)
        self._know(heard.address, news)

    # Devices

    def _know(self, address: Address, news: Properties) -> str:
        path = self._path_of(address)
        if path in self._addresses:
            self._tree.change(path, DEVICE, **news)
        else:
            self._addresses[path] = address
            self._tree.add(path, {DEVICE: self._device_properties(address) | news})
        return path

    async def _connect(self, path: str) -> None:
        if path in self._connections:
            return
        address = self._addresses[path]
        peer = self._peers(address)
        try:
            if peer is None:
                raise TimeoutError  # noqa: TRY301 - as a device that is not there
            connection = await air.connect(self._device, address, peer, CONNECT_SECONDS)
            await self._resolve(path, connection)
        except (TimeoutError, asyncio.CancelledError):
            raise refused("Failed", "le-connection-abort-by-local") from None

    async def _resolve(self, path: str, connection: Connection) -> None:
        self._remote |= await resolve(path, connection, self.mtu, self._tree, self._faults)
        self._tree.change(path, DEVICE, ServicesResolved=Variant("b", True))

    def _connected(self, connection: Connection) -> None:
        path = self._know(connection.peer_address, {})
        self._connections[path] = connection
        connection.on("disconnection", lambda _: self._lost(path, connection))
        self._tree.change(path, DEVICE, Connected=Variant("b", True))
        if connection.role is Role.PERIPHERAL:
            self._start(self.local.advertise())

    def _lost(self, path: str, connection: Connection) -> None:
        if self._connections.get(path) is not connection:
            return
        del self._connections[path]
        self._hide_services(path)
        self._tree.change(path, DEVICE, ServicesResolved=Variant("b", False), Connected=Variant("b", False))
        self._start(self.local.advertise())

    async def _end(self, connection: Connection | None) -> None:
        """Disconnect, unless the other side was quicker."""
        if connection is not None and connection.handle in self._device.connections:
            await connection.disconnect()

    def _hide_services(self, path: str) -> None:
        for one in self._tree.under(path):
            self._remote.pop(one, None)
            self._tree.remove(one)

    async def _remove_device(self, path: str) -> None:
        if path not in self._addresses:
            raise refused("DoesNotExist", "Does Not Exist")
        await self._end(self._connections.get(path))
        del self._addresses[path]
        self._tree.remove(path)

    async def _unregister_application(self, owner: str, root: str) -> None:
        self.local.unregister_application(owner, root)
        await self._services_changed()

    async def _services_changed(self) -> None:
        """Tell those connected to us that our services are others now (Service Changed, in effect)."""
        for connection in self._device.connections.values():
            peer = self._peers(connection.peer_address)
            if peer is not None:
                peer.emit("services_changed", connection.self_address)

    def services_changed(self, address: Address) -> None:
        """The services of a device that we are connected to are others now."""
        path = self._path_of(address)
        connection = self._connections.get(path)
        if connection is not None and connection.role is Role.CENTRAL:
            self._hide_services(path)
            self._start(self._resolve(path, connection))

    async def _quiet(self) -> None:
        self._scanners.clear()
        await self.local.forget_all()
        await self.disconnect_all()
        for path in list(self._addresses):
            self._tree.remove(path)
        self._addresses.clear()

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _path_of(self, address: Address) -> str:
        return f"{self.path}/dev_{address.to_string(False).replace(':', '_')}"

    def _path_of_client(self, connection: Connection) -> str:
        return self._path_of(connection.peer_address)

    def _device_properties(self, address: Address) -> Properties:
        text = address.to_string(False)
        return {
            "Address": Variant("s", text),
            "AddressType": Variant("s", "random"),
            "Alias": Variant("s", text.replace(":", "-")),
            "Paired": Variant("b", False),
            "Bonded": Variant("b", False),
            "Trusted": Variant("b", False),
            "Blocked": Variant("b", False),
            "LegacyPairing": Variant("b", False),
            "Connected": Variant("b", False),
            "UUIDs": Variant("as", []),
            "Adapter": Variant("o", self.path),
            "ServicesResolved": Variant("b", False),
        }

    def _interfaces(self) -> dict[str, dict[str, Any]]:
        name = self.path.rpartition("/")[2]
        adapter = {
            "Address": Variant("s", self.address),
            "AddressType": Variant("s", "random"),
            "Name": Variant("s", name),
            "Alias": Variant("s", name),
            "Class": Variant("u", 0),
            "Powered": Variant("b", True),
            "Discoverable": Variant("b", False),
            "DiscoverableTimeout": Variant("u", 0),
            "Pairable": Variant("b", False),
            "PairableTimeout": Variant("u", 0),
            "Discovering": Variant("b", False),
            "UUIDs": Variant("as", []),
            "Roles": Variant("as", ["central", "peripheral"]),
        }
        advertising = {
            "ActiveInstances": Variant("y", 0),
            "SupportedInstances": Variant("y", 1),
            "SupportedIncludes": Variant("as", []),
        }
        return {ADAPTER: adapter, GATT_MANAGER: {}, ADVERTISING_MANAGER: advertising}
