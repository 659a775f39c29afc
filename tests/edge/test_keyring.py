"""The keyring: several fingers give one root, and the first release's record is read as a keyring of one."""

from dataclasses import replace
from importlib.resources import files

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

# zcbor 0.9 imports a name that cbor2 6 no longer has; its successor is the base class of the same errors.
if not hasattr(cbor2, "CBORDecodeValueError"):
    cbor2.CBORDecodeValueError = cbor2.CBORDecodeError

from zcbor import DataTranslator

from contracts import cbor
from contracts.phone.message import MAX_SEALED_RECORD
from edge.errors import BadDataError, NotFoundError, StateError
from edge.identity.keyring import (
    FORMER_INFO,
    MAX_SEALED,
    MOST_BINDINGS,
    MOST_FORMER,
    Binding,
    Keyring,
    Policy,
    Position,
    fresh_root,
    open_root,
    wrap_root,
)

ALICE, BOB = b"\x0a" * 20, b"\x0b" * 20
RULES = DataTranslator.from_cddl(files("edge.identity").joinpath("keyring.cddl").read_text(), 128).my_types

positions = st.sampled_from(Position)
bindings = st.builds(
    Binding,
    st.integers(0, 2**16),
    st.tuples(positions),
    st.binary(min_size=1, max_size=50),
    st.sampled_from([b"", bytes(80)]),
    st.integers(0, 2**40),
)


def secret(byte: int) -> bytearray:
    return bytearray([byte]) * 32


def test_each_finger_opens_the_same_root_and_is_wiped_after_use():
    root, fingers = fresh_root(), [secret(1), secret(2)]
    wrapped = [wrap_root(root, each, ALICE) for each in fingers]
    assert [open_root(blob, each, ALICE) for blob, each in zip(wrapped, fingers, strict=True)] == [root] * 2
    assert fingers == [bytearray(32)] * 2
    assert wrap_root(root, secret(1), ALICE) != wrapped[0]


@pytest.mark.parametrize("changed", ["another finger", "another identity", "a bit"])
def test_a_copy_of_the_root_opens_for_its_finger_and_identity_alone(changed):
    wrapped = bytearray(wrap_root(fresh_root(), secret(1), ALICE))
    if changed == "a bit":
        wrapped[40] ^= 1
    with pytest.raises(StateError, match="does not belong"):
        open_root(
            bytes(wrapped),
            secret(2 if changed == "another finger" else 1),
            BOB if changed == "another identity" else ALICE,
        )


def test_what_the_first_release_stored_is_a_keyring_of_one():
    sealed = cbor.encode({0: 1, 1: bytes(32), 2: bytes(600)})
    [binding] = Keyring.decode(sealed).bindings
    assert (binding.number, binding.sealed, binding.root) == (1, sealed, b"")
    root = secret(7)
    assert binding.open_root(root, ALICE) is root
    assert any(root)
    more = Keyring.decode(sealed).with_binding(replace(binding, number=2, root=bytes(80)))
    assert Keyring.decode(more.encode()) == more


@given(
    st.lists(bindings, min_size=1, max_size=MOST_BINDINGS, unique_by=lambda binding: binding.number),
    st.sampled_from([b"", ALICE]),
    st.lists(st.binary(min_size=80, max_size=80), max_size=MOST_FORMER).map(tuple),
)
def test_a_keyring_comes_back_as_it_was(several, key, former):
    keyring = Keyring(tuple(sorted(several, key=lambda binding: binding.number)), key, former)
    assert Keyring.decode(keyring.encode()) == keyring
    assert keyring.policy is Policy.ANY


def test_it_conforms_to_its_cddl():
    pair = Binding(3, (Position.LEFT_INDEX, Position.RIGHT_INDEX), b"x", bytes(80), 1)
    assert Keyring((pair,)).policy is Policy.TWO
    for keyring in (Keyring((pair,)), Keyring((pair,), ALICE), Keyring((pair,), ALICE, (bytes(80),) * 16)):
        RULES["keyring"].decode_str(keyring.encode())


def test_the_largest_keyring_is_read_again():
    binding = Binding(1, (Position.LEFT_INDEX,), bytes(MAX_SEALED), bytes(80), 2**63)
    several = tuple(replace(binding, number=number) for number in range(1, MOST_BINDINGS + 1))
    keyring = Keyring(several, ALICE, (bytes(80),) * MOST_FORMER)
    assert Keyring.decode(keyring.encode()) == keyring
    assert len(keyring.encode()) <= MAX_SEALED_RECORD, "a phone can carry it"


def test_a_former_root_opens_under_the_one_after_it_alone():
    first, second = fresh_root(), fresh_root()
    wrapped = wrap_root(first, second, ALICE, FORMER_INFO)
    assert open_root(wrapped, bytearray(second), ALICE, FORMER_INFO) == first
    with pytest.raises(StateError):
        open_root(wrapped, bytearray(second), ALICE)


def test_fingers_are_added_and_removed_by_number():
    keyring = Keyring((Binding(1, (Position.RIGHT_INDEX,), b"x", b"", 0),))
    keyring = keyring.with_binding(Binding(keyring.next_number, (Position.LEFT_INDEX,), b"y", bytes(80), 5))
    assert [each.number for each in keyring.bindings] == [1, 2]
    left = keyring.without(1)
    assert (left.bindings[0].number, left.next_number) == (2, 3)
    with pytest.raises(NotFoundError, match="no finger 9"):
        keyring.without(9)


ONE = {0: 1, 1: [0], 2: b"x", 3: b"", 4: 0}
BAD = {
    "no finger": {0: 2, 1: []},
    "a short key": {0: 2, 1: [ONE], 2: bytes(19)},
    "no former root": {0: 2, 1: [ONE], 3: []},
    "seventeen former roots": {0: 2, 1: [ONE], 3: [bytes(80)] * 17},
    "a short former root": {0: 2, 1: [ONE], 3: [bytes(79)]},
    "six fingers": {0: 2, 1: [{**ONE, 0: i} for i in range(6)]},
    "one number twice": {0: 2, 1: [ONE, ONE]},
    "numbers out of order": {0: 2, 1: [{**ONE, 0: 2}, ONE]},
    "one and two fingers": {0: 2, 1: [ONE, {**ONE, 0: 2, 1: [1, 2]}]},
    "three fingers at once": {0: 2, 1: [{**ONE, 1: [1, 2, 3]}]},
    "an eleventh finger": {0: 2, 1: [{**ONE, 1: [11]}]},
    "a finger that is true": {0: 2, 1: [{**ONE, 1: [True]}]},
    "half a copy": {0: 2, 1: [{**ONE, 3: bytes(40)}]},
    "no record": {0: 2, 1: [{**ONE, 2: b""}]},
    "a later version": {0: 3, 1: [ONE]},
    "no map": [1],
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_what_is_no_keyring_is_refused_in_one_line(bad):
    with pytest.raises(StateError) as refusal:
        Keyring.decode(cbor.encode(bad))
    assert "\n" not in str(refusal.value)


@given(st.binary(max_size=100))
def test_any_bytes_are_refused(data):
    with pytest.raises(StateError):
        Keyring.decode(data)


def test_fingers_have_the_names_of_the_standard():
    assert Position.of("left-thumb") == 6
    with pytest.raises(BadDataError, match="right-index"):
        Position.of("nose")
