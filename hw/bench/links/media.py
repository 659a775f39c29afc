"""What the links are made of: a broker with a stretch of network before it, or the air between two radios."""

import os
import random
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from hw import broker
from hw.bench.links.wire import Wire
from hw.radio.radio import Radio


class Medium(Protocol):
    """What lies between kiosks and gateway; used in a `with`.

    Attributes:
        name: what is measured.
        kiosks: how many it connects.
        rate: consents a second that are captured while faults strike: below what it carries, so that it is
            the fault and not the load that makes messages wait.
        broker: the gateway's broker.
        settings: what else gateway.toml says.
    """

    name: str
    kiosks: int
    rate: float
    broker: str
    settings: Mapping[str, object]

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def octets(self) -> int:
        """Bytes that have crossed it, both ways."""

    def url(self, number: int) -> str:
        """The link of kiosk number 0, 1, 2, … as its configuration names it."""

    def drop(self, dice: random.Random) -> None:
        """Break one kiosk's link."""

    def kill(self) -> None:
        """End it for everybody, with all that it remembers."""

    def revive(self) -> None:
        """Begin it anew."""


class Mqtt:
    """A broker that keeps nothing on disk: what it has not delivered dies with it."""

    name: str
    kiosks = 10
    rate = 40.0

    def __init__(self, directory: Path) -> None:
        self.settings: Mapping[str, object] = {}
        self._directory = directory
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        port = broker.free_port()
        self._broker = broker.start(self._directory / self.name, port, name=self.name)
        self.broker = self._broker.url
        self._wire = self._stack.enter_context(Wire(port))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self._broker.stop()

    @property
    def octets(self) -> int:
        """Bytes of TCP's payload between kiosks and broker."""
        return self._wire.octets

    def url(self, number: int) -> str:  # noqa: ARG002 - all by one wire
        """The broker, by way of the wire."""
        return f"mqtt://{broker.HOST}:{self._wire.port}"

    def drop(self, dice: random.Random) -> None:
        """Cut one connection."""
        self._wire.cut(dice)

    def kill(self) -> None:
        """Kill the broker, as a power cut would."""
        self._broker.kill()

    def revive(self) -> None:
        """Start it again on its port."""
        self._broker = broker.start(self._directory / self.name, self._broker.port, name=self.name)


class Mosquitto(Mqtt):
    """Debian's, which speaks MQTT 5."""

    name = "mosquitto"


class Amqtt(Mqtt):
    """The one in Python, which speaks 3.1.1."""

    name = "amqtt"


class Ble:
    """Virtual radios; the gateway has the first, each kiosk one of its own. A broker idles beside them."""

    name = "ble"
    kiosks = 3
    rate = 12.0
    GATEWAY = "hci0"

    def __init__(self, directory: Path) -> None:
        self._idle = Mosquitto(directory)
        self.settings: Mapping[str, object] = {"bluetooth": f"ble:{self.GATEWAY}"}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self._idle)
        self.broker = self._idle.broker
        self._radio = self._stack.enter_context(Radio(adapters=1 + self.kiosks))
        self._before = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS")
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = self._radio.address  # the gateway's process gets it, too
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del os.environ["DBUS_SYSTEM_BUS_ADDRESS"]
        if self._before is not None:
            os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = self._before
        self._stack.close()

    @property
    def octets(self) -> int:
        """Bytes of ACL data on the air: L2CAP and ATT with what they carry."""
        return self._radio.octets

    def url(self, number: int) -> str:
        """The kiosk's radio."""
        return f"ble:hci{1 + number}"

    def drop(self, dice: random.Random) -> None:
        """End one kiosk's connections."""
        self._radio.disconnect(f"hci{dice.randint(1, self.kiosks)}")

    def kill(self) -> None:
        """Pull the gateway's radio out."""
        self._radio.unplug(self.GATEWAY)

    def revive(self) -> None:
        """Put it back."""
        self._radio.plug(self.GATEWAY)


MEDIA = {medium.name: medium for medium in (Mosquitto, Amqtt, Ble)}
"""By the name of what is measured."""
