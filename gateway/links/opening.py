"""The links that a configuration asks for, opened."""

from collections.abc import Callable, Iterator, Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from drivers.mqtt.broker import Broker
from gateway.config import ConfigError, GatewayConfig
from gateway.links.link import Appeared, Hear, Link, Receive
from gateway.links.mqtt import MqttLink
from gateway.provisioning import own


def open_links(
    config: GatewayConfig,
    relayer: bytes,
    gateway_key: Ed25519PrivateKey,
    kiosks: Mapping[bytes, Ed25519PublicKey],
    receive: Receive,
    hear: Hear,
    appeared: Appeared,
) -> Iterator[Link]:
    """The ways to the kiosks, each open from the moment that it is yielded.

    Args:
        config: The gateway's.
        relayer: Address of the first relayer, by which the broker knows this gateway.
        gateway_key: By which kiosks know it over Bluetooth.
        kiosks: Who is listened to there.
        receive: Takes what persons signed.
        hear: Takes what kiosks say of themselves.
        appeared: Is told who has come within reach of Bluetooth.

    Raises:
        ConfigError: Bluetooth is asked for and not installed.
    """
    if config.broker is not None:
        broker = Broker.of(config.broker)
        yield MqttLink(
            broker,
            own.name(relayer),
            receive,
            hear,
            shared=config.shared,
            credentials=own.credentials(config.state) if broker.tls else None,
        )
    if config.bluetooth is not None:
        link = _bluetooth()
        yield link(config.bluetooth, gateway_key, kiosks, config.environment, receive, appeared)


def _bluetooth() -> Callable[..., Link]:
    """Bluetooth's link; a gateway without Bluetooth does without its packages."""
    try:
        from gateway.links.ble import BleLink
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error}; install it with: pip install 'ridgekey[ble]'") from None
    return BleLink
