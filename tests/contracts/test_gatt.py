"""The Bluetooth profile's values: each has one form, and strangers' bytes have none."""

from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import gatt
from contracts.errors import MalformedError, UnsupportedVersionError
from contracts.gatt import End, Limits, Refusal, Start

PROFILES = (gatt.KIOSK_TO_GATEWAY, gatt.PHONE_TO_KIOSK)


def test_every_uuid_is_a_uuid_and_used_once() -> None:
    uuids = [
        uuid
        for profile in PROFILES
        for uuid in (profile.service, profile.version, profile.state, profile.inbound, profile.outbound)
    ]
    assert [str(UUID(uuid)) for uuid in uuids] == uuids
    assert len(set(uuids)) == len(uuids)


@pytest.mark.parametrize(
    ("mtu", "size"),
    [
        pytest.param(517, 500, id="the largest of BlueZ"),
        pytest.param(503, 500, id="just the largest value"),
        pytest.param(502, 499, id="just below"),
        pytest.param(185, 182, id="an iPhone's"),
        pytest.param(23, 20, id="the smallest of LE"),
        pytest.param(0, 20, id="unknown"),
    ],
)
def test_a_value_fits_the_link(mtu: int, size: int) -> None:
    assert gatt.value_size(mtu) == size


@given(st.binary(min_size=4, max_size=4), st.integers(0, 255))
def test_start_and_end_come_back(tag: bytes, number: int) -> None:
    assert Start.decode(Start(tag, number).encode()) == Start(tag, number)
    assert End.decode(End(tag, number).encode()) == End(tag, number)


@given(st.integers(1, 255), st.integers(0, 2**32 - 1), st.data())
def test_limits_come_back_also_with_more_behind_them(oldest: int, longest: int, data: st.DataObject) -> None:
    limits = Limits(oldest, data.draw(st.integers(oldest, 255)), longest)
    assert Limits.decode(limits.encode() + data.draw(st.binary(max_size=8))) == limits


@given(st.binary(max_size=12))
def test_any_bytes_are_what_they_encode_to_or_nothing(value: bytes) -> None:
    for kind in (Start, End):
        with suppress(MalformedError):
            assert kind.decode(value).encode() == value
    with suppress(MalformedError):
        assert Limits.decode(value).encode()[:2] == value[:2]


def test_each_session_has_a_tag_of_its_own() -> None:
    assert len({Start.fresh().tag for _ in range(100)}) == 100


@pytest.mark.parametrize(("oldest", "newest"), [(2, 3), (2, 2)])
def test_a_server_of_another_version_is_refused_in_words(oldest: int, newest: int) -> None:
    with pytest.raises(UnsupportedVersionError, match=f"speaks versions {oldest} to {newest}"):
        Limits(oldest, newest, 1000).check()
    Limits(1, newest, 1000).check()


def test_every_reason_is_an_application_error_of_att_and_has_words() -> None:
    assert all(0x80 <= reason <= 0x9F for reason in Refusal)
    assert Refusal.BAD_CHUNK.words == "bad chunk"
    assert End(bytes(4), 0x84).words == "too slow"
    assert End(bytes(4), 0x9E).words == "error 0x9e"
