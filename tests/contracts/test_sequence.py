"""Messages in a file: what was put in comes out, and nothing else is taken for it."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import cbor, sequence
from contracts.errors import MalformedError

MESSAGES = st.lists(
    st.lists(st.one_of(st.binary(max_size=300), st.integers(0, 2**64 - 1)), max_size=4).map(cbor.encode),
    min_size=1,
    max_size=6,
)


@given(MESSAGES)
def test_what_is_joined_is_split_again(messages: list[bytes]) -> None:
    assert sequence.split(sequence.join(messages)) == messages


@given(MESSAGES, st.data())
def test_a_file_cut_short_is_refused_or_ends_between_two(messages: list[bytes], data: st.DataObject) -> None:
    whole = sequence.join(messages)
    cut = data.draw(st.integers(0, len(whole) - 1))
    try:
        found = sequence.split(whole[:cut])
    except MalformedError:
        return
    assert found == messages[: len(found)]
    assert len(sequence.join(found)) == cut


@given(st.binary(max_size=200))
def test_any_bytes_are_split_whole_or_refused(data: bytes) -> None:
    try:
        found = sequence.split(data)
    except MalformedError:
        return
    assert sequence.join(found) == data


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x5b" + b"\xff" * 8, id="a length beyond all memory"),
        pytest.param(b"\x81" * 100_000, id="nested without end"),
        pytest.param(b"\x9f\xff", id="indefinite"),
        pytest.param(b"\xc0\x00", id="a tag"),
        pytest.param(b"PK\x03\x04 a zip file", id="another kind of file"),
    ],
)
def test_what_is_no_sequence_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        sequence.split(data)


def test_a_file_that_is_too_long_is_refused() -> None:
    with pytest.raises(MalformedError, match="1 to 10 bytes"):
        sequence.split(bytes(11), limit=10)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_million_damaged_files() -> None:
    """No crash, nothing invented: what comes out is what went in, in pieces."""
    dice = random.Random(6)
    whole = sequence.join(
        cbor.encode([dice.randbytes(20), {}, dice.randbytes(60), dice.randbytes(64)]) for _ in range(3)
    )
    split = 0
    for _ in range(1_000_000):
        data = bytearray(whole[: dice.randint(1, len(whole))])
        for _ in range(dice.randint(0, 3)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        try:
            found = sequence.split(bytes(data))
        except MalformedError:
            continue
        assert sequence.join(found) == data
        split += 1
    print(f"a million damaged files: {split} could be split, none into anything else")
    assert split
