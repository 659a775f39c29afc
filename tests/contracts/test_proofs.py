"""Proved by Z3 over the shipped bytecode: what each function can do to the ledger, and what it demands.

Every path that a call can take is executed with unknown arguments, an unknown ledger, time, chain and
contract (`symbolic`). A claim about it (`claims`) is proved if its contrary has no solution.
"""

import json
import subprocess
from pathlib import Path

import pytest

z3 = pytest.importorskip("z3", reason="z3-solver is not installed, which proves")

from contracts import compile as build  # noqa: E402
from contracts import eip712, registry  # noqa: E402
from tests.contracts.claims import ACT_OF, VIEWS, prove  # noqa: E402
from tests.contracts.mutants import weaker  # noqa: E402
from tests.contracts.proving import abi_bytes, runtime  # noqa: E402
from tests.contracts.symbolic import IDENTITY, Hashes, Machine, term  # noqa: E402


@pytest.fixture(scope="module")
def code() -> bytes:
    return runtime()


def test_every_function_that_changes_something_is_proved() -> None:
    changing = {
        entry["name"]
        for entry in registry.ABI
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    }
    assert changing == {*ACT_OF, "submit"}


@pytest.mark.long
@pytest.mark.parametrize("name", [*ACT_OF, *VIEWS])
def test_what_a_function_can_do(code: bytes, name: str) -> None:
    assert prove(name, code) >= 1


def test_a_batch_does_nothing_but_call_the_contract_itself(code: bytes) -> None:
    """So all that it changes is changed by the calls, of which each is proved."""
    items = [[z3.BitVec(f"item {item}[{n}]", 8) for n in range(100)] for item in range(2)]
    heads = [0x20, len(items), 0x40, 0x40 + len(abi_bytes(items[0]))]
    data = [octet for head in heads for octet in head.to_bytes(32, "big")]
    data += [octet for item in items for octet in abi_bytes(item)]
    machine = Machine([*code], [*registry.selector("submit"), *data], Hashes())
    paths = list(machine.successes())
    assert paths
    for path in paths:
        assert not path.writes
        called = [whom for whom in path.calls if not (isinstance(whom, int) and whom == IDENTITY)]
        assert len(called) == len(items)
        assert all(z3.eq(term(whom), machine.address) for whom in called)


@pytest.fixture(scope="module")
def compiler() -> Path:
    try:
        return build.compiler()
    except build.CompilerMissingError as error:
        pytest.skip(str(error))


@pytest.mark.long
def test_the_layout(compiler: Path) -> None:
    command = [compiler, "-f", "layout", build.SOURCE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    layout = json.loads(done.stdout)
    names = ("keys", "guardians", "recoveries", "nonces", "commitments", "consents", "begun")
    assert [layout["storage_layout"][name]["slot"] for name in names] == list(range(1, 8))
    assert [entry["offset"] for entry in layout["code_layout"].values()] == [0, 32, 64]


DISPROVED = {
    "no low s": "enrol",
    "no signer": "deny",
    "no nonce": "register",
    "one nonce a word": "entrust",
    "no deadline": "withdraw",
    "expiry too late": "isValid",
    "longer than asked": "grant",
    "purpose not signed": "grant",
    "every chain": "deactivate",
    "granted again": "grant",
    "withdrawn unasked": "withdraw",
    "first key for good": "rotate",
    "nobody's key": "recover",
    "anybody recovers": "recover",
    "recovers at once": "complete",
    "recovers without end": "recover",
    "entrusting ends nothing": "entrust",
    "contesting ends nothing": "contest",
    "ended is recovered": "recover",
    "consents outlive it": "isValid",
    "granted for anything": "isGranted",
    "ended is asked": "request",
    "recovers twice": "recover",
    "guardian voids": "recover",
    "first key voids": "recover",
}
"""Weaker contract: a function of which something is claimed that no longer holds."""


@pytest.mark.long
@pytest.mark.parametrize("mutant", DISPROVED)
def test_nothing_false_is_proved(compiler: Path, tmp_path: Path, mutant: str) -> None:
    artifact = weaker(mutant, compiler, tmp_path)
    bytecode = bytes.fromhex(str(artifact["bytecode"]).removeprefix("0x"))
    weak = runtime(bytecode + eip712.environment_salt("tests"))
    with pytest.raises(AssertionError, match="not proved that"):
        prove(DISPROVED[mutant], weak)
