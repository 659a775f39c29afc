"""The look-alike of bluetoothd: its name on the bus, and calls handed to whom they are for."""

import asyncio
import logging
from collections import Counter

from bumble.device import Device
from bumble.hci import Address
from dbus_fast import Message, MessageFlag, MessageType
from dbus_fast.aio import MessageBus

from hw.radio.adapter import Adapter
from hw.radio.air import Air
from hw.radio.faults import Faults
from hw.radio.objects import DBusError, ObjectTree, refused
from hw.radio.remote import Answer
from hw.radio.words import BLUEZ, CHARACTERISTIC, DEVICE

log = logging.getLogger(__name__)

WATCH_NAMES = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'"


class Bluetoothd:
    """Everything behind the name org.bluez.

    Attributes:
        faults: what goes wrong on the air.
        complaints: what was asked of it that a real one would have done badly without a word.
        busy: methods to which it answers InProgress, and how often yet.
    """

    def __init__(self, bus: MessageBus, air: Air) -> None:
        self.faults = Faults()
        self.complaints: list[str] = []
        self.busy: Counter[str] = Counter()
        self._bus = bus
        self._air = air
        self._tree = ObjectTree(bus)
        self._adapters: dict[str, Adapter] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def start(cls, address: str, adapters: int) -> "Bluetoothd":
        """Come up on a bus, with so many adapters, from hci0 on."""
        bus = await MessageBus(bus_address=address).connect()
        self = cls(bus, Air())
        bus.add_message_handler(self._hear)
        call = Message(
            destination="org.freedesktop.DBus",
            path="/org/freedesktop/DBus",
            interface="org.freedesktop.DBus",
            member="AddMatch",
            signature="s",
            body=[WATCH_NAMES],
        )
        await bus.call(call)
        for number in range(adapters):
            device = await self._air.radio(f"hci{number}", f"F0:00:00:00:00:{number:02X}")
            path = f"/org/bluez/hci{number}"
            adapter = Adapter(path, device, bus, self._tree, self.faults, self.complaints.append)
            device.on("services_changed", adapter.services_changed)
            self._adapters[adapter.path] = adapter
            adapter.plug(self._radio_at)
        await bus.request_name(BLUEZ)
        return self

    @property
    def octets(self) -> int:
        """Bytes of ACL data on the air so far."""
        return self._air.octets

    def adapter(self, name: str) -> Adapter:
        """The adapter of a name, such as hci0."""
        return self._adapters[f"/org/bluez/{name}"]

    def plug(self, name: str) -> None:
        """Plug an adapter in again."""
        self.adapter(name).plug(self._radio_at)

    async def fall(self) -> None:
        """End as bluetoothd does: connections end, and nobody has the name."""
        await self._bus.release_name(BLUEZ)
        for adapter in self._adapters.values():
            await adapter.unplug()

    async def rise(self) -> None:
        """Come back after `fall`."""
        for adapter in self._adapters.values():
            adapter.plug(self._radio_at)
        await self._bus.request_name(BLUEZ)

    async def stop(self) -> None:
        """Leave the bus for good."""
        for adapter in self._adapters.values():
            adapter.close()
        for task in list(self._tasks):
            task.cancel()
        self._bus.disconnect()

    def _radio_at(self, address: Address) -> Device | None:
        for adapter in self._adapters.values():
            if adapter.device.random_address == address and adapter.powered:
                return adapter.device
        return None

    # D-Bus

    def _hear(self, message: Message) -> bool:
        if message.message_type is MessageType.SIGNAL:
            self._hear_signal(message)
            return False
        if message.message_type is not MessageType.METHOD_CALL:
            return False
        if message.interface == "org.freedesktop.DBus.Peer":
            return False
        task = asyncio.get_running_loop().create_task(self._reply(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    def _hear_signal(self, signal: Message) -> None:
        if signal.member == "PropertiesChanged":
            for adapter in self._adapters.values():
                adapter.local.value_changed(signal)
        elif signal.member == "NameOwnerChanged" and signal.sender == "org.freedesktop.DBus":
            name, _, owner = signal.body
            if name.startswith(":") and not owner:
                task = asyncio.get_running_loop().create_task(self._forget(name))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _forget(self, owner: str) -> None:
        for adapter in self._adapters.values():
            await adapter.forget(owner)

    async def _reply(self, call: Message) -> None:
        try:
            signature, body = await self._answer(call)
            reply = Message.new_method_return(call, signature, body)
        except DBusError as error:
            reply = Message.new_error(call, error.name, error.text)
        except Exception as error:
            log.exception("%s.%s", call.interface, call.member)
            self.complaints.append(f"{call.member}: {error!r}")
            reply = Message.new_error(call, "org.bluez.Error.Failed", repr(error))
        if not call.flags & MessageFlag.NO_REPLY_EXPECTED and self._bus.connected:
            await self._bus.send(reply)

    async def _answer(self, call: Message) -> Answer:
        answer = self._tree.answer(call)
        if answer is not None:
            return answer
        path, interface, member = call.path or "", call.interface or "", call.member or ""
        adapter = self._adapters.get("/".join(path.split("/")[:4]))
        if adapter is None or not self._tree.has(path, interface):
            raise DBusError(
                "org.freedesktop.DBus.Error.UnknownObject",
                f'Method "{member}" on interface "{interface}" doesn\'t exist',
            )
        if self.busy[member] > 0:
            self.busy[member] -= 1
            raise refused("InProgress", "Operation already in progress")
        if interface == DEVICE:
            return await adapter.call_device(path, member)
        if interface == CHARACTERISTIC:
            return await adapter.call_characteristic(call)
        return await adapter.call(call)
