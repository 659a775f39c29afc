"""The objects that bluetoothd shows on the bus, and the signals when they change."""

from typing import Any

from dbus_fast import Message, Variant
from dbus_fast.aio import MessageBus

OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
PROPERTIES = "org.freedesktop.DBus.Properties"

Properties = dict[str, Variant]


class DBusError(Exception):
    """The answer to a call that is refused.

    Attributes:
        name: of the D-Bus error.
        text: for a person.
    """

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name
        self.text = text


def refused(name: str, text: str) -> DBusError:
    """One of BlueZ's own errors."""
    return DBusError(f"org.bluez.Error.{name}", text)


class ObjectTree:
    """Paths, their interfaces, and the properties of these."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._objects: dict[str, dict[str, Properties]] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._objects

    def has(self, path: str, interface: str) -> bool:
        """Whether there is an object with this interface."""
        return interface in self._objects.get(path, {})

    def value(self, path: str, interface: str, name: str) -> Any:
        """A property's value, without the variant around it."""
        return self._objects[path][interface][name].value

    def under(self, path: str) -> list[str]:
        """Paths of the objects below another, the deepest first."""
        return sorted((one for one in self._objects if one.startswith(f"{path}/")), reverse=True)

    def add(self, path: str, interfaces: dict[str, Properties]) -> None:
        """Show an object."""
        self._objects[path] = interfaces
        self._signal("/", OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", [path, interfaces])

    def remove(self, path: str) -> None:
        """Take an object away, and all that is below it."""
        for one in [*self.under(path), path]:
            if (interfaces := self._objects.pop(one, None)) is not None:
                self._signal("/", OBJECT_MANAGER, "InterfacesRemoved", "oas", [one, [*interfaces]])

    def change(self, path: str, interface: str, **properties: Variant) -> None:
        """Change properties; the same value again is signalled again, as BlueZ does for notifications."""
        if path in self._objects:
            self._objects[path][interface].update(properties)
            self._changed(path, interface, properties, [])

    def drop(self, path: str, interface: str, *names: str) -> None:
        """Invalidate properties, if they are there."""
        held = self._objects.get(path, {}).get(interface, {})
        gone = [name for name in names if held.pop(name, None) is not None]
        if gone:
            self._changed(path, interface, {}, gone)

    def answer(self, call: Message) -> tuple[str, list[Any]] | None:
        """Signature and body of the answer to a call of D-Bus's own interfaces; None for any other.

        Raises:
            DBusError: there is no such object, interface or property, or it cannot be set.
        """
        if (call.path, call.interface, call.member) == ("/", OBJECT_MANAGER, "GetManagedObjects"):
            return "a{oa{sa{sv}}}", [self._objects]
        if call.interface != PROPERTIES:
            return None
        properties = self._objects.get(call.path or "", {}).get(call.body[0])
        if properties is None:
            raise DBusError("org.freedesktop.DBus.Error.UnknownObject", f"nothing at {call.path}")
        if call.member == "GetAll":
            return "a{sv}", [properties]
        if call.member == "Get" and call.body[1] in properties:
            return "v", [properties[call.body[1]]]
        raise DBusError("org.freedesktop.DBus.Error.InvalidArgs", f"{call.member} of {call.body[1:2]}")

    def _changed(self, path: str, interface: str, changed: Properties, gone: list[str]) -> None:
        self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, changed, gone])

    def _signal(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
        if self._bus.connected:
            self._bus.send(Message.new_signal(path, interface, member, signature, body))
