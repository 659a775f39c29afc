"""Chunks: what is cut is gathered again, and nothing that a stranger sends makes it crash or grow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.framing import LAST, MORE, FramingError, Reassembly, TooLongError, chunks

LIMIT = 1000


@given(st.binary(min_size=1, max_size=LIMIT), st.integers(2, 600))
def test_a_message_comes_back(message: bytes, size: int) -> None:
    cut = list(chunks(message, size))
    assert all(1 < len(chunk) <= size for chunk in cut)
    assert [chunk[0] for chunk in cut] == [MORE] * (len(cut) - 1) + [LAST]
    reassembly = Reassembly(LIMIT)
    assert [reassembly.feed(chunk) for chunk in cut] == [None] * (len(cut) - 1) + [message]
    assert reassembly.pending == 0


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=20), st.data())
def test_chunks_of_uneven_length_are_taken(messages: list[bytes], data: st.DataObject) -> None:
    reassembly = Reassembly(50)
    for message in messages:
        rest = message
        while len(rest) > 1 and data.draw(st.booleans()):
            cut = data.draw(st.integers(1, len(rest) - 1))
            assert reassembly.feed(bytes([MORE]) + rest[:cut]) is None
            rest = rest[cut:]
        assert reassembly.feed(bytes([LAST]) + rest) == message


@given(st.lists(st.binary(max_size=60), max_size=60), st.integers(1, 200))
def test_no_input_crashes_it_or_makes_it_grow(inputs: list[bytes], limit: int) -> None:
    reassembly = Reassembly(limit)
    for chunk in inputs:
        try:
            message = reassembly.feed(chunk)
        except FramingError:
            assert reassembly.pending == 0
            with pytest.raises(FramingError):
                reassembly.feed(b"\x00x")
            reassembly.reset()
        else:
            assert message is None or 0 < len(message) <= limit
        assert reassembly.pending <= limit


@pytest.mark.parametrize(
    ("chunk", "words"),
    [
        pytest.param(b"", "2 bytes or more, this one 0", id="empty"),
        pytest.param(b"\x00", "2 bytes or more, this one 1", id="last without content"),
        pytest.param(b"\x01", "2 bytes or more, this one 1", id="more without content"),
        pytest.param(b"\x02x", "begins with 00 or 01, this one with 02", id="unknown lead byte"),
        pytest.param(b"\xff" * 500, "begins with 00 or 01, this one with ff", id="noise"),
    ],
)
def test_a_chunk_that_is_none_is_refused_in_words(chunk: bytes, words: str) -> None:
    reassembly = Reassembly(LIMIT)
    reassembly.feed(b"\x01half of a message")
    with pytest.raises(FramingError, match=words):
        reassembly.feed(chunk)
    assert reassembly.pending == 0


def test_a_message_may_be_as_long_as_the_limit_and_no_longer() -> None:
    reassembly = Reassembly(4)
    reassembly.feed(b"\x01abc")
    assert reassembly.feed(b"\x00d") == b"abcd"
    reassembly.feed(b"\x01abc")
    with pytest.raises(TooLongError, match="longer than 4 bytes"):
        reassembly.feed(b"\x01de")


def test_the_rest_of_a_broken_message_is_not_taken_for_a_new_one() -> None:
    reassembly = Reassembly(4)
    with pytest.raises(TooLongError):
        reassembly.feed(b"\x01abcde")
    with pytest.raises(FramingError, match="an earlier chunk was refused; begin the message anew"):
        reassembly.feed(b"\x00fgh")
    reassembly.reset()
    assert reassembly.feed(b"\x00abcd") == b"abcd"


def test_a_repeated_chunk_makes_another_message() -> None:
    """Which is why messages are signed or sealed; the framing cannot know."""
    reassembly = Reassembly(LIMIT)
    first, second = chunks(b"abcdef", 4)
    assert reassembly.feed(first) is None
    assert reassembly.feed(first) is None
    assert reassembly.feed(second) == b"abcabcdef"


@pytest.mark.parametrize(("message", "size"), [(b"", 20), (b"x", 1), (b"x", 0), (b"x", -1)])
def test_what_cannot_be_cut_is_refused_before_the_first_chunk(message: bytes, size: int) -> None:
    with pytest.raises(ValueError, match="does not go into chunks"):
        chunks(message, size)
