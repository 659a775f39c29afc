"""A program that offers a service, after BlueZ's documentation alone: it shares no code with ours."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

SERVICE = "0b5e0000-7a0e-4b3a-9d5c-0f5f7b0c1a2d"
READ, WRITE, NOTIFY = (SERVICE.replace("0b5e0000", f"0b5e000{number}") for number in (1, 2, 3))
FLAGS = {READ: ["read"], WRITE: ["write", "write-without-response"], NOTIFY: ["notify"]}

PATIENCE = 30.0


async def within(holds: Callable[[], Any]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)


class Program:
    """Records what bluetoothd calls, and answers."""

    root = "/a/program"

    def __init__(self, bus: MessageBus) -> None:
        self.calls: list[Message] = []
        self.refusal: tuple[str, str] | None = None
        self.bluez = ""
        self._bus = bus
        bus.add_message_handler(self._hear)

    @property
    def members(self) -> set[str]:
        return {call.member or "" for call in self.calls}

    def notify(self, value: bytes) -> None:
        body = ["org.bluez.GattCharacteristic1", {"Value": Variant("ay", value)}, []]
        path = f"{self.root}/{list(FLAGS).index(NOTIFY)}"
        self._bus.send(
            Message.new_signal(path, "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as", body)
        )

    async def register(self, adapter: str) -> None:
        owner = await self._call("org.freedesktop.DBus", "/", "GetNameOwner", "s", "org.bluez")
        self.bluez = owner[0]
        path = f"/org/bluez/{adapter}"
        for interface, member, own in (
            ("org.bluez.GattManager1", "RegisterApplication", self.root),
            ("org.bluez.LEAdvertisingManager1", "RegisterAdvertisement", f"{self.root}/ad"),
        ):
            await self._call("org.bluez", path, member, "oa{sv}", own, {}, interface=interface)

    async def _call(
        self, name: str, path: str, member: str, signature: str, *body: Any, interface: str = ""
    ) -> Any:
        reply = await self._bus.call(
            Message(name, path, interface or name, member, signature=signature, body=list(body))
        )
        assert reply.message_type is MessageType.METHOD_RETURN, (reply.error_name, reply.body)
        return reply.body

    def _hear(self, call: Message) -> Message | bool:
        if call.message_type is not MessageType.METHOD_CALL:
            return False
        self.calls.append(call)
        if self.refusal is not None and call.member == "WriteValue":
            return Message.new_error(call, *self.refusal)
        match call.member:
            case "GetManagedObjects":
                return Message.new_method_return(call, "a{oa{sa{sv}}}", [self._objects()])
            case "GetAll":
                advertisement = {"Type": Variant("s", "peripheral"), "ServiceUUIDs": Variant("as", [SERVICE])}
                return Message.new_method_return(call, "a{sv}", [advertisement])
            case "ReadValue":
                return Message.new_method_return(call, "ay", [b"value"])
        return Message.new_method_return(call)

    def _objects(self) -> dict[str, Any]:
        service = {"UUID": Variant("s", SERVICE), "Primary": Variant("b", True)}
        objects = {self.root: {"org.bluez.GattService1": service}}
        for number, (uuid, flags) in enumerate(FLAGS.items()):
            properties = {"UUID": Variant("s", uuid), "Service": Variant("o", self.root)}
            properties["Flags"] = Variant("as", flags)
            objects[f"{self.root}/{number}"] = {"org.bluez.GattCharacteristic1": properties}
        return objects


@asynccontextmanager
async def on_air(adapter: str) -> AsyncIterator[Program]:
    """A program that offers its service on an adapter."""
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    try:
        program = Program(bus)
        await program.register(adapter)
        yield program
    finally:
        bus.disconnect()
