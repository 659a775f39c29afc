"""Telling kiosks who asks: each request that stands on the ledger, to where its person enrolled."""

import threading
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.messages import RequestNotice, SignedRequest
from gateway.entries import Entry
from gateway.intake import Send
from gateway.journal import Journal


class Notices:
    """Announces requests, once when they reach the ledger and again whenever a kiosk appears.

    A kiosk knows a request by its id, so hearing of it twice does no harm.
    """

    def __init__(
        self,
        journal: Journal,
        is_open: Callable[[Entry], bool],
        environment: str,
        gateway_key: Ed25519PrivateKey,
        send: Send,
    ) -> None:
        """Connect the parts; `is_open` says whether a request still waits for its answer."""
        self._journal, self._is_open, self._send = journal, is_open, send
        self._environment, self._gateway_key = environment, gateway_key
        self._lock = threading.Lock()
        self._appeared: set[bytes] = set()

    def announce(self, request: Entry) -> None:
        """Tell every kiosk at which the person enrolled."""
        for kiosk in self._journal.kiosks_of(request.subject):
            self._tell(kiosk, request)

    def appeared(self, kiosk: bytes) -> None:
        """Note that a kiosk has come up; `greet` tells it what it may have missed."""
        with self._lock:
            self._appeared.add(kiosk)

    def greet(self) -> bool:
        """Tell the kiosks that have appeared of the requests that are still open; False, as nothing moves.

        Raises:
            LedgerUnreachableError: The ledger can't say which are; the kiosks stay noted.
        """
        with self._lock:
            appeared = sorted(self._appeared)
        for kiosk in appeared:
            for request in self._journal.open_requests_at(kiosk):
                if self._is_open(request):
                    self._tell(kiosk, request)
            with self._lock:
                self._appeared.discard(kiosk)
        return False

    def _tell(self, kiosk: bytes, request: Entry) -> None:
        notice = RequestNotice(self._environment, SignedRequest.decode(request.message))
        self._send(kiosk.hex(), notice.sign(self._gateway_key))
