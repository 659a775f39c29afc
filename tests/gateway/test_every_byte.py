"""An exported history has no byte that can be altered unnoticed, not even with a new checksum."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.audit.errors import HistoryFileError
from gateway.audit.fetch import Wanted, fetch
from gateway.audit.history import export, load
from gateway.audit.verify import verify
from hw.bench.audit.ledger import written
from hw.bench.crowd.ledger import CHAIN_ID
from tests.gateway.ledger.processes import running

CHECKSUM = 80
"""Bytes of the last line."""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with one block for the contract, and one full of acts."""
    state = tmp_path_factory.mktemp("every-byte")
    facts = written(state, 10, lambda _: None)
    (state / "contract").write_bytes(facts.contract)
    return state


@pytest.fixture(scope="module", params=[True, False], ids=["receipts", "events"])
def exported(state: Path, request: pytest.FixtureRequest) -> bytes:
    """The history in a file, with receipts and without."""
    contract, path = (state / "contract").read_bytes(), state / "history.jsonl"
    with running(state, "--chain-id", str(CHAIN_ID)) as node, node.client() as client:
        export(fetch(client, contract, Wanted(proven=request.param)), path)
    report = verify(load(path))
    assert report.holds, report.findings
    assert report.acts == 23
    return path.read_bytes()


def is_found(content: bytes, place: Path) -> bool:
    place.write_bytes(content)
    try:
        return not verify(load(place)).holds
    except HistoryFileError:
        return True


def with_new_checksum(body: bytes) -> bytes:
    return body + b'{"sha256":"0x%s"}\n' % hashlib.sha256(body).hexdigest().encode()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_altered_byte_is_found_even_with_a_new_checksum(
    exported: bytes, tmp_path: Path, data: st.DataObject
) -> None:
    body = bytearray(exported[:-CHECKSUM])
    place = data.draw(st.integers(0, len(body) - 1))
    digits = b"0123456789abcdef"
    others = digits if body[place] in digits else bytes(range(256))
    body[place] = data.draw(st.sampled_from([other for other in others if other != body[place]]))
    assert is_found(with_new_checksum(bytes(body)), tmp_path / "altered")


def test_an_altered_checksum_is_found(exported: bytes, tmp_path: Path) -> None:
    for place in range(len(exported) - CHECKSUM, len(exported)):
        altered = bytearray(exported)
        altered[place] ^= 1
        assert is_found(bytes(altered), tmp_path / "altered")


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_every_single_byte(exported: bytes, tmp_path: Path) -> None:
    """Each byte once: a digit becomes the next digit, anything else its neighbour."""
    body = exported[:-CHECKSUM]
    missed = []
    for place, byte in enumerate(body):
        digits = b"0123456789abcdef"
        other = digits[(digits.index(byte) + 1) % 16] if byte in digits else byte ^ 1
        altered = with_new_checksum(body[:place] + bytes([other]) + body[place + 1 :])
        if not is_found(altered, tmp_path / "altered"):
            missed.append(place)
    print(f"\n{len(body):,} bytes altered one at a time, each with a new checksum; {len(missed)} not found")
    assert not missed
