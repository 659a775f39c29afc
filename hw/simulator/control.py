"""The socket that moves the finger: JSON lines over a Unix socket, one answer to each line.

Requests are `{"place": {"finger": 7, "impression": 2}}`, `{"lift": {}}` and `{"status": {}}`. The answer is
the status after it, or `{"error": "...", "exit_code": n}`.
"""

import asyncio
import errno
import json
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hw.errors import BenchError, FileTroubleError, UnavailableError

MAX_LINE = 4096
"""Bytes of one request; the longest sensible one has fewer than a hundred."""

MAX_NUMBER = 999_999
"""Of a finger or an impression: six digits, as in the names of image files."""

Handler = Callable[[str, dict[str, int]], Awaitable[dict[str, Any]]]
"""Carries out one command with its arguments and returns the status."""

ARGUMENTS = {"place": ("finger", "impression"), "lift": (), "status": ()}


class RequestError(BenchError):
    """A request on the control socket is not as it must be (EX_DATAERR)."""

    exit_code = 65


def parse(line: bytes) -> tuple[str, dict[str, int]]:
    """The command in one line of JSON, with its arguments.

    Raises:
        RequestError: it is no command of ours.
    """
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RequestError("a request must be one line of JSON") from error
    if not isinstance(request, dict) or len(request) != 1:
        raise RequestError('a request must be an object with one command, such as {"lift": {}}')
    command, arguments = next(iter(request.items()))
    if command not in ARGUMENTS:
        raise RequestError(f"the commands are {', '.join(ARGUMENTS)}")
    if not isinstance(arguments, dict) or set(arguments) != set(ARGUMENTS[command]):
        raise RequestError(f"{command} takes {' and '.join(ARGUMENTS[command]) or 'an empty object'}")
    for name, value in arguments.items():
        if type(value) is not int or not 0 <= value <= MAX_NUMBER:
            raise RequestError(f"{name} must be a whole number from 0 to {MAX_NUMBER}")
    return command, arguments


@contextmanager
def listening_socket(path: Path) -> Iterator[socket.socket]:
    """A Unix socket at `path`, mode 0600, removed afterwards.

    Raises:
        UnavailableError: another process listens there.
        FileTroubleError: the socket cannot be made there.
    """
    _remove_stale(path)
    with socket.socket(socket.AF_UNIX) as listener:
        mask = os.umask(0o177)
        try:
            listener.bind(str(path))
            listener.listen()
        except OSError as error:
            raise FileTroubleError(
                f"cannot listen at {path}: {error.strerror or error}; give another path with --control"
            ) from error
        finally:
            os.umask(mask)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _remove_stale(path: Path) -> None:
    """Clear away the socket of a killed process; never one in use, nor another kind of file."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileTroubleError(f"{path} exists and is no socket; give another path with --control")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(path))
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno != errno.ECONNREFUSED:
            raise FileTroubleError(f"cannot use {path}: {error.strerror or error}") from error
        path.unlink()
        return
    raise UnavailableError(f"another simulated sensor listens at {path}; give another path with --control")


async def serve(listener: socket.socket, handle: Handler) -> None:
    """Answer requests for ever, each connection on its own."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _converse(reader, writer, handle)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client left without its answer, or the sensor stops; either ends just this connection
        finally:
            writer.close()

    server = await asyncio.start_unix_server(converse, sock=listener, limit=MAX_LINE)
    async with server:
        await server.serve_forever()


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handle: Handler) -> None:
    while True:
        try:
            line = await reader.readline()
        except ValueError:  # longer than MAX_LINE
            await _answer(writer, {"error": f"a request has at most {MAX_LINE} bytes", "exit_code": 65})
            return
        if not line:
            return
        try:
            answer = await handle(*parse(line))
        except BenchError as error:
            answer = {"error": str(error), "exit_code": error.exit_code}
        await _answer(writer, answer)


async def _answer(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    writer.write(json.dumps(answer).encode() + b"\n")
    await writer.drain()
