"""The one command, `ridgekey`: finds the room that a sub-command lives in, and imports nothing else.

A kiosk never loads the ledger node, a gateway never loads the image code; so the table below holds names
of modules, not modules. Each of them has a `main(argv) -> int`, with `argv` beginning after the words that
chose it.
"""

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version

COMMANDS = {
    "demo": ("hw.demo.cli", "a finger goes through all twelve steps, every part real"),
    "sensor simulate": ("hw.simulator.cli", "a simulated R307 or R503 on a pseudo-terminal"),
    "sensor place": ("hw.simulator.remote", "put a finger on a running simulated sensor, or lift it"),
    "sensor fault": ("hw.simulator.fault_cli", "give a running simulated sensor a bad day"),
    "sensor info": ("drivers.commands.info", "which sensor is on the wire, and is it fit for use"),
    "sensor capture": ("drivers.commands.capture", "take one image and say how it is; nothing is kept"),
    "sensor watch": ("drivers.commands.watch", "fingers that come and go, as they do"),
    "sensor doctor": ("drivers.commands.doctor", "find the sensor, look it over, say what to do"),
    "sensor provision": ("drivers.commands.provision", "set a sensor up once: rate, packets, name, password"),
    "bench sensor": ("hw.bench.sensor.cli", "the driver and its peers through every fault, timed"),
    "bench biometrics": ("hw.bench.biometrics.cli", "acceptance and security, on folders of real fingers"),
    "bench links": (
        "hw.bench.links.cli",
        "what each link costs, and that it loses nothing through every fault",
    ),
    "bench gas": ("hw.bench.gas.cli", "what each act costs on the ledger, beside EAS and ERC-1056"),
    "bench audit": ("hw.bench.audit.cli", "a ledger full of consents checked, and altered byte by byte"),
    "bench chaos": ("hw.bench.chaos.cli", "gateway and ledger killed over and over; what became of it all"),
    "bench relay": ("hw.bench.relay.cli", "consents a second through the gateway, beside its ledger alone"),
    "edge": ("edge.cli", "the kiosk: agent, enrol, records, grant, deny, withdraw"),
    "phone": ("edge.phone.cli", "a person's phone at a terminal: pair, hear, withdraw, carry"),
    "gateway": ("gateway.cli", "the relay between kiosks, requesters and the ledger"),
    "ledger": ("gateway.ledger.cli", "the embedded ledger node: run, deploy, info, submit"),
    "requester": ("gateway.requester.cli", "ask for a record, follow the answer, open what was granted"),
    "audit": ("gateway.audit.cli", "check the history of consents from the ledger alone"),
}
"""Words of a sub-command: the module whose `main` runs it, and what `--help` says of it."""

EXTRAS = {"drivers": "edge", "hw": "edge,gateway,hw"}
"""Room: the extras that bring what it needs, where they are not named as the room is."""

EXIT_USAGE = 2
EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it


def usage() -> str:
    """The text of `ridgekey --help`."""
    width = max(map(len, COMMANDS))
    lines = [f"  {words:<{width}}  {text}" for words, (_, text) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: ridgekey COMMAND ... [--help]",
            "",
            *lines,
            "",
            "Try `ridgekey demo` first; every command has --help.",
        ]
    )


def find(argv: Sequence[str]) -> tuple[str, list[str]] | None:
    """The longest sub-command that `argv` begins with, and the arguments after it."""
    for length in (2, 1):
        words = " ".join(argv[:length])
        if words in COMMANDS:
            return words, list(argv[length:])
    return None


def run(module: str, argv: list[str]) -> int:
    """Run one sub-command; an error meant for a person carries an `exit_code` and becomes one line."""
    try:
        status: int = importlib.import_module(module).main(argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("ridgekey: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left (`| head`); nor shall Python complain of it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except ModuleNotFoundError as error:
        room = module.split(".", maxsplit=1)[0]
        extra = EXTRAS.get(room, room)
        print(f"ridgekey: {error}; install it with: pip install 'ridgekey[{extra}]'", file=sys.stderr)
        return EXIT_USAGE
    except Exception as error:
        if not hasattr(error, "exit_code"):
            raise
        print(f"ridgekey: {error}", file=sys.stderr)
        return int(error.exit_code)
    return status


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the command."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--version"]:
        print(f"ridgekey {version('ridgekey')}")
        return 0
    found = find(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was begun is ended, as after Ctrl-C
    if found is not None:
        words, rest = found
        return run(COMMANDS[words][0], rest)
    asked = not arguments or arguments[-1] in ("-h", "--help")
    print(usage(), file=sys.stdout if asked else sys.stderr)
    return 0 if asked else EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
