"""The packet reader under a million streams that mean it harm: no crash, no hang, no bad packet accepted."""

from random import Random

import pytest

from drivers.packets import MAX_LENGTH, MIN_LENGTH, Damage, Kind, Packet, PacketReader
from tests.drivers.fake import MARK, frame

CHUNKS = (1, 2, 7, 64, 300, 4000)
SOUND = {
    bytes([kind]) + length.to_bytes(2, "big") for kind in Kind for length in range(MIN_LENGTH, MAX_LENGTH + 1)
}


def stream(random: Random) -> bytes:
    """Random bytes, whole packets, and packets hurt in up to three places."""
    pieces = []
    for _ in range(random.randint(1, 4)):
        packet = frame(random.choice((1, 2, 7, 8)), random.randbytes(random.choice((1, 2, 17, 32, 128, 256))))
        hurt = bytearray(packet)
        for _ in range(random.randrange(4)):
            at = random.randrange(len(hurt))
            match random.randrange(4):
                case 0:
                    hurt[at] ^= 1 << random.randrange(8)
                case 1:
                    del hurt[at : at + random.randint(1, 5)]
                case 2:
                    hurt[at:at] = random.choice((MARK, b"\x55", b"\xef", random.randbytes(3)))
                case _:
                    hurt[7:9] = random.choice((b"\0\0", b"\0\2", b"\1\2", b"\1\3", b"\xff\xff"))
            if not hurt:
                break
        pieces.append(random.choice((bytes(hurt), packet, random.randbytes(random.randrange(40)))))
    return b"".join(pieces)


def run(data: bytes, random: Random) -> int:
    """Feed a stream in random pieces; how many packets came out, each of which must stand in the stream."""
    reader, at, packets, looked_from = PacketReader(), 0, 0, 0
    events = 0
    while at < len(data):
        piece = data[at : at + random.choice(CHUNKS)]
        reader.feed(piece)
        at += len(piece)
        while (event := reader.next()) is not None:
            events += 1
            assert events <= 2 * len(data), "the reader goes round in circles"
            if isinstance(event, Packet):
                packets += 1
                looked_from = found(event, data, looked_from)
            else:
                assert isinstance(event, Damage)
    assert reader.held <= len(data)
    return packets


def found(packet: Packet, data: bytes, start: int) -> int:
    """Where the packet ends in the stream; it must stand there whole, with a checksum that we reckon."""
    payload = bytes(packet.payload)
    whole = frame(packet.kind, payload)
    assert whole[6:9] in SOUND
    at = data.find(whole, start)
    assert at >= 0, "a packet was let through that nobody sent"
    return at + len(whole)


def fuzz(count: int, seed: int) -> int:
    random = Random(seed)
    return sum(run(stream(random), random) for _ in range(count))


def test_some_thousand_streams() -> None:
    assert fuzz(3_000, 1) > 1_000


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_million_streams() -> None:
    assert fuzz(1_000_000, 20261123) > 300_000
