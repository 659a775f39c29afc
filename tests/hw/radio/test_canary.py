"""The look-alike is held to BlueZ, what bluetoothd shows, asks and answers by its source (5.66 to 5.87), and
to bleak: what its BlueZ backend asks for is there, and errors come out as bleak reads them."""

import asyncio
import inspect
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from bleak import BleakClient, BleakScanner
from bleak.backends.bluezdbus import client as bleak_client
from bleak.backends.bluezdbus import defs
from bleak.backends.bluezdbus import manager as bleak_manager
from bleak.exc import BleakDBusError, BleakGATTProtocolError
from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from hw.radio import words
from hw.radio.radio import Radio
from tests.hw.radio.program import NOTIFY, READ, SERVICE, WRITE, Program, on_air, within

ADAPTER_PATH, PEER_PATH = "/org/bluez/hci0", "/org/bluez/hci0/dev_F0_00_00_00_00_01"

BLUEZ = {
    "org.bluez.Adapter1": {
        "Address": "s", "AddressType": "s", "Name": "s", "Alias": "s", "Class": "u", "Connectable": "b",
        "Powered": "b", "PowerState": "s", "Discoverable": "b", "DiscoverableTimeout": "u", "Pairable": "b",
        "PairableTimeout": "u", "Discovering": "b", "UUIDs": "as", "Modalias": "s", "Roles": "as",
        "ExperimentalFeatures": "as", "Manufacturer": "q", "Version": "y",
    },
    "org.bluez.Device1": {
        "Address": "s", "AddressType": "s", "Name": "s", "Alias": "s", "Class": "u", "Appearance": "q",
        "Icon": "s", "Paired": "b", "Bonded": "b", "Trusted": "b", "Blocked": "b", "LegacyPairing": "b",
        "CablePairing": "b", "RSSI": "n", "Connected": "b", "UUIDs": "as", "Modalias": "s", "Adapter": "o",
        "ManufacturerData": "a{qv}", "ServiceData": "a{sv}", "TxPower": "n", "ServicesResolved": "b",
    },
    "org.bluez.GattService1": {
        "Handle": "q", "UUID": "s", "Device": "o", "Primary": "b", "Includes": "ao",
    },
    "org.bluez.GattCharacteristic1": {
        "Handle": "q", "UUID": "s", "Service": "o", "Value": "ay", "Notifying": "b", "Flags": "as",
        "WriteAcquired": "b", "NotifyAcquired": "b", "MTU": "q",
    },
    "org.bluez.GattDescriptor1": {"Handle": "q", "UUID": "s", "Characteristic": "o", "Value": "ay"},
    "org.bluez.GattManager1": {},
    "org.bluez.LEAdvertisingManager1": {
        "ActiveInstances": "y", "SupportedInstances": "y", "SupportedIncludes": "as",
    },
}  # fmt: skip
"""Interface: its properties and their types, from the property tables in BlueZ's src/."""

ALWAYS_THERE = {
    "org.bluez.Adapter1": {
        "Address", "AddressType", "Name", "Alias", "Powered", "Discovering", "UUIDs", "Roles",
    },
    "org.bluez.Device1": {
        "Address", "AddressType", "Alias", "Paired", "Bonded", "Trusted", "Blocked", "LegacyPairing",
        "Connected", "UUIDs", "Adapter", "ServicesResolved",
    },
    "org.bluez.GattService1": {"UUID", "Device", "Primary", "Includes"},
    "org.bluez.GattCharacteristic1": {"UUID", "Service", "Flags", "MTU"},
    "org.bluez.GattDescriptor1": {"UUID", "Characteristic"},
    "org.bluez.LEAdvertisingManager1": {"ActiveInstances", "SupportedInstances", "SupportedIncludes"},
}  # fmt: skip


@asynccontextmanager
async def system_bus() -> AsyncIterator[MessageBus]:
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    try:
        yield bus
    finally:
        bus.disconnect()


async def ask(
    bus: MessageBus, path: str, interface: str, member: str, signature: str = "", *body: Any
) -> Message:
    return await bus.call(Message("org.bluez", path, interface, member, signature=signature, body=list(body)))


async def managed(bus: MessageBus) -> dict[str, dict[str, dict[str, Variant]]]:
    return (await ask(bus, "/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")).body[0]


@asynccontextmanager
async def connected(radio: Radio) -> AsyncIterator[tuple[Program, BleakClient]]:
    async with on_air("hci1") as program:
        device = await BleakScanner.find_device_by_filter(
            lambda _, data: SERVICE in data.service_uuids, timeout=30, bluez={"adapter": "hci0"}
        )
        assert device is not None
        async with BleakClient(device, timeout=30) as client:
            yield program, client


def test_every_object_has_the_properties_of_bluez_and_their_types(radio: Radio) -> None:
    async def look() -> None:
        async with connected(radio), system_bus() as bus:
            seen = set()
            for path, interfaces in (await managed(bus)).items():
                for interface, properties in interfaces.items():
                    seen.add(interface)
                    known = BLUEZ[interface]
                    assert {name: known.get(name) for name in properties} == {
                        name: variant.signature for name, variant in properties.items()
                    }, path
                    assert ALWAYS_THERE.get(interface, set()) <= set(properties), path
            assert seen == set(BLUEZ)

    asyncio.run(look())


def test_paths_have_the_form_that_bleak_takes_apart(radio: Radio) -> None:
    async def look() -> None:
        async with connected(radio), system_bus() as bus:
            forms = {
                words.ADAPTER: r"/org/bluez/hci\d",
                words.DEVICE: r"/org/bluez/hci\d/dev(_[0-9A-F]{2}){6}",
                words.SERVICE: r".*/service[0-9a-f]{4}",
                words.CHARACTERISTIC: r".*/service[0-9a-f]{4}/char[0-9a-f]{4}",
                words.DESCRIPTOR: r".*/service[0-9a-f]{4}/char[0-9a-f]{4}/desc[0-9a-f]{4}",
            }
            for path, interfaces in (await managed(bus)).items():
                for interface in set(forms) & set(interfaces):
                    assert re.fullmatch(forms[interface], path)

    asyncio.run(look())


def test_an_application_is_told_what_bluez_tells_it_and_no_more(radio: Radio) -> None:
    """Programs that rely on a word that BlueZ never says, such as `type`, would pass here and fail there."""

    async def look() -> None:
        async with connected(radio) as (program, client):
            await client.write_gatt_char(WRITE, b"x", response=True)
            await client.read_gatt_char(READ)
            await client.start_notify(NOTIFY, lambda *_: None)
            await within(lambda: "StartNotify" in program.members)
            calls = {call.member: call for call in program.calls}
            options = {"device": Variant("o", "/org/bluez/hci1/dev_F0_00_00_00_00_00")}
            options |= {"link": Variant("s", "LE"), "mtu": Variant("q", 517)}
            assert calls["WriteValue"].body == [b"x", options]
            assert calls["ReadValue"].body == [options]
            assert calls["StartNotify"].body == []
            assert calls["GetManagedObjects"].path == program.root
            assert {call.sender for call in program.calls} == {program.bluez}

    asyncio.run(look())


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("org.bluez.Error.Failed", "0x82", 0x82),
        ("org.bluez.Error.Failed", "130", 0x82),
        ("org.bluez.Error.Failed", "no number", 0x80),
        ("org.bluez.Error.Failed", "0x0e", 0x0E),
        ("org.bluez.Error.Failed", "0xff", 0x0E),
        ("org.bluez.Error.NotSupported", "", 0x06),
        ("org.bluez.Error.NotAuthorized", "", 0x08),
        ("org.bluez.Error.InvalidValueLength", "", 0x0D),
        ("org.bluez.Error.NotPermitted", "", 0x03),
        ("org.freedesktop.DBus.Error.UnknownMethod", "", 0x0E),
    ],
)
def test_an_applications_error_reaches_bleak_as_over_bluez(
    radio: Radio, name: str, text: str, code: int
) -> None:
    async def look() -> None:
        async with connected(radio) as (program, client):
            program.refusal = (name, text)
            with pytest.raises(BleakGATTProtocolError) as caught:
                await client.write_gatt_char(WRITE, b"x", response=True)
            assert int(caught.value.code) == code

    asyncio.run(look())


def test_what_bluez_refuses_is_refused_under_its_name(radio: Radio) -> None:
    async def look() -> None:
        async with connected(radio), system_bus() as bus:
            adapter, device = words.ADAPTER, words.DEVICE
            manager, advertising = words.GATT_MANAGER, words.ADVERTISING_MANAGER
            gone = "/org/bluez/hci0/dev_00_00_00_00_00_00"
            expected = [
                (ADAPTER_PATH, adapter, "StopDiscovery", "", [], "org.bluez.Error.Failed"),
                (ADAPTER_PATH, adapter, "RemoveDevice", "o", [gone], "org.bluez.Error.DoesNotExist"),
                (PEER_PATH, device, "Pair", "", [], "org.bluez.Error.NotSupported"),
                (ADAPTER_PATH, manager, "RegisterApplication", "oa{sv}", ["/", {}], "org.bluez.Error.Failed"),
                (ADAPTER_PATH, manager, "UnregisterApplication", "o", ["/"], "org.bluez.Error.DoesNotExist"),
                (
                    "/org/bluez/hci1", advertising, "RegisterAdvertisement", "oa{sv}", ["/", {}],
                    "org.bluez.Error.NotPermitted",
                ),
                (gone, device, "Connect", "", [], "org.freedesktop.DBus.Error.UnknownObject"),
                (
                    "/org/bluez/hci1/dev_F0_00_00_00_00_02", device, "Disconnect", "", [],
                    "org.freedesktop.DBus.Error.UnknownObject",
                ),
            ]  # fmt: skip
            for path, interface, member, signature, body, name in expected:
                reply = await ask(bus, path, interface, member, signature, *body)
                assert (member, reply.error_name) == (member, name)
            assert (
                await ask(bus, ADAPTER_PATH, adapter, "StartDiscovery")
            ).message_type is MessageType.METHOD_RETURN
            again = await ask(bus, ADAPTER_PATH, adapter, "StartDiscovery")
            assert again.error_name == "org.bluez.Error.InProgress"

    asyncio.run(look())


def test_a_program_that_ends_leaves_nothing_on_the_air(radio: Radio) -> None:
    async def look() -> None:
        async with on_air("hci1"):
            pass
        async with system_bus() as bus:
            await within_async(bus)
            device = await BleakScanner.find_device_by_filter(
                lambda _, data: SERVICE in data.service_uuids, timeout=0.3, bluez={"adapter": "hci0"}
            )
            assert device is None

    async def within_async(bus: MessageBus) -> None:
        for _ in range(1000):
            objects = await managed(bus)
            if objects["/org/bluez/hci1"][words.ADVERTISING_MANAGER]["ActiveInstances"].value == 0:
                return
            await asyncio.sleep(0.02)
        raise AssertionError

    asyncio.run(look())


def test_a_notification_reaches_every_client_and_its_repetition_too(radio: Radio) -> None:
    async def look() -> None:
        async with connected(radio) as (program, first):
            device = await BleakScanner.find_device_by_filter(
                lambda _, data: SERVICE in data.service_uuids, timeout=30, bluez={"adapter": "hci2"}
            )
            assert device is not None
            async with BleakClient(device, timeout=30) as second:
                heard: list[tuple[str, bytes]] = []
                await first.start_notify(NOTIFY, lambda _, value: heard.append(("first", bytes(value))))
                await second.start_notify(NOTIFY, lambda _, value: heard.append(("second", bytes(value))))
                program.notify(b"same")
                program.notify(b"same")
                await within(lambda: len(heard) == 4)
                assert sorted(heard) == [("first", b"same")] * 2 + [("second", b"same")] * 2

    asyncio.run(look())


def test_nothing_is_cut_or_lost_without_a_complaint(radio: Radio) -> None:
    async def look() -> None:
        async with connected(radio) as (program, client):
            with pytest.raises(BleakDBusError):  # a command over the MTU; bumble's would vanish
                await client.write_gatt_char(WRITE, bytes(515), response=False)
            with pytest.raises(BleakGATTProtocolError) as caught:  # as BlueZ 5.66 as a server
                await client.write_gatt_char(WRITE, bytes(511), response=True)
            assert int(caught.value.code) == 0x0D
            await client.write_gatt_char(WRITE, bytes(510), response=True)
            heard: list[bytes] = []
            await client.start_notify(NOTIFY, lambda _, value: heard.append(bytes(value)))
            program.notify(bytes(600))
            await within(lambda: heard)
            assert len(heard[0]) == 512

    asyncio.run(look())
    assert radio.complaints == ["a notification of 600 bytes was cut to 512"]
    radio.forgive()


def test_bleak_asks_for_nothing_that_is_not_there() -> None:
    """Every method that this release of bleak names is known to the look-alike, or left out knowingly."""
    source = inspect.getsource(bleak_client) + inspect.getsource(bleak_manager)
    members = set(re.findall(r'member="(\w+)"', source))
    left_out = {"Pair", "AcquireNotify", "AcquireWrite", "Set"}
    known = {
        "Connect", "Disconnect", "StartDiscovery", "StopDiscovery", "SetDiscoveryFilter", "RemoveDevice",
        "ReadValue", "WriteValue", "StartNotify", "StopNotify", "GetManagedObjects", "InterfacesAdded",
        "InterfacesRemoved", "PropertiesChanged", "RegisterMonitor", "UnregisterMonitor",
    }  # fmt: skip
    assert members <= known | left_out
    ours = (words.ADAPTER, words.DEVICE, words.SERVICE, words.CHARACTERISTIC, words.DESCRIPTOR)
    theirs = (
        defs.ADAPTER_INTERFACE, defs.DEVICE_INTERFACE, defs.GATT_SERVICE_INTERFACE,
        defs.GATT_CHARACTERISTIC_INTERFACE, defs.GATT_DESCRIPTOR_INTERFACE,
    )  # fmt: skip
    assert ours == theirs
