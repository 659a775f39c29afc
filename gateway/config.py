"""What the gateway's operator decides, read once from a TOML file and checked before anything starts."""

import ssl
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.cose import kid_of
from contracts.errors import ContractError
from contracts.hexes import from_hex
from drivers.bluetooth.address import adapter_of
from drivers.bluetooth.errors import AddressError
from gateway.errors import GatewayError
from gateway.journal import JOURNAL_FILE
from gateway.ledger.access import LedgerAccess, parse_access
from gateway.ledger.errors import LedgerConfigurationError
from gateway.relay.policy import Policy, PolicyError, parse_policy

DEFAULT_LISTEN = "127.0.0.1:8700"
DEFAULT_LEDGER_LISTEN = "127.0.0.1:8545"  # where Ethereum's tools look for a node
DEFAULT_CONFIRMATIONS = 1
"""One block is final on a ledger of one node; set more where several nodes take turns."""
MAX_CONFIRMATIONS = 1000
MAX_CONFIG_FILE = 4 << 20
MAX_ENVIRONMENT = 64

KNOWN = {
    "state", "environment", "broker", "listen", "ledger", "ledger_listen", "chain_id", "contract",
    "confirmations", "relay", "passphrase_file", "kiosks", "shared", "bluetooth",
    "tls_certificate", "tls_key", "journal",
}  # fmt: skip


class ConfigError(GatewayError):
    """The configuration is missing or says something that cannot be followed."""

    exit_code = 78


@dataclass(frozen=True)
class GatewayConfig:
    """The settings of one gateway.

    Attributes:
        state: Directory of keys, journal, objects and the embedded ledger.
        environment: Name of the deployment; signatures made for one environment are void in another.
        broker: `mqtt://host:port`, or `mqtts:` with the certificates of `ridgekey gateway provision`; None
            where kiosks come by Bluetooth alone.
        bluetooth: Adapter by which kiosks come, such as `hci0`, or empty for the first that will do; None
            where they come by the broker alone.
        listen: Host and port of the HTTP interface for requesters; port 0 takes a free one.
        ledger: How to reach a ledger's JSON-RPC, or None for the embedded one.
        ledger_listen: Host and port of the embedded ledger.
        chain_id: Chain id that the ledger must have; None accepts any.
        contract: Address of the contract, or None to deploy one at the first run.
        relay: How the relay goes about it.
        passphrase_file: With the passphrase of the relayers' keys; None for the usual places.
        kiosks: Directory of the kiosks that are listened to: kid to public key.
        tls: Certificate (with its chain) and key of the HTTP interface, PEM files; None for plain HTTP.
        shared: Whether other gateways share the kiosks' messages, each of which goes to one of them.
        journal: The journal's file, in the state directory; or the URL of a PostgreSQL database, which other
            gateways may share.
    """

    state: Path
    journal: Path | str
    environment: str
    broker: str | None
    bluetooth: str | None
    listen: tuple[str, int]
    ledger: LedgerAccess | None
    ledger_listen: tuple[str, int]
    chain_id: int | None
    contract: bytes | None
    relay: Policy
    passphrase_file: Path | None
    kiosks: Mapping[bytes, Ed25519PublicKey]
    tls: tuple[Path, Path] | None = None
    shared: bool = False


def load_config(path: Path) -> GatewayConfig:
    """Read and check `gateway.toml`. A relative `state` is taken from the file's own directory.

    Raises:
        ConfigError: Missing, not TOML, or a setting that is unknown, missing or ill-formed.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_CONFIG_FILE).decode()
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration {path}; see: ridgekey gateway run --help") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the configuration {path}: {error}") from None
    try:
        return parse_config(tomllib.loads(text), path.parent)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse_config(settings: dict[str, Any], directory: Path) -> GatewayConfig:
    """Check the settings of a configuration whose relative paths start at `directory`.

    Raises:
        ConfigError: A setting is unknown, missing or ill-formed.
    """
    unknown = sorted(settings.keys() - KNOWN)
    if unknown:
        raise ConfigError(f"unknown setting {unknown[0]!r}; known are {', '.join(sorted(KNOWN))}")
    bluetooth = _bluetooth(settings)
    broker = _text(settings, "broker", None if bluetooth is None else "")
    if broker:
        check_url(broker, "broker", ("mqtt", "mqtts"))
    environment = _text(settings, "environment")
    if not 0 < len(environment) <= MAX_ENVIRONMENT:
        raise ConfigError(f"'environment' must have 1 to {MAX_ENVIRONMENT} characters")
    contract = _text(settings, "contract", "")
    return GatewayConfig(
        state=directory / _text(settings, "state"),
        journal=_journal(settings) or directory / _text(settings, "state") / JOURNAL_FILE,
        environment=environment,
        broker=broker or None,
        bluetooth=bluetooth,
        listen=parse_listen(_text(settings, "listen", DEFAULT_LISTEN), "listen"),
        ledger=_ledger(settings.get("ledger"), directory),
        ledger_listen=parse_listen(_text(settings, "ledger_listen", DEFAULT_LEDGER_LISTEN), "ledger_listen"),
        chain_id=_number(settings, "chain_id", None, 2**53),
        contract=_hex(contract, 20, "contract") if contract else None,
        passphrase_file=directory / _text(settings, "passphrase_file")
        if "passphrase_file" in settings
        else None,
        relay=_policy(settings, is_external=bool(settings.get("ledger"))),
        kiosks=_kiosks(settings.get("kiosks", {})),
        tls=_tls(settings, directory),
        shared=_truth(settings, "shared"),
    )


def _journal(settings: dict[str, Any]) -> str:
    url = _text(settings, "journal", "")
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        words = {name for name, _ in parse_qsl(parts.query)}
    except ValueError:
        raise ConfigError("'journal' is not a URL") from None
    if parts.scheme not in ("postgresql", "postgres") or not url.startswith(f"{parts.scheme}://"):
        raise ConfigError("'journal' must be a URL like postgresql://ridgekey@db.example/ridgekey")
    if parts.password is not None or words & {"password", "sslpassword"}:
        raise ConfigError("'journal' must not contain a password; put it in ~/.pgpass, or ?passfile=FILE")
    if not (settings.get("ledger") and settings.get("contract")):
        raise ConfigError("'journal' needs 'ledger' and 'contract', which all who share it have in common")
    return url


def _tls(settings: dict[str, Any], directory: Path) -> tuple[Path, Path] | None:
    """Certificate and key of the HTTP interface, checked to fit each other.

    Raises:
        ConfigError: One is given without the other, or they cannot be used.
    """
    names = "tls_certificate", "tls_key"
    given = [directory / _text(settings, name) for name in names if name in settings]
    if not given:
        return None
    if len(given) == 1:
        raise ConfigError("'tls_certificate' and 'tls_key' go together")
    certificate, key = given
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError among them
        raise ConfigError(f"cannot use {certificate} with {key}: {error.strerror or error}") from None
    return certificate, key


def parse_listen(text: str, name: str) -> tuple[str, int]:
    """Host and port out of `host:port`.

    Raises:
        ConfigError: It isn't of that form.
    """
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65536):
        raise ConfigError(f"'{name}' must be HOST:PORT, for example 127.0.0.1:8700, not {text[:80]!r}")
    return host.strip("[]"), int(port)


def check_url(text: str, name: str, schemes: tuple[str, ...]) -> None:
    """Check that a setting is a URL with a host.

    Raises:
        ConfigError: It isn't.
    """
    try:
        parts = urlsplit(text)
        good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ConfigError(f"'{name}' must be a URL like {schemes[0]}://127.0.0.1:1883, not {text[:80]!r}")


def _ledger(setting: object, directory: Path) -> LedgerAccess | None:
    if setting in (None, ""):
        return None
    try:
        return parse_access(setting, directory)
    except LedgerConfigurationError as error:
        raise ConfigError(str(error)) from None


def _text(settings: dict[str, Any], name: str, default: str | None = None) -> str:
    value = settings.get(name, default)
    if value is None:
        raise ConfigError(f"the setting '{name}' is missing")
    if not isinstance(value, str):
        raise ConfigError(f"'{name}' must be a text in quotes")
    return value


def _bluetooth(settings: dict[str, Any]) -> str | None:
    url = _text(settings, "bluetooth", "")
    try:
        return adapter_of(url) if url else None
    except AddressError as error:
        raise ConfigError(f"'bluetooth': {error}") from None


def _number(settings: dict[str, Any], name: str, default: int | None, most: int) -> int | None:
    value = settings.get(name, default)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= most):
        raise ConfigError(f"'{name}' must be a whole number from 1 to {most}")
    return value


def _truth(settings: dict[str, Any], name: str) -> bool:
    value = settings.get(name, False)
    if not isinstance(value, bool):
        raise ConfigError(f"'{name}' must be true or false")
    return value


def _hex(text: str, length: int, name: str) -> bytes:
    try:
        return from_hex(text, length)
    except ContractError as error:
        raise ConfigError(f"'{name}': {error}") from None


def _policy(settings: dict[str, Any], *, is_external: bool) -> Policy:
    confirmations = _number(settings, "confirmations", DEFAULT_CONFIRMATIONS, MAX_CONFIRMATIONS) or 1
    try:
        return replace(parse_policy(settings.get("relay", {}), is_external), confirmations=confirmations)
    except PolicyError as error:
        raise ConfigError(str(error)) from None


def _kiosks(table: object) -> Mapping[bytes, Ed25519PublicKey]:
    if not isinstance(table, dict):
        raise ConfigError('\'kiosks\' must be a table: [kiosks] with lines like "KIOSK ID" = "PUBLIC KEY"')
    directory: dict[bytes, Ed25519PublicKey] = {}
    for kiosk, text in table.items():
        key = Ed25519PublicKey.from_public_bytes(_hex(str(text), 32, f"kiosks.{kiosk}"))
        kid = kid_of(key)
        if kid.hex() != kiosk:
            raise ConfigError(f"the public key given for kiosk {kiosk} belongs to kiosk {kid.hex()}")
        directory[kid] = key
    return MappingProxyType(directory)
