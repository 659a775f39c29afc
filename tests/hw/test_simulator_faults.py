"""Each fault of the table, seen from the wire by a host that knows nothing of it."""

import re
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import serial

from hw.simulator.faults import FAULTS
from hw.simulator.opcodes import FORBIDDEN
from hw.simulator.packets import Packet, PacketReader
from hw.simulator.profiles import R503
from tests.hw.sensor_bench import ADDRESS, Host, Running, frame, on_the_wire

ACK = 12
PACKET = 128 + 11
DONE = frame(0x07, b"\x00")
FIELDS = {
    "header": range(2),
    "address": range(2, 6),
    "pid": range(6, 7),
    "length": range(7, 9),
    "payload": range(9, 137),
    "checksum": range(137, 139),
}


@pytest.fixture
def host(r503: Running) -> Iterator[Host]:
    """A host at the R503, which holds the image of finger 1."""
    host = Host(r503.port)
    host.command(0x3D)  # forget what a test before has done
    host.rest(0.05)
    r503.remote.place(1)
    assert host.command(0x01) == b"\x00"
    with host.line:
        yield host


@pytest.fixture
def clean(r503: Running) -> bytes:
    """What follows UpImage on a good day."""
    image = on_the_wire(r503.images[1])
    chunks = [image[start : start + 128] for start in range(0, len(image), 128)]
    return DONE + b"".join(frame(0x02, chunk) for chunk in chunks[:-1]) + frame(0x08, chunks[-1])


def packets(stream: bytes) -> list[Packet]:
    return PacketReader().feed(stream)


def cut(stream: bytes) -> list[bytes]:
    """An upload in its packets."""
    edges = [0, *range(ACK, len(stream) + 1, PACKET)]
    return [stream[start:end] for start, end in pairwise(edges)]


def boundary(position: int) -> bool:
    return (position - ACK) % PACKET == 0


# Bytes


def test_a_byte_is_lost(r503: Running, host: Host, clean: bytes) -> None:
    r503.remote.fault("byte-drop", after=5, seed=3)
    heard = host.hear(0x0A)
    lost = [at for at in range(len(clean)) if clean[:at] + clean[at + 1 :] == heard]
    assert lost
    assert ACK + 5 * PACKET <= lost[0] <= ACK + 6 * PACKET
    assert r503.happened("byte-drop") == 1
    assert host.hear(0x0A) == clean


def test_a_byte_comes_twice(r503: Running, host: Host, clean: bytes) -> None:
    r503.remote.fault("byte-duplicate")
    heard = host.hear(0x0A)
    assert any(clean[: at + 1] + clean[at:] == heard for at in range(len(clean)))
    assert r503.happened("byte-duplicate") == 1


def test_a_byte_comes_from_nowhere(r503: Running, host: Host, clean: bytes) -> None:
    r503.remote.fault("byte-insert", packets="ack")
    heard = host.hear(0x0A)
    assert len(heard) == len(clean) + 1
    assert any(heard[:at] + heard[at + 1 :] == clean for at in range(ACK + 1))


@pytest.mark.parametrize(
    ("fault", "places"),
    [
        ("flip-header", FIELDS["header"]),
        ("flip-address", FIELDS["address"]),
        ("flip-pid", FIELDS["pid"]),
        ("flip-length", FIELDS["length"]),
        ("flip-payload", FIELDS["payload"]),
        ("flip-checksum", FIELDS["checksum"]),
    ],
)
def test_one_bit_is_turned_over(fault: str, places: range, r503: Running, host: Host, clean: bytes) -> None:
    r503.remote.fault(fault, times=0, rate=0.05)
    heard = host.hear(0x0A)
    assert len(heard) == len(clean)
    changed = [at for at in range(len(clean)) if heard[at] != clean[at]]
    assert changed
    assert all((heard[at] ^ clean[at]).bit_count() == 1 for at in changed)
    assert all((at - ACK) % PACKET in places for at in changed)
    assert r503.happened(fault) == len(changed)
    assert r503.remote.faults()[fault]["opportunities"] == 144


def test_the_host_is_misheard(r503: Running, host: Host) -> None:
    r503.remote.fault("command-damaged")
    assert host.hear(0x0F, quiet=0.2) in (b"", frame(0x07, b"\x01"))
    assert r503.happened("command-damaged") == 1
    assert len(host.hear(0x0F)) == ACK + 16


# Packets


def test_a_packet_breaks_off(r503: Running, host: Host, clean: bytes) -> None:
    r503.remote.fault("packet-truncated", after=3)
    heard = host.hear(0x0A)
    parts = cut(clean)
    begin, end = b"".join(parts[:4]), b"".join(parts[5:])
    assert heard.startswith(begin)
    assert heard.endswith(end)
    rest = heard[len(begin) : -len(end)]
    assert 0 < len(rest) < PACKET
    assert parts[4].startswith(rest)


def test_a_packet_is_lost(r503: Running, host: Host, clean: bytes) -> None:
    r503.remote.fault("packet-lost", after=3)
    parts = cut(clean)
    assert host.hear(0x0A) == b"".join(parts[:4] + parts[5:])


def test_a_packet_comes_twice(r503: Running, host: Host, clean: bytes) -> None:
    r503.remote.fault("packet-repeated", after=3)
    parts = cut(clean)
    assert host.hear(0x0A) == b"".join(parts[:5] + parts[4:])


def test_packets_change_places(r503: Running, host: Host, clean: bytes) -> None:
    r503.remote.fault("packets-swapped", after=3)
    parts = cut(clean)
    assert host.hear(0x0A) == b"".join([*parts[:4], parts[5], parts[4], *parts[6:]])


def test_the_end_never_comes(r503: Running, host: Host, clean: bytes) -> None:
    r503.remote.fault("end-missing")
    assert host.hear(0x0A) == clean[:-PACKET]


def test_the_end_is_not_marked(r503: Running, host: Host, clean: bytes) -> None:
    r503.remote.fault("end-unmarked")
    heard = host.hear(0x0A)
    assert heard[:-PACKET] == clean[:-PACKET]
    last = packets(heard)[-1]
    assert (last.pid, last.intact, last.payload) == (0x02, True, packets(clean)[-1].payload)


def test_the_end_comes_early(r503: Running, host: Host, clean: bytes) -> None:
    r503.remote.fault("end-early")
    heard = packets(host.hear(0x0A))
    assert 1 < len(heard) < 145
    assert all(packet.intact for packet in heard)
    assert [packet.pid for packet in heard] == [0x07] + [0x02] * (len(heard) - 2) + [0x08]
    assert [packet.payload for packet in heard] == [packet.payload for packet in packets(clean)][: len(heard)]


@pytest.mark.parametrize("length", [0, 2, 0x0103, 0xFFFF])
def test_a_length_lies(length: int, r503: Running, host: Host, clean: bytes) -> None:
    r503.remote.fault("length-field", value=length, packets="ack")
    heard = host.hear(0x0A)
    body = b"\x07" + length.to_bytes(2, "big") + b"\x00"
    assert heard == b"\xef\x01" + ADDRESS + body + sum(body).to_bytes(2, "big") + clean[ACK:]


def test_noise_comes_between_packets(r503: Running, host: Host, clean: bytes) -> None:
    r503.remote.fault("noise-between", bytes=7, after=1)
    heard = host.hear(0x0A)
    at = ACK + PACKET
    assert heard[:at] + heard[at + 7 :] == clean


@pytest.mark.parametrize(
    ("what", "pattern"),
    [("wake-up", rb"\x55"), ("junk", rb"[\x00\xff\xfe\xf0\x55]{24}"), ("console", rb"[\r\n -~]+login: ")],
)
def test_something_comes_before_the_header(
    what: str, pattern: bytes, r503: Running, host: Host, clean: bytes
) -> None:
    r503.remote.fault("noise-before", what=what)
    heard = host.hear(0x0A)
    assert heard.endswith(clean)
    assert re.fullmatch(pattern, heard[: -len(clean)])


def test_an_answer_at_another_rate_is_garbage(r503: Running, host: Host) -> None:
    r503.remote.fault("baud-mismatch", times=1)
    heard = host.hear(0x0F)
    assert heard
    assert b"\xef\x01\xff" not in heard
    assert len(host.hear(0x0F)) == ACK + 16


# Time


def test_silence_between_packets(r503: Running, host: Host, clean: bytes) -> None:
    r503.remote.fault("gap", seconds=0.3, after=9)
    host.line.write(frame(0x01, b"\x0a"))
    pieces = host.pieces(0.6)
    assert b"".join(pieces) == clean
    assert ACK + 9 * PACKET in {len(b"".join(pieces[:count])) for count in range(1, len(pieces))}


def test_silence_inside_a_packet(r503: Running, host: Host, clean: bytes) -> None:
    r503.remote.fault("stall", seconds=0.3, after=9)
    host.line.write(frame(0x01, b"\x0a"))
    pieces = host.pieces(0.6)
    assert b"".join(pieces) == clean
    edges = [len(b"".join(pieces[:count])) for count in range(1, len(pieces))]
    assert any(ACK + 9 * PACKET < edge < ACK + 10 * PACKET for edge in edges)


def test_packets_come_in_a_burst(r503: Running, host: Host, clean: bytes) -> None:
    r503.remote.fault("burst", size=12, after=9)  # twelve packets take 0.29 s of line
    host.line.write(frame(0x01, b"\x0a"))
    pieces = host.pieces(0.6)
    assert b"".join(pieces) == clean
    assert ACK + 9 * PACKET in {len(b"".join(pieces[:count])) for count in range(1, len(pieces))}


def test_the_module_obeys_and_stays_silent(r503: Running, host: Host) -> None:
    before = r503.remote.status()["commands"]["ReadSysPara"] if host.command(0x0F) else 0
    r503.remote.fault("half-open")
    assert host.hear(0x0F, quiet=0.3) == b""
    assert r503.remote.status()["commands"]["ReadSysPara"] == before + 1
    assert r503.happened("half-open") == 1


def test_what_the_host_leaves_unread_is_lost(r503: Running, host: Host, clean: bytes) -> None:
    r503.remote.fault("overrun", size=500)
    host.line.write(frame(0x01, b"\x0a"))
    deadline = time.monotonic() + 10
    while not r503.happened("overrun"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    heard = host.rest(0.3)
    assert 500 <= len(heard) < len(clean)
    assert heard[:500] == clean[:500]


# The conversation


def test_an_answer_comes_late_and_answers_the_next_command(r503: Running, host: Host) -> None:
    r503.remote.fault("ack-late", seconds=0.4, opcode=0x01)
    assert host.hear(0x01, quiet=0.2) == b""
    assert host.hear(0x1D, quiet=0.6) == DONE + frame(0x07, b"\x00\x00\x00")


def test_an_answer_comes_twice(r503: Running, host: Host) -> None:
    r503.remote.fault("ack-double", opcode=0x1D)
    assert host.hear(0x1D) == frame(0x07, b"\x00\x00\x00") * 2


def test_a_command_gets_the_answer_to_the_one_before(r503: Running, host: Host) -> None:
    r503.remote.fault("ack-other")
    parameters = host.hear(0x0F)
    assert host.hear(0x1D) == parameters
    assert host.hear(0x1D) == frame(0x07, b"\x00\x00\x00")
    assert r503.happened("ack-other") == 1


def test_an_unknown_code_and_a_command_not_obeyed(r503: Running, host: Host) -> None:
    r503.remote.fault("code-unknown", code=0xA5, opcode=0x35)
    assert host.hear(0x35, 3, 0, 1, 0) == frame(0x07, b"\xa5")
    assert r503.remote.status()["led"] == ""


def test_any_command_can_be_unsupported(r503: Running, host: Host) -> None:
    r503.remote.fault("unsupported")
    opcodes = sorted(set(R503.opcodes) - set(FORBIDDEN))
    assert [host.command(opcode) for opcode in opcodes] == [b"\xfc"] * len(opcodes)
    assert r503.happened("unsupported") == len(opcodes)
    r503.remote.fault("unsupported", opcode=0x0F)
    assert [host.command(0x0F), host.command(0x1D)] == [b"\xfc", b"\x00\x00\x00"]


def test_a_command_is_refused_n_times(r503: Running, host: Host) -> None:
    r503.remote.fault("bad-packet", times=3)
    assert [host.command(0x1D)[0] for _ in range(5)] == [1, 1, 1, 0, 0]


def test_another_address_answers(r503: Running, host: Host) -> None:
    r503.remote.fault("address-wrong", address=0x01020304)
    assert host.hear(0x1D) == frame(0x07, b"\x00\x00\x00", address=b"\x01\x02\x03\x04")
    assert host.hear(0x1D) == frame(0x07, b"\x00\x00\x00")


def test_the_session_is_lost(r503: Running, host: Host) -> None:
    host.command(0x13, 0, 0, 0, 0)
    r503.remote.fault("session-lost")
    assert host.hear(0x0A) == b"\x55" + frame(0x07, b"\x21")
    assert host.command(0x0F) == b"\x21"
    assert host.command(0x13, 0, 0, 0, 0) == b"\x00"
    assert host.command(0x0A) == b"\x0f"
    assert r503.happened("session-lost") == 1


def test_a_password_is_set(r503: Running, host: Host) -> None:
    host.command(0x13, 0, 0, 0, 0)
    r503.remote.fault("password-set", password="0a0b0c0d")
    assert host.command(0x0F) == b"\x21"
    assert host.command(0x13, 0, 0, 0, 0) == b"\x13"
    assert r503.happened("password-set") == 2
    assert host.command(0x13, 10, 11, 12, 13) == b"\x00"
    assert host.command(0x0F)[0] == 0
    r503.remote.clear("password-set")
    assert host.command(0x13, 0, 0, 0, 0) == b"\x00"


def test_parameters_lie(r503: Running, host: Host) -> None:
    true = host.command(0x0F)
    r503.remote.fault("busy-stuck")
    r503.remote.fault("baud-field", factor=100)
    lie = host.command(0x0F)
    assert lie[2] == true[2] | 1
    assert lie[-2:] == b"\x00\x64"
    assert lie[3:-2] == true[3:-2]
    assert (r503.happened("busy-stuck"), r503.happened("baud-field")) == (1, 1)


def test_packets_have_another_size_than_was_told(r503: Running, host: Host) -> None:
    assert host.command(0x0F)[13:15] == b"\x00\x02"
    r503.remote.fault("packet-size", size=64)
    heard = packets(host.hear(0x0A))
    assert {len(packet.payload) for packet in heard[1:]} == {64}
    assert b"".join(packet.payload for packet in heard[1:]) == on_the_wire(r503.images[1])


@pytest.mark.parametrize(("fault", "difference"), [("image-short", -200), ("image-long", 200)])
def test_the_image_has_another_length(fault: str, difference: int, r503: Running, host: Host) -> None:
    r503.remote.fault(fault, bytes=200)
    heard = packets(host.hear(0x0A))
    image = b"".join(packet.payload for packet in heard[1:])
    whole = on_the_wire(r503.images[1])
    assert len(image) == len(whole) + difference
    assert image[: len(whole)] == whole[: len(image)]
    assert heard[-1].pid == 0x08
    assert all(packet.intact for packet in heard)


def test_the_product_is_another(r503: Running, host: Host) -> None:
    r503.remote.fault("product-wrong", width=160, height=176)
    assert host.command(0x3C)[39:43] == bytes([0, 160, 0, 176])
    assert r503.happened("product-wrong") == 1


# The finger


@pytest.fixture
def seen(r503: Running, host: Host) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """What a good sensor would deliver of finger 1, and what this one does with a fault set."""

    def look(fault: str, **parameters: float) -> tuple[np.ndarray, np.ndarray]:
        r503.remote.fault(fault, **parameters)
        assert host.command(0x01) == b"\x00"
        assert r503.happened(fault) == 1
        return r503.images[1] >> 4, pixels(host.upload())

    return look


def pixels(upload: bytes) -> np.ndarray:
    packed = np.frombuffer(upload, dtype=np.uint8)
    return np.stack([packed >> 4, packed & 15], axis=1).reshape(192, 192)


def test_a_dry_finger_is_faint(seen: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    good, dry = seen("dry", strength=0.7)
    assert (dry >= good).all()
    assert dry.mean() > good.mean() + 4


def test_a_wet_finger_is_dark(seen: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    good, wet = seen("wet")
    assert (wet <= good).all()
    assert wet.mean() < good.mean() - 4


def test_a_part_of_a_finger(seen: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    good, part = seen("partial", share=0.25)
    assert (part[:, :48] == good[:, :48]).all()
    assert (part[:, 48:] == 15).all()


def test_a_finger_off_the_middle(seen: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    good, moved = seen("shifted", right=30, down=-10)
    assert (moved[:-10, 30:] == good[10:, :-30]).all()
    assert (moved[-10:] == 15).all()
    assert (moved[:, :30] == 15).all()


def test_a_finger_turned_round(seen: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    good, turned = seen("rotated", degrees=180)
    assert (np.abs(turned.astype(int) - good[::-1, ::-1]) <= 1).mean() > 0.9


def test_light_ridges_on_dark(seen: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    good, inverted = seen("inverted")
    assert (inverted == 15 - good).all()


def test_an_image_may_hold_a_packet(seen: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    good, image = seen("false-header")
    assert (image != good).any(axis=1).sum() == 1
    assert DONE in on_the_wire((image * 17).astype(np.uint8))


def test_a_smear_is_taken_for_a_finger(r503: Running, host: Host) -> None:
    r503.remote.lift()
    r503.remote.fault("smudge")
    assert host.command(0x01) == b"\x00"
    smear = pixels(host.upload())
    assert smear.std() > 1
    assert np.abs(np.diff(smear.astype(int), axis=1)).max() <= 1  # nothing as sharp as a ridge
    r503.remote.clear()
    assert host.command(0x01) == b"\x02"


def test_the_last_finger_stays_on_the_glass(r503: Running, host: Host) -> None:
    r503.remote.fault("residue", strength=0.4)
    assert host.command(0x01) == b"\x00"
    r503.remote.lift()
    assert r503.happened("residue") == 0
    assert host.command(0x01) == b"\x00"
    assert r503.happened("residue") == 1
    ghost, good = pixels(host.upload()), r503.images[1] >> 4
    assert ghost.min() >= 8
    assert np.corrcoef(ghost.ravel(), good.ravel())[0, 1] > 0.95


def test_another_finger_from_the_second_capture_on(r503: Running, host: Host) -> None:
    r503.remote.fault("other-finger", finger=2)
    for finger in (1, 2, 2):
        assert host.command(0x01) == b"\x00"
        assert host.upload() == on_the_wire(r503.images[finger])


def test_the_finger_leaves_during_the_capture(r503: Running, host: Host) -> None:
    r503.remote.fault("lift-during-capture")
    assert host.command(0x01) == b"\x03"
    assert r503.remote.status()["finger"] is None
    assert host.command(0x01) == b"\x02"


def test_the_finger_leaves_before_the_upload(r503: Running, host: Host) -> None:
    r503.remote.fault("lift-before-upload")
    assert host.command(0x01) == b"\x00"
    assert r503.remote.status()["finger"] is None
    assert host.upload() == on_the_wire(r503.images[1])
    assert host.command(0x01) == b"\x02"


def test_the_touch_line_lies(r503: Running) -> None:
    def line(count: int = 1) -> list[bool]:
        return [r503.remote.status()["touch"] for _ in range(count)]

    assert line() == [False]
    r503.remote.fault("touch-stuck")
    assert line() == [True]
    r503.remote.clear()
    r503.remote.place(1)
    r503.remote.fault("touch-bounce")
    assert line(4) in ([False, True] * 2, [True, False] * 2)
    r503.remote.fault("touch-dead")
    assert line(2) == [False, False]
    assert r503.happened("touch-dead") > 0


# The device


def heard_before_it_was_gone(host: Host) -> bytes:
    heard = b""
    try:
        while True:
            heard += host.line.read(1)
    except serial.SerialException:
        return heard


def test_the_plug_is_pulled_and_put_back(r503: Running, host: Host, clean: bytes) -> None:
    link = Path(r503.port)
    first = link.readlink()
    r503.remote.fault("unplug", left=20, seconds=0.3)
    host.line.write(frame(0x01, b"\x0a"))
    assert clean.startswith(heard_before_it_was_gone(host))
    while not r503.remote.status()["port"]:
        time.sleep(0.02)
    assert link.readlink() != first
    assert r503.happened("unplug") == 1
    again = Host(r503.port)
    assert again.command(0x0A) == b"\x0f"  # its image went with its power
    again.line.close()


def test_a_brown_out(r503: Running, host: Host, clean: bytes) -> None:
    host.command(0x13, 0, 0, 0, 0)
    r503.remote.fault("brown-out", left=20)
    heard = host.hear(0x0A, quiet=0.3)
    length = ACK + 19 * PACKET + PACKET // 2
    assert heard == clean[:length] + b"\x55"
    assert host.command(0x0F)[2] == 0  # neither verified nor an image
    assert host.command(0x0A) == b"\x0f"


def test_a_brown_out_before_the_settings_were_saved(r503: Running, host: Host) -> None:
    assert host.command(0x0E, 6, 3) == b"\x00"
    assert host.command(0x0F)[13:15] == b"\x00\x03"
    r503.remote.fault("brown-out", left=0, forgetful=1)
    host.hear(0x1D, quiet=0.2)
    assert host.command(0x0F)[13:15] == b"\x00\x02"


def test_the_sensing_part_is_broken(r503: Running, host: Host) -> None:
    r503.remote.fault("sensor-fault")
    assert host.command(0x36) == b"\x29"
    assert host.command(0x01) == b"\x03"
    assert host.command(0x40) == b"\x00"
    assert r503.happened("sensor-fault") == 2


def test_somebody_has_stored_templates(r503: Running, host: Host) -> None:
    r503.remote.fault("templates-stored", count=9)
    assert host.command(0x1D) == b"\x00\x00\x09"
    assert host.command(0x1F, 0)[1:3] == b"\xff\x01"
    r503.remote.clear()
    assert host.command(0x1D) == b"\x00\x00\x00"


# The table


def test_every_fault_has_been_shown_here() -> None:
    text = Path(__file__).read_text()
    assert [name for name in FAULTS if f'"{name}"' not in text] == []
    assert len(FAULTS) > 50


def test_the_same_seed_makes_the_same_bad_day(r503: Running, host: Host, clean: bytes) -> None:
    def day(seed: int) -> bytes:
        r503.remote.fault("byte-drop", rate=0.05, times=0, seed=seed)
        r503.remote.fault("noise-between", rate=0.05, times=0, seed=seed)
        return host.hear(0x0A)

    first, other, again = day(1), day(2), day(1)
    assert first == again
    assert clean != first != other


def test_counts_are_told_set_back_and_told_once_more_at_the_end(r503: Running, host: Host) -> None:
    r503.remote.fault("bad-packet", times=1)
    for _ in range(3):
        host.command(0x1D)
    counts = r503.remote.faults()["bad-packet"]
    assert (counts["happened"], counts["opportunities"]) == (1, 3)
    assert counts["values"] == {"opcode": -1, "rate": 1.0, "times": 1, "after": 0, "seed": 0}
    r503.remote.fault("bad-packet", times=1)
    assert r503.happened("bad-packet") == 0
    r503.remote.fault("gap")
    assert set(r503.remote.clear("gap")) == {"bad-packet", "gap"}
    assert set(r503.remote.clear()) == {"bad-packet"}
    assert r503.remote.faults() == {}
