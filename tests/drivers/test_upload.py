"""An image's packets after any accident on the wire: the right image or an error, never a wrong image."""

from collections.abc import Iterator
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import SensorError
from drivers.packets import Damage, Packet
from drivers.timing import Deadlines
from drivers.upload import receive
from drivers.wire import Wire
from tests.drivers.fake import data_packets, flip, random_image
from tests.drivers.memory import MemoryLink

SIZE = 1024
IMAGE = random_image(SIZE, 3)


@pytest.fixture(autouse=True, scope="module")
def _hurry() -> Iterator[None]:
    """The line of these tests takes no time, so neither need its reader."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("drivers.upload.NAP", 0)
        yield


def received(stream: bytes, cuts: list[int]) -> bytes | None:
    """The image in a stream that comes in pieces, or None for an error."""
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(edges)]
    wire = Wire(MemoryLink(pieces), Deadlines())
    try:
        return bytes(receive(wire, SIZE, lambda done, total: None, lambda: False).data)
    except SensorError:
        return None


cuts = st.lists(st.integers(0, 1500), max_size=6)


@st.composite
def accidents(draw: st.DrawFn) -> bytes:
    """The stream of IMAGE with up to three packets hurt, each in one way.

    Two changes that make up for each other in one packet are not drawn: the protocol's sum cannot tell.
    """
    packets = data_packets(IMAGE, draw(st.sampled_from([32, 64, 128, 256])))
    for hurt in draw(st.sets(st.integers(0, len(packets) - 1), min_size=1, max_size=3)):
        packet = packets[hurt]
        at = draw(st.integers(0, len(packet) - 1))
        match draw(st.sampled_from(["flip", "lose", "add", "lose all", "stop"])):
            case "flip":
                packets[hurt] = flip(packet, at, draw(st.integers(0, 7)))
            case "lose":
                packets[hurt] = packet[:at] + packet[at + draw(st.integers(1, 20)) :]
            case "add":
                packets[hurt] = packet[:at] + draw(st.binary(min_size=1, max_size=20)) + packet[at:]
            case "lose all":
                packets[hurt] = b""
            case "stop":
                return b"".join(packets[:hurt]) + packet[:at]
    return b"".join(packets)


@given(accidents(), cuts)
def test_no_accident_gives_a_wrong_image(stream: bytes, cuts: list[int]) -> None:
    assert received(stream, cuts) in (IMAGE, None)


@given(st.sampled_from([32, 64, 128, 256]), cuts)
def test_an_unhurt_stream_gives_the_image_whatever_its_pieces(packet_size: int, cuts: list[int]) -> None:
    assert received(b"".join(data_packets(IMAGE, packet_size)), cuts) == IMAGE


@given(st.binary(max_size=3000), cuts)
def test_any_bytes_end_without_an_image(stream: bytes, cuts: list[int]) -> None:
    assert received(stream, cuts) is None


def test_each_packet_is_wiped_once_it_is_copied() -> None:
    class RememberingWire(Wire):
        def event(self) -> Packet | Damage | None:
            event = super().event()
            if isinstance(event, Packet):
                taken.append(event)
            return event

    taken: list[Packet] = []
    wire = RememberingWire(MemoryLink(data_packets(IMAGE)), Deadlines())
    assert receive(wire, SIZE, lambda done, total: None, lambda: False).data == IMAGE
    assert len(taken) == SIZE // 128
    assert not any(any(packet.payload) for packet in taken)


@pytest.mark.long
def test_a_hundred_thousand_accidents() -> None:
    random = Random(20261123)
    wrong = 0
    for _ in range(100_000):
        packets = data_packets(IMAGE)
        hurt = random.randrange(len(packets))
        at = random.randrange(len(packets[hurt]))
        packets[hurt] = random.choice(
            [
                flip(packets[hurt], at, random.randrange(8)),
                packets[hurt][:at] + packets[hurt][at + random.randint(1, 20) :],
                packets[hurt][:at] + random.randbytes(random.randint(1, 20)) + packets[hurt][at:],
            ]
        )
        wrong += received(b"".join(packets), []) not in (IMAGE, None)
    assert wrong == 0
