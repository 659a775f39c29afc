"""The simulated module without a line: frames in, frames out."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.simulator.commands import COMMANDS
from hw.simulator.module import GAP_LIMIT, ForbiddenOpcodeError
from hw.simulator.opcodes import FORBIDDEN, Opcode
from hw.simulator.packets import PacketReader, encode
from hw.simulator.pixels import is_poor, pack, unpack
from hw.simulator.profiles import PROFILES, R307, R503, Profile
from hw.simulator.state import Flash
from tests.hw.module_bench import Bench, random_image
from tests.hw.sensor_bench import ADDRESS, frame, on_the_wire

NEVER = {*range(0x02, 0x0A), 0x10, 0x11, 0x16, 0x17, *range(0x1A, 0x1D), 0x1E, 0x31, 0x32, *range(0xE0, 0xE5)}
"""The instructions marked X in the protocol's table of opcodes."""


@pytest.fixture(params=["r307", "r503"])
def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(PROFILES[request.param])


# Frames


def test_frames_of_the_manual() -> None:
    assert encode(ADDRESS, 0x01, b"\x01") == bytes.fromhex("EF01FFFFFFFF0100030100 05")
    assert encode(ADDRESS, 0x07, b"\x02") == bytes.fromhex("EF01FFFFFFFF07000302000C")
    assert encode(ADDRESS, 0x01, bytes.fromhex("3501500600")) == bytes.fromhex(
        "EF01FFFFFFFF0100073501500600 0094"
    )


@given(
    st.lists(st.tuples(st.integers(0, 255), st.binary(min_size=1, max_size=256)), max_size=5),
    st.lists(st.integers(0, 1500), max_size=6),
)
def test_frames_survive_any_cutting(messages: list[tuple[int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(frame(pid, payload) for pid, payload in messages)
    reader = PacketReader()
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    packets = [packet for start, end in pairwise(edges) for packet in reader.feed(stream[start:end])]
    assert [(packet.pid, packet.payload) for packet in packets] == messages
    assert all(packet.intact for packet in packets)
    assert reader.skipped == 0


@given(st.binary(max_size=2000))
def test_noise_never_fills_the_reader(noise: bytes) -> None:
    reader = PacketReader()
    reader.feed(noise)
    reader.reset()
    assert reader.feed(frame(0x01, b"\x13")) != []


@pytest.mark.parametrize("length", [0, 1, 2, 0x0103, 0xFFFF])
def test_impossible_length_is_skipped(bench: Bench, length: int) -> None:
    broken = b"\xef\x01" + ADDRESS + b"\x01" + length.to_bytes(2, "big")
    assert bench.say(broken + frame(0x01, b"\x0f"))[9] == 0x00


def test_command_cut_short_is_given_up_after_a_gap(bench: Bench) -> None:
    begun = frame(0x01, b"\x13\x00\x00\x00\x00")[:10]
    assert bench.say(begun) == b""
    answer = bench.say(frame(0x01, b"\x0f"), at=GAP_LIMIT * 2)
    assert answer[9] == 0x00
    assert {"event": "garbage", "bytes": 10} in bench.log


def test_wrong_checksum_is_a_bad_packet(bench: Bench) -> None:
    command = bytearray(frame(0x01, b"\x0f"))
    command[-1] ^= 1
    assert bench.say(bytes(command))[9] == 0x01


def test_another_address_is_ignored(bench: Bench) -> None:
    assert bench.say(frame(0x01, b"\x0f", address=b"\x00\x00\x00\x01")) == b""


@given(st.binary(max_size=300).filter(lambda data: b"\xef" not in data))
def test_any_arguments_are_answered(arguments: bytes) -> None:
    bench = Bench(R503)
    for opcode in R503.opcodes:
        answer = bench.say(frame(0x01, bytes([opcode]) + arguments[:255]), at=1.0)
        assert answer[:2] == b"\xef\x01"
        bench = Bench(R503)


# Instructions


def test_the_forbidden_are_those_of_the_table() -> None:
    assert {int(opcode) for opcode in FORBIDDEN} == NEVER
    assert not NEVER & {int(opcode) for opcode in COMMANDS}


@pytest.mark.parametrize("opcode", sorted(NEVER))
def test_forbidden_instruction_stops_the_module(bench: Bench, opcode: int) -> None:
    with pytest.raises(ForbiddenOpcodeError, match=f"0x{opcode:02X}"):
        bench.say(frame(0x01, bytes([opcode, 1])))
    assert bench.log[-1]["event"] == "forbidden"
    assert bench.log[-1]["opcode"] == f"{opcode:02X}"


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_every_instruction_of_a_profile_is_implemented(profile: Profile) -> None:
    assert profile.opcodes <= set(COMMANDS)


def test_unknown_instructions_are_answered_as_each_module_does() -> None:
    assert Bench(R307).ask(0x40) == b"\x01"
    assert Bench(R307).ask(0x3C) == b"\x01"
    assert Bench(R503).ask(0x53) == b"\xfc"
    assert Bench(R503).ask(0x77) == b"\xfc"


def test_alive() -> None:
    assert Bench(R307).ask(0x53) == b"\x55"
    assert Bench(R503).ask(0x40) == b"\x00"
    assert Bench(R503).ask(0x36) == b"\x00"


def test_parameters_of_each_module() -> None:
    assert Bench(R307).ask(0x0F).hex() == "00" + "0000000903e80003ffffffff00020006"
    assert Bench(R503).ask(0x0F).hex() == "00" + "0000000000c80003ffffffff00020006"


def test_product_info_of_the_r503() -> None:
    info = Bench(R503).ask(0x3C)
    assert len(info) == 1 + 46
    assert info[1:17] == b"R503".ljust(16, b"\0")
    assert [int.from_bytes(info[index : index + 2], "big") for index in range(39, 47, 2)] == [
        192,
        192,
        1536,
        200,
    ]


def test_versions_are_32_bytes() -> None:
    for opcode in (0x39, 0x3A):
        assert len(Bench(R503).ask(opcode)) == 33


def test_random_bytes_differ(bench: Bench) -> None:
    assert len({bench.ask(0x14) for _ in range(4)}) == 4


def test_password_locks_until_verified() -> None:
    bench = Bench(R503, Flash(password=b"\x01\x02\x03\x04"))
    assert bench.ask(0x0F) == b"\x21"
    assert bench.ask(0x13, 0, 0, 0, 0) == b"\x13"
    assert bench.ask(0x01) == b"\x21"
    assert bench.ask(0x13, 1, 2, 3, 4) == b"\x00"
    assert bench.ask(0x0F)[:3] == b"\x00\x00\x04"


def test_new_address_answers_already(bench: Bench) -> None:
    answer = bench.say(frame(0x01, b"\x15\x00\x00\x00\x07"))
    assert answer[2:6] == b"\x00\x00\x00\x07"
    assert bench.say(frame(0x01, b"\x0f")) == b""


@pytest.mark.parametrize(
    ("parameter", "value", "code"),
    [(3, 1, 0x1A), (7, 1, 0x1A), (4, 0, 0x1B), (4, 13, 0x1B), (6, 4, 0x1B), (5, 6, 0x1B)],
)
def test_wrong_settings_are_refused(bench: Bench, parameter: int, value: int, code: int) -> None:
    assert bench.ask(0x0E, parameter, value) == bytes([code])


def test_r503_knows_fewer_bauds() -> None:
    assert Bench(R307).ask(0x0E, 4, 5) == b"\x00"
    assert Bench(R503).ask(0x0E, 4, 5) == b"\x1b"


def test_new_baud_counts_from_the_next_start() -> None:
    bench = Bench(R503)
    assert bench.ask(0x0E, 4, 12) == b"\x00"
    assert bench.module.state.baud == 57600
    assert bench.ask(0x0F)[-1] == 12
    sends = bench.module.receive(frame(0x01, b"\x3d"), 0.0)
    assert [(send.baud, send.data[-1]) for send in sends] == [(57600, 0x0A), (115200, 0x55)]


def test_start_is_announced_by_the_r503_alone() -> None:
    assert [send.data for send in Bench(R503).started] == [b"\x55"]
    assert [send.data for send in Bench(R307).started] == [b""]


def test_notepad(bench: Bench) -> None:
    page = bytes(range(32))
    assert bench.ask(0x18, 15, *page) == b"\x00"
    assert bench.ask(0x19, 15) == b"\x00" + page
    assert bench.ask(0x19, 14) == b"\x00" + bytes(32)
    assert bench.ask(0x19, 16) == b"\x1c"
    assert bench.ask(0x18, 16, *page) == b"\x1c"


def test_library_is_counted_listed_and_emptied() -> None:
    bench = Bench(R307, Flash(templates={0, 9, 256}))
    assert bench.ask(0x1D) == b"\x00\x00\x03"
    assert bench.ask(0x1F, 0) == b"\x00\x01\x02" + bytes(30)
    assert bench.ask(0x1F, 1) == b"\x00\x01" + bytes(31)
    assert bench.ask(0x0C, 0, 9, 0, 1) == b"\x00"
    assert bench.ask(0x1D) == b"\x00\x00\x02"
    assert bench.ask(0x0D) == b"\x00"
    assert bench.ask(0x1D) == b"\x00\x00\x00"


def test_light() -> None:
    bench = Bench(R503)
    assert bench.ask(0x35, 1, 0x50, 6, 0) == b"\x00"
    assert bench.module.state.led == b"\x01\x50\x06\x00"
    assert bench.ask(0x35, 1, 0x50, 8, 0) == b"\x01"
    assert bench.ask(0x35, 7, 0x50, 1, 0) == b"\x01"


# Images


def test_no_finger(bench: Bench) -> None:
    assert bench.ask(0x01) == b"\x02"
    assert bench.ask(0x0A) == b"\x0f"


@pytest.mark.parametrize("code", range(4))
def test_image_leaves_in_packets_of_the_set_size(bench: Bench, code: int) -> None:
    profile = bench.module.state.profile
    bench.finger = random_image(profile)
    assert bench.ask(0x0E, 6, code) == b"\x00"
    assert bench.ask(0x01) == b"\x00"
    acknowledge, *data = PacketReader().feed(bench.say(frame(0x01, b"\x0a")))
    assert acknowledge.payload == b"\x00"
    assert {len(packet.payload) for packet in data} == {32 << code}
    assert [packet.pid for packet in data] == [0x02] * (len(data) - 1) + [0x08]
    assert b"".join(packet.payload for packet in data) == on_the_wire(bench.finger)


def test_capture_takes_its_time(bench: Bench) -> None:
    (send,) = bench.module.receive(frame(0x01, b"\x01"), 0.0)
    assert 0.1 <= send.delay <= 0.3


def test_image_stays_until_overwritten(bench: Bench) -> None:
    profile = bench.module.state.profile
    first, second = random_image(profile, 1), random_image(profile, 2)
    bench.finger = first
    assert bench.ask(0x0F)[2] & 8 == 0
    bench.ask(0x01)
    bench.finger = None
    assert bench.ask(0x01) == b"\x02"
    assert bench.ask(0x0F)[2] & 8
    for _ in range(2):
        assert on_the_wire(first)[:32] in bench.say(frame(0x01, b"\x0a"))
    bench.finger = second
    bench.ask(0x01)
    assert on_the_wire(second)[:32] in bench.say(frame(0x01, b"\x0a"))


def test_reset_forgets_image_and_password() -> None:
    bench = Bench(R503)
    bench.finger = random_image(R503)
    bench.ask(0x13, 0, 0, 0, 0)
    bench.ask(0x01)
    assert bench.ask(0x0F)[2] == 0x0C
    bench.say(frame(0x01, b"\x3d"))
    assert bench.ask(0x0F)[2] == 0
    assert bench.ask(0x0A) == b"\x0f"


def test_poor_image_is_named_by_the_extended_capture() -> None:
    bench = Bench(R503)
    ridges = np.where(np.indices((192, 192)).sum(axis=0) % 9 < 4, 30, 220).astype(np.uint8)
    bench.finger = ridges
    assert bench.ask(0x28) == b"\x00"
    bench.finger = np.where(np.indices((192, 192))[0] < 160, 255, ridges).astype(np.uint8)
    assert bench.ask(0x28) == b"\x07"
    bench.finger = None
    assert bench.ask(0x28) == b"\x02"


def test_clean_noisy_window_is_poor() -> None:
    noise = np.random.default_rng(3).normal(230, 8, (288, 256)).clip(0, 255).astype(np.uint8)
    assert is_poor(noise)


def test_host_can_overwrite_the_buffer(bench: Bench) -> None:
    profile = bench.module.state.profile
    bench.finger = random_image(profile)
    bench.ask(0x01)
    assert bench.ask(0x0B) == b"\x00"
    blank = b"\xff" * profile.image_bytes
    chunks = [blank[start : start + 128] for start in range(0, len(blank), 128)]
    for chunk in chunks[:-1]:
        assert bench.say(frame(0x02, chunk)) == b""
    assert bench.say(frame(0x08, chunks[-1])) == b""
    assert bench.module.state.image is not None
    assert (bench.module.state.image == 255).all()


def test_stray_data_goes_nowhere(bench: Bench) -> None:
    assert bench.say(frame(0x08, bytes(128))) == b""
    assert bench.module.state.image is None


def test_packing_keeps_four_bits() -> None:
    pixels = random_image(R307)
    assert pack(pixels) == on_the_wire(pixels)
    assert (unpack(pack(pixels), 256, 288) == (pixels >> 4) * 17).all()


def test_every_opcode_has_its_own_title() -> None:
    titles = [opcode.title for opcode in Opcode]
    assert len(set(titles)) == len(titles)
    assert Opcode.UP_IMAGE.title == "UpImage"


# The kin


def test_early_r503_has_three_colours() -> None:
    bench = Bench(PROFILES["r503-early"])
    assert [bench.ask(0x35, 3, 0, colour, 0) for colour in range(1, 8)] == [b"\x00"] * 3 + [b"\x01"] * 4


def test_clone_never_marks_the_end() -> None:
    bench = Bench(PROFILES["clone-no-end"])
    bench.finger = random_image(R307)
    bench.ask(0x01)
    _, *data = bench.packets(0x0A)
    assert {packet.pid for packet in data} == {0x02}
    assert b"".join(packet.payload for packet in data) == on_the_wire(bench.finger)


def test_r308_tells_no_parameters() -> None:
    assert Bench(PROFILES["r308"]).ask(0x0F) == b"\x01"
    assert Bench(PROFILES["r308"]).ask(0x1D) == b"\x00\x00\x00"


def test_hlk_takes_the_question_for_product_info_for_its_light() -> None:
    bench = Bench(PROFILES["hlk"])
    assert bench.ask(0x3C) == b"\x01"
    assert bench.ask(0x3C, 3, 0, 2, 0) == b"\x00"
    assert bench.module.state.led == b"\x03\x00\x02\x00"
    assert bench.ask(0x35, 3, 0, 2, 0) == b"\x01"
    assert bench.ask(0x34)[1:] == b"simulated die 00000003".ljust(32, b"\0")
    bench.finger = random_image(PROFILES["hlk"])
    bench.ask(0x01)
    assert b"".join(packet.payload for packet in bench.packets(0x0A)[1:]) == on_the_wire(bench.finger)
