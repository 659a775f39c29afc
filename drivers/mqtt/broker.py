"""Where a broker is, as a URL says it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from drivers.mqtt.errors import BrokerUrlError

PORTS = {"mqtt": 1883, "mqtts": 8883}
"""Registered with IANA: plain, and over TLS."""


@dataclass(frozen=True)
class Broker:
    """A broker's address.

    Attributes:
        host: name or address; with TLS, the name that its certificate must have.
        port: TCP port.
        tls: whether to speak TLS, and to show a certificate.
    """

    host: str
    port: int
    tls: bool = False

    @classmethod
    def of(cls, url: str) -> "Broker":
        """The broker of `mqtt://HOST[:PORT]` or `mqtts://HOST[:PORT]`.

        Raises:
            BrokerUrlError: the URL has another form.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or PORTS.get(parts.scheme)
        except ValueError:
            host = port = None
        if not host or port is None or parts.path not in ("", "/") or parts.username or parts.query:
            raise BrokerUrlError(
                f"the broker {url[:80]!r} is not of the form mqtt://HOST[:PORT] or mqtts://HOST[:PORT]"
            )
        return cls(host, port, parts.scheme == "mqtts")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
