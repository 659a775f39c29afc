"""What a requester keeps: two private keys, and where its gateway, ledger and contract are."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.signing import address_of, compressed
from gateway import keyfiles
from gateway.errors import GatewayError

SIGNING_KEY_FILE = "signing.pem"
ENCRYPTION_KEY_FILE = "encryption.pem"
SETTINGS_FILE = "requester.json"
MAX_SETTINGS = 64 * 1024
REMEDY = "make one with: ridgekey requester init --state DIR"


class RequesterStateError(GatewayError):
    """The requester's state directory, or something that it should have said, is missing or damaged."""

    exit_code = 78


@dataclass(frozen=True)
class Settings:
    """What is remembered between calls; empty texts are not known.

    Attributes:
        name: How the requester calls itself, for its own use: a kiosk shows the name of its own directory.
        gateway: URL of the gateway.
        ledger: URL of a ledger node; best the requester's own, as its word is taken on what is granted.
        contract: Address of the contract, hex.
        environment: Name of the deployment.
    """

    name: str = ""
    gateway: str = ""
    ledger: str = ""
    contract: str = ""
    environment: str = ""

    def with_given(self, **given: str | None) -> "Settings":
        """These settings, with those that a command line gives instead."""
        return replace(self, **{name: value for name, value in given.items() if value})

    def need(self, name: str) -> str:
        """A setting that cannot be done without.

        Raises:
            RequesterStateError: It is neither given nor remembered.
        """
        value: str = getattr(self, name)
        if not value:
            raise RequesterStateError(f"--{name} is needed: give it here, or to `ridgekey requester init`")
        return value


@dataclass(frozen=True)
class Requester:
    """A requester with its keys.

    Attributes:
        signing_key: secp256k1; its address is the requester on the ledger.
        encryption_key: X25519; data keys are sealed to it.
        settings: What is remembered.
    """

    signing_key: ec.EllipticCurvePrivateKey
    encryption_key: X25519PrivateKey
    settings: Settings

    @property
    def public_key(self) -> bytes:
        """The compressed signing key, 33 bytes."""
        return compressed(self.signing_key.public_key())

    @property
    def address(self) -> bytes:
        """The requester's address, 20 bytes."""
        return address_of(self.public_key)

    def __repr__(self) -> str:
        return f"Requester(0x{self.address.hex()})"


def create(state: Path, settings: Settings) -> Requester:
    """Make a requester's keys and remember its settings.

    Raises:
        KeyFileError: The directory cannot be made, or has keys already.
    """
    keyfiles.make_directory(state)
    requester = Requester(ec.generate_private_key(ec.SECP256K1()), X25519PrivateKey.generate(), settings)
    keyfiles.create(state / SIGNING_KEY_FILE, requester.signing_key)
    keyfiles.create(state / ENCRYPTION_KEY_FILE, requester.encryption_key)
    try:
        (state / SETTINGS_FILE).write_text(json.dumps(asdict(settings), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise RequesterStateError(f"cannot write {state / SETTINGS_FILE}: {error.strerror}") from None
    return requester


def load(state: Path) -> Requester:
    """Read a requester's keys and settings.

    Raises:
        KeyFileError, RequesterStateError: Missing or damaged.
    """
    signing_key = keyfiles.load(state / SIGNING_KEY_FILE, ec.EllipticCurvePrivateKey, REMEDY)
    encryption_key = keyfiles.load(state / ENCRYPTION_KEY_FILE, X25519PrivateKey, REMEDY)
    path = state / SETTINGS_FILE
    try:
        with path.open(encoding="utf-8") as file:
            settings = Settings(**json.loads(file.read(MAX_SETTINGS)))
    except (OSError, ValueError, TypeError) as error:
        raise RequesterStateError(f"cannot read the settings in {path}: {error}") from None
    return Requester(signing_key, encryption_key, settings)
