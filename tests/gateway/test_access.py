import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.acts import Deny
from contracts.eip712 import Domain
from contracts.signing import sign
from gateway.access import LIFETIME, AccessError, prove, read_digest, reader_of
from tests.gateway.actors import Person

DOMAIN = Domain(20_022, b"\1" * 20, "test")
PATH = "/objects/0x" + "11" * 32 + "?request=0x" + "22" * 32
NOW = 1_800_000_000
PERSON = Person()


def header(at: int = NOW, path: str = PATH, domain: Domain = DOMAIN) -> str:
    signature = sign(PERSON.signing_key, read_digest(domain, path, at))
    return f"Ridgekey key={PERSON.public_key.hex()}, time={at}, signature={signature.hex()}"


def test_what_prove_writes_tells_who_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: float(NOW))
    assert reader_of(prove(PERSON.signing_key, DOMAIN, PATH), DOMAIN, PATH, NOW) == PERSON.address


@pytest.mark.parametrize("off", [-LIFETIME, 0, LIFETIME])
def test_clocks_may_differ_by_a_minute(off: int) -> None:
    assert reader_of(header(NOW + off), DOMAIN, PATH, NOW) == PERSON.address


@pytest.mark.parametrize(
    ("given_header", "word"),
    [
        pytest.param("", "not signed", id="none"),
        pytest.param("Basic dXNlcjpwYXNz", "not signed", id="another scheme"),
        pytest.param(header().upper(), "not signed", id="another case"),
        pytest.param(header() + " ", "not signed", id="trailing"),
        pytest.param(header(NOW - LIFETIME - 1), "clock", id="too old"),
        pytest.param(header(NOW + LIFETIME + 1), "clock", id="too new"),
        pytest.param(header(path=PATH + "0"), "does not hold", id="another path"),
        pytest.param(header(domain=Domain(1, b"\1" * 20, "test")), "does not hold", id="another chain"),
        pytest.param(
            header(domain=Domain(20_022, b"\2" * 20, "test")), "does not hold", id="another contract"
        ),
        pytest.param(
            header(domain=Domain(20_022, b"\1" * 20, "live")), "does not hold", id="another environment"
        ),
        pytest.param(header().replace("key=0", "key=1"), "does not hold", id="no point"),
    ],
)
def test_what_proves_nothing_is_refused(given_header: str, word: str) -> None:
    with pytest.raises(AccessError, match=word) as caught:
        reader_of(given_header, DOMAIN, PATH, NOW)
    assert caught.value.exit_code == 1


def test_a_signature_over_an_act_is_no_proof() -> None:
    act = Deny(PERSON.address, b"\1" * 32, NOW)
    signature = sign(PERSON.signing_key, act.digest(DOMAIN))
    forged = f"Ridgekey key={PERSON.public_key.hex()}, time={NOW}, signature={signature.hex()}"
    with pytest.raises(AccessError):
        reader_of(forged, DOMAIN, PATH, NOW)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_header_is_read_or_refused(text: str) -> None:
    with pytest.raises(AccessError):
        reader_of(text, DOMAIN, PATH, NOW)
