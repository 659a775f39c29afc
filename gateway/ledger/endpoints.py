"""HTTP to the nodes of one ledger: bounded answers, patience with a busy node, another one for a dead one."""

import logging
import ssl
import time
from itertools import chain, repeat

import httpx

from contracts.labels import clean
from gateway.ledger.access import LedgerAccess, shown
from gateway.ledger.errors import (
    LedgerConfigurationError,
    LedgerError,
    LedgerUnreachableError,
    NotALedgerError,
)

LOG = logging.getLogger(__name__)

MAX_ANSWER = 64 << 20
"""Bytes of one answer; ten thousand events with their signatures are about 20 MB of JSON."""

TOO_MANY = 429
BUSY = frozenset({TOO_MANY, 502, 503, 504})
"""Answers of a node, or of what stands before it, that may be others in a moment (RFC 9110, RFC 6585)."""

PAUSES = (0.25, 0.5, 1.0, 2.0)
"""Seconds before each further attempt at a busy node. Whoever has more patience asks again."""

LONGEST_PAUSE = 5.0
"""Of a node that says how long to wait; one that wants more is given up for now."""

ASK_FOR_CHAIN = b'{"jsonrpc":"2.0","id":0,"method":"eth_chainId","params":[]}'
ASK_FOR_HEIGHT = b'{"jsonrpc":"2.0","id":0,"method":"eth_blockNumber","params":[]}'

BEHIND = 2
"""Blocks that a node may lack of those already seen, to take another's place: what is on its way to it. What
hangs on these blocks is asked as of the highest one; see `LedgerClient.newest`."""


class BusyError(LedgerUnreachableError):
    """A node answers that it cannot answer now; `pause` is how many seconds it wants, if it says so."""

    def __init__(self, text: str, pause: float | None) -> None:
        super().__init__(text)
        self.pause = pause


class Endpoints:
    """The nodes of a ledger, of which one is asked until it fails. Safe to use from several threads."""

    def __init__(self, access: LedgerAccess, timeout: float, transport: httpx.BaseTransport | None) -> None:
        """Prepare; nothing is sent yet.

        Raises:
            LedgerConfigurationError: the certificates cannot be read.
        """
        self._urls = access.urls
        self._present = 0
        self._chain: bytes | None = None
        self._known = set[int]()
        self._told = set[int]()
        self._height = 0
        self._http = httpx.Client(
            headers={**access.headers, "content-type": "application/json"},
            timeout=timeout,
            transport=transport,
            verify=_trusted(access),
            trust_env=False,  # a proxy of the environment must not see the ledger's credentials
        )

    @property
    def shown(self) -> str:
        """The node that is asked at present, as it may be logged."""
        return shown(self._urls[self._present])

    @property
    def height(self) -> int:
        """The highest number of a block that was seen, at whichever node."""
        return self._height

    def saw(self, height: object) -> None:
        """Note the number of a block that was seen, as JSON has it."""
        number = _number(height)
        if number is not None:
            self._height = max(self._height, number)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def post(self, body: bytes) -> tuple[int, bytearray]:
        """Send a body to a node that answers; the HTTP status, below 500, and the body of the answer.

        Every JSON-RPC method used here may be sent twice: a transaction is the same transaction again.

        Raises:
            LedgerUnreachableError: no node answers.
            LedgerConfigurationError: no node takes the credentials, or is of the first one's chain.
            NotALedgerError: the answer is too long.
        """
        for pause in chain(PAUSES, repeat(None)):
            try:
                return self._any(body)
            except BusyError as error:
                if pause is None or (error.pause or 0) > LONGEST_PAUSE:
                    raise
                time.sleep(max(pause, error.pause or 0))
        raise AssertionError("the pauses have no end")

    def _any(self, body: bytes) -> tuple[int, bytearray]:
        """One attempt at each node, from the present one on."""
        troubles: list[LedgerError] = []
        for position in chain(range(self._present, len(self._urls)), range(self._present)):
            try:
                self._check_chain(position)
                self._check_height(position)
                answer = self._at(position, body)
            except LedgerUnreachableError as error:
                troubles.append(error)
            except LedgerConfigurationError as error:
                troubles.append(error)
                self._tell_once(position, error)
            else:
                if position != self._present:
                    LOG.warning("%s; asking %s instead", troubles[0], shown(self._urls[position]))
                    self._present = position
                self._told.discard(position)
                return answer
        # What waiting may help against counts most: a busy node, then one that does not answer.
        raise min(troubles, key=_hopelessness)

    def _tell_once(self, position: int, error: LedgerConfigurationError) -> None:
        """Say what is wrong with a node, which another one's answers would hide."""
        if position not in self._told:
            self._told.add(position)
            LOG.warning("%s", error)

    def _check_chain(self, position: int) -> None:
        """Make sure, before a node is asked in another's place, that it is of the same chain."""
        if len(self._urls) == 1 or position in self._known:
            return
        _, answer = self._at(position, ASK_FOR_CHAIN)
        chain_id = _result_of(answer)
        if self._chain is None:
            self._chain = chain_id
        elif chain_id != self._chain:
            raise LedgerConfigurationError(
                f"{shown(self._urls[position])} is of another chain than the other nodes: correct the URLs"
            )
        self._known.add(position)

    def _check_height(self, position: int) -> None:
        """Make sure that a node that is to take another's place has not fallen behind."""
        if position == self._present:
            return
        _, answer = self._at(position, ASK_FOR_HEIGHT)
        height = _number(_result_of(answer).strip(b'"').decode("ascii", "replace"))
        if height is None or height + BEHIND < self._height:
            raise LedgerUnreachableError(
                f"the ledger at {shown(self._urls[position])} is at block {height}, behind {self._height}"
            )

    def _at(self, position: int, body: bytes) -> tuple[int, bytearray]:
        where = shown(self._urls[position])
        try:
            with self._http.stream("POST", self._urls[position], content=body) as response:
                content = bytearray()
                for part in response.iter_bytes():
                    content += part
                    if len(content) > MAX_ANSWER:
                        raise NotALedgerError(
                            f"what answers at {where} is not a ledger: its answer is longer than "
                            f"{MAX_ANSWER >> 20} MiB; check the URL"
                        )
        except httpx.TimeoutException as error:
            raise LedgerUnreachableError(
                f"the ledger at {where} does not answer in time; is it overloaded?"
            ) from error
        except httpx.TransportError as error:
            raise LedgerUnreachableError(
                f"no ledger answers at {where} ({clean(str(error), 120)}): start it, or correct the URL"
            ) from error
        _check_status(response, where)
        return response.status_code, content


def _hopelessness(error: LedgerError) -> int:
    return 0 if isinstance(error, BusyError) else 1 if isinstance(error, LedgerUnreachableError) else 2


def _result_of(answer: bytearray) -> bytes:
    """The result of one of the questions above, as it stands in the answer."""
    return bytes(answer).partition(b'"result"')[2].partition(b",")[0].strip(b" \t\r\n:}")


def _number(value: object) -> int | None:
    if not isinstance(value, str) or not value.startswith("0x") or len(value) > 18:
        return None
    try:
        return int(value, 16)
    except ValueError:
        return None


def _check_status(response: httpx.Response, where: str) -> None:
    status = response.status_code
    if status in (401, 403):
        raise LedgerConfigurationError(f"the ledger at {where} wants other credentials (HTTP {status})")
    if status in BUSY:
        raise BusyError(
            f"the ledger at {where} is not able to answer now (HTTP {status})", _retry_after(response)
        )
    if status >= 500:
        raise LedgerUnreachableError(f"the ledger at {where} is not able to answer now (HTTP {status})")


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, section 10.2.3); one with a date is not looked at."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _trusted(access: LedgerAccess) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=access.authorities)
    except (OSError, ssl.SSLError) as error:
        why = getattr(error, "strerror", None) or error
        raise LedgerConfigurationError(
            f"cannot read the certificates in {access.authorities}: {why}"
        ) from None
