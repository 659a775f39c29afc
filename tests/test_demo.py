"""The demo is the acceptance test of the whole; here it runs as a person runs it, once for each broker."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

STEPS = [str(number) for number in range(1, 13)]
PROOFS = 7


def demo(*options: str, path: str = os.environ["PATH"]) -> dict[str, object]:
    """Run `ridgekey demo --fast --json` and return what it says."""
    ran = subprocess.run(
        [sys.executable, "-m", "ridgekey", "demo", "--fast", "--json", *options],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=os.environ | {"PATH": path},
    )
    assert ran.returncode == 0, ran.stderr
    told: dict[str, object] = json.loads(ran.stdout)
    return told


def path_without(program: str) -> str:
    """The PATH less every folder that holds `program`."""
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not (Path(folder) / program).exists())


def check(told: dict[str, object]) -> None:
    """All steps and proofs are there, in order."""
    lines = told["steps"]
    assert isinstance(lines, list)
    assert [line["step"] for line in lines] == STEPS + ["✓"] * PROOFS
    assert told["passed"] is True


def test_the_whole_way_with_an_r307(tmp_path: Path) -> None:
    kept = tmp_path / "run"
    check(demo("--keep", str(kept)))
    opcodes = [json.loads(line) for line in (kept / "logs" / "opcodes.jsonl").read_text().splitlines()]
    assert any(each.get("name") == "UpImage" for each in opcodes)


def test_the_whole_way_with_an_r503_on_the_ledger_without_mosquitto() -> None:
    path = path_without("mosquitto")
    assert shutil.which("mosquitto", path=path) is None
    told = demo("--sensor", "r503", "--storage", "ledger", "--finger", "12", path=path)
    check(told)
    assert told["broker"] == "amqtt"


@pytest.mark.parametrize("signal", ["INT", "TERM"])
def test_an_interrupted_demo_leaves_no_process(signal: str, tmp_path: Path) -> None:
    kept = tmp_path / "run"
    command = [sys.executable, "-m", "ridgekey", "demo", "--keep", str(kept)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("started in" in line for line in iter(process.stdout.readline, "")), process.communicate()
        subprocess.run(["kill", f"-{signal}", str(process.pid)], check=True)
        _, complaint = process.communicate(timeout=120)
    assert process.returncode == 130
    assert complaint.strip() == "ridgekey: interrupted"
    left = subprocess.run(["pgrep", "-f", str(kept)], capture_output=True, text=True, check=False)
    assert left.stdout == ""
