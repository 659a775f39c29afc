"""forge throws drawn arguments at the shipped bytecode; a contract with a check less is noticed."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts import compile as build
from hw.engines.tools import ToolMissingError, npm_tool
from tests.contracts.mutants import MUTANTS, weaker

TESTS = Path(__file__).parent / "forge"
RUNS, RUNS_OF_A_MUTANT = 2_000, 300
PASSED = re.compile(r"^\[PASS\] (\w+)\(.*runs: (\d+)", re.MULTILINE)
FAILED = re.compile(r"^\[FAIL.*\] (\w+)\(", re.MULTILINE)

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

Forge = Callable[[dict[str, object], int], str]


@pytest.fixture(scope="module")
def compiler() -> Path:
    try:
        return build.compiler()
    except build.CompilerMissingError as error:
        pytest.skip(str(error))


@pytest.fixture
def forge(compiler: Path, tmp_path: Path) -> Forge:
    """Runs the tests on an artifact; what forge says."""
    try:
        program = npm_tool("forge")
    except ToolMissingError as error:
        pytest.skip(str(error))

    def run(artifact: dict[str, object], runs: int) -> str:
        (tmp_path / "ConsentRegistry.json").write_text(json.dumps(artifact))
        shutil.copytree(TESTS, tmp_path / "test")
        # forge hands its own choice of rules to Vyper, and knows none between London's and Paris's for it.
        (tmp_path / "foundry.toml").write_text(
            f"""\
[profile.default]
src = "src"
test = "test"
libs = []
offline = true
evm_version = "paris"
fs_permissions = [{{ access = "read", path = "./" }}]
[profile.default.vyper]
path = "{compiler}"
[profile.default.fuzz]
runs = {runs}
seed = "0x5eed"
"""
        )
        home = {**os.environ, "HOME": str(tmp_path), "NO_COLOR": "1"}
        # It leaves its cache where it is called.
        command = [program, "test", "--root", tmp_path]
        done = subprocess.run(command, capture_output=True, text=True, env=home, cwd=tmp_path, check=False)
        return done.stdout + done.stderr

    return run


def shipped() -> dict[str, object]:
    artifact: dict[str, object] = json.loads(build.ARTIFACT.read_text())
    return artifact


def names() -> set[str]:
    sources = "\n".join(path.read_text() for path in TESTS.glob("*.t.vy"))
    return set(re.findall(r"^def (test_\w+)\(", sources, re.MULTILINE))


def test_what_must_hold_holds_whatever_is_drawn(forge: Forge) -> None:
    said = forge(shipped(), RUNS)
    passed = {name: int(runs) for name, runs in PASSED.findall(said)}
    print(f"\n{sum(passed.values()):,} cases: {passed}")
    assert set(passed) == names(), said
    assert set(passed.values()) == {RUNS}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_weaker_contract_is_noticed(forge: Forge, compiler: Path, tmp_path: Path, mutant: str) -> None:
    said = forge(weaker(mutant, compiler, tmp_path), RUNS_OF_A_MUTANT)
    failed = set(FAILED.findall(said))
    print(f"\n{mutant}: noticed by {', '.join(sorted(failed)) or 'nobody'}")
    assert failed, said
