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

TESTS = Path(__file__).parent / "forge" / "Registry.t.vy"
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
        (tmp_path / "test").mkdir()
        shutil.copyfile(TESTS, tmp_path / "test" / TESTS.name)
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
        done = subprocess.run(
            [program, "test", "--root", tmp_path], capture_output=True, text=True, env=home, check=False
        )
        return done.stdout + done.stderr

    return run


def shipped() -> dict[str, object]:
    artifact: dict[str, object] = json.loads(build.ARTIFACT.read_text())
    return artifact


def names() -> set[str]:
    return set(re.findall(r"^def (test_\w+)\(", TESTS.read_text(), re.MULTILINE))


def test_what_must_hold_holds_whatever_is_drawn(forge: Forge) -> None:
    said = forge(shipped(), RUNS)
    passed = {name: int(runs) for name, runs in PASSED.findall(said)}
    print(f"\n{sum(passed.values()):,} cases: {passed}")
    assert set(passed) == names(), said
    assert set(passed.values()) == {RUNS}


MUTANTS = {
    "no low s": ("    assert s <= HALF_ORDER", "    assert s <= max_value(uint256)"),
    "no signer": ("recovered != empty(address) and recovered == signer", "recovered != empty(address)"),
    "nobody signs": ("recovered != empty(address) and recovered == signer", "recovered == signer"),
    "no nonce": ("    assert used & bit == 0", "    assert used & bit != max_value(uint256)"),
    "one nonce a word": ("    bit: uint256 = 1 << (nonce & 255)", "    bit: uint256 = 1 << (nonce & 127)"),
    "no deadline": ("    assert block.timestamp <= convert(deadline, uint256)", "    assert deadline >= 0"),
    "deadline too early": (
        "    assert block.timestamp <= convert(deadline",
        "    assert block.timestamp < convert(deadline",
    ),
    "expiry too late": (
        "self._expiry_in(consent) <= block.timestamp:",
        "self._expiry_in(consent) < block.timestamp:",
    ),
    "longer than asked": ("    assert expiry <= r.expiry", "    assert expiry >= 0"),
    "purpose not signed": ("r.subject, id, r.purpose, expiry,", "r.subject, id, id, expiry,"),
    "every chain": ("    if chain.id == CHAIN_ID:", "    if chain.id != 0:"),
    "granted again": (
        'assert self.consents[id] & STATE_MASK == REQUESTED, "not requested"',
        'assert self.consents[id] & STATE_MASK != 0, "not requested"',
    ),
    "withdrawn unasked": (
        'assert consent & STATE_MASK == GRANTED, "not granted"\n    subject: address = self._close(WITHDRAW',
        'assert consent & STATE_MASK != 0, "not granted"\n    subject: address = self._close(WITHDRAW',
    ),
    "batch counts all": ("            taken |= 1 << position\n", "            taken |= 3 << position\n"),
    "batch stops": ("        if success:\n", "        if success and position < 4:\n"),
}
"""Weaker contracts: the text that is replaced, and by what."""


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_weaker_contract_is_noticed(
    forge: Forge, compiler: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mutant: str
) -> None:
    before, after = MUTANTS[mutant]
    source = build.SOURCE.read_text()
    assert source.count(before) == 1
    place = tmp_path / "mutant"
    place.mkdir()
    (place / build.SOURCE.name).write_text(source.replace(before, after))
    monkeypatch.setattr(build, "FOLDER", place)
    monkeypatch.setattr(build, "SOURCE", place / build.SOURCE.name)
    said = forge(build.compiled(compiler), RUNS_OF_A_MUTANT)
    failed = set(FAILED.findall(said))
    print(f"\n{mutant}: noticed by {', '.join(sorted(failed)) or 'nobody'}")
    assert failed, said
