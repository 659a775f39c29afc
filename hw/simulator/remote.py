"""`ridgekey sensor place`, and the far end of a simulated sensor's control socket."""

import argparse
import json
import socket
from pathlib import Path
from typing import Any

from hw.errors import BenchError, UnavailableError

ANSWER_SECONDS = 60.0
"""A synthetic press takes a few seconds to render on a busy small machine."""

DESCRIPTION = """\
Puts a finger on a running simulated sensor, lifts it, or asks how the sensor is. `ridgekey sensor simulate`
prints the socket that --control takes. The finger stays until it is lifted or another one is placed."""

EPILOG = """\
examples:
  ridgekey sensor place --control /tmp/finger.sock --finger 7
  ridgekey sensor place --control /tmp/finger.sock --finger 7 --impression 2    pressed another time
  ridgekey sensor place --control /tmp/finger.sock --lift
  ridgekey sensor place --control /tmp/finger.sock --status --json"""


class RefusedError(BenchError):
    """The simulated sensor answered with an error."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class SensorRemote:
    """Moves the finger of the simulated sensor whose control socket is at `path`.

    Each call is a connection of its own, so the sensor may be restarted in between.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def place(self, finger: int, impression: int = 1) -> dict[str, Any]:
        """Put a press of `finger` on the window; returns the status once it lies there.

        Raises:
            RefusedError: there is no such finger or impression.
            UnavailableError: no simulated sensor answers at the path.
        """
        return self._ask({"place": {"finger": finger, "impression": impression}})

    def lift(self) -> dict[str, Any]:
        """Take the finger away; returns the status.

        Raises:
            UnavailableError: no simulated sensor answers at the path.
        """
        return self._ask({"lift": {}})

    def status(self) -> dict[str, Any]:
        """The sensor's status: profile, port, rates, finger, touch line, image, templates, light, commands.

        Raises:
            UnavailableError: no simulated sensor answers at the path.
        """
        return self._ask({"status": {}})

    def fault(self, name: str, **parameters: float | str) -> dict[str, Any]:
        """Set a fault of `hw.simulator.faults.FAULTS`, or set it anew; returns those set now, by name.

        Raises:
            RefusedError: there is no such fault, or it does not take these parameters.
            UnavailableError: no simulated sensor answers at the path.
        """
        return dict(self._ask({"fault": {"name": name, **parameters}})["faults"])

    def faults(self) -> dict[str, Any]:
        """The faults that are set, by name: `happened` and `opportunities` (counts), and their `values`.

        Raises:
            UnavailableError: no simulated sensor answers at the path.
        """
        return dict(self._ask({"faults": {}})["faults"])

    def clear(self, name: str | None = None) -> dict[str, Any]:
        """End one fault, or all of them; returns those that were set until then, as `faults` does.

        Raises:
            RefusedError: that fault is not set.
            UnavailableError: no simulated sensor answers at the path.
        """
        return dict(self._ask({"clear": {"name": name} if name is not None else {}})["faults"])

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(ANSWER_SECONDS)
                connection.connect(str(self.path))
                connection.sendall(json.dumps(request).encode() + b"\n")
                line = connection.makefile("rb").readline()
            answer = json.loads(line)
        except OSError as error:
            raise UnavailableError(
                f"no simulated sensor at {self.path} ({error.strerror or error}); "
                "start one with `ridgekey sensor simulate --control`"
            ) from error
        except ValueError as error:
            raise UnavailableError(
                f"the simulated sensor at {self.path} stopped without an answer"
            ) from error
        if "error" in answer:
            raise RefusedError(str(answer["error"]), int(answer.get("exit_code", 1)))
        return dict(answer)


def parser() -> argparse.ArgumentParser:
    """The command line of `ridgekey sensor place`."""
    parser = argparse.ArgumentParser(
        prog="ridgekey sensor place",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--control", type=Path, metavar="SOCKET", required=True, help="the sensor's control socket"
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--finger", type=int, metavar="N", help="put this finger on the window")
    what.add_argument("--lift", action="store_true", help="take the finger off")
    what.add_argument("--status", action="store_true", help="only ask")
    parser.add_argument(
        "--impression", type=int, default=1, metavar="N", help="which press of the finger (default: 1)"
    )
    parser.add_argument("--json", action="store_true", help="print the whole status as one line of JSON")
    return parser


def main(argv: list[str]) -> int:
    """Send one command to a simulated sensor and print how it is afterwards.

    Raises:
        BenchError: the sensor does not answer, or refuses.
    """
    arguments = parser().parse_args(argv)
    remote = SensorRemote(arguments.control)
    if arguments.lift:
        status = remote.lift()
    elif arguments.status:
        status = remote.status()
    else:
        status = remote.place(arguments.finger, arguments.impression)
    print(json.dumps(status) if arguments.json else describe(status))
    return 0


def describe(status: dict[str, Any]) -> str:
    """A status in words."""
    finger = (
        "no finger on it"
        if status["finger"] is None
        else f"finger {status['finger']}, impression {status['impression']} on it"
    )
    port = status["port"] or "an unplugged port"
    return f"simulated {status['profile']} on {port}, {status['baud']} baud: {finger}"
