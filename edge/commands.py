"""What the words of `ridgekey edge …` do: `init` and `agent` themselves, the others by asking the agent."""

import argparse
import base64
import json
import logging
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from contracts.cose import kid_of
from contracts.envelope import MAX_PLAINTEXT
from edge import client, config, render
from edge.errors import BadDataError, NotFoundError, StateError, UsageError
from edge.events import JsonObject
from edge.identity import files
from edge.identity.keys import wipe
from edge.state import subjects
from edge.state.database import FILE_NAME, Database


def init(arguments: argparse.Namespace) -> int:
    """Make a kiosk's keys, and print what the gateway must know."""
    made = files.initialise(arguments.state)
    public_key = files.device_key(arguments.state).public_key()
    identity = {"kiosk_id": kid_of(public_key).hex(), "public_key": public_key.public_bytes_raw().hex()}
    if arguments.config is not None:
        _write_template(arguments.config, arguments.state)
    if arguments.json:
        print(json.dumps(identity))
        return 0
    print(f"{'Made' if made else 'Kept'} the keys in {arguments.state}. Tell the gateway, under [kiosks]:")
    print(f'{identity["kiosk_id"]} = "{identity["public_key"]}"')
    return 0


def agent(arguments: argparse.Namespace) -> int:
    """Run the agent; its log goes to stderr, its readiness to stdout."""
    from edge.agent import run  # here, as it loads the image code, which no other command needs

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")

    def load() -> config.EdgeConfig:
        return config.load(arguments.config)

    while run(load(), lambda status: print(json.dumps(status), flush=True), load):
        continue
    return 0


def enrol(arguments: argparse.Namespace) -> int:
    """Enrol a person."""
    return journey(
        arguments, {"do": "enrol", "policy": arguments.policy, "fingers": list(arguments.finger or [])}
    )


def fingers(arguments: argparse.Namespace) -> int:
    """List, add or remove fingers."""
    request: JsonObject = {"do": arguments.do}
    if getattr(arguments, "subject", None):
        request["subject"] = arguments.subject
    if arguments.do == "add-finger":
        request["fingers"] = list(arguments.finger or [])
    if arguments.do == "remove-finger":
        request["number"] = arguments.number
    done: Any = _ask(arguments, request)
    if not arguments.json:
        people = done["people"] if arguments.do == "fingers" else [done]
        Console().print(render.fingers_table(people) if people else "Nobody is enrolled yet.")
    return 0


def store(arguments: argparse.Namespace) -> int:
    """Store a document."""
    document = base64.b64encode(_read(arguments.file)).decode()
    request: JsonObject = {"do": "store", "document": document, "kind": arguments.kind}
    if arguments.subject:
        request["subject"] = arguments.subject
    return journey(arguments, request)


def answer(arguments: argparse.Namespace) -> int:
    """Grant, deny, withdraw or renew."""
    request: JsonObject = {"do": arguments.do}
    if arguments.request:
        request["request"] = arguments.request
    if getattr(arguments, "until", None):
        request["until"] = unix_time(arguments.until)
    return journey(arguments, request)


def requests(arguments: argparse.Namespace) -> int:
    """List requests."""
    done = _ask(arguments, {"do": "requests"})
    if not arguments.json:
        found: Any = done["requests"]
        Console().print(render.requests_table(found) if found else "No requests yet.")
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Show the agent's status."""
    done: Any = _ask(arguments, {"do": "status"})
    if not arguments.json:
        for name, value in done.items():
            print(f"{name:12} {_short(value)}")
    return 0


def _short(value: object) -> object:
    """A value of the status on one line: lists are counted, tables shown as pairs."""
    if isinstance(value, dict):
        return "; ".join(f"{name}: {item}" for name, item in value.items())
    return len(value) if isinstance(value, list) else value


def history(arguments: argparse.Namespace) -> int:
    """List what was signed here."""
    done = _ask(arguments, {"do": "history"} | ({"subject": arguments.subject} if arguments.subject else {}))
    if not arguments.json:
        acts: Any = done["acts"]
        Console().print(render.history_table(acts) if acts else "Nothing was signed here yet.")
    return 0


def scan(arguments: argparse.Namespace) -> int:
    """Search files for traces of presses; exit code 1 if there is one."""
    from edge import scan as scanning  # the image code is for this word alone

    kiosk = config.load(arguments.config)
    pepper = files.pepper(kiosk.state)
    try:
        with Database(kiosk.state / FILE_NAME) as database, open(0, "rb", closefd=False) as stream:
            images = scanning.read_images(stream, arguments.dpi)
            found = scanning.scan(arguments.paths, images, subjects.everyone(database), pepper)
    finally:
        wipe(pepper)
    if arguments.json:
        print(json.dumps(scanning.as_json(found)))
    else:
        for trace in found.traces:
            print(f"{trace.path}: {trace.what} at byte {trace.offset}")
        print(f"{len(found.traces)} traces of {found.presses} presses in {found.searched} bytes")
    return 1 if found.traces else 0


def unix_time(text: str) -> int:
    """Unix seconds of an ISO 8601 date or time (local where it names no zone), or of a number.

    Raises:
        UsageError: it is neither.
    """
    try:
        return (
            int(text) if text.isascii() and text.isdigit() else int(datetime.fromisoformat(text).timestamp())
        )
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no time; write it like 2027-01-31 or 2027-01-31T12:00") from None


def journey(arguments: argparse.Namespace, request: JsonObject) -> int:
    """Ask for an errand that ends with a receipt, and show what comes of it."""
    done = _ask(arguments, request | {"wait": arguments.wait})
    if not arguments.json:
        Console().print(render.outcome(done), soft_wrap=True)
    return 0


def _ask(arguments: argparse.Namespace, request: JsonObject) -> JsonObject:
    """Ask the agent, show its events, and with --json print the result as the last of them."""
    panel = config.load(arguments.config).panel
    with render.JsonLines() if arguments.json else render.Screen(Console()) as screen:
        done = client.ask(panel, request, screen.show)
        if arguments.json:
            screen.show({"event": "done"} | done)
    return done


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            document = file.read(MAX_PLAINTEXT + 1)
    except FileNotFoundError:
        raise NotFoundError(f"there is no {path}") from None
    except OSError as error:
        raise StateError(f"cannot read {path}: {error.strerror}") from None
    if len(document) > MAX_PLAINTEXT:
        raise BadDataError(f"{path} has more than {MAX_PLAINTEXT // 1024} KiB; a record holds no more")
    return document


def _write_template(path: Path, state: Path) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(config.TEMPLATE.format(state=state.absolute()))
    except FileExistsError:
        raise UsageError(f"{path} is there already; it was left as it is") from None
    except OSError as error:
        raise StateError(f"cannot write {path}: {error.strerror}") from None
