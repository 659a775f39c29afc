"""The kiosk's links, by the URLs in its configuration: one opener for each scheme."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from drivers.bluetooth.address import adapter_of
from drivers.bluetooth.called import Called
from drivers.bluetooth.errors import AddressError
from drivers.mqtt.broker import Broker
from drivers.mqtt.errors import BrokerUrlError
from edge.errors import ConfigError
from edge.identity import certificate
from edge.links.link import Announce, Hear, Link
from edge.links.mqtt import MqttLink
from edge.links.schedule import Route


@dataclass(frozen=True)
class Ends:
    """What every link is given.

    Attributes:
        kiosk_id: key id in hex; names the kiosk to the other side.
        device_key: the kiosk's, with which it introduces itself where the transport does not do it.
        gateway_key: its gateway's.
        environment: name of the deployment.
        hear: takes each incoming message, on a thread of the link's own.
        changed: called after each change of a link's status.
        announce: asked before each connection for the kiosk's birth and death.
        called: where a link notes whom it calls by Bluetooth.
    """

    kiosk_id: str
    device_key: Ed25519PrivateKey
    gateway_key: Ed25519PublicKey
    environment: str
    hear: Hear
    changed: Callable[[], None]
    announce: Announce
    called: Called = field(default_factory=Called)


Make = Callable[[Ends], Link]
"""Makes a link, not yet started."""

Opener = Callable[[str, Path], Make]
"""Checks a URL, and what it needs in the kiosk's state directory; what is wrong comes to light here."""


def check(urls: Sequence[str], state: Path) -> Callable[[Ends], list[Route]]:
    """The links of a configuration, the preferred one first, to be made when the kiosk's other parts are.

    Args:
        urls: one for each link; it is also its name.
        state: the kiosk's state directory, where keys and certificates are.

    Raises:
        ConfigError: a URL comes twice, is of no known scheme or of a wrong form, or what its link needs is
            not installed.
    """
    if len(set(urls)) < len(urls):
        raise ConfigError("a link is named twice in the configuration")
    makes = [(url, _opener(url)(url, state)) for url in urls]
    return lambda ends: [Route(url, make(ends)) for url, make in makes]


def _opener(url: str) -> Opener:
    opener = OPENERS.get(url.partition(":")[0])
    if opener is None:
        raise ConfigError(f"the link {url[:80]!r} does not begin with one of: {', '.join(OPENERS)}")
    return opener


def _mqtt(url: str, state: Path) -> Make:
    try:
        broker = Broker.of(url)
    except BrokerUrlError as error:
        raise ConfigError(str(error)) from None
    credentials = certificate.credentials(state) if broker.tls else None
    return lambda ends: MqttLink(
        broker, ends.kiosk_id, ends.hear, ends.changed, ends.announce, credentials=credentials
    )


def _ble(url: str, _state: Path) -> Make:
    try:
        adapter = adapter_of(url)
    except AddressError as error:
        raise ConfigError(str(error)) from None
    try:  # a kiosk without Bluetooth does without its packages
        from edge.links.ble import BleLink
        from edge.links.introducing import Identity
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error}; for {url} install it with: pip install 'ridgekey[ble]'") from None

    def make(ends: Ends) -> Link:
        identity = Identity(ends.device_key, ends.gateway_key, ends.environment)
        return BleLink(adapter, identity, ends.hear, ends.changed, ends.called)

    return make


OPENERS: Mapping[str, Opener] = {"mqtt": _mqtt, "mqtts": _mqtt, "ble": _ble}
"""How a link of each scheme is made."""
