"""The way to bluetoothd: a connection to the system bus, calls with their errors in words, and its adapters.

BlueZ's interfaces are described in org.bluez.Adapter(5), org.bluez.Device(5) and their kin.
"""

import asyncio
import logging
from collections.abc import Callable, Container, Iterable
from typing import Any

from dbus_fast import BusType, DBusError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from drivers.bluetooth.errors import BluezError, ForbiddenError, NoBluetoothError

log = logging.getLogger(__name__)

BLUEZ = "org.bluez"
ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
GATT_MANAGER = "org.bluez.GattManager1"
ADVERTISING_MANAGER = "org.bluez.LEAdvertisingManager1"
PROPERTIES = "org.freedesktop.DBus.Properties"
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
DBUS, DBUS_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"

IN_PROGRESS = "org.bluez.Error.InProgress"
RETRIES = 5
RETRY_SECONDS = 1.0
"""After a crash bluetoothd can say InProgress for hours; waiting longer than this is for whoever calls."""

CALL_SECONDS = 30.0
"""Longest wait for an answer; the slowest, a disconnection in good order, takes a few seconds."""

START_BLUETOOTHD = "start it: systemctl start bluetooth"

Objects = dict[str, dict[str, dict[str, Any]]]
"""Path, interface, property: what BlueZ manages."""

OnSignal = Callable[[Message], None]


class Bus:
    """A connection to the system bus, for talking with bluetoothd alone."""

    def __init__(self, bus: MessageBus, owner: str) -> None:
        self._bus = bus
        self._owner = owner

    @classmethod
    async def open(cls) -> "Bus":
        """Connect to the system bus, or to the one that DBUS_SYSTEM_BUS_ADDRESS names.

        Raises:
            NoBluetoothError: there is no bus, or no bluetoothd on it.
        """
        bus = MessageBus(bus_type=BusType.SYSTEM)
        try:
            await bus.connect()
        except (OSError, DBusError, ValueError, EOFError) as error:
            bus.disconnect()
            raise NoBluetoothError(
                f"there is no system D-Bus here ({error}); Bluetooth needs it, and bluetoothd"
            ) from None
        self = cls(bus, "")
        try:
            (self._owner,) = await self._ask_bus("GetNameOwner", "s", BLUEZ)
            await self._watch()
        except BluezError:
            self.close()
            raise NoBluetoothError(f"bluetoothd does not run; {START_BLUETOOTHD}") from None
        except BaseException:
            self.close()
            raise
        return self

    def is_bluez(self, message: Message) -> bool:
        """Whether a message is by the bluetoothd that was here when we came."""
        return message.sender == self._owner

    async def gone(self) -> None:
        """Wait until the bus is gone, or we have left it."""
        try:
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]  # dbus-fast leaves it so
        except (OSError, EOFError) as error:
            log.debug("the system D-Bus: %s", error)

    def close(self) -> None:
        """Leave the bus; BlueZ forgets what we registered."""
        self._bus.disconnect()

    def listen(self, handler: Callable[[Message], Any]) -> None:
        """Hand every signal, and every call to us, to `handler`; True from it says that a call is handled."""
        self._bus.add_message_handler(handler)

    def send(self, message: Message) -> None:
        """Send a reply or a signal; a bus that is gone swallows it."""
        if self._bus.connected:
            self._bus.send(message).add_done_callback(_swallow)

    async def catch_up(self) -> None:
        """Wait until bluetoothd has read what was sent to it.

        dbus-fast takes a socket that is full for one that is broken, so nothing may be sent in long bursts.

        Raises:
            BluezError, ForbiddenError, NoBluetoothError: as `call`.
        """
        await self.call("/", "org.freedesktop.DBus.Peer", "Ping")

    async def call(self, path: str, interface: str, member: str, signature: str = "", *body: object) -> Any:
        """Call bluetoothd.

        Raises:
            BluezError: it refused, or does not answer.
            ForbiddenError: D-Bus does not let us.
            NoBluetoothError: bluetoothd is gone.
        """
        message = Message(
            destination=BLUEZ,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
        )
        return await self._call(message)

    async def call_patiently(
        self, path: str, interface: str, member: str, signature: str = "", *body: object
    ) -> Any:
        """`call`, again a few times while bluetoothd is busy with something.

        Raises:
            BluezError, ForbiddenError, NoBluetoothError: as `call`.
        """
        for left in reversed(range(RETRIES)):
            try:
                return await self.call(path, interface, member, signature, *body)
            except BluezError as error:
                if error.name != IN_PROGRESS or not left:
                    raise
                await asyncio.sleep(RETRY_SECONDS)
        raise AssertionError  # pragma: no cover - the last round returns or raises

    async def objects(self) -> Objects:
        """Everything that BlueZ manages.

        Raises:
            BluezError, ForbiddenError, NoBluetoothError: as `call`.
        """
        (managed,) = await self.call("/", OBJECT_MANAGER, "GetManagedObjects")
        return {
            path: {name: plain(properties) for name, properties in interfaces.items()}
            for path, interfaces in managed.items()
        }

    async def _watch(self) -> None:
        for rule in (
            f"type='signal',sender='{BLUEZ}'",
            f"type='signal',sender='{DBUS}',member='NameOwnerChanged',arg0='{BLUEZ}'",
        ):
            await self._ask_bus("AddMatch", "s", rule)

    async def _ask_bus(self, member: str, signature: str, *body: object) -> Any:
        message = Message(
            destination=DBUS,
            path=DBUS_PATH,
            interface=DBUS,
            member=member,
            signature=signature,
            body=list(body),
        )
        return await self._call(message)

    async def _call(self, message: Message) -> Any:
        try:
            reply = await asyncio.wait_for(self._bus.call(message), CALL_SECONDS)
        except TimeoutError:
            raise BluezError("", f"no answer to {message.member} in {CALL_SECONDS:.0f} s") from None
        except (OSError, EOFError) as error:
            raise NoBluetoothError(f"the system D-Bus is gone ({error})") from None
        if reply.message_type is not MessageType.ERROR:
            return reply.body
        text = str(reply.body[0]) if reply.body else ""
        name = reply.error_name or ""
        if name.endswith(("ServiceUnknown", "NameHasNoOwner")) and message.destination == BLUEZ:
            raise NoBluetoothError(f"bluetoothd does not run; {START_BLUETOOTHD}")
        if name.endswith("AccessDenied"):
            raise ForbiddenError(
                "this user may not use Bluetooth; add them to it: usermod --append --groups bluetooth USER"
            )
        raise BluezError(name, text)


def plain(properties: dict[str, Variant]) -> dict[str, Any]:
    """Properties without D-Bus's variants around them."""
    return {name: variant.value for name, variant in properties.items()}


def find_adapter(objects: Objects, wanted: str, needs: Iterable[str]) -> str:
    """Path of an adapter that is switched on and has these interfaces.

    Args:
        objects: what BlueZ manages.
        wanted: its name, such as `hci0`; empty for the first that will do.
        needs: interfaces beside `Adapter1`.

    Raises:
        NoBluetoothError: there is none; the text says what to do.
    """
    adapters = {path: interfaces for path, interfaces in sorted(objects.items()) if ADAPTER in interfaces}
    if wanted:
        adapters = {path: has for path, has in adapters.items() if path.endswith(f"/{wanted}")}
    if not adapters:
        raise NoBluetoothError(
            f"there is no Bluetooth adapter {wanted}; `bluetoothctl list` shows those that are there"
            if wanted
            else "there is no Bluetooth adapter; plug one in, or see whether the kernel knows it: dmesg"
        )
    able = {path: has for path, has in adapters.items() if all(need in has for need in needs)}
    if not able:
        raise NoBluetoothError(f"the Bluetooth adapter {names(adapters)} cannot be a peripheral; use another")
    for path, has in able.items():
        if has[ADAPTER].get("Powered"):
            return path
    raise NoBluetoothError(
        f"the Bluetooth adapter {names(able)} is switched off; switch it on: rfkill unblock bluetooth;"
        " bluetoothctl power on"
    )


def names(paths: Iterable[str]) -> str:
    """Adapters by their names: hci0, hci1."""
    return ", ".join(path.rpartition("/")[2] for path in paths)


def left_connected(
    objects: Objects, adapter: str, offering: str = "", *, spare: Container[str] = ()
) -> list[str]:
    """Devices of an adapter that are connected and not paired: left over from somebody's crash.

    Args:
        objects: what BlueZ manages.
        adapter: its path.
        offering: only those that offer this service; empty for all.
        spare: paths of devices that are left alone.
    """
    return [
        path
        for path, interfaces in objects.items()
        if path.startswith(f"{adapter}/")
        and (device := interfaces.get(DEVICE))
        and device.get("Connected")
        and not device.get("Paired")
        and (not offering or offering in device.get("UUIDs", ()))
        and path not in spare
    ]


def _swallow(sent: "asyncio.Future[Any]") -> None:
    if not sent.cancelled():
        sent.exception()
