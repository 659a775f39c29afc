"""A GATT peripheral on BlueZ: one service, advertised, and word of who comes and goes."""

import asyncio
import logging
from collections.abc import Callable, Container, Coroutine
from types import TracebackType
from typing import Any, Self

from dbus_fast import Message, MessageType

from drivers.bluetooth import bluez
from drivers.bluetooth.application import (
    ADVERTISEMENT,
    ADVERTISEMENT_PATH,
    CHARACTERISTIC,
    ROOT,
    Application,
    AttError,
    Characteristic,
    client_of,
    offset_of,
    value_changed,
)
from drivers.bluetooth.bluez import Bus
from drivers.bluetooth.errors import BluetoothError

log = logging.getLogger(__name__)

FAILED = "org.bluez.Error.Failed"
"""The error whose text BlueZ reads as the ATT code, if it is a number from 0x80 to 0x9F."""

INVALID_OFFSET = "org.bluez.Error.InvalidOffset"

LONGEST_VALUE = 512
"""Bytes of an attribute's value (Core Specification, Vol 3, Part F, 3.2.9)."""

BURST = 16
"""Notifications that are sent before bluetoothd has to have read them."""

Connected = Callable[[str, bool], None]
"""Takes the path of a device, and whether it is connected now."""


class Peripheral:
    """A service on the air, for as long as the `async with` lasts.

    BlueZ takes it down by itself when our process ends, however that happens; what it does not do is end the
    connections. So those that nobody paired with are ended at the start.
    """

    def __init__(
        self,
        application: Application,
        connected: Connected,
        *,
        adapter: str = "",
        spare: Container[str] = (),
    ) -> None:
        """Prepare.

        Args:
            application: what to offer.
            connected: told of every device that connects or disconnects, in whatever role.
            adapter: its name, such as `hci0`; empty for the first that will do.
            spare: paths of devices that are none of our clients, as we are theirs.
        """
        self._application = application
        self._connected = connected
        self._wanted = adapter
        self._spare = spare
        self._bus: Bus | None = None
        self._adapter = ""
        self._devices: set[str] = set()
        self._friends: set[str] = set()
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Go on the air.

        Raises:
            NoBluetoothError: there is no adapter that would do; the text says what to do.
            BluetoothError: bluetoothd refuses.
        """
        self._bus = await Bus.open()
        try:
            await self._register(self._bus)
        except BaseException:
            self._bus.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the air. Closing the bus is what BlueZ's own examples do; it forgets us at once."""
        for task in self._tasks:
            task.cancel()
        if self._bus is not None:
            self._bus.close()

    @property
    def devices(self) -> frozenset[str]:
        """Paths of the connected devices that are clients or strangers.

        Others are paired with this machine, or peripherals that it uses itself.
        """
        return frozenset(device for device in self._devices - self._friends if device not in self._spare)

    async def lost(self) -> str:
        """Wait until the service is off the air; returns why."""
        return await asyncio.shield(self._lost)

    async def notify(self, uuid: str, *values: bytes) -> None:
        """Notify every client that has subscribed to a characteristic, of one value after the other.

        Raises:
            ValueError: a value is longer than BlueZ sends; it would be cut without a word.
            BluetoothError: bluetoothd is gone.
        """
        path = self._application.path_of(uuid)
        for number, value in enumerate(values, 1):
            if len(value) > LONGEST_VALUE:
                raise ValueError(f"a value of {len(value)} bytes would be cut to {LONGEST_VALUE}")
            if self._bus is not None:
                self._bus.send(value_changed(path, value))
                if number % BURST == 0:
                    await self._bus.catch_up()

    async def disconnect(self, device: str) -> None:
        """End the connection with a device; one that has gone by itself is as good."""
        if self._bus is None:
            return
        try:
            await self._bus.call(device, bluez.DEVICE, "Disconnect")
        except BluetoothError as error:
            log.debug("disconnecting %s: %s", device, error)

    # At the start

    async def _register(self, bus: Bus) -> None:
        bus.listen(self._hear)
        objects = await bus.objects()
        needs = (bluez.GATT_MANAGER, bluez.ADVERTISING_MANAGER)
        self._adapter = bluez.find_adapter(objects, self._wanted, needs)
        for path, interfaces in objects.items():
            if path.startswith(f"{self._adapter}/") and bluez.DEVICE in interfaces:
                self._note(path, interfaces[bluez.DEVICE])
        for device in bluez.left_connected(objects, self._adapter, spare=self._spare):
            await self.disconnect(device)
        await bus.call_patiently(self._adapter, bluez.GATT_MANAGER, "RegisterApplication", "oa{sv}", ROOT, {})
        await bus.call_patiently(
            self._adapter,
            bluez.ADVERTISING_MANAGER,
            "RegisterAdvertisement",
            "oa{sv}",
            ADVERTISEMENT_PATH,
            {},
        )

    # What bluetoothd says

    def _hear(self, message: Message) -> bool:
        if message.message_type is MessageType.SIGNAL:
            self._hear_signal(message)
            return False
        if message.message_type is not MessageType.METHOD_CALL or self._bus is None:
            return False
        if not self._bus.is_bluez(message):
            return False  # any local user can call us; only bluetoothd has business here
        self._hear_call(self._bus, message)
        return True

    def _hear_call(self, bus: Bus, call: Message) -> None:
        characteristic = self._application.at(call.path)
        if characteristic is not None and call.interface == CHARACTERISTIC:
            if call.member == "WriteValue" and call.signature == "aya{sv}":
                self._start(self._write(bus, characteristic, call))
                return
            if call.member == "ReadValue" and call.signature == "a{sv}":
                bus.send(_read(characteristic, call))
                return
        if call.interface == ADVERTISEMENT and call.member == "Release":
            self._lose("bluetoothd took the advertisement back")
        answer = self._application.answer(call)
        bus.send(answer or Message.new_error(call, "org.freedesktop.DBus.Error.UnknownMethod", "not here"))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(self, bus: Bus) -> None:
        await bus.gone()
        self._lose("the system D-Bus is gone")

    async def _write(self, bus: Bus, characteristic: Characteristic, call: Message) -> None:
        value, options = bytes(call.body[0]), call.body[1]
        if characteristic.write is None or offset_of(options):  # a long write; our values fit one packet
            bus.send(Message.new_error(call, FAILED, "0x80"))
            return
        try:
            await characteristic.write(client_of(options), value)
        except AttError as error:
            bus.send(Message.new_error(call, FAILED, str(error)))
        except Exception:
            log.exception("a write of %d bytes could not be handled", len(value))
            bus.send(Message.new_error(call, FAILED, "0x80"))
        else:
            bus.send(Message.new_method_return(call))

    def _hear_signal(self, signal: Message) -> None:
        if signal.member == "NameOwnerChanged" and signal.sender == bluez.DBUS:
            if signal.body[0] == bluez.BLUEZ:
                self._lose("bluetoothd has ended")
        elif self._bus is None or not self._bus.is_bluez(signal):
            return
        elif signal.member == "PropertiesChanged" and signal.interface == bluez.PROPERTIES:
            self._changed(signal.path or "", signal.body[0], bluez.plain(signal.body[1]))
        elif signal.member == "InterfacesAdded" and bluez.DEVICE in signal.body[1]:
            self._changed(signal.body[0], bluez.DEVICE, bluez.plain(signal.body[1][bluez.DEVICE]))
        elif signal.member == "InterfacesRemoved":
            self._removed(signal.body[0], signal.body[1])

    def _changed(self, path: str, interface: str, properties: dict[str, Any]) -> None:
        if interface == bluez.ADAPTER and path == self._adapter and properties.get("Powered") is False:
            self._lose("the Bluetooth adapter was switched off")
        if interface == bluez.DEVICE and path.startswith(f"{self._adapter}/"):
            self._note(path, properties)

    def _removed(self, path: str, interfaces: list[str]) -> None:
        if path == self._adapter and bluez.ADAPTER in interfaces:
            self._lose("the Bluetooth adapter is gone")
        if bluez.DEVICE in interfaces:
            self._note(path, {"Connected": False})
            self._friends.discard(path)

    def _note(self, path: str, properties: dict[str, Any]) -> None:
        if properties.get("Paired"):
            self._friends.add(path)
        now = properties.get("Connected")
        if now is None or now == (path in self._devices):
            return
        (self._devices.add if now else self._devices.discard)(path)
        self._connected(path, now)

    def _lose(self, why: str) -> None:
        if not self._lost.done():
            self._lost.set_result(why)


def _read(characteristic: Characteristic, call: Message) -> Message:
    options = call.body[0]
    if characteristic.read is None:
        return Message.new_error(call, FAILED, "0x80")
    try:
        value = characteristic.read(client_of(options))
    except AttError as error:
        return Message.new_error(call, FAILED, str(error))
    if offset_of(options) > len(value):
        return Message.new_error(call, INVALID_OFFSET, "past the end")
    return Message.new_method_return(call, "ay", [value[offset_of(options) :]])
