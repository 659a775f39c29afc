"""A GATT central on bleak: find the peripherals that offer a service, connect to one, read, write, listen.

bleak's errors say little and change between its releases (after a lost link it complains that services were
not discovered), so all of them become `LinkLostError` here, unless they carry the other side's error code.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from bleak import BleakClient, BleakScanner
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakCharacteristicNotFoundError,
    BleakDBusError,
    BleakError,
    BleakGATTProtocolError,
)
from dbus_fast import DBusError, Message, MessageType

from drivers.bluetooth import bluez
from drivers.bluetooth.bluez import Bus
from drivers.bluetooth.errors import (
    BluetoothError,
    BluezError,
    ForbiddenError,
    GattError,
    LinkLostError,
    NoBluetoothError,
    NotFoundError,
    NotOursError,
)
from drivers.bluetooth.version import look_once

log = logging.getLogger(__name__)

CONNECT_SECONDS = 20.0
"""Longest wait for a connection with its services; BlueZ itself gives up after about 20 s."""

OPERATION_SECONDS = 35.0
"""Longest wait for a read or a write; ATT ends a transaction after 30 s (Vol 3, Part F, 3.3.3)."""

DISCONNECT_SECONDS = 5.0

ATT_HEADER = 3

Hear = Callable[[bytes], None]


@dataclass(frozen=True)
class Found:
    """A peripheral within reach.

    Attributes:
        address: of Bluetooth; often a random one, and no proof of anything.
        name: as it advertises it, or empty; no proof either.
        rssi: signal strength, dBm.
        device: for bleak.
    """

    address: str
    name: str
    rssi: int
    device: BLEDevice = field(repr=False)

    @property
    def path(self) -> str:
        """D-Bus path of the device."""
        return str(self.device.details["path"])


async def clean_up(service: str, adapter: str = "") -> None:
    """End the connections to peripherals of this service that an earlier process of ours left behind.

    BlueZ does not end them when a process dies, and a peripheral that is still connected is not found again.

    Raises:
        NoBluetoothError: there is no adapter that would do; the text says what to do.
        BluetoothError: bluetoothd refuses.
    """
    bus = await Bus.open()
    try:
        objects = await bus.objects()
        path = bluez.find_adapter(objects, adapter, ())
        for device in bluez.left_connected(objects, path, service):
            log.info("ending the connection to %s that was left behind", device)
            await bus.call_patiently(device, bluez.DEVICE, "Disconnect")
    except BluezError as error:
        log.warning("a connection that was left behind could not be ended: %s", error)
    finally:
        bus.close()


async def find(service: str, seconds: float, adapter: str = "") -> Found:
    """The first peripheral that is seen to offer a service.

    Raises:
        NotFoundError: none was seen in that time.
        BluetoothError: scanning is not possible.
    """
    with _in_our_words("scan"):
        async with _scanner(service, adapter) as scanner:
            try:
                async with asyncio.timeout(seconds):
                    async for device, data in scanner.advertisement_data():
                        return _found(device, data)
            except TimeoutError:
                pass
    raise NotFoundError(f"nothing within reach offered the service {service} in {seconds:.0f} s")


async def scan(service: str, seconds: float, adapter: str = "") -> list[Found]:
    """All peripherals that are seen to offer a service within some seconds, the nearest first.

    Raises:
        BluetoothError: scanning is not possible.
    """
    with _in_our_words("scan"):
        async with _scanner(service, adapter) as scanner:
            await asyncio.sleep(seconds)
            seen = scanner.discovered_devices_and_advertisement_data
    return sorted((_found(*pair) for pair in seen.values()), key=lambda one: -one.rssi)


class Connection:
    """A connection to one peripheral, for as long as the `async with` lasts."""

    def __init__(self, found: Found, service: str, adapter: str = "") -> None:
        self._ended = asyncio.Event()
        self._service = service
        self._services_path = f"{found.path}/service"
        self._bus: Bus | None = None
        self._client = BleakClient(
            found.device,
            disconnected_callback=lambda _: self._ended.set(),
            services=[service],
            timeout=CONNECT_SECONDS,
            bluez={"adapter": adapter} if adapter else {},
        )

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            LinkLostError: no connection came about.
            NotOursError: the service is not there after all.
        """
        await look_once()
        with _in_our_words("connection"):
            await self._client.connect()
        try:
            self._bus = await Bus.open()
            self._bus.listen(self._hear)
            self._check_service()
        except BaseException:
            await self._disconnect()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._disconnect()

    @property
    def connected(self) -> bool:
        """Whether it still stands."""
        return self._client.is_connected and not self._ended.is_set()

    async def ended(self) -> None:
        """Wait until the connection is lost, or of no use any more: the peripheral's program has gone."""
        await self._ended.wait()

    def mtu(self, uuid: str) -> int:
        """The MTU of ATT, as BlueZ says it for a characteristic (23 before BlueZ 5.62)."""
        return self._characteristic(uuid).max_write_without_response_size + ATT_HEADER

    async def read(self, uuid: str) -> bytes:
        """Read a characteristic.

        Raises:
            GattError: the peripheral refused.
            LinkLostError, NotOursError: as they say.
        """
        with _in_our_words("read"):
            async with asyncio.timeout(OPERATION_SECONDS):
                return bytes(await self._client.read_gatt_char(self._characteristic(uuid)))

    async def write(self, uuid: str, value: bytes) -> None:
        """Write a characteristic, and wait until the peripheral says that it has it.

        Raises:
            GattError: the peripheral refused.
            LinkLostError, NotOursError: as they say.
        """
        with _in_our_words("write"):
            async with asyncio.timeout(OPERATION_SECONDS):
                await self._client.write_gatt_char(self._characteristic(uuid), value, response=True)

    async def listen(self, uuid: str, hear: Hear) -> None:
        """Subscribe to a characteristic's notifications.

        Raises:
            GattError: the peripheral refused.
            LinkLostError, NotOursError: as they say.
        """
        with _in_our_words("subscription"):
            async with asyncio.timeout(OPERATION_SECONDS):
                characteristic = self._characteristic(uuid)
                await self._client.start_notify(characteristic, lambda _, value: hear(bytes(value)))

    def _check_service(self) -> None:
        if not self._client.services.get_service(self._service):
            raise NotOursError(f"the device does not offer the service {self._service}")

    def _characteristic(self, uuid: str) -> BleakGATTCharacteristic:
        if not self.connected:
            raise LinkLostError("the connection was lost")
        with _in_our_words("look-up"):
            found = self._client.services.get_characteristic(uuid)
        if found is None:
            raise NotOursError(f"the device's service lacks the characteristic {uuid}")
        return found

    def _hear(self, signal: Message) -> None:
        """What bleak does not tell: the peripheral took its services away, or bluetoothd has ended."""
        if self._bus is None or signal.message_type is not MessageType.SIGNAL:
            return
        if signal.member == "InterfacesRemoved" and self._bus.is_bluez(signal):
            if signal.body[0].startswith(self._services_path):
                self._ended.set()
        elif signal.member == "NameOwnerChanged" and signal.sender == bluez.DBUS:
            self._ended.set()

    async def _disconnect(self) -> None:
        if self._bus is not None:
            self._bus.close()
            self._bus = None
        try:
            with _in_our_words("disconnection"):
                async with asyncio.timeout(DISCONNECT_SECONDS):
                    await self._client.disconnect()
        except BluetoothError as error:
            log.debug("%s", error)


def _scanner(service: str, adapter: str) -> BleakScanner:
    return BleakScanner(service_uuids=[service], bluez={"adapter": adapter} if adapter else {})


def _found(device: BLEDevice, data: AdvertisementData) -> Found:
    return Found(device.address, data.local_name or "", data.rssi, device)


@contextmanager
def _in_our_words(what: str) -> Iterator[None]:
    try:
        yield
    except BleakGATTProtocolError as error:
        raise GattError(int(error.code), what) from None
    except BleakCharacteristicNotFoundError as error:
        raise NotOursError(f"the device's service lacks the characteristic {error.char_specifier}") from None
    except BleakBluetoothNotAvailableError as error:
        raise NoBluetoothError(
            f"{error.args[0]} See `bluetoothctl list`; switch an adapter on with: bluetoothctl power on"
        ) from None
    except BleakDBusError as error:
        if error.dbus_error.endswith("AccessDenied"):
            raise ForbiddenError("this user may not use Bluetooth; add them to the group bluetooth") from None
        if error.dbus_error.endswith("ServiceUnknown"):
            raise NoBluetoothError(f"bluetoothd does not run; {bluez.START_BLUETOOTHD}") from None
        raise LinkLostError(f"the {what} failed: {error.dbus_error_details or error.dbus_error}") from None
    except TimeoutError:
        raise LinkLostError(f"the {what} took too long") from None
    except (BleakError, DBusError, OSError, EOFError, AssertionError) as error:
        raise LinkLostError(f"the {what} failed: {error or type(error).__name__}") from None
