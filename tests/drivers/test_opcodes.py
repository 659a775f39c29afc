"""The guard: what may not be sent raises before a byte is written (rule 5)."""

import pytest

from drivers.errors import ForbiddenOpcodeError
from drivers.exchange import Exchange
from drivers.module import Module
from drivers.opcodes import ALLOWED, Level, Opcode, guard
from drivers.timing import Deadlines
from drivers.wire import Wire
from tests.drivers.memory import MemoryLink

# Stores, exports or matches a template, or can brick or lock the module.
REFUSED = {
    0x02: "GenChar",
    0x03: "Match",
    0x04: "Search",
    0x05: "RegModel",
    0x06: "Store",
    0x07: "LoadChar",
    0x08: "UpChar",
    0x09: "DownChar",
    0x10: "Enroll",
    0x11: "Identify",
    0x16: "ReadInfPage",
    0x17: "port control",
    0x1A: "BurnCode",
    0x1B: "HighSpeedSearch",
    0x1C: "GenBinImage",
    0x1E: "user GPIO",
    0x31: "AutoEnroll",
    0x32: "AutoIdentify",
    0xE0: "HLK keys",
    0xE1: "HLK lock",
    0xE2: "HLK ciphertext",
    0xE3: "HLK store",
    0xE4: "HLK search",
}
# Erases templates or changes the address: for a tool that we do not have.
NOT_OURS = {0x0C, 0x0D, 0x15}
# Written only while it is asked for.
SCRUBBING = {0x0B}
PROVISIONING = {0x0E, 0x12, 0x18}


@pytest.fixture
def link() -> MemoryLink:
    return MemoryLink()


@pytest.fixture
def module(link: MemoryLink) -> Module:
    return Module(Exchange(Wire(link, Deadlines())))


@pytest.mark.parametrize("opcode", sorted(REFUSED), ids=REFUSED.get)
def test_a_forbidden_opcode_raises_before_a_byte_is_written(
    opcode: int, module: Module, link: MemoryLink
) -> None:
    with pytest.raises(ForbiddenOpcodeError, match=f"0x{opcode:02X}"):
        module._send_packet([opcode, 1, 0, 0])
    assert link.written == b""


@pytest.mark.parametrize(
    ("level", "let_through"),
    [(Level.EVERYDAY, set()), (Level.SCRUBBING, SCRUBBING), (Level.PROVISIONING, PROVISIONING)],
)
def test_whatever_is_not_on_the_list_is_refused(level: Level, let_through: set[int]) -> None:
    refused = set()
    for opcode in range(256):
        try:
            guard(opcode, level)
        except ForbiddenOpcodeError:
            refused.add(opcode)
    special = SCRUBBING | PROVISIONING
    assert refused == set(range(256)) - (set(Opcode) - special | let_through)
    assert refused >= set(REFUSED) | NOT_OURS


@pytest.mark.parametrize("opcode", sorted(SCRUBBING | PROVISIONING))
def test_what_writes_goes_out_only_while_it_is_asked_for(
    opcode: int, module: Module, link: MemoryLink
) -> None:
    level = Level.SCRUBBING if opcode in SCRUBBING else Level.PROVISIONING
    with pytest.raises(ForbiddenOpcodeError, match="only sent to"):
        module._send_packet([opcode, 0])
    assert link.written == b""
    with module.exchange.at(level):
        module._send_packet([opcode, 0])
    assert link.written
    with pytest.raises(ForbiddenOpcodeError):
        module.exchange.ask(opcode)


def test_an_allowed_opcode_is_written(module: Module, link: MemoryLink) -> None:
    module._send_packet([Opcode.GEN_IMG])
    assert link.written == bytes.fromhex("EF01FFFFFFFF010003010005")


def test_each_allowed_opcode_has_its_answers_shape() -> None:
    assert set(ALLOWED) == set(Opcode)


@pytest.mark.parametrize(
    "call",
    [
        lambda module: module.image_2_tz(1),
        lambda module: module.create_model(),
        lambda module: module.store_model(1),
        lambda module: module.delete_model(1),
        lambda module: module.load_model(1),
        lambda module: module.get_fpdata(),
        lambda module: module.get_fpdata("char", 2),
        lambda module: module.send_fpdata([0] * 64),
        lambda module: module.send_fpdata([0] * 64, "image"),
        lambda module: module.empty_library(),
        lambda module: module.compare_templates(),
        lambda module: module.set_sysparam(4, 12),
    ],
    ids=lambda call: call.__code__.co_names[0],
)
def test_the_adafruit_methods_that_touch_templates_or_flash_reach_no_wire(
    call: object, module: Module, link: MemoryLink
) -> None:
    with pytest.raises(ForbiddenOpcodeError):
        call(module)  # type: ignore[operator]  # a lambda
    assert link.written == b""
