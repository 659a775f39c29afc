"""The commands as a person or a script uses them."""

import json
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.cose import kid_of
from contracts.hexes import to_hex
from edge import commands, render
from edge.errors import UsageError
from edge.events import Event
from edge.identity import files
from tests.edge.conftest import OWNER, RIDGEKEY, World, command, write_config
from tests.edge.standin import until


def test_init_is_kind_to_keys(tmp_path: Path) -> None:
    state, config = tmp_path / "kiosk", tmp_path / "edge.toml"
    first = command("edge", "init", "--state", str(state), "--config", str(config), "--json")
    assert first.returncode == 0, first.stderr
    identity = json.loads(first.stdout)
    assert identity["kiosk_id"] == kid_of(files.device_key(state).public_key()).hex()
    assert f'state = "{state}"' in config.read_text()
    again = command("edge", "init", "--state", str(state))
    assert again.returncode == 0
    assert "Kept the keys" in again.stdout
    assert f'{identity["kiosk_id"]} = "{identity["public_key"]}"' in again.stdout
    kept = command("edge", "init", "--state", str(state), "--config", str(config))
    assert kept.returncode == 2
    assert "left as it is" in kept.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["enrol"],
        ["requests"],
        ["status"],
        ["grant", "0x12"],
        ["deny", "0x12"],
        ["withdraw", "0x12"],
        ["outbox", "export", "message.cose", "--digest", "0x12"],
    ],
)
def test_without_an_agent_every_command_says_how_to_start_it(tmp_path: Path, words: list[str]) -> None:
    config = write_config(tmp_path / "edge.toml")
    ended = command("edge", *words, "--config", str(config))
    assert ended.returncode == 69
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert "ridgekey edge agent" in ended.stderr


def test_a_missing_or_oversized_document(tmp_path: Path) -> None:
    config = str(write_config(tmp_path / "edge.toml"))
    missing = command("edge", "store", "no.pdf", "--kind", "digital-asset", "--config", config)
    assert (missing.returncode, missing.stderr) == (66, "ridgekey: there is no no.pdf\n")
    (tmp_path / "big").write_bytes(bytes(256 * 1024 + 1))
    big = command("edge", "store", str(tmp_path / "big"), "--kind", "digital-asset", "--config", config)
    assert big.returncode == 65
    assert "256 KiB" in big.stderr


@pytest.mark.parametrize(
    "words", [[], ["dance"], ["grant"], ["store", "x", "--kind", "song"], ["enrol", "--wait", "x"]]
)
def test_usage_errors(words: list[str]) -> None:
    assert command("edge", *words).returncode == 2


@pytest.mark.parametrize("words", [[], ["init"], ["agent"], ["store"], ["grant"], ["outbox", "export"]])
def test_help(words: list[str]) -> None:
    shown = command("edge", *words, "--help")
    assert shown.returncode == 0
    assert "usage: ridgekey edge" in shown.stdout


def test_times() -> None:
    assert commands.unix_time("1800000000") == 1_800_000_000
    assert commands.unix_time("2027-01-15T08:00:00+00:00") == 1_800_000_000
    assert commands.unix_time("2027-01-31") == datetime(2027, 1, 31).timestamp()
    for wrong in ("soon", "", "-1", "2027-13-01", "²"):
        with pytest.raises(UsageError, match="is no time"):
            commands.unix_time(wrong)


def finger_follows(world: World, argv: list[str]) -> tuple[int, list[dict[str, Any]], str]:
    """Run a command with --json, and press as its events say."""
    person = world.person(OWNER)
    running = subprocess.Popen(
        [*RIDGEKEY, "edge", *argv, "--config", str(world.config), "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    lines = []
    for line in running.stdout:
        lines.append(json.loads(line))
        if lines[-1]["event"] != "done":
            person(lines[-1])
    world.remote.lift()
    _, complaint = running.communicate(timeout=30)
    return running.returncode, lines, complaint


def test_a_script_drives_the_whole_way(world: World, tmp_path: Path) -> None:
    code, lines, _ = finger_follows(world, ["enrol"])
    assert code == 0
    assert lines[-1].items() >= {"event": "done", "act": "enrol", "state": "final"}.items()
    subject = lines[-1]["subject"]

    document = tmp_path / "document.json"
    document.write_text('{"grade": 1}')
    code, lines, complaint = finger_follows(
        world, ["store", str(document), "--kind", "education-credential", "--subject", subject]
    )
    assert code == 0, complaint
    record = bytes.fromhex(lines[-1]["record"][2:])

    signed = world.known.ask(bytes.fromhex(subject[2:]), record, "[red]to[/red] check")
    request = to_hex(signed.request.hash_struct())
    world.gateway.notify(signed)
    until(lambda: request in command("edge", "requests", "--json", "--config", str(world.config)).stdout)
    shown = command("edge", "requests", "--config", str(world.config)).stdout
    assert request[:10] in shown
    assert "City hospital" in shown
    assert "[red]to[/red]" in shown

    code, lines, _ = finger_follows(world, ["grant", request])
    assert code == 0
    message = tmp_path / "grant.cose"
    exported = command(
        "edge",
        "outbox",
        "export",
        str(message),
        "--digest",
        lines[-1]["digest"],
        "--config",
        str(world.config),
    )
    assert exported.returncode == 0
    assert message.read_bytes() == world.gateway.raw[-1]

    code, lines, complaint = finger_follows(world, ["grant", request])
    assert (code, lines) == (1, [])
    assert complaint == "ridgekey: this request is granted; it cannot be answered any more\n"


def test_an_identity_from_its_first_key_to_its_end(world: World, tmp_path: Path) -> None:
    code, lines, complaint = finger_follows(world, ["enrol"])
    assert code == 0, complaint
    subject = lines[-1]["subject"]
    me = ["--subject", subject]

    code, lines, complaint = finger_follows(world, ["entrust", "--paper", *me])
    assert code == 0, complaint
    (paper,) = (line["text"] for line in lines if line["event"] == "recovery_code")
    assert world.gateway.heard[-1].act.guardian == bytes.fromhex(lines[-1]["guardian"][2:])

    code, lines, complaint = finger_follows(world, ["rotate", *me])
    assert code == 0, complaint
    assert lines[-1].items() >= {"act": "rotate", "state": "final", "subject": subject}.items()
    assert [line["event"] for line in lines].count("place_finger") >= 4

    document = tmp_path / "after.txt"
    document.write_text("stored with the new key")
    code, lines, complaint = finger_follows(world, ["store", str(document), "--kind", "digital-asset", *me])
    assert code == 0, complaint
    assert to_hex(world.gateway.heard[-1].act.subject) == subject

    code, lines, complaint = finger_follows(world, ["recover", subject])
    assert (code, lines) == (2, [])
    assert "name a file" in complaint
    on_paper = tmp_path / "code"
    on_paper.write_text(f"{paper.lower()}\n")
    code, lines, complaint = finger_follows(world, ["recover", subject, "--code", str(on_paper)])
    assert code == 0, complaint
    assert lines[-1]["act"] == "recover"

    code, lines, complaint = finger_follows(world, ["contest", *me])
    assert (code, lines) == (66, [])
    assert "no recovery is known here" in complaint

    code, _, complaint = finger_follows(world, ["deactivate", *me])
    assert code == 2
    assert "--for-good" in complaint
    code, lines, complaint = finger_follows(world, ["deactivate", "--for-good", *me])
    assert code == 0, complaint
    shown = command("edge", "status", "--config", str(world.config), "--json").stdout
    assert subject not in json.loads(shown)["subjects"]


def test_status_in_words(world: World) -> None:
    shown = command("edge", "status", "--config", str(world.config)).stdout
    assert f"kiosk        {world.gateway.kiosk_id}" in shown
    assert "waiting      0" in shown


EVENTS: list[dict[str, Any]] = [
    {"event": "asked", "requester_name": "City [hospital]", "kind": "x", "purpose": "[b]p", "expiry": 2**63},
    {"event": "pairing_code", "text": "RIDGEKEY:1", "expires": 1},
    {"event": "phone_met", "label": "[b]Anna's", "number": "12 34 56"},
    {"event": "phone_wanted", "subject": "0x00"},
    {"event": "recovery_code", "text": "4K7M-Q2XW"},
    {"event": "recovery_under_way", "ready": 1},
    {"event": "next_finger", "finger": 1, "of": 2},
    {"event": "place_finger", "press": 1, "of": 3},
    {"event": "transfer", "done": 1, "total": 2},
    {"event": "transfer", "done": 2, "total": 2},
    {"event": "captured", "seconds": 1.0},
    {"event": "lift_finger"},
    {"event": "quality", "acceptable": False, "hints": ["press more"]},
    {"event": "quality", "acceptable": True, "hints": []},
    {"event": "one_more", "hint": "use the same part of the finger"},
    {"event": "not_recognised", "press": 1, "of": 3},
    {"event": "showed_too_little", "press": 2, "of": 3, "hint": "hold it still"},
    {"event": "unlocked", "seconds": 1.0},
    {"event": "ended_badly", "act": "grant", "signed_at": 1, "outcome": "late"},
    {"event": "ended_badly", "act": "deny", "signed_at": 1, "outcome": "rejected", "reason": "[x] no"},
    {"event": "ended_badly", "act": "grant", "signed_at": 1, "outcome": "final"},
    {"event": "signed", "act": "grant"},
    {"event": "queued"},
    {"event": "receipt", "status": "final", "block": 3, "seconds": 1.0},
    {"event": "receipt", "status": "rejected"},
    {"event": "of a later agent"},
]


def test_the_screen_shows_every_event(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    assert {event["event"] for event in EVENTS} >= {kind.name for kind in Event.__subclasses__()}
    with render.Screen(Console(width=100)) as screen:
        for event in EVENTS:
            screen.show(event)
    shown = capsys.readouterr().out
    assert "City [hospital] asks for" in shown
    assert "[b]p" in shown
    assert "until:   the end of time" in shown
    assert "press 1 of 3" in shown
    assert "too weak: press more" in shown
    assert "final in block 3" in shown
    assert "was rejected: [x] no" in shown
