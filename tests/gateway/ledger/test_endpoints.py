"""The nodes of a ledger over HTTP: a busy one is given time, a dead one's place is taken by the next."""

import datetime as dt
import http.server
import ipaddress
import json
import logging
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.ledger import endpoints
from gateway.ledger.access import LedgerAccess
from gateway.ledger.client import LedgerClient
from gateway.ledger.errors import LedgerConfigurationError, LedgerUnreachableError

SECRET = "Bearer eyJ.secret"


@dataclass
class Nodes:
    """Nodes by host name; each answers with its chain id, or with a status, or not at all."""

    chain: dict[str, int]
    trouble: dict[str, list[int | None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    heights: dict[str, int] = field(default_factory=dict)

    def client(self, **headers: str) -> LedgerClient:
        access = LedgerAccess(tuple(f"https://{name}" for name in self.chain), headers)
        return LedgerClient(access, transport=httpx.MockTransport(self))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        name = request.url.host
        self.asked.append(name)
        trouble = self.trouble.get(name, [])
        status = trouble.pop(0) if len(trouble) > 1 else trouble[0] if trouble else 200
        if status is None:
            raise httpx.ConnectError("refused")
        if status != 200:
            return httpx.Response(status, headers=self.headers, text="no")
        asked = json.loads(request.content)
        number = self.heights.get(name, 0) if asked["method"] == "eth_blockNumber" else self.chain[name]
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": asked["id"], "result": hex(number)})


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, which are not waited for."""
    made: list[float] = []
    monkeypatch.setattr(endpoints.time, "sleep", made.append)
    return made


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_node_is_asked_again(pauses: list[float], status: int) -> None:
    nodes = Nodes({"a": 7}, {"a": [status, status, 200]})
    assert nodes.client().chain_id() == 7
    assert pauses == [0.25, 0.5]


def test_a_node_says_how_long_it_wants(pauses: list[float]) -> None:
    nodes = Nodes({"a": 7}, {"a": [429, 200]}, headers={"retry-after": "3"})
    assert nodes.client().chain_id() == 7
    assert pauses == [3]


@pytest.mark.parametrize("wanted", ["60", "Fri, 31 Dec 1999 23:59:59 GMT", "-1", "1e99", "9" * 400])
def test_patience_has_an_end(pauses: list[float], wanted: str) -> None:
    nodes = Nodes({"a": 7}, {"a": [429]}, headers={"retry-after": wanted})
    with pytest.raises(LedgerUnreachableError, match="HTTP 429") as raised:
        nodes.client().chain_id()
    assert raised.value.exit_code == 69
    assert pauses == ([] if wanted == "60" else list(endpoints.PAUSES))


@pytest.mark.parametrize("trouble", [None, 500, 429])
def test_the_next_node_takes_a_failing_ones_place(
    pauses: list[float], trouble: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    nodes = Nodes({"a": 7, "b": 7, "c": 7}, {"a": [trouble]})
    with nodes.client() as client, caplog.at_level(logging.WARNING):
        assert (client.chain_id(), client.chain_id()) == (7, 7)
        assert client.url == "https://b"
    assert "asking https://b instead" in caplog.text
    assert nodes.asked.count("a") == 1  # the one that works is stayed with
    assert not pauses


def test_when_no_node_answers(pauses: list[float]) -> None:
    nodes = Nodes({"a": 7, "b": 7}, {"a": [None], "b": [None]})
    with pytest.raises(LedgerUnreachableError):
        nodes.client().chain_id()
    assert not pauses  # whoever asks has a pause of their own for that


def test_one_busy_node_among_dead_ones_is_waited_for() -> None:
    nodes = Nodes({"a": 7, "b": 7}, {"a": [None], "b": [503, 503, 200]})
    assert nodes.client().chain_id() == 7


def test_a_node_of_another_chain_does_not_take_over(caplog: pytest.LogCaptureFixture) -> None:
    nodes = Nodes({"a": 7, "b": 8}, {"a": [200, 200, None]})
    with nodes.client() as client:
        assert client.chain_id() == 7
        for _ in range(3):
            with pytest.raises(LedgerUnreachableError, match="no ledger answers at https://a"):
                client.chain_id()
    assert caplog.text.count("https://b is of another chain than the other nodes") == 1


def test_a_node_of_another_chain_does_not_keep_out_the_next(caplog: pytest.LogCaptureFixture) -> None:
    nodes = Nodes({"a": 7, "b": 8, "c": 7}, {"a": [200, 200, None]})
    with nodes.client() as client:
        assert (client.chain_id(), client.chain_id()) == (7, 7)
        assert client.url == "https://c"
    assert "https://b is of another chain" in caplog.text


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("refusing", ["a", "b"])
def test_a_node_that_wants_other_credentials_does_not_keep_out_the_next(
    status: int, refusing: str, caplog: pytest.LogCaptureFixture
) -> None:
    troubles: dict[str, list[int | None]] = {"a": [None], refusing: [status]}
    nodes = Nodes({"a": 7, "b": 7, "c": 7}, troubles)
    with nodes.client(Authorization=SECRET) as client:
        assert (client.chain_id(), client.chain_id()) == (7, 7)
    assert caplog.text.count(f"https://{refusing} wants other credentials (HTTP {status})") >= 1
    assert SECRET not in caplog.text


def test_a_busy_node_is_waited_for_whatever_is_wrong_with_the_others(pauses: list[float]) -> None:
    nodes = Nodes({"a": 7, "b": 7}, {"a": [401], "b": [503, 503, 200]})
    assert nodes.client().chain_id() == 7
    assert pauses


def test_a_node_that_has_fallen_behind_does_not_take_over() -> None:
    """It would refuse an act for want of one that came before it."""
    heights = {"a": 100, "b": 97, "c": 98}
    nodes = Nodes(dict.fromkeys("abc", 7), {"a": [200, 200, None]}, heights=heights)
    client = nodes.client()
    assert client.block_number() == 100
    assert client.chain_id() == 7
    assert client.url == "https://c"
    nodes.trouble["c"] = [None]
    with pytest.raises(LedgerUnreachableError):
        client.chain_id()
    heights["b"] = 98
    assert client.chain_id() == 7
    assert client.url == "https://b"


def test_refused_credentials_are_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    nodes = Nodes({"a": 7}, {"a": [401]})
    with caplog.at_level(logging.DEBUG), pytest.raises(LedgerConfigurationError) as raised:
        nodes.client(Authorization=SECRET).chain_id()
    assert "other credentials (HTTP 401)" in str(raised.value)
    assert SECRET not in caplog.text + str(raised.value) + repr(raised.value.__context__)


# --- TLS, with a server of our own ---


class Handler(http.server.BaseHTTPRequestHandler):
    """A ledger that wants a header."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        known = self.headers.get("authorization") == SECRET
        body = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": "0x7"}).encode()
        self.send_response(200 if known else 401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a ledger")])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "ledger.pem"
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(scope="module")
def secure_url(certificate: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_ledger_behind_tls_and_a_token(secure_url: str, certificate: Path) -> None:
    access = LedgerAccess((secure_url,), {"Authorization": SECRET}, certificate)
    with LedgerClient(access) as client:
        assert client.chain_id() == 7
    nameless = LedgerAccess((secure_url,), {}, certificate)
    with LedgerClient(nameless) as client, pytest.raises(LedgerConfigurationError, match="other credentials"):
        client.chain_id()


def test_a_certificate_that_nobody_vouches_for(secure_url: str) -> None:
    with (
        LedgerClient(secure_url) as client,
        pytest.raises(LedgerUnreachableError, match="CERTIFICATE"),
    ):
        client.chain_id()


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_authorities_that_cannot_be_read(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(LedgerConfigurationError, match="cannot read the certificates"):
        LedgerClient(LedgerAccess(("https://node",), {}, tmp_path / "ca.pem"))
