"""The phone's own way to the gateway: HTTP, with what a kiosk gave it and what it brings back."""

import json
import ssl
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

from contracts.cose import OVERHEAD
from contracts.errors import ContractError
from contracts.hexes import HASH_LENGTH, from_hex, to_hex
from contracts.labels import clean
from contracts.messages import MAX_RECEIPT
from contracts.phone import MAX_TEXT
from edge.errors import ConfigError, RefusedError, UnavailableError
from edge.phone.in_time import InTime

POST_SECONDS, RECEIPT_SECONDS = 20.0, 8.0
"""For the whole of an answer, on a slow network: together less than a kiosk waits for the person's record."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between two questions for the same receipt, doubling: a few blocks, then patience."""

MAX_ANSWER = 4096
"""Bytes of an answer in JSON."""

MAX_PENDING = 1000
"""Receipts that are waited for; the kiosk sends the rest again."""


class HttpCarrier:
    """Carries by HTTP; implements `edge.phone.companion.Carrier`.

    Args:
        url: of the gateway.
        kiosk_id: whose messages are carried, 8 bytes.
        authority: certificates to trust, PEM, for a gateway with its own authority; None for the system's.

    Raises:
        ConfigError: it is no http or https URL, or the certificates cannot be read.
    """

    def __init__(self, url: str, kiosk_id: bytes, authority: Path | None = None) -> None:
        if not url.startswith(("https://", "http://")):
            raise ConfigError("the kiosk named no address of its gateway; give one with --gateway URL")
        self._url = url.rstrip("/")
        self._kiosk = kiosk_id.hex()
        try:
            context = ssl.create_default_context(cafile=None if authority is None else str(authority))
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"cannot use the certificates in {authority}: {error}") from None
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context), _NoRedirect()
        )
        self._exchange: InTime[tuple[int, bytes]] = InTime()
        self._pending: dict[bytes, tuple[float, float]] = {}  # digest: when to ask, the pause after that

    @property
    def waiting(self) -> int:
        """Receipts that are not here yet."""
        return len(self._pending)

    def post(self, message: bytes) -> None:
        """As `Carrier.post`: POST /messages/{kiosk_id}."""
        status, answer = self._ask(f"/messages/{self._kiosk}", MAX_ANSWER, POST_SECONDS, message)
        if status != 202:
            raise RefusedError(_words(status, answer))
        try:
            digest = from_hex(str(json.loads(answer)["digest"]), HASH_LENGTH)
        except (ValueError, KeyError, TypeError, ContractError):
            raise RefusedError("the gateway answered in another way than it should") from None
        if len(self._pending) < MAX_PENDING:
            self._pending[digest] = (time.monotonic(), FIRST_PAUSE)

    def receipt(self) -> bytes | None:
        """As `Carrier.receipt`: GET /receipts/{digest}; where none is there yet, it is asked again later."""
        digest = min(self._pending, key=self._pending.__getitem__, default=None)
        if digest is None:
            return None
        due, pause = self._pending[digest]
        if time.monotonic() < due:
            return None
        try:
            path = f"/receipts/{to_hex(digest)}"
            status, answer = self._ask(path, MAX_RECEIPT + OVERHEAD, RECEIPT_SECONDS)
        except UnavailableError:
            status, answer = 0, b""
        if status == 200 and answer:
            del self._pending[digest]
            return answer
        self._pending[digest] = (time.monotonic() + pause, min(2 * pause, LONGEST_PAUSE))
        return None

    def _ask(self, path: str, limit: int, seconds: float, body: bytes | None = None) -> tuple[int, bytes]:
        """Status and body of an answer.

        Raises:
            UnavailableError: there is none within `seconds`, or one that is too long.
        """
        headers = {"content-type": "application/cose"} if body is not None else {}
        request = urllib.request.Request(self._url + path, body, headers)  # noqa: S310 - http or https, checked
        try:
            status, answer = self._exchange.run(lambda: self._send(request, limit, seconds), seconds)
        except (OSError, HTTPException) as error:
            reason = clean(str(getattr(error, "reason", None) or error), MAX_TEXT)  # may quote the server
            raise UnavailableError(f"the gateway at {self._url} does not answer: {reason}") from None
        if len(answer) > limit:
            raise UnavailableError(f"the gateway at {self._url} answers more than it should")
        return status, answer

    def _send(self, request: urllib.request.Request, limit: int, seconds: float) -> tuple[int, bytes]:
        """Status and at most `limit` + 1 bytes of an answer, with a pause of `seconds` anywhere in it."""
        try:
            with self._opener.open(request, timeout=seconds) as response:
                return response.status, response.read(limit + 1)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(limit + 1)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A gateway redirects nobody; what does is another server."""

    def redirect_request(self, *_: object) -> None:
        """Follow nothing."""


def _words(status: int, answer: bytes) -> str:
    """Why it refused, fit for a terminal: a kiosk named this gateway, and nobody vouches for it."""
    try:
        return f"the gateway refused: {clean(str(json.loads(answer)['error']), MAX_TEXT)}"
    except (ValueError, KeyError, TypeError):
        return f"the gateway refused with status {status}"
