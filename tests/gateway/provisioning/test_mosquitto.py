"""Who gets what from a real mosquitto with the files that we make: each kiosk its own, strangers nothing."""

import queue
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from contracts import topics
from drivers.mqtt.broker import Broker
from drivers.mqtt.dial import Dial, Publication
from drivers.mqtt.errors import NotTakenError
from drivers.mqtt.machine import Phase, Timing
from drivers.mqtt.session import Manners, Session
from drivers.mqtt.tls import Credentials
from gateway.provisioning.authority import Authority
from gateway.provisioning.certificates import Use, key_pem, pem
from gateway.provisioning.mosquitto import GATEWAY, update_broker
from hw import broker
from hw.broker import CONNECT
from tests.gateway.provisioning.conftest import KioskSite, Site, done

TIMING = Timing(first=0.1, longest=0.4, refused=0.4)
PATIENCE = 20


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.02)


@dataclass
class Client:
    """Somebody at the broker: what it has heard, and its session."""

    dial: Dial
    will: Publication | None = None
    heard: "queue.Queue[tuple[str, bytes]]" = field(default_factory=queue.Queue)
    phases: list[Phase] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.session = Session(
            self.dial,
            lambda message: self.heard.put((message.topic, message.payload)),
            lambda state: self.phases.append(state.phase),
            lambda: Manners(self.will),
            timing=TIMING,
        )

    @property
    def losses(self) -> int:
        """How often a connection ended that nobody wanted to end."""
        return self.phases.count(Phase.DOWN)

    def up(self) -> bool:
        return self.session.is_up

    @property
    def words(self) -> str:
        failure = self.session.state.failure
        return failure.text if failure else ""


Connect = Callable[..., Client]


@pytest.fixture
def connect(site: Site) -> Iterator[Connect]:
    with ExitStack() as stack:

        def connect(
            name: str,
            credentials: Credentials | None,
            *subscriptions: str,
            to: Broker = site.broker,
            keep: int = 0,
            will: Publication | None = None,
        ) -> Client:
            client = Client(Dial(to, name, subscriptions, keep, 1 << 20, credentials), will)
            client.session.start()
            stack.callback(client.session.stop)
            return client

        yield connect


@pytest.fixture(scope="module")
def kiosks(site: Site) -> tuple[KioskSite, KioskSite]:
    first, second = site.new_kiosk("first"), site.new_kiosk("second")
    site.admit(first)
    site.admit(second)
    return first, second


@pytest.fixture
def gateway(connect: Connect, site: Site) -> Client:
    client = connect("gateway", site.credentials, topics.UP_FILTER, topics.STATUS_FILTER)
    until(client.up)
    return client


@pytest.fixture
def first(connect: Connect, kiosks: tuple[KioskSite, KioskSite]) -> Client:
    client = connect("first", kiosks[0].credentials, topics.down(kiosks[0].id))
    until(client.up)
    return client


def test_a_kiosk_and_its_gateway_speak(
    gateway: Client, first: Client, kiosks: tuple[KioskSite, KioskSite]
) -> None:
    kiosk = kiosks[0].id
    first.session.publish(Publication(topics.up(kiosk), b"a message"))
    assert gateway.heard.get(timeout=PATIENCE) == (topics.up(kiosk), b"a message")
    gateway.session.publish(Publication(topics.down(kiosk), b"a receipt"))
    assert first.heard.get(timeout=PATIENCE) == (topics.down(kiosk), b"a receipt")


def test_a_kiosk_cannot_publish_as_another(
    gateway: Client, first: Client, kiosks: tuple[KioskSite, KioskSite]
) -> None:
    mine, another = kiosks[0].id, kiosks[1].id
    for topic in (topics.up(another), topics.status(another), topics.health(another), topics.report(another)):
        with pytest.raises(NotTakenError, match="Not authorized"):
            first.session.publish(Publication(topic, b"forged", retain=True))
    with pytest.raises(NotTakenError, match="Not authorized"):
        first.session.publish(Publication(topics.down(mine), b"a forged receipt"))
    first.session.publish(Publication(topics.up(mine), b"the end"))
    assert gateway.heard.get(timeout=PATIENCE) == (topics.up(mine), b"the end")
    assert gateway.heard.empty()
    assert first.heard.empty()


@pytest.mark.parametrize("spying", ["exact", "one level", "everything"])
def test_a_kiosk_cannot_read_what_is_for_another(
    connect: Connect, gateway: Client, kiosks: tuple[KioskSite, KioskSite], spying: str
) -> None:
    """mosquitto grants the subscription all the same; what counts is that nothing is delivered."""
    mine, another = kiosks[0].id, kiosks[1].id
    wanted = {"exact": topics.down(another), "one level": "ridgekey/1/+/+", "everything": "#"}[spying]
    spy = connect("spy", kiosks[0].credentials, wanted, topics.down(mine))
    until(lambda: spy.up() or "subscription" in spy.words)
    if not spy.up():
        return  # refused at once, as later brokers do
    gateway.session.publish(Publication(topics.down(another), b"a secret of another"))
    victim = connect("victim", kiosks[1].credentials, topics.down(another))
    until(victim.up)
    victim.session.publish(Publication(topics.up(another), b"a message of another"))
    gateway.session.publish(Publication(topics.down(mine), b"the end"))
    assert spy.heard.get(timeout=PATIENCE) == (topics.down(mine), b"the end")
    heard = [spy.heard.get_nowait() for _ in range(spy.heard.qsize())]
    assert all(topic == topics.down(mine) for topic, _ in heard)


@contextmanager
def handshake(site: Site, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    with socket.create_connection(("127.0.0.1", site.port), PATIENCE) as plain:
        yield context.wrap_socket(plain, server_hostname="localhost")


def answer(site: Site, context: ssl.SSLContext) -> bytes:
    """What the broker answers to a good CONNECT; empty if it hangs up."""
    try:
        with handshake(site, context) as wire:
            wire.sendall(CONNECT)
            return wire.recv(16)
    except (ssl.SSLError, ConnectionError):
        return b""


def test_nobody_gets_in_without_a_certificate(site: Site, kiosks: tuple[KioskSite, KioskSite]) -> None:
    context = ssl.create_default_context(cafile=str(kiosks[0].credentials.authority))
    assert answer(site, context) == b""
    context.load_cert_chain(kiosks[0].credentials.own)
    assert answer(site, context)[:1] == b"\x20"  # a CONNACK: the same stranger, with a certificate


def test_a_plain_connection_is_not_answered(site: Site, connect: Connect) -> None:
    client = connect("plain", None, to=Broker("127.0.0.1", site.port))
    until(lambda: client.words)
    assert not client.up()


def test_nobody_gets_in_with_a_certificate_of_another_authority(
    site: Site, connect: Connect, kiosks: tuple[KioskSite, KioskSite], tmp_path: Path
) -> None:
    """Also if it names a kiosk: anybody can make an authority."""
    stranger = certificate_of_a_stranger(site, kiosks[0], tmp_path)
    client = connect("stranger", stranger)
    until(lambda: client.session.state.phase is Phase.REFUSED)
    assert "authority that it does not know" in client.words


def certificate_of_a_stranger(site: Site, kiosk: KioskSite, directory: Path) -> Credentials:
    """The kiosk's files, but its certificate from somebody else's authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    other = Authority.create(directory / "other", "test")
    certificate = other.issue(key.public_key(), kiosk.id, Use.CLIENT, days=1)
    (directory / "own.pem").write_bytes(key_pem(key) + pem(certificate))
    return replace(kiosk.credentials, own=directory / "own.pem")


def test_a_broker_of_another_authority_is_not_believed(site: Site, connect: Connect, tmp_path: Path) -> None:
    Authority.create(tmp_path / "other", "test")
    mistaken = replace(site.credentials, authority=tmp_path / "other" / "certificate.pem")
    client = connect("gateway", mistaken)
    until(lambda: client.session.state.phase is Phase.REFUSED)
    assert "not signed by our authority" in client.words


def test_a_broker_by_another_name_is_not_believed(
    site: Site, connect: Connect, kiosks: tuple[KioskSite, KioskSite]
) -> None:
    client = connect("first", kiosks[0].credentials, to=Broker("127.0.0.2", site.port, tls=True))
    until(lambda: client.session.state.phase is Phase.REFUSED)
    assert "for another name than 127.0.0.2" in client.words


def test_a_port_without_tls_is_named(
    connect: Connect, kiosks: tuple[KioskSite, KioskSite], tmp_path: Path
) -> None:
    with broker.start(tmp_path / "plain") as plain:
        client = connect("first", kiosks[0].credentials, to=Broker("localhost", plain.port, tls=True))
        until(lambda: client.words)
        assert not client.up()


@pytest.mark.parametrize("name", ["the gateway's", "a kiosk's"])
def test_a_kiosk_under_the_client_id_of_another_neither_puts_it_out_nor_empties_its_queue(
    site: Site, connect: Connect, kiosks: tuple[KioskSite, KioskSite], name: str
) -> None:
    """Hostile with a certificate of its own: the id that it gives counts for nothing."""
    victim, topic, sender, hostile = {
        "the gateway's": (site.credentials, topics.up(kiosks[0].id), kiosks[0].credentials, kiosks[1]),
        "a kiosk's": (kiosks[0].credentials, topics.down(kiosks[0].id), site.credentials, kiosks[1]),
    }[name]
    speaker = connect("speaker", sender, topics.down("0" * 16))
    absent = connect(victim.name(), victim, topic, keep=3600)
    until(lambda: absent.up() and speaker.up())
    absent.session.stop()
    speaker.session.publish(Publication(topic, b"kept for the absent one"))

    intruder = connect(victim.name(), hostile.credentials, topics.down(hostile.id))  # a clean start
    until(intruder.up)
    back = connect(victim.name(), victim, topic, keep=3600)
    assert back.heard.get(timeout=PATIENCE) == (topic, b"kept for the absent one")

    again = connect(
        victim.name(), hostile.credentials, topics.down(hostile.id)
    )  # while the rightful one is there
    until(again.up)
    speaker.session.publish(Publication(topic, b"to one who is still there"))
    assert back.heard.get(timeout=PATIENCE) == (topic, b"to one who is still there")
    assert (back.losses, again.heard.empty()) == (0, True)


def test_a_last_will_is_said_for_a_client_that_is_known_by_its_certificate(
    site: Site, connect: Connect, gateway: Client, kiosks: tuple[KioskSite, KioskSite]
) -> None:
    kiosk = kiosks[0]
    will = Publication(topics.status(kiosk.id), b"cut off", retain=False)
    client = connect(kiosk.id, kiosk.credentials, topics.down(kiosk.id), will=will)
    until(client.up)
    connect(
        kiosk.id, kiosk.credentials, topics.down(kiosk.id)
    )  # as the kiosk come back before its line broke
    assert gateway.heard.get(timeout=PATIENCE) == (topics.status(kiosk.id), b"cut off")


def test_a_gateway_that_was_provisioned_earlier_is_still_served(
    site: Site, connect: Connect, first: Client, kiosks: tuple[KioskSite, KioskSite], tmp_path: Path
) -> None:
    """By the name that every gateway's certificate had once."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = site.authority.issue(key.public_key(), GATEWAY, Use.CLIENT, days=1)
    (tmp_path / "own.pem").write_bytes(key_pem(key) + pem(certificate))
    update_broker(site.authority)
    assert site.running is not None
    site.running.reload()
    earlier = connect(
        "ridgekey-gateway-x", replace(site.credentials, own=tmp_path / "own.pem"), topics.UP_FILTER
    )
    until(earlier.up)
    first.session.publish(Publication(topics.up(kiosks[0].id), b"a message"))
    assert earlier.heard.get(timeout=PATIENCE) == (topics.up(kiosks[0].id), b"a message")


def test_gateways_share_under_the_access_list_too(
    connect: Connect, site: Site, first: Client, kiosks: tuple[KioskSite, KioskSite]
) -> None:
    second = site.second_gateway()
    assert site.running is not None
    site.running.reload()  # the access list has a name more
    gateways = [connect("gateway", each, topics.SHARED_UP_FILTER) for each in (site.credentials, second)]
    until(lambda: all(gateway.up() for gateway in gateways))
    for number in range(10):
        first.session.publish(Publication(topics.up(kiosks[0].id), b"%d" % number))
    until(lambda: sum(gateway.heard.qsize() for gateway in gateways) == 10)
    assert all(gateway.heard.qsize() for gateway in gateways)


def test_a_revoked_kiosk_is_out(
    site: Site, connect: Connect, gateway: Client, kiosks: tuple[KioskSite, KioskSite]
) -> None:
    """Of its topics at once, though it is connected; and of the broker at its next connection."""
    third = site.new_kiosk("third")
    site.admit(third)
    client = connect("third", third.credentials, topics.down(third.id))
    until(client.up)
    client.session.publish(Publication(topics.up(third.id), b"while it may"))
    assert gateway.heard.get(timeout=PATIENCE) == (topics.up(third.id), b"while it may")

    assert site.provision("revoke", third.id)["revoked"] == 1
    assert site.running is not None
    site.running.reload()

    def is_deaf() -> bool:
        try:
            client.session.publish(Publication(topics.up(third.id), b"after that"))
        except NotTakenError as error:
            return "Not authorized" in str(error)
        return False

    until(is_deaf)
    gateway.session.publish(Publication(topics.down(third.id), b"a secret"))
    again = connect("third again", third.credentials, topics.down(third.id))
    until(lambda: again.session.state.phase is Phase.REFUSED)
    assert "revoked" in again.words
    assert "ridgekey edge certificate request" in again.words
    assert client.heard.empty()
    assert again.heard.empty()
    still = connect("still", kiosks[1].credentials, topics.down(kiosks[1].id))
    until(still.up)  # the others are not touched by it

    client.session.stop()
    site.admit(third)  # found again: its operator lets it in, with a new key
    site.running.reload()
    back = connect("third back", third.credentials, topics.down(third.id))
    until(back.up)
    until(lambda: not is_refused(back, third.id))


def is_refused(client: Client, kiosk: str) -> bool:
    try:
        client.session.publish(Publication(topics.up(kiosk), b"again"))
    except NotTakenError:
        return True
    return False


def test_openssl_agrees_with_what_we_make(site: Site, kiosks: tuple[KioskSite, KioskSite]) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    ca, crl = site.directory / "mosquitto" / "ca.pem", site.directory / "mosquitto" / "crl.pem"
    for purpose, path in (
        ("sslserver", site.directory / "mosquitto" / "broker.pem"),
        ("sslclient", kiosks[0].state / "broker.pem"),
        ("sslclient", site.state / "broker.pem"),
    ):
        checked = subprocess.run(
            ["openssl", "verify", "-x509_strict", "-crl_check", "-CRLfile", crl, "-CAfile", ca,
             "-purpose", purpose, path],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert checked.returncode == 0, checked.stderr


def test_list_says_who_has_what(site: Site, kiosks: tuple[KioskSite, KioskSite]) -> None:
    listed = done("gateway", "provision", "list", "--config", site.config)["certificates"]
    assert isinstance(listed, list)
    names = {row["name"] for row in listed if not row["revoked"]}
    assert {"localhost", site.credentials.name(), kiosks[0].id, kiosks[1].id} <= names
