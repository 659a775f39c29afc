"""The gateway as one process: its parts, its threads, and how it starts and ends.

Threads beside the main one: the links' (messages in), one for each half of the relay and one for the sending
between them, one that greets kiosks with the requests that wait for them, one that keeps this gateway's part
of a shared journal, and uvicorn's (requesters and carriers). The main thread watches over the embedded ledger
and waits for the end. They meet in the journal. An error after which going on would lose something, such as a
full disk, ends the process; what was not acknowledged comes again.
"""

import fcntl
import logging
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts.acts import ActKind
from contracts.eip712 import Domain
from contracts.hexes import checksum_address
from contracts.labels import clean
from drivers.mqtt.broker import Broker
from drivers.mqtt.errors import CredentialsError
from gateway import keyfiles
from gateway.api import Api
from gateway.calls import Calls
from gateway.config import DEFAULT_CHAIN_ID, ConfigError, GatewayConfig
from gateway.desk import RequestDesk
from gateway.entries import Entry, State
from gateway.fleet.attendant import Attendant
from gateway.fleet.book import KioskBook
from gateway.intake import Intake
from gateway.journal import Journal
from gateway.journal.objects import SharedObjects
from gateway.ledger.access import LedgerAccess
from gateway.ledger.account import Relayer
from gateway.ledger.client import LedgerClient
from gateway.ledger.errors import LedgerError
from gateway.ledger.node.server import listen
from gateway.ledger.registry import Registry
from gateway.links.link import Link
from gateway.links.mqtt import MqttLink
from gateway.node_process import NodeProcess
from gateway.notices import Notices
from gateway.provisioning import own
from gateway.provisioning.cli import AUTHORITY
from gateway.relay import Relay
from gateway.relayers import funding, keyring
from gateway.store import Objects, ObjectStore
from gateway.worker import Bell, Worker

LOG = logging.getLogger(__name__)

GATEWAY_KEY_FILE = "gateway.pem"
CONTRACT = "contract"  # fact in the journal, with the chain: what this gateway deployed there
DOMAIN = "domain"  # fact in a shared journal: what all who share it serve
INIT_REMEDY = "make one with: ridgekey gateway init --state DIR"

WATCH_SECONDS = 0.5
"""Between two looks at the embedded ledger."""
MAX_CONNECTIONS = 200
"""Of requesters at once; more are told to come back."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds of back-off while the ledger does not answer: doubled from the first to the longest."""


class Gateway:
    """A running gateway; a context manager that ends everything it started."""

    def __init__(self, config: GatewayConfig) -> None:
        """Prepare; nothing runs before `__enter__`."""
        self._config = config
        self._stop, self._bell = threading.Event(), Bell()
        self._error: Exception | None = None
        self._counts: Counter[str] = Counter()
        self._node: NodeProcess | None = None
        self._links: list[Link] = []
        self._kiosks = dict(config.kiosks)
        """Who is listened to; changed in place, as every part that verifies has it."""
        self._exit = ExitStack()

    def __enter__(self) -> "Gateway":
        try:
            self._start()
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._bell.ring()
        self._exit.close()

    def stop(self) -> None:
        """End `wait`; safe in a signal handler."""
        self._stop.set()

    def wait(self) -> None:
        """Watch over the embedded ledger until `stop`.

        Raises:
            GatewayError: Something broke that the gateway cannot go on without.
        """
        while not self._stop.wait(WATCH_SECONDS):
            if self._node is not None:
                self._node.check()
            self._attendant.attend()
        if self._error is not None:
            raise self._error

    def listen_to(self, kiosks: Mapping[bytes, Ed25519PublicKey]) -> None:
        """Replace the directory of kiosks, as it was read again; others are no longer heard."""
        for kid in self._kiosks.keys() - kiosks.keys():
            del self._kiosks[kid]
        self._kiosks.update(kiosks)

    # Start

    def _start(self) -> None:
        config = self._config
        keyfiles.make_directory(config.state)
        self._exit.enter_context(_alone(config.state))
        self._gateway_key = keyfiles.load(config.state / GATEWAY_KEY_FILE, Ed25519PrivateKey, INIT_REMEDY)
        relayers = keyring.load(config.state, config.passphrase_file)
        if all(relayer.address in config.relay.retired for relayer in relayers):
            raise ConfigError("all relayers are retired; add one with: ridgekey gateway keys add")
        relayer = relayers[0]
        self._journal = Journal(config.journal)
        self._exit.callback(self._journal.close)
        shared = self._journal.shared
        store = SharedObjects(shared) if shared else ObjectStore(config.state / "objects")
        socket = self._exit.enter_context(listen(*config.listen))
        host, port = socket.getsockname()[:2]
        scheme = "https" if config.tls else "http"
        self.http_url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
        self._client = self._exit.enter_context(LedgerClient(self._ledger(relayer)))
        if self._node is not None:
            funding.share(self._client, relayers)
        self._registry = self._contract(relayer)
        self.domain = Domain(self._client.chain_id(), self._registry.contract, config.environment)
        self._connect(store, relayers)
        self._serve(store, socket)
        if shared:
            self._agree()
        self._journal.join([relayer.address for relayer in relayers])
        relay = self._relay
        turns = [relay.prepare, relay.send, relay.confirm, self._notices.greet]
        if shared:
            turns.append(self._keep)
        for turn in turns:
            worker = Worker(turn, self._bell, self._stop)
            thread = threading.Thread(target=self._work, args=(worker,), name=turn.__name__)
            thread.start()
            self._exit.callback(thread.join)
        self._exit.callback(self._bell.ring)
        self._exit.callback(self._stop.set)

    def _ledger(self, relayer: Relayer) -> str | LedgerAccess:
        """The external ledger, or the URL of the embedded one, which is started."""
        config = self._config
        if config.ledger:
            return config.ledger
        self._node = NodeProcess(
            config.state / "ledger",
            config.ledger_listen,
            config.chain_id or DEFAULT_CHAIN_ID,
            relayer.address,
        )
        self._exit.callback(self._node.stop)
        return self._node.url

    def _contract(self, relayer: Relayer) -> Registry:
        """The contract of the configuration, or the one deployed at the first run; checked to be ours."""
        config = self._config
        if config.chain_id is not None:
            self._client.check_chain(config.chain_id)
        deployed = f"{CONTRACT} on chain {self._client.chain_id()}"
        address = config.contract or self._journal.fact(deployed)
        if address is None:
            registry = Registry.deploy(self._client, relayer, config.environment)
            self._journal.remember(deployed, registry.contract)
            return registry
        registry = Registry(self._client, address)
        registry.check(config.environment)
        return registry

    def _agree(self) -> None:
        """Whoever takes over an act must be able to bring it where it belongs."""
        domain = self.domain
        own = f"{domain.environment}, chain {domain.chain_id}, contract {checksum_address(domain.contract)}"
        known = self._journal.fact(DOMAIN)
        if known is None:
            self._journal.remember(DOMAIN, own.encode())
        elif known != own.encode():
            raise ConfigError(
                f"the shared journal is of {clean(known.decode(), 200)}, and this gateway of {own};"
                " give it another database"
            )

    def _connect(self, store: Objects, relayers: Sequence[Relayer]) -> None:
        """The parts between kiosks and ledger."""
        config, environment = self._config, self._config.environment
        self._desk = RequestDesk(self._journal, self._registry, self.domain, self._bell.ring)
        self._intake = Intake(
            self._journal,
            self._kiosks,
            self.domain,
            self._send,
            self._bell.ring,
            self._counts,
            config.relay.kiosk,
        )
        self._notices = Notices(self._journal, self._desk.is_open, environment, self._gateway_key, self._send)
        self._relay = Relay(
            self._journal, store, self._registry, relayers, self.domain, self._gateway_key,
            config.relay, Calls(self._registry, self._journal, self._kiosks, self.domain),
            self._settled, self._counts,
        )  # fmt: skip
        book = KioskBook(config.state)
        self._exit.callback(book.close)
        self._attendant = Attendant(
            book,
            self._kiosks,
            environment,
            self._gateway_key,
            config.state / AUTHORITY,
            self._send,
            self._appeared,
        )
        self._open_links(relayers[0])

    def _open_links(self, relayer: Relayer) -> None:
        """The ways to the kiosks; from here on they are heard.

        At the broker each gateway is known by its relayer: several may have one key for receipts.
        """
        config = self._config
        if config.broker is not None:
            client_id = f"ridgekey-gateway-{relayer.address.hex()}"
            broker = Broker.of(config.broker)
            credentials = own.credentials(config.state) if broker.tls else None
            link = MqttLink(
                broker,
                client_id,
                self._receive,
                self._hear,
                shared=config.shared,
                credentials=credentials,
            )
            self._add_link(link)
        if config.bluetooth is not None:
            self._add_link(self._bluetooth(config.bluetooth))

    def _bluetooth(self, adapter: str) -> Link:
        try:  # a gateway without Bluetooth does without its packages
            from gateway.links.ble import BleLink
        except ModuleNotFoundError as error:
            raise ConfigError(f"{error}; install it with: pip install 'ridgekey[ble]'") from None
        key, environment = self._gateway_key, self._config.environment
        return BleLink(adapter, key, self._kiosks, environment, self._receive, self._appeared)

    def _add_link(self, link: Link) -> None:
        self._links.append(link)
        self._exit.callback(link.close)

    def _serve(self, store: Objects, socket: Any) -> None:
        api = Api(
            self._intake, self._journal, self._desk, self._registry, store, self.domain, self.health,
            self._fail,
        )  # fmt: skip
        certificate, key = self._config.tls or (None, None)
        server = uvicorn.Server(
            uvicorn.Config(
                api.application(),
                log_level="warning",
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=2,
                server_header=False,
                limit_concurrency=MAX_CONNECTIONS,
                ssl_certfile=certificate,
                ssl_keyfile=key,
            )
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, name="http")
        thread.start()
        self._exit.callback(thread.join)
        self._exit.callback(setattr, server, "should_exit", True)

    # What others ask of it

    @property
    def public_key(self) -> str:
        """The gateway's Ed25519 key, hex: what kiosks check receipts with."""
        return self._gateway_key.public_key().public_bytes_raw().hex()

    def description(self) -> dict[str, Any]:
        """Where everything is, for the readiness line."""
        return {
            "http": self.http_url,
            "ledger": self._client.url,
            "contract": checksum_address(self.domain.contract),
            "chain_id": self.domain.chain_id,
            "environment": self.domain.environment,
            "gateway_key": self.public_key,
        }

    def health(self) -> dict[str, Any]:
        """What works now, and what has happened."""
        try:
            ledger = self._client.chain_id() == self.domain.chain_id
        except LedgerError:
            ledger = False
        links = {link.name: link.connected for link in self._links}
        under_way = self._journal.count_under_way()
        return {
            "ok": ledger and all(links.values()),
            "ledger_answers": ledger,
            "links": links,
            "certificate_days": self._certificate_days(),
            "under_way": sum(under_way.values()),
            "states": under_way,
            "counts": dict(self._counts),
            **self.description(),
        }

    def _certificate_days(self) -> int | None:
        """Days until this gateway's certificate for the broker ends; None where it needs or has none."""
        if not (self._config.broker or "").startswith("mqtts:"):
            return None
        try:
            return (own.credentials(self._config.state).expiry() - datetime.now(UTC)).days
        except CredentialsError:
            return None

    # Threads

    def _work(self, worker: Worker) -> None:
        try:
            worker.run()
        except Exception as error:  # noqa: BLE001 - raised again by `wait`, in the main thread
            self._fail(error)

    def _receive(self, kiosk_id: str, payload: bytes) -> None:
        try:
            self._intake.receive(kiosk_id, payload)
        except Exception as error:
            self._fail(error)
            raise

    def _hear(self, word: str, kiosk_id: str, payload: bytes) -> None:
        try:
            self._attendant.hear(word, kiosk_id, payload)
        except Exception as error:
            self._fail(error)
            raise

    def _fail(self, error: Exception) -> None:
        self._error = self._error or error
        self._stop.set()

    def _keep(self) -> bool:
        """Keep what is ours of a shared journal; the dead may have had requests to announce."""
        is_more = self._journal.keep()
        if is_more:
            for kiosk in list(self._kiosks):
                self._notices.appeared(kiosk)
        return is_more

    def _settled(self, entry: Entry) -> None:
        """An act is over: answer the kiosk, or tell kiosks of a request."""
        if entry.kiosk is not None and entry.receipt is not None:
            self._send(entry.kiosk.hex(), entry.receipt)
        if entry.kind is ActKind.REQUEST and entry.state is State.FINAL:
            self._notices.announce(entry)

    def _send(self, kiosk_id: str, message: bytes) -> None:
        """Over every link that takes it: none knows whether another delivers, and twice does no harm."""
        for link in self._links:
            link.send(kiosk_id, message)

    def _appeared(self, kiosk_id: str) -> None:
        kiosk = bytes.fromhex(kiosk_id)
        if kiosk in self._kiosks:
            self._notices.appeared(kiosk)
            self._bell.ring()


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Hold the lock of a state directory: two gateways with its relayers would take the same nonces."""
    try:
        with (state / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
    except BlockingIOError:
        raise ConfigError(f"another gateway runs on {state}; stop it first") from None
    except OSError as error:
        raise ConfigError(f"cannot write in the state directory {state}: {error.strerror}") from None
