"""The packet reader: whatever pieces the bytes come in, only whole packets whose sum holds come out."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.packets import Damage, Kind, Packet, PacketReader, encode
from tests.drivers.fake import MARK, flip, frame

kinds = st.sampled_from(sorted(Kind))
payloads = st.binary(min_size=1, max_size=256)
packets = st.tuples(kinds, payloads)
unmarked = st.binary(max_size=40).filter(lambda data: b"\xef" not in data)


def read(data: bytes, cuts: list[int] | None = None) -> list[Packet | Damage]:
    """Everything the reader says to `data`, given in pieces that end at `cuts`."""
    reader = PacketReader()
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts or []), len(data)]
    events: list[Packet | Damage] = []
    for start, end in pairwise(edges):
        for at in range(start, end, 4096):
            reader.feed(data[at : min(at + 4096, end)])
            while (event := reader.next()) is not None:
                events.append(event)
    return events


def found(events: list[Packet | Damage]) -> list[tuple[Kind, bytes]]:
    return [(event.kind, bytes(event.payload)) for event in events if isinstance(event, Packet)]


@given(packets)
def test_encoding_agrees_with_one_by_hand(packet: tuple[Kind, bytes]) -> None:
    assert encode(*packet) == frame(*packet)


@pytest.mark.parametrize(
    ("packet", "wire"),
    [
        ((Kind.COMMAND, "01"), "EF01FFFFFFFF010003010005"),
        ((Kind.ACK, "02"), "EF01FFFFFFFF07000302000C"),
        ((Kind.COMMAND, "0A"), "EF01FFFFFFFF0100030A000E"),
        ((Kind.COMMAND, "3501500600"), "EF01FFFFFFFF01000735015006000094"),
    ],
    ids=["GenImg", "no finger", "UpImage", "AuraLed of the manual"],
)
def test_the_manuals_own_packets(packet: tuple[Kind, str], wire: str) -> None:
    assert encode(packet[0], bytes.fromhex(packet[1])) == bytes.fromhex(wire)
    assert found(read(bytes.fromhex(wire))) == [(packet[0], bytes.fromhex(packet[1]))]


@pytest.mark.parametrize("size", [0, 257])
def test_a_payload_that_no_packet_holds_is_not_encoded(size: int) -> None:
    with pytest.raises(ValueError, match="1 to 256"):
        encode(Kind.DATA, bytes(size))


@given(st.lists(packets, max_size=8), st.lists(st.integers(0, 3000), max_size=12))
def test_packets_come_out_as_they_went_in_whatever_the_pieces(
    sent: list[tuple[Kind, bytes]], cuts: list[int]
) -> None:
    assert found(read(b"".join(encode(*packet) for packet in sent), cuts)) == sent


@given(st.binary(max_size=2000), st.lists(st.integers(0, 2000), max_size=8))
def test_pieces_make_no_difference_to_any_bytes(data: bytes, cuts: list[int]) -> None:
    whole, pieces = read(data), read(data, cuts)
    assert found(whole) == found(pieces)
    assert [e for e in whole if isinstance(e, Damage)] == [e for e in pieces if isinstance(e, Damage)]


@given(unmarked.filter(bool), st.lists(packets, min_size=1, max_size=3))
def test_garbage_before_the_first_packet_is_told_once_and_skipped(
    garbage: bytes, sent: list[tuple[Kind, bytes]]
) -> None:
    events = read(garbage + b"".join(encode(*packet) for packet in sent))
    assert events[0] is Damage.NOISE
    assert found(events[1:]) == sent
    assert len(events) == 1 + len(sent)


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_a_false_header_inside_a_payload_is_payload(before: bytes, after: bytes) -> None:
    payload = before + MARK + b"\x02\x00\x04" + after
    assert found(read(encode(Kind.DATA, payload) + encode(Kind.LAST_DATA, MARK))) == [
        (Kind.DATA, payload),
        (Kind.LAST_DATA, MARK),
    ]


@given(packets, st.data())
def test_a_flipped_bit_is_never_accepted(packet: tuple[Kind, bytes], data: st.DataObject) -> None:
    wire = encode(*packet)
    at = data.draw(st.integers(0, len(wire) - 1))
    changed = flip(wire, at, data.draw(st.integers(0, 7)))
    # What follows is noise without a header, so that a longer length finds bytes to be filled with.
    for kind, payload in found(read(changed + bytes(300))):
        covered = bytes([kind]) + (len(payload) + 2).to_bytes(2, "big") + payload
        body = covered + (sum(covered) & 0xFFFF).to_bytes(2, "big")
        assert MARK + body in changed + bytes(300), "a packet came out whose sum does not hold"
        assert (kind, payload) != packet


@given(st.binary(max_size=1500))
def test_whatever_comes_out_was_in_the_bytes_with_its_sum(data: bytes) -> None:
    for kind, payload in found(read(MARK + data)):
        assert frame(kind, payload) in MARK + data


@pytest.mark.parametrize("length", [0, 1, 2, 259, 0xFFFF])
def test_a_length_out_of_bounds_is_damage_and_the_next_packet_is_found(length: int) -> None:
    bad = MARK + b"\x02" + length.to_bytes(2, "big") + bytes(20)
    assert read(bad)[0] is Damage.LENGTH
    assert found(read(bad + encode(Kind.ACK, b"\0"))) == [(Kind.ACK, b"\0")]


@pytest.mark.parametrize("kind", [0, 3, 4, 6, 9, 0xFF])
def test_an_unknown_kind_is_damage_and_the_next_packet_is_found(kind: int) -> None:
    events = read(frame(kind, b"abc") + encode(Kind.ACK, b"\0"))
    assert events[0] is Damage.KIND
    assert found(events) == [(Kind.ACK, b"\0")]


def test_a_wrong_checksum_is_damage_and_the_next_packet_is_found() -> None:
    events = read(flip(frame(2, bytes(128)), 40) + encode(Kind.LAST_DATA, b"x"))
    assert events[0] is Damage.CHECKSUM
    assert found(events) == [(Kind.LAST_DATA, b"x")]


def test_another_modules_address_is_noise() -> None:
    other = frame(7, b"\0", mark=bytes.fromhex("EF0100000001"))
    assert read(other) == [Damage.NOISE]
    assert found(read(other + encode(Kind.ACK, b"\0"))) == [(Kind.ACK, b"\0")]


@given(st.lists(st.tuples(payloads, unmarked), min_size=1, max_size=40))
def test_nothing_that_was_handed_out_stays_in_the_reader(stream: list[tuple[bytes, bytes]]) -> None:
    reader = PacketReader()
    for payload, noise in stream:
        reader.feed(noise + encode(Kind.DATA, payload))
        while (event := reader.next()) is not None:
            if isinstance(event, Packet):
                event.wipe()
                assert not any(event.payload)
    assert not reader.held
    assert not any(reader._buffer)


@given(st.binary(min_size=1, max_size=256), st.lists(st.integers(1, 4096), min_size=5, max_size=20))
def test_moving_what_is_left_leaves_no_trace(payload: bytes, sizes: list[int]) -> None:
    reader = PacketReader()
    stream = encode(Kind.DATA, payload) * (sum(sizes) // (len(payload) + 11) + 1)
    for size in sizes:
        piece, stream = stream[:size], stream[size:]
        reader.feed(piece)
        while isinstance(reader.next(), Packet):
            pass
        assert len(reader.space()) >= 4096
        assert sum(map(bool, reader._buffer)) <= reader.held


def test_a_reset_overwrites_what_has_come() -> None:
    reader = PacketReader()
    reader.feed(encode(Kind.DATA, b"\x99" * 200)[:100])
    assert reader.next() is None
    assert reader.held == 100
    reader.reset()
    assert not reader.held
    assert not any(reader._buffer)


def test_a_packet_does_not_show_its_payload() -> None:
    assert repr(Packet(Kind.DATA, bytearray(b"secret"))) == "Packet(DATA, 6 bytes)"
