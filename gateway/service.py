"""The gateway as one process: its parts, its threads, and how it starts and ends.

Threads beside the main one: the links' (messages in), one for each half of the relay and one for the sending
between them, one that greets kiosks with the requests that wait for them, one that looks after recoveries of
identities, one that keeps this gateway's part of a shared journal, and uvicorn's (requesters and carriers).
The main thread watches over the embedded ledger and waits for the end. They meet in the journal. An error
after which going on would lose something, such as a full disk, ends the process; what was not acknowledged
comes again.
"""

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts.acts import ActKind
from contracts.eip712 import Domain
from contracts.hexes import checksum_address
from gateway import keyfiles, premises, web
from gateway.api import Api
from gateway.calls import Calls
from gateway.certificates import Certificates
from gateway.config import ConfigError, GatewayConfig
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
from gateway.links.link import Link
from gateway.links.opening import open_links
from gateway.node_process import NodeProcess
from gateway.notices import Notices
from gateway.provisioning.authority import AUTHORITY
from gateway.recoveries import Recoveries
from gateway.relay import Relay
from gateway.relayers import funding, keyring
from gateway.store import Objects, ObjectStore
from gateway.worker import Bell, Worker

GATEWAY_KEY_FILE = "gateway.pem"
INIT_REMEDY = "make one with: ridgekey gateway init --state DIR"

WATCH_SECONDS = 0.5
"""Between two looks at the embedded ledger."""


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
        with_certificates = (config.broker or "").startswith("mqtts:")
        self._certificates = Certificates(config.state if with_certificates else None, self._links)
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
            self._certificates.remind()
        if self._error is not None:
            raise self._error

    def listen_to(self, kiosks: Mapping[bytes, Ed25519PublicKey]) -> None:
        """Replace the directory of kiosks, as it was read again; others are neither heard nor told anything.

        Bluetooth looks there every second, and shows those out who are gone.
        """
        for kid in self._kiosks.keys() - kiosks.keys():
            del self._kiosks[kid]
        self._kiosks.update(kiosks)

    # Start

    def _start(self) -> None:
        config = self._config
        keyfiles.make_directory(config.state)
        self._exit.enter_context(premises.alone_in(config.state))
        self._gateway_key = keyfiles.load(config.state / GATEWAY_KEY_FILE, Ed25519PrivateKey, INIT_REMEDY)
        relayers = self._relayers()
        self._journal = Journal(config.journal)
        self._exit.callback(self._journal.close)
        shared = self._journal.shared
        store = SharedObjects(shared) if shared else ObjectStore(config.state / "objects")
        listener = self._exit.enter_context(listen(*config.listen))
        self._http_url = web.url_of(listener, tls=config.tls is not None)
        self._stand_on_ledger(relayers)
        if shared:
            premises.agree(self._journal, self.domain)
        self._connect(store, relayers)
        self._open_links(relayers[0])
        self._serve(store, listener)
        self._journal.join([relayer.address for relayer in relayers])
        relay = self._relay
        turns = [relay.prepare, relay.send, relay.confirm, self._notices.greet, self._recoveries.turn]
        self._run([*turns, self._keep] if shared else turns)

    def _relayers(self) -> list[Relayer]:
        config = self._config
        relayers = keyring.load(config.state, config.passphrase_file)
        if all(relayer.address in config.relay.retired for relayer in relayers):
            raise ConfigError("all relayers are retired; add one with: ridgekey gateway keys add")
        return relayers

    def _stand_on_ledger(self, relayers: Sequence[Relayer]) -> None:
        """Reach the ledger, or start the embedded one, and find the contract there."""
        config, first = self._config, relayers[0]
        if config.ledger is None:
            self._node = premises.embedded_ledger(config, first.address)
            self._exit.callback(self._node.stop)
            access: str | LedgerAccess = self._node.url
        else:
            access = config.ledger
        self._client = self._exit.enter_context(LedgerClient(access))
        if self._node is not None:
            funding.share(self._client, relayers)
        self._registry = premises.contract_of(config, self._client, self._journal, first)
        self.domain = Domain(self._client.chain_id(), self._registry.contract, config.environment)

    def _connect(self, store: Objects, relayers: Sequence[Relayer]) -> None:
        """The parts between kiosks and ledger."""
        config, environment = self._config, self._config.environment
        self._desk = RequestDesk(
            self._journal, self._registry, self.domain, self._bell.ring, config.relay.requests
        )
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
        self._recoveries = Recoveries(
            self._journal,
            self._registry,
            environment,
            self._gateway_key,
            config.relay.confirmations,
            self._send,
            self._complete,
        )
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

    def _open_links(self, relayer: Relayer) -> None:
        """The ways to the kiosks; from here on they are heard."""
        for link in open_links(
            self._config,
            relayer.address,
            self._gateway_key,
            self._kiosks,
            self._receive,
            self._hear,
            self._appeared,
        ):
            self._links.append(link)
            self._exit.callback(link.close)

    def _serve(self, store: Objects, listener: socket.socket) -> None:
        api = Api(
            self._intake, self._journal, self._desk, self._registry, store, self.domain, self.health,
            self._fail,
        )  # fmt: skip
        self._exit.enter_context(web.served(api.application(), listener, self._config.tls))

    def _run(self, turns: Sequence[Callable[[], bool]]) -> None:
        """A thread for each turn, until the end."""
        for turn in turns:
            worker = Worker(turn, self._bell, self._stop)
            thread = threading.Thread(target=self._work, args=(worker,), name=turn.__qualname__)
            thread.start()
            self._exit.callback(thread.join)
        self._exit.callback(self._bell.ring)
        self._exit.callback(self._stop.set)

    # What others ask of it

    @property
    def public_key(self) -> str:
        """The gateway's Ed25519 key, hex: what kiosks check receipts with."""
        return self._gateway_key.public_key().public_bytes_raw().hex()

    def description(self) -> dict[str, Any]:
        """Where everything is, for the readiness line."""
        return {
            "http": self._http_url,
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
            **self._certificates.health(),
            "under_way": sum(under_way.values()),
            "states": under_way,
            "counts": dict(self._counts),
            **self.description(),
        }

    # Threads

    def _work(self, worker: Worker) -> None:
        try:
            worker.run()
        except Exception as error:  # noqa: BLE001 - raised again by `wait`, in the main thread
            self._fail(error)

    def _receive(self, kiosk_id: str, payload: bytes, again: bool) -> None:
        with self._fatal():
            self._intake.receive(kiosk_id, payload, again=again)

    def _hear(self, word: str, kiosk_id: str, payload: bytes) -> None:
        with self._fatal():
            self._attendant.hear(word, kiosk_id, payload)

    @contextmanager
    def _fatal(self) -> Iterator[None]:
        """What goes wrong inside ends the gateway, and leaves the message unacknowledged."""
        try:
            yield
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
        """Over every link that takes it: none knows whether another delivers, and twice does no harm.

        Who has been taken out of the directory is told nothing, though people may have enrolled there.
        """
        if bytes.fromhex(kiosk_id) not in self._kiosks:
            return
        for link in self._links:
            link.send(kiosk_id, message)

    def _appeared(self, kiosk_id: str) -> None:
        kiosk = bytes.fromhex(kiosk_id)
        if kiosk in self._kiosks:
            self._notices.appeared(kiosk)
            self._recoveries.appeared(kiosk)
            self._bell.ring()

    def _complete(self, data: bytes) -> None:
        self._relay.signing.want(data)
        self._bell.ring()
