"""One encoding for one value: whatever else cbor2 would take is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import cbor
from contracts.cbor import Fields
from contracts.errors import MalformedError, UnsupportedVersionError

values = st.recursive(
    st.integers(-(2**63), 2**64 - 1)
    | st.binary(max_size=40)
    | st.text(max_size=20)
    | st.booleans()
    | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 2**64 - 1), inner, max_size=4),
    max_leaves=8,
)


@given(values)
def test_a_value_comes_back(value):
    assert cbor.encode(cbor.decode(cbor.encode(value), 4096, "it")) == cbor.encode(value)


@given(st.binary(max_size=64))
def test_any_bytes_decode_to_themselves_or_not_at_all(data):
    try:
        value = cbor.decode(data, 64, "it")
    except MalformedError:
        return
    assert cbor.encode(value) == data


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("", id="empty"),
        pytest.param("a201010102", id="duplicate key"),
        pytest.param("a202020101", id="keys out of order"),
        pytest.param("1801", id="integer in two bytes where one does"),
        pytest.param("1b0000000000000001", id="integer in nine bytes where one does"),
        pytest.param("a1180101", id="key that is not the shortest"),
        pytest.param("580101", id="length that is not the shortest"),
        pytest.param("5f4101ff", id="indefinite byte string"),
        pytest.param("7f6161ff", id="indefinite text"),
        pytest.param("9f01ff", id="indefinite array"),
        pytest.param("bf0101ff", id="indefinite map"),
        pytest.param("0101", id="trailing item"),
        pytest.param("a101", id="map cut short"),
        pytest.param("42ff", id="byte string cut short"),
        pytest.param("61ff", id="text that is not UTF-8"),
        pytest.param("5affffffff", id="4 GiB announced"),
        pytest.param("9bffffffffffffffff", id="2**64 items announced"),
        pytest.param("bb7fffffffffffffff", id="2**63 pairs announced"),
        pytest.param("c249010000000000000000", id="bignum"),
        pytest.param("d2840101", id="COSE tag"),
        pytest.param("d9d9f701", id="self-description tag"),
        pytest.param("d81c00", id="shared value"),
        pytest.param("d81d00", id="reference to a shared value"),
        pytest.param("d8236128", id="regular expression"),
        pytest.param("a1d8250001", id="tag as a key"),
        pytest.param("fb7ff8000000000001", id="NaN with a payload"),
        pytest.param("f818", id="reserved simple value"),
        pytest.param("ff", id="break alone"),
        pytest.param("81" * 9 + "01", id="nested too deep"),
        pytest.param("81" * 5000, id="nested to exhaust the stack"),
        pytest.param("1c", id="reserved head"),
    ],
)
def test_what_is_not_deterministic_is_refused(data):
    with pytest.raises(MalformedError, match="thing"):
        cbor.decode(bytes.fromhex(data), 10_000, "a thing")


def test_too_many_bytes_are_not_even_looked_at():
    with pytest.raises(MalformedError, match="11 bytes, the most is 10"):
        cbor.decode(b"\x00" * 11, 10, "a thing")


def fields(value, **more):
    return Fields(value, "a thing", {0, 1, 2}, optional={2}, **more)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param([0, 1], id="no map"),
        pytest.param({0: 1}, id="field missing"),
        pytest.param({0: 1, 1: 1, 3: 1}, id="field unknown"),
        pytest.param({0: 1, True: 1}, id="true for 1"),
        pytest.param({0: 1, 1.0: 1}, id="1.0 for 1"),
        pytest.param({0: 1, 1: 1, "x": 1}, id="text key"),
    ],
)
def test_a_map_with_other_fields_is_refused(value):
    with pytest.raises(MalformedError):
        fields(value)


def test_an_optional_field_may_be_absent():
    assert 2 not in fields({0: 1, 1: 1})
    assert 2 in fields({0: 1, 1: 1, 2: 1})


def test_a_field_is_read_with_its_type_and_bounds():
    reader = Fields({0: b"ab", 1: "text", 2: 5, 3: True, 4: None}, "a thing", set(range(5)))
    assert reader.octets(0, 2) == reader.octets(0, 1, 3) == b"ab"
    assert reader.text(1, 4) == "text"
    assert reader.unsigned(2) == 5
    assert reader.truth(3) is True
    assert reader.item(4) is None


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda reader: reader.octets(0, 3), id="byte string too short"),
        pytest.param(lambda reader: reader.octets(0, 0, 1), id="byte string too long"),
        pytest.param(lambda reader: reader.octets(1, 4), id="text for bytes"),
        pytest.param(lambda reader: reader.text(1, 3), id="text too long"),
        pytest.param(lambda reader: reader.text(0, 9), id="bytes for text"),
        pytest.param(lambda reader: reader.unsigned(2, 4), id="integer too large"),
        pytest.param(lambda reader: reader.unsigned(3), id="true for an integer"),
        pytest.param(lambda reader: reader.unsigned(4), id="negative"),
        pytest.param(lambda reader: reader.truth(2), id="integer for true"),
    ],
)
def test_a_field_out_of_its_bounds_is_refused(read):
    reader = Fields({0: b"ab", 1: "text", 2: 5, 3: True, 4: -1}, "a thing", set(range(5)))
    with pytest.raises(MalformedError, match="of a thing is not"):
        read(reader)


def test_another_version_is_refused_before_its_fields_are_looked_at():
    with pytest.raises(UnsupportedVersionError, match="version 2, this release speaks 1"):
        fields({0: 2, 9: "new"}, version=1)


@pytest.mark.parametrize("version", [{}, {0: True}, {0: "1"}, {0: 1.0}])
def test_a_message_without_a_version_is_malformed(version):
    with pytest.raises(MalformedError, match="version"):
        fields(version, version=1)
