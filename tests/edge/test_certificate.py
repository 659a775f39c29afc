"""A kiosk's certificate: only the one that was asked for is taken into use; in time another is asked for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from edge.errors import BadDataError, EdgeError, NotFoundError
from edge.identity import certificate, files
from gateway.provisioning import kiosks
from gateway.provisioning.authority import Authority
from gateway.provisioning.certificates import Use, pem

KIOSK = "0123456789abcdef"
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("authority"), "test", NOW - timedelta(days=100))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    files.initialise(tmp_path / "kiosk")
    return tmp_path / "kiosk"


def signed(authority: Authority, state: Path, now: datetime = NOW, kiosk: str = KIOSK) -> x509.Certificate:
    return kiosks.sign(authority, kiosk, certificate.request(state, kiosk), 90, now)


def test_asked_for_and_installed(authority: Authority, state: Path) -> None:
    given = signed(authority, state)
    certificate.install(state, KIOSK, given, authority.certificate, NOW)
    assert certificate.expiry(state) == given.not_valid_after_utc
    certificate.credentials(state).check_dates(NOW)
    assert not certificate.is_due(state, NOW + timedelta(days=59), renew_days=30)
    assert certificate.is_due(state, NOW + timedelta(days=60), renew_days=30)


def test_the_next_one_needs_no_authority_and_has_another_key(authority: Authority, state: Path) -> None:
    certificate.install(state, KIOSK, signed(authority, state), authority.certificate, NOW)
    first = (state / "broker.pem").read_bytes()
    later = NOW + timedelta(days=60)
    certificate.install(state, KIOSK, signed(authority, state, later), None, later)
    second = (state / "broker.pem").read_bytes()
    assert (
        x509.load_pem_x509_certificate(first).public_key()
        != x509.load_pem_x509_certificate(second).public_key()
    )


def test_asking_twice_asks_for_the_same_key(authority: Authority, state: Path) -> None:
    first = x509.load_der_x509_csr(certificate.request(state, KIOSK))
    assert x509.load_der_x509_csr(certificate.request(state, KIOSK)).public_key() == first.public_key()


def test_none_was_asked_for(authority: Authority, state: Path) -> None:
    given = authority.issue(ec.generate_private_key(ec.SECP256R1()).public_key(), KIOSK, Use.CLIENT, days=1)
    with pytest.raises(NotFoundError, match="waits for no certificate"):
        certificate.install(state, KIOSK, given, authority.certificate)
    assert certificate.expiry(state) is None
    assert not certificate.is_due(state, NOW, 30)


def test_an_unknown_authority(authority: Authority, state: Path) -> None:
    with pytest.raises(NotFoundError, match="no authority is known"):
        certificate.install(state, KIOSK, signed(authority, state), None, NOW)


def test_what_is_not_ours_is_refused_and_nothing_changes(
    authority: Authority, state: Path, tmp_path: Path
) -> None:
    certificate.install(state, KIOSK, signed(authority, state), authority.certificate, NOW)
    before = (state / "broker.pem").read_bytes()
    mine = signed(authority, state, NOW + timedelta(minutes=1))
    other = Authority.create(tmp_path / "other", "test", NOW)
    another_key = authority.issue(
        ec.generate_private_key(ec.SECP256R1()).public_key(), KIOSK, Use.CLIENT, days=90, now=NOW
    )
    cases: list[tuple[x509.Certificate, x509.Certificate, datetime, str]] = [
        (signed(authority, state, kiosk="f" * 16), authority.certificate, NOW, "another kiosk"),
        (another_key, authority.certificate, NOW, "another key"),
        (mine, other.certificate, NOW, "not signed by the authority"),
        (mine, authority.certificate, NOW - timedelta(days=1), "set the clock"),
        (mine, authority.certificate, NOW + timedelta(days=91), "set the clock"),
    ]
    for given, signer, now, words in cases:
        with pytest.raises(BadDataError, match=words):
            certificate.install(state, KIOSK, given, signer, now)
    assert (state / "broker.pem").read_bytes() == before
    assert (state / "broker-next.key").exists()


@pytest.mark.parametrize("data", [b"", b"-----BEGIN CERTIFICATE-----\n", b"\xff" * 100])
def test_a_bundle_that_is_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "bundle").write_bytes(data)
    with pytest.raises(BadDataError, match="ridgekey gateway provision kiosk"):
        certificate.read_bundle(tmp_path / "bundle")
    with pytest.raises(NotFoundError):
        certificate.read_bundle(tmp_path / "nothing")


def test_a_bundle(authority: Authority, state: Path, tmp_path: Path) -> None:
    given = signed(authority, state)
    (tmp_path / "bundle").write_bytes(pem(given) + pem(authority.certificate))
    assert certificate.read_bundle(tmp_path / "bundle") == (given, authority.certificate)


def test_a_damaged_next_key_is_named(state: Path) -> None:
    (state / "broker-next.key").write_bytes(bytes(32))
    (state / "broker-next.key").chmod(0o600)
    with pytest.raises(EdgeError, match=r"broker-next\.key"):
        certificate.request(state, KIOSK)
