"""TLS that fails: each failure is told apart, and says what to do."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from drivers.mqtt import tls
from drivers.mqtt.broker import Broker
from drivers.mqtt.connection import Connection
from drivers.mqtt.dial import Dial
from drivers.mqtt.errors import CredentialsError
from drivers.mqtt.machine import Failure, Fault, Version
from drivers.mqtt.tls import Credentials
from gateway.provisioning.authority import Authority
from gateway.provisioning.certificates import Use, key_pem, pem

NOW = datetime.now(UTC)


def own(authority: Authority, path: Path, use: Use, now: datetime, *hosts: str) -> Path:
    """A key and its certificate, valid for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority.issue(key.public_key(), "somebody", use, days=1, hosts=hosts, now=now)
    path.write_bytes(key_pem(key) + pem(certificate))
    return path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("authority"), "test", NOW - timedelta(days=30))


@pytest.fixture
def credentials(authority: Authority, tmp_path: Path) -> Credentials:
    mine = own(authority, tmp_path / "own.pem", Use.CLIENT, NOW)
    return Credentials(authority.directory / "certificate.pem", mine, "make another")


@contextmanager
def server(path: Path) -> Iterator[int]:
    """Shakes hands as a broker with this certificate would, and hangs up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            try:
                with context.wrap_socket(listener.accept()[0], server_side=True):
                    pass
            except OSError:
                pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


def failure(port: int, credentials: Credentials, host: str = "localhost") -> Failure | None:
    """How opening a connection fails."""
    dial = Dial(Broker(host, port, tls=True), "me", [], 0, 1000, credentials)
    connection = Connection(dial, Version.V5, None, lambda *_: None, lambda *_: None)
    try:
        return connection.open()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("begins", "host", "words"),
    [
        (NOW - timedelta(days=3), "localhost", "has ended, and this machine's clock says"),
        (NOW + timedelta(days=3), "localhost", "not valid yet, and this machine's clock says"),
        (NOW, "elsewhere", "for another name than localhost"),
    ],
    ids=["ended", "clock behind", "another name"],
)
def test_a_broker_s_certificate_that_does_not_hold(
    authority: Authority, credentials: Credentials, tmp_path: Path, begins: datetime, host: str, words: str
) -> None:
    with server(own(authority, tmp_path / "broker.pem", Use.BROKER, begins, host)) as port:
        failed = failure(port, credentials)
    assert failed is not None
    assert failed.fault is Fault.IDENTITY
    assert words in failed.text


def test_when_the_broker_s_certificate_ends_is_known(
    authority: Authority, credentials: Credentials, tmp_path: Path
) -> None:
    with server(own(authority, tmp_path / "broker.pem", Use.BROKER, NOW, "localhost")) as port:
        dial = Dial(Broker("localhost", port, tls=True), "me", [], 0, 1000, credentials)
        connection = Connection(dial, Version.V5, None, lambda *_: None, lambda *_: None)
        assert connection.peer_certificate_end is None
        assert connection.open() is None
        assert connection.peer_certificate_end is not None
        assert abs(connection.peer_certificate_end - NOW - timedelta(days=1)) < timedelta(hours=1)
        connection.close()


def test_a_broker_of_another_authority(credentials: Credentials, tmp_path: Path) -> None:
    other = Authority.create(tmp_path / "other", "test")
    with server(own(other, tmp_path / "broker.pem", Use.BROKER, NOW, "localhost")) as port:
        failed = failure(port, credentials)
    assert failed is not None
    assert (failed.fault, "our authority" in failed.text) == (Fault.IDENTITY, True)


def test_a_client_that_poses_as_the_broker(
    authority: Authority, credentials: Credentials, tmp_path: Path
) -> None:
    with server(own(authority, tmp_path / "broker.pem", Use.CLIENT, NOW, "localhost")) as port:
        failed = failure(port, credentials)
    assert failed is not None
    assert (failed.fault, "does not hold" in failed.text) == (Fault.IDENTITY, True)


def test_a_port_that_speaks_no_tls(credentials: Credentials) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            wire, _ = listener.accept()
            with wire:
                wire.recv(1000)
                wire.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        failed = failure(listener.getsockname()[1], credentials)
    assert failed is not None
    assert "port for TLS" in failed.text


@pytest.mark.parametrize(
    ("begins", "words"),
    [
        (NOW - timedelta(days=3), "ended on .*; make another"),
        (NOW + timedelta(days=3), "begins on .* set the clock"),
    ],
    ids=["ended", "clock behind"],
)
def test_our_own_certificate_is_looked_at_first(
    authority: Authority, credentials: Credentials, begins: datetime, words: str
) -> None:
    own(authority, credentials.own, Use.CLIENT, begins)
    with pytest.raises(CredentialsError, match=words):
        credentials.context()


def test_files_that_are_missing_or_something_else(credentials: Credentials, tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(b"noise")
    for name in ("nothing", "noise"):
        for bad in (
            replace(credentials, own=tmp_path / name),
            replace(credentials, authority=tmp_path / name),
        ):
            with pytest.raises(CredentialsError, match=f"{name}.*make another"):
                bad.context()


@pytest.mark.parametrize("alert", tls.ALERTS)
def test_alerts_are_refusals_in_words(alert: str) -> None:
    text = f"[SSL: TLSV13_ALERT_{alert.upper().replace(' ', '_')}] tlsv13 alert {alert} (_ssl.c:2580)"
    refused = tls.alert_of(text, "make another")
    assert refused == Failure(Fault.IDENTITY, f"{tls.ALERTS[alert]}; make another")


def test_other_errors_are_no_refusals() -> None:
    assert tls.alert_of("[SSL] record layer failure (_ssl.c:2580)", "make another") is None
    assert tls.alert_of("", "make another") is None
