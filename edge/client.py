"""The other end of the panel: how a command asks the running agent for an errand."""

import contextlib
import json
import socket
from collections.abc import Callable
from pathlib import Path

from edge.errors import EdgeError, UnavailableError
from edge.events import JsonObject
from edge.panel import check_path, lines, parse


class ErrandError(EdgeError):
    """The agent's error, with the agent's exit code."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def ask(panel: Path, request: JsonObject, on_event: Callable[[JsonObject], None]) -> JsonObject:
    """Have the agent run an errand; leaving early (Ctrl-C) calls it off.

    Args:
        panel: the agent's socket.
        request: `{"do": …}` with the errand's arguments.
        on_event: called with each event as it comes.

    Returns:
        What the errand's `done` holds.

    Raises:
        UnavailableError: no agent is there, or it went away.
        ErrandError: the errand ended with an error.
    """
    check_path(panel)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(panel))
        except OSError:
            raise UnavailableError(
                f"no agent answers at {panel}; start it with: ridgekey edge agent --config FILE"
            ) from None
        with contextlib.suppress(
            OSError
        ):  # an agent that closed at once has said why, and that is read below
            connection.sendall(json.dumps(request).encode() + b"\n")
        for line in lines(connection):
            match parse(line):
                case {"done": dict(done)}:
                    return done
                case {"error": str(text), "exit_code": int(exit_code)}:
                    raise ErrandError(text, exit_code)
                case event:
                    on_event(event)
    raise UnavailableError("the agent went away in the middle; look at its log and try again")
