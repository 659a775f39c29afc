import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

# zcbor 0.9 imports a name that cbor2 6 no longer has; its successor is the base class of the same errors.
if not hasattr(cbor2, "CBORDecodeValueError"):
    cbor2.CBORDecodeValueError = cbor2.CBORDecodeError

from zcbor import CddlValidationError, DataTranslator

from contracts import cbor
from edge.biometrics import ProtectedRecord, RecordError, enrol, unlock
from tests.edge.biometrics.points import finger, press

PEPPER = bytes(range(32))


class Checker(DataTranslator):
    """Checks only: the named tuples that zcbor builds besides need fields of different types."""

    def _construct_obj(self, my_list):
        return None


RULES = Checker.from_cddl(
    files("edge.biometrics").joinpath("protected_record.cddl").read_text(), 128
).my_types


def conforms(rule: str, data: bytes) -> bool:
    try:
        return bool(RULES[rule].validate_str(data))
    except CddlValidationError:
        return False


@pytest.fixture(scope="module")
def enrolment():
    return enrol([press(finger(1), seed) for seed in range(3)])


@pytest.fixture(scope="module")
def record(enrolment):
    return enrolment.record


def test_it_comes_back_as_it_was(record):
    encoded = record.encode()
    again = ProtectedRecord.decode(encoded)
    assert again.encode() == encoded
    assert (again.parameters, again.salt, again.check) == (record.parameters, record.salt, record.check)
    assert [vault.lattice for vault in again.vaults] == [vault.lattice for vault in record.vaults]


def test_it_conforms_to_its_cddl(record):
    sealed = record.seal(PEPPER)
    assert conforms("protected-record", record.encode())
    assert conforms("sealed-record", sealed)
    assert not conforms("sealed-record", record.encode())
    assert not conforms("protected-record", cbor.encode({**cbor2.loads(record.encode()), 0: 3}))


def test_it_is_small(record):
    assert len(record.seal(PEPPER)) < 1024


def test_it_opens_under_its_pepper_and_no_other(record):
    sealed = record.seal(PEPPER)
    assert ProtectedRecord.open(sealed, PEPPER).encode() == record.encode()
    with pytest.raises(RecordError, match="another pepper"):
        ProtectedRecord.open(sealed, bytes(32))


def test_sealing_twice_shows_no_likeness(record):
    one, two = record.seal(PEPPER), record.seal(PEPPER)
    same = sum(a == b for a, b in zip(one[-500:], two[-500:], strict=True))
    assert same < 20  # two random strings of 500 bytes agree in two places


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_changed_bit_is_noticed(record, data):
    sealed = bytearray(record.seal(PEPPER))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(RecordError):
        ProtectedRecord.open(bytes(sealed), PEPPER)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_truncated_record_is_noticed(record, data):
    sealed, encoded = record.seal(PEPPER), record.encode()
    with pytest.raises(RecordError):
        ProtectedRecord.open(sealed[: data.draw(st.integers(0, len(sealed) - 1))], PEPPER)
    with pytest.raises(RecordError):
        ProtectedRecord.decode(encoded[: data.draw(st.integers(0, len(encoded) - 1))])


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_one_line(data):
    for read in (ProtectedRecord.decode, lambda blob: ProtectedRecord.open(blob, PEPPER)):
        with pytest.raises(RecordError) as refusal:
            read(data)
        assert "\n" not in str(refusal.value)


def vault(**changes):
    return {0: [0, 0, 0, 0], 1: bytes(88), 2: bytes(8), 3: bytes(48)} | {
        int(key[1:]): value for key, value in changes.items()
    }


GOOD = {0: 2, 1: [9, 16, 10, 36], 2: bytes(32), 3: bytes(32), 4: [vault()]}

BAD = {
    "a later version": {**GOOD, 0: 3},
    "a first version with an angle": {**GOOD, 0: 1},
    "no version": {key: value for key, value in GOOD.items() if key},
    "an unknown field": {**GOOD, 5: 0},
    "k of one": {**GOOD, 1: [1, 16, 10, 44]},
    "k of seventeen": {**GOOD, 1: [17, 16, 10, 44]},
    "a tiny cell": {**GOOD, 1: [9, 1, 10, 44]},
    "a universe larger than the field": {**GOOD, 1: [9, 16, 16, 44]},
    "no sectors": {**GOOD, 1: [9, 16, 0, 44]},
    "a parameter that is true": {**GOOD, 1: [9, 16, True, 44]},
    "a parameter too few": {**GOOD, 1: [9, 16, 10]},
    "parameters that are no list": {**GOOD, 1: 9},
    "a short salt": {**GOOD, 2: bytes(31)},
    "a long check": {**GOOD, 3: bytes(33)},
    "no vault": {**GOOD, 4: []},
    "nine vaults": {**GOOD, 4: [vault()] * 9},
    "a vault that is no map": {**GOOD, 4: [7]},
    "an offset beyond the cell": {**GOOD, 4: [vault(_0=[9, 0, 0, 0])]},
    "an angle beyond the quarter turn": {**GOOD, 4: [vault(_0=[0, 0, 0, 64])]},
    "a lattice without its angle": {**GOOD, 4: [vault(_0=[0, 0, 0])]},
    "a negative offset": {**GOOD, 4: [vault(_0=[-1, 0, 0, 0])]},
    "fewer features than k": {**GOOD, 4: [vault(_1=bytes(16))]},
    "half a coefficient": {**GOOD, 4: [vault(_1=bytes(89))]},
    "too many coefficients": {**GOOD, 4: [vault(_1=bytes(130))]},
    "a short tag": {**GOOD, 4: [vault(_2=bytes(7))]},
    "a short secret": {**GOOD, 4: [vault(_3=bytes(47))]},
    "not a map": [1, 2],
}


def test_the_plainest_record_is_read():
    assert ProtectedRecord.decode(cbor.encode(GOOD)).parameters.coefficients == 9


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_what_is_not_a_record_is_refused(bad):
    with pytest.raises(RecordError):
        ProtectedRecord.decode(cbor.encode(bad))


def test_a_later_version_says_so():
    with pytest.raises(RecordError, match="version 3"):
        ProtectedRecord.decode(cbor.encode(BAD["a later version"]))


def test_a_record_of_the_first_version_still_opens():
    """The fixture was made by that version, of a drawn finger."""
    first = json.loads(Path(__file__).with_name("record_v1.json").read_text())
    record = ProtectedRecord.open(bytes.fromhex(first["sealed"]), PEPPER)
    assert record.version == 1
    assert record.encode().hex() == first["record"]
    opened = [unlock(record, press(finger(1), 10 + i)) for i in (3, 4)]
    assert bytes.fromhex(first["secret"]) in opened


def test_trailing_bytes_are_refused(record):
    with pytest.raises(RecordError):
        ProtectedRecord.decode(record.encode() + b"\0")


def test_the_check_knows_the_secret_and_no_other(enrolment):
    assert enrolment.record.matches(enrolment.secret)
    assert not enrolment.record.matches(bytearray(32))
    assert not replace(enrolment.record, salt=bytes(32)).matches(enrolment.secret)


def test_nothing_of_the_finger_is_in_a_repr(enrolment):
    assert repr(enrolment) == "<enrolment>"
    assert repr(enrolment.record) == "<protected record, 5 vaults>"
