"""The kiosk's configuration: one TOML file, read once at the edge of the program."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.eip712 import Domain
from contracts.errors import ContractError
from contracts.hexes import ADDRESS_LENGTH, from_hex, to_hex
from contracts.labels import clean
from contracts.phone import MAX_URL
from drivers.bluetooth.address import adapter_of
from drivers.bluetooth.errors import AddressError
from edge.errors import ConfigError

DEFAULT_OUTBOX_LIMIT = 1000
"""Messages that may wait: weeks of one busy kiosk, and at most 300 MB of disk."""

NAME_LIMIT = 60
"""Characters of a requester's display name: one line of a small screen."""

TEMPLATE = """\
# The kiosk's configuration. Relative paths count from this file.
state = "{state}"
environment = "production"               # goes into every signature; the gateway's must be the same
sensor = "serial:/dev/serial0"
links = ["mqtt://127.0.0.1:1883"]        # ways to the gateway, the preferred one first; "ble:" is Bluetooth
gateway_key = ""                         # `ridgekey gateway init` prints it
chain_id = 1
contract = ""                            # address of the ConsentRegistry
storage = "store"                        # or "ledger": ciphertexts on the ledger too
phones = ""                              # "ble:" lets people pair their phones by Bluetooth
gateway_url = ""                         # https://… of the gateway, for phones that carry messages
repeated_images = "refuse"               # or "allow": for a simulated finger of few impressions

[requesters]                             # the names that people read; nobody else's word is taken for them
# "0x0000000000000000000000000000000000000000" = "City hospital"
"""

Value = TypeVar("Value", str, int, dict[str, Any])


@dataclass(frozen=True)
class EdgeConfig:
    """What a kiosk is told.

    Attributes:
        state: directory of keys, database, lock and socket.
        environment: name of the deployment; part of every signature.
        chain_id: the ledger's.
        contract: 20 bytes, address of the registry.
        sensor: URL for `drivers.open_sensor`.
        links: URLs of the ways to the gateway, the preferred one first.
        gateway_key: the key that signs receipts and notices.
        on_ledger: whether ciphertexts go on the ledger too.
        panel: Unix socket of the agent.
        outbox_limit: most messages that may wait for a receipt.
        allow_repeats: whether the very same image may come twice; a real sensor never gives it.
        phones: Bluetooth adapter by which phones come, such as `hci0`, or empty for the first that will do;
            None if none may.
        gateway_url: of the gateway's HTTP, as phones reach it; empty if they are not to carry messages.
        requesters: display names by address.
    """

    state: Path
    environment: str
    chain_id: int
    contract: bytes
    sensor: str
    links: tuple[str, ...]
    gateway_key: Ed25519PublicKey
    on_ledger: bool
    panel: Path
    outbox_limit: int
    allow_repeats: bool
    phones: str | None
    gateway_url: str
    requesters: Mapping[bytes, str]

    @property
    def domain(self) -> Domain:
        """Where this kiosk's signatures count."""
        return Domain(self.chain_id, self.contract, self.environment)


def load(path: Path) -> EdgeConfig:
    """Read and check a configuration file.

    Raises:
        ConfigError: it is missing, no TOML, or a value is missing, unknown or wrong; the message names it.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration {path}; name it with --config FILE") from None
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file: {error}") from None
    try:
        return _config(table, path.absolute().parent)
    except (ConfigError, ContractError) as error:
        raise ConfigError(f"{path}: {error}") from None


def _config(table: dict[str, Any], directory: Path) -> EdgeConfig:
    state = directory / _take(table, "state", str)
    storage = _take(table, "storage", str, "store")
    if storage not in ("store", "ledger"):
        raise ConfigError(f'storage is "store" or "ledger", not {storage!r}')
    repeats = _take(table, "repeated_images", str, "refuse")
    if repeats not in ("refuse", "allow"):
        raise ConfigError(f'repeated_images is "refuse" or "allow", not {repeats!r}')
    config = EdgeConfig(
        state=state,
        environment=_take(table, "environment", str),
        chain_id=_take(table, "chain_id", int),
        contract=_hex(table, "contract", ADDRESS_LENGTH),
        sensor=_take(table, "sensor", str),
        links=_links(table),
        gateway_key=Ed25519PublicKey.from_public_bytes(_hex(table, "gateway_key", 32)),
        on_ledger=storage == "ledger",
        panel=directory / _take(table, "panel", str, str(state / "agent.sock")),
        outbox_limit=_take(table, "outbox_limit", int, DEFAULT_OUTBOX_LIMIT),
        allow_repeats=repeats == "allow",
        phones=_phones(_take(table, "phones", str, "")),
        gateway_url=_url(_take(table, "gateway_url", str, "")),
        requesters=_requesters(_take(table, "requesters", dict, {})),
    )
    if table:
        raise ConfigError(f"unknown setting {next(iter(table))!r}")
    if config.outbox_limit < 1:
        raise ConfigError("outbox_limit is at least 1")
    _ = config.domain  # checks chain id and environment
    return config


def _phones(url: str) -> str | None:
    try:
        return adapter_of(url) if url else None
    except AddressError as error:
        raise ConfigError(f"'phones': {error}") from None


def _url(text: str) -> str:
    if text and not text.startswith(("https://", "http://")):
        raise ConfigError(
            "'gateway_url' is the gateway's address for phones, such as https://gateway.example"
        )
    if len(text) > MAX_URL:
        raise ConfigError(f"'gateway_url' has at most {MAX_URL} characters")
    return text.rstrip("/")


def _links(table: dict[str, Any]) -> tuple[str, ...]:
    """`links`, or the one that is named as `broker`."""
    if "broker" in table:
        if "links" in table:
            raise ConfigError("give 'links' or 'broker', which is short for one link, not both")
        return (_take(table, "broker", str),)
    links = table.pop("links", None)
    if not isinstance(links, list) or not links or not all(isinstance(url, str) for url in links):
        raise ConfigError("'links' must be a list of URLs in quotes, such as [\"mqtt://127.0.0.1:1883\"]")
    return tuple(links)


def _take(table: dict[str, Any], name: str, kind: type[Value], default: Value | None = None) -> Value:
    value = table.pop(name, default)
    if value is None:
        raise ConfigError(f"{name!r} is missing")
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ConfigError(f"{name!r} must be {_KIND_WORDS[kind]}")
    return value


_KIND_WORDS: dict[type, str] = {str: "a text in quotes", int: "a whole number", dict: "a table"}


def _hex(table: dict[str, Any], name: str, length: int) -> bytes:
    text = _take(table, name, str)
    try:
        return from_hex(text, length)
    except ContractError as error:
        raise ConfigError(f"{name!r}: {error}") from None


def _requesters(table: dict[str, Any]) -> dict[bytes, str]:
    names = {}
    for address, name in table.items():
        if not isinstance(name, str) or not clean(name, NAME_LIMIT):
            raise ConfigError(f"the name of requester {address} must be a text in quotes")
        names[from_hex(address, ADDRESS_LENGTH)] = clean(name, NAME_LIMIT)
    return names


def display_name(config_names: Mapping[bytes, str], requester: bytes) -> str:
    """How a requester is shown: by the kiosk's own directory, else as unknown with the address."""
    return config_names.get(requester) or f"unknown requester {to_hex(requester)}"
