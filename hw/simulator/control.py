"""The socket that moves the finger and makes the bad day: JSON lines over a Unix socket, an answer to each.

`{"place": {"finger": 7, "impression": 2}}`, `{"lift": {}}` and `{"status": {}}` are answered with the status
after it. `{"fault": {"name": "byte-drop", "rate": 0.01}}`, `{"faults": {}}` and `{"clear": {}}` or
`{"clear": {"name": "byte-drop"}}` are answered with the faults that are set (for `clear`: until then) and how
often each has happened. Any other answer is `{"error": "...", "exit_code": n}`.
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
from hw.simulator.faults import find

MAX_LINE = 4096
"""Bytes of one request; the longest sensible one has fewer than a hundred."""

MAX_NUMBER = 999_999
"""Of a finger or an impression: six digits, as in the names of image files."""

Handler = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Carries out one command with its arguments and returns its answer."""


class RequestError(BenchError):
    """A request on the control socket is not as it must be (EX_DATAERR)."""

    exit_code = 65


def parse(line: bytes) -> tuple[str, dict[str, Any]]:
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
    return command, check(command, arguments)


def check(command: str, arguments: object) -> dict[str, Any]:
    """The arguments of a command, if they are what it takes.

    Raises:
        RequestError: they are not, or there is no such command.
        FaultError: there is no such fault, or it does not take these parameters.
    """
    if command not in CHECKS:
        raise RequestError(f"the commands are {', '.join(CHECKS)}")
    if not isinstance(arguments, dict):
        raise RequestError(f"{command} takes an object")
    CHECKS[command](command, arguments)
    return arguments


def _check_nothing(command: str, arguments: dict[str, Any]) -> None:
    if arguments:
        raise RequestError(f"{command} takes an empty object")


def _check_press(command: str, arguments: dict[str, Any]) -> None:
    if set(arguments) != {"finger", "impression"}:
        raise RequestError(f"{command} takes finger and impression")
    for name, value in arguments.items():
        if type(value) is not int or not 0 <= value <= MAX_NUMBER:
            raise RequestError(f"{name} must be a whole number from 0 to {MAX_NUMBER}")


def _check_fault(command: str, arguments: dict[str, Any]) -> None:
    if not isinstance(arguments.get("name"), str):
        raise RequestError(f"{command} takes the name of a fault, and its parameters")
    find(arguments["name"]).check({key: value for key, value in arguments.items() if key != "name"})


def _check_name(command: str, arguments: dict[str, Any]) -> None:
    if arguments and (set(arguments) != {"name"} or not isinstance(arguments["name"], str)):
        raise RequestError(f"{command} takes the name of a fault, or an empty object for all of them")


CHECKS = {
    "place": _check_press,
    "lift": _check_nothing,
    "status": _check_nothing,
    "fault": _check_fault,
    "faults": _check_nothing,
    "clear": _check_name,
}
"""The commands, and what looks their arguments over."""


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
