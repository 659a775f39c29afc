"""The contract calls nobody, so nothing can be re-entered: read off its bytecode, then watched as it runs."""

from collections import Counter
from collections.abc import Iterator

import cbor2
import pytest

from contracts import registry
from contracts.acts import ActKind
from contracts.registry import call_arguments
from tests.contracts.evm import calldata
from tests.contracts.world import OBJECT, RECORD, World

CREATE, CALL, CALLCODE, DELEGATECALL, CREATE2, STATICCALL, SELFDESTRUCT = (
    0xF0, 0xF1, 0xF2, 0xF4, 0xF5, 0xFA, 0xFF,
)  # fmt: skip
PUSH1, PUSH32 = 0x60, 0x7F
FIRST_AFTER_LONDON = {0x5F: "PUSH0", 0x5C: "TLOAD", 0x5D: "TSTORE", 0x5E: "MCOPY", 0x49: "BLOBHASH"}

ECRECOVER, SHA256, IDENTITY = (bytes(19) + bytes([number]) for number in (1, 2, 4))
"""Precompiles: functions of the machine itself, at addresses where nobody can put code."""


def opcodes(code: bytes) -> Iterator[int]:
    """The instructions of a piece of code, without what they push."""
    position = 0
    while position < len(code):
        opcode = code[position]
        yield opcode
        position += 1 + (opcode - PUSH1 + 1 if PUSH1 <= opcode <= PUSH32 else 0)


def instructions(world: World) -> bytes:
    """The code on the ledger without its table of jumps and its immutables, as Vyper's note says they lie."""
    length = int.from_bytes(registry.BYTECODE[-2:], "big")
    _, size, data, immutables, _ = cbor2.loads(registry.BYTECODE[-length:-2])
    code: bytes = world.evm.chain.get_vm().state.get_code(world.registry.address)
    assert len(code) == size + immutables
    return code[: size - sum(data)]


@pytest.fixture
def found(world: World) -> Counter[int]:
    return Counter(opcodes(instructions(world)))


def test_there_is_one_call_and_none_that_could_run_code_of_others(found: Counter[int]) -> None:
    assert found[CALL] == 1  # of `submit`, to the contract itself
    assert not found[CALLCODE] + found[DELEGATECALL] + found[CREATE] + found[CREATE2] + found[SELFDESTRUCT]


def test_a_chain_with_the_rules_of_london_can_run_it(found: Counter[int]) -> None:
    assert not [name for opcode, name in FIRST_AFTER_LONDON.items() if found[opcode]]


def test_it_asks_who_calls_nowhere_and_takes_no_funds(world: World, found: Counter[int]) -> None:
    caller, origin, selfbalance, balance = 0x33, 0x32, 0x47, 0x31
    assert not found[caller] + found[origin] + found[selfbalance] + found[balance]
    act = world.ready_for(ActKind.ENROL)
    data = calldata(*call_arguments(act, world.sign(act)))
    assert world.evm.transact(world.registry.address, data, value=1).reason == ""
    assert world.evm.transact(world.registry.address, b"", value=1).reason == ""


@pytest.fixture
def called(world: World, monkeypatch: pytest.MonkeyPatch) -> set[tuple[bytes, bool]]:
    """Whom the contract calls while a test runs: the code's address, and whether it may change anything."""
    heard: set[tuple[bytes, bool]] = set()
    computation = type(world.evm.chain.get_vm().state).computation_class
    original = computation.apply_child_computation

    def listen(self, message):
        heard.add((bytes(message.code_address), message.is_static))
        return original(self, message)

    monkeypatch.setattr(computation, "apply_child_computation", listen)
    return heard


@pytest.mark.parametrize("kind", ActKind)
def test_an_act_reaches_precompiles_alone(
    world: World, called: set[tuple[bytes, bool]], kind: ActKind
) -> None:
    act = world.ready_for(kind)
    called.clear()
    world.done(act)
    assert (ECRECOVER, True) in called
    assert called <= {(ECRECOVER, True), (IDENTITY, True)}


def test_publishing_and_completing_reach_precompiles_alone(
    world: World, called: set[tuple[bytes, bool]]
) -> None:
    world.ready_for(ActKind.GRANT)
    called.clear()
    assert world.registry.call("publish", world.person.address, RECORD, OBJECT).reason is None
    assert called <= {(SHA256, True), (IDENTITY, True)}
    world.done(world.entrust())
    world.done(world.recover())
    world.evm.time += 8 * 86_400
    called.clear()
    assert world.complete().reason is None
    assert called <= {(IDENTITY, True)}


def test_a_batch_reaches_itself_and_no_one_else(world: World, called: set[tuple[bytes, bool]]) -> None:
    act = world.ready_for(ActKind.GRANT)
    call = calldata(*call_arguments(act, world.sign(act), world.asked))
    called.clear()
    assert world.registry.submit_batch([call, b"junk"]).reason is None
    allowed = {(world.registry.address, False), (ECRECOVER, True), (IDENTITY, True)}
    assert called <= allowed
