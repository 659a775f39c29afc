"""The gateway's HTTP interface, from the side of a requester, or of whoever carries messages."""

import json
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import ec

from contracts.eip712 import Domain
from contracts.envelope import MAX_OBJECT
from contracts.hexes import from_hex, to_hex
from contracts.labels import clean
from gateway.access import prove
from gateway.config import check_url
from gateway.errors import GatewayError

TIMEOUT = 15.0  # seconds
MAX_ANSWER = MAX_OBJECT
MAX_REASON = 300


class GatewayUnreachableError(GatewayError):
    """The gateway does not answer, or is not able to."""

    exit_code = 69


class GatewayProtocolError(GatewayError):
    """What answers is no gateway."""

    exit_code = 76


class GatewayRefusedError(GatewayError):
    """The gateway says no; the text is its reason."""


class GatewayClient:
    """One gateway. A context manager that closes its connections."""

    def __init__(self, url: str) -> None:
        """Prepare a client; nothing is sent yet.

        Raises:
            ConfigError: The URL is none.
        """
        check_url(url, "--gateway", ("http", "https"))
        self._url = url.rstrip("/")
        self._http = httpx.Client(timeout=TIMEOUT, trust_env=False)

    def __enter__(self) -> "GatewayClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def submit(self, signed_request: bytes) -> bytes:
        """Hand in a signed request; returns its id.

        Raises:
            GatewayRefusedError: The gateway does not take it.
            GatewayUnreachableError, GatewayProtocolError: No gateway answers.
        """
        answer = self._json("POST", "/requests", content=signed_request)
        return from_hex(str(answer.get("request", "")), 32)

    def carry(self, kiosk_id: str, message: bytes) -> bytes:
        """Hand in a kiosk's message; returns the digest of its act.

        Raises:
            GatewayRefusedError: The gateway does not take it.
            GatewayUnreachableError, GatewayProtocolError: No gateway answers.
        """
        answer = self._json("POST", f"/messages/{kiosk_id}", content=message)
        return from_hex(str(answer.get("digest", "")), 32)

    def receipt(self, digest: bytes) -> bytes | None:
        """The gateway's signed receipt for an act, to be checked by its kiosk; None while there is none."""
        status, body = self._exchange("GET", f"/receipts/{to_hex(digest)}")
        if status == 404:
            return None
        if status != 200:
            raise self._refusal(status, body)
        return body

    def standing(self, request: bytes) -> dict[str, Any] | None:
        """How a request stands, by the gateway's word; None if it knows none."""
        return self._json("GET", f"/requests/{to_hex(request)}", absent_ok=True) or None

    def environment(self) -> str:
        """The environment that the gateway serves; the contract's domain separator proves it."""
        return str(self._json("GET", "/health", accept=(200, 503)).get("environment", ""))

    def fetch(
        self, commitment: bytes, request: bytes, key: ec.EllipticCurvePrivateKey, domain: Domain
    ) -> bytes | None:
        """The encrypted record that a granted request is about; None if the store does not have it."""
        path = f"/objects/{to_hex(commitment)}?request={to_hex(request)}"
        status, body = self._exchange("GET", path, headers={"authorization": prove(key, domain, path)})
        if status == 404:
            return None
        if status != 200:
            raise self._refusal(status, body)
        return body

    def _json(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        absent_ok: bool = False,
        accept: tuple[int, ...] = (200, 202),
    ) -> dict[str, Any]:
        status, body = self._exchange(method, path, content=content)
        if status == 404 and absent_ok:
            return {}
        if status not in accept:
            raise self._refusal(status, body)
        return self._object(body)

    def _exchange(
        self, method: str, path: str, *, content: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        try:
            with self._http.stream(method, self._url + path, content=content, headers=headers) as response:
                body = bytearray()
                for part in response.iter_bytes():
                    body += part
                    if len(body) > MAX_ANSWER:
                        raise GatewayProtocolError(f"the answer of {self._url} is too long for a gateway's")
                return response.status_code, bytes(body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = clean(str(error), 120)
            raise GatewayUnreachableError(
                f"no gateway answers at {self._url} ({why}); is it running, is --gateway right?"
            ) from None

    def _object(self, body: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise GatewayProtocolError(
                f"what answers at {self._url} is not a ridgekey gateway; check --gateway"
            )
        return answer

    def _refusal(self, status: int, body: bytes) -> GatewayError:
        reason = clean(str(self._object(body).get("error", f"HTTP {status}")), MAX_REASON)
        if status >= 500:
            return GatewayUnreachableError(f"the gateway cannot answer now: {reason}; try again")
        return GatewayRefusedError(f"the gateway refuses: {reason}")
