"""The page as a phone has it: a browser, the page over HTTPS, a kiosk in reach."""

import ipaddress
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.sync_api import Browser, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contracts.hexes import to_hex
from gateway.phone.page import routes
from tests.edge.phones.kiosk import opened, receipt_for
from tests.edge.standin import DOMAIN

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    paths = directory / "certificate.pem", directory / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


class PostOffice:
    """The gateway's two endpoints for carriers, beside the page."""

    def __init__(self) -> None:
        self.receipts: dict[str, bytes] = {}

    async def post(self, http: Request) -> Response:
        body = await http.body()
        digest = to_hex(opened(body).act.digest(DOMAIN))
        self.receipts[digest] = receipt_for(body)
        return JSONResponse({"digest": digest, "receipt": False}, 202)

    def get(self, http: Request) -> Response:
        receipt = self.receipts.get(http.path_params["digest"])
        return Response(receipt or b"{}", 200 if receipt else 404)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its URL."""
    office = PostOffice()
    carrier = [
        Route("/messages/{kiosk}", office.post, methods=["POST"]),
        Route("/receipts/{digest}", office.get),
    ]
    path, key = certificate(tmp_path_factory.mktemp("tls"))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            Starlette(routes=[*routes(), *carrier]),
            log_level="error",
            lifespan="off",
            ssl_certfile=str(path),
            ssl_keyfile=str(key),
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # --no-sandbox: as root, as which containers run, Chromium starts in no other way.
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()
