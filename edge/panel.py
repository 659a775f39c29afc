"""The kiosk's panel: a Unix socket on which screens and commands ask the agent for an errand.

One connection, one errand. The client sends one JSON object on a line, `{"do": "grant", …}`; the agent
answers with event lines (`edge.events`) and last `{"done": {…}}` or `{"error": "text", "exit_code": n}`. A
client that sends `{"do": "cancel"}` or closes its end calls the errand off. The socket has mode 0600: who may
open it may use the kiosk, but signs nothing without the finger.
"""

import contextlib
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from edge.errors import BusyError, ConfigError, UsageError
from edge.events import Event, JsonObject

log = logging.getLogger(__name__)

MAX_LINE = 1 << 20
"""Bytes of one line: a document of 256 KiB in base64 or an exported message of that size in hex."""

MAX_BRACKETS = 16
"""In a request, which is flat. Python's JSON parser recurses in C as deep as brackets nest, and libraries
have been seen to raise the limit that keeps it from overflowing the stack."""

DEFAULT_WAIT = 30
"""Seconds that an errand waits for the receipt, where the client names no `wait`: a few blocks."""

MAX_CLIENTS = 16
"""Connections at a time: a screen, a few commands, and no way to exhaust the agent's threads."""

PARTING_SECONDS = 3.0
"""How long errands that were called off may take to end: an unlock in progress, an image on a slow wire."""

MAX_PATH = 107
"""Bytes of a Unix socket's path on Linux (unix(7))."""

INTERNAL_ERROR = 70
"""Exit code for a fault of our own, sysexits' EX_SOFTWARE."""


class Conversation:
    """One client's connection, as its errand sees it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._cancelled = threading.Event()

    def report(self, event: Event) -> None:
        """Tell the client an event."""
        self.send(event.to_json())

    def send(self, value: JsonObject) -> None:
        """Send one line; a client that has left counts as a cancellation."""
        line = json.dumps(value, ensure_ascii=False).encode() + b"\n"
        try:
            with self._sending:
                self._connection.sendall(line)
        except OSError:
            self.cancel()

    def cancel(self) -> None:
        """Call the errand off at its next safe point."""
        self._cancelled.set()

    def cancelled(self) -> bool:
        """Whether the client has left or called the errand off."""
        return self._cancelled.is_set()


Handle = Callable[[JsonObject, Conversation], JsonObject]
"""Runs one errand; returns what goes into `done`, raises what becomes `error`."""


class Panel:
    """The socket's server, on threads of its own."""

    def __init__(self, path: Path, handle: Handle) -> None:
        self._path = path
        self._handle = handle
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._open: set[Conversation] = set()
        self._places = threading.Semaphore(MAX_CLIENTS)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="panel", daemon=True)

    def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: the socket cannot be made there.
        """
        check_path(self._path)
        before = os.umask(0o177)
        try:
            self._path.unlink(missing_ok=True)
            self._listener.bind(str(self._path))
            self._listener.listen(MAX_CLIENTS)
        except OSError as error:
            raise ConfigError(f"cannot open the panel socket {self._path}: {error.strerror}") from None
        finally:
            os.umask(before)
        self._thread.start()

    def stop(self) -> None:
        """Close the socket, and call off the errands that are under way."""
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for conversation in tuple(self._open):
            conversation.cancel()
        end = time.monotonic() + PARTING_SECONDS
        while self._open and time.monotonic() < end:
            time.sleep(0.05)
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(connection,), name="errand", daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        conversation = Conversation(connection)
        with connection:
            if not self._places.acquire(blocking=False):
                conversation.send(error_line(BusyError("too many clients at the panel; try again")))
                return
            self._open.add(conversation)
            try:
                conversation.send(self._answer(connection, conversation))
            finally:
                self._open.discard(conversation)
                self._places.release()
                _shut(connection)

    def _answer(self, connection: socket.socket, conversation: Conversation) -> JsonObject:
        try:
            incoming = lines(connection)
            request = _request(next(incoming, b""))
            threading.Thread(target=_watch, args=(incoming, conversation), daemon=True).start()
            return {"done": self._handle(request, conversation)}
        except Exception as error:  # noqa: BLE001 - whatever happens, the client gets its one line
            return error_line(error)


def check_path(path: Path) -> None:
    """Refuse a socket path that the kernel would not take.

    Raises:
        ConfigError: it is too long.
    """
    if len(os.fsencode(path)) > MAX_PATH:
        raise ConfigError(
            f"the socket path {path} is too long; set a shorter one as `panel` in the configuration"
        )


def lines(connection: socket.socket) -> Iterator[bytes]:
    """Lines until the other end closes.

    Raises:
        UsageError: a line is too long.
    """
    with connection.makefile("rb") as stream:
        while line := _read_line(stream.readline):
            yield line


def parse(line: bytes) -> JsonObject:
    """One line as a JSON object.

    Raises:
        UsageError: it is none.
    """
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UsageError("a line on the panel is one JSON object")
    return value


def error_line(error: Exception) -> JsonObject:
    """An error as the last line of a conversation."""
    exit_code = getattr(error, "exit_code", None)
    if exit_code is None:
        log.error("fault in an errand", exc_info=error)
        return {"error": "a fault in the kiosk's program; its log has more", "exit_code": INTERNAL_ERROR}
    return {"error": str(error), "exit_code": exit_code}


def _request(line: bytes) -> JsonObject:
    if line.count(b"[") + line.count(b"{") > MAX_BRACKETS:
        raise UsageError("a request at the panel is one flat JSON object")
    return parse(line)


def _read_line(readline: Callable[[int], bytes]) -> bytes:
    try:
        line = readline(MAX_LINE + 1)
    except OSError:
        return b""
    if len(line) > MAX_LINE:
        raise UsageError(f"a line on the panel has at most {MAX_LINE} bytes")
    return line


def _shut(connection: socket.socket) -> None:
    """End both directions, so that the watching thread ends too."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _watch(incoming: Iterator[bytes], conversation: Conversation) -> None:
    """Anything after the first line, and the end of the stream, calls the errand off."""
    try:
        next(incoming, None)
    except UsageError:
        log.info("a client sent something else than a cancellation")
    conversation.cancel()
