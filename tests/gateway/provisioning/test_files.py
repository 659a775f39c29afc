"""The authority and its files: what is signed, what is refused, what is edited, and in which words."""

import base64
import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from contracts.cose import kid_of
from contracts.messages import CertificateRequest
from gateway.cli import parser
from gateway.errors import GatewayError
from gateway.provisioning import directory, kiosks
from gateway.provisioning.authority import LOCKED_OUT, Authority
from gateway.provisioning.certificates import Use, name_of
from gateway.provisioning.files import ProvisioningError
from gateway.provisioning.kiosks import KioskRequest, RefusedRequestError
from gateway.provisioning.mosquitto import access_list
from tests.gateway.provisioning.conftest import Site, done
from tests.gateway.running import run_here

DEVICE = Ed25519PrivateKey.generate()
KIOSK = kid_of(DEVICE.public_key()).hex()
KEY = ec.generate_private_key(ec.SECP256R1())
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def csr(name: str = KIOSK, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = KEY) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER)


def request_file(**changes: object) -> bytes:
    message = CertificateRequest("test", csr(), 1).sign(DEVICE)
    fields: dict[str, object] = {
        "kiosk": KIOSK,
        "public_key": DEVICE.public_key().public_bytes_raw().hex(),
        "request": base64.b64encode(message).decode(),
    }
    return json.dumps(fields | changes).encode()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("authority"), "test", NOW)


def test_private_keys_are_for_their_owner_alone(paper: Site) -> None:
    assert (paper.state / "authority" / "key.pem").stat().st_mode & 0o777 == 0o600
    paper.provision("gateway")
    assert (paper.state / "broker.pem").stat().st_mode & 0o777 == 0o600
    assert (paper.directory / "mosquitto" / "broker.key").stat().st_mode & 0o777 == 0o640
    kiosk = paper.new_kiosk("kiosk")
    paper.admit(kiosk)
    assert (kiosk.state / "broker.pem").stat().st_mode & 0o777 == 0o600
    assert not (kiosk.state / "broker-next.key").exists()


def test_the_kiosk_s_key_never_leaves(paper: Site) -> None:
    """Neither as PEM, nor as the bare number, in anything that the kiosk hands out or the gateway has."""
    kiosk = paper.new_kiosk("kiosk")
    paper.admit(kiosk)
    key = serialization.load_pem_private_key((kiosk.state / "broker.pem").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    number = key.private_numbers().private_value.to_bytes(32)
    outside = [
        path for path in paper.directory.rglob("*") if path.is_file() and kiosk.state not in path.parents
    ]
    assert any(path.name == "request.json" for path in outside)
    for path in outside:
        data = path.read_bytes()
        for form in (number, number.hex().encode(), base64.b64encode(number)[:40]):
            assert form not in data, path


def test_a_loaded_authority_is_the_one_that_was_made(authority: Authority) -> None:
    loaded = Authority.load(authority.directory)
    assert loaded.certificate == authority.certificate
    with pytest.raises(GatewayError, match="exists already"):
        Authority.create(authority.directory, "test")


def test_no_authority_is_one_line_that_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ProvisioningError, match="ridgekey gateway provision broker"):
        Authority.load(tmp_path)


def test_certificates_end_no_later_than_their_authority(authority: Authority) -> None:
    late = authority.certificate.not_valid_after_utc - timedelta(days=1)
    certificate = authority.issue(KEY.public_key(), "late", Use.CLIENT, days=90, now=late)
    assert certificate.not_valid_after_utc == authority.certificate.not_valid_after_utc
    with pytest.raises(ProvisioningError, match="has ended"):
        authority.issue(KEY.public_key(), "too late", Use.CLIENT, days=1, now=late + timedelta(days=2))


@pytest.mark.parametrize("host", ["", "a b", "-x", "x/../y", "#", "a" * 64, "x\n", "%u"])
def test_a_host_that_is_none_is_refused(authority: Authority, host: str) -> None:
    with pytest.raises(ProvisioningError, match="neither a host's name nor an address"):
        authority.issue(KEY.public_key(), "broker", Use.BROKER, days=1, hosts=[host], now=NOW)


def test_a_repeated_request_gets_the_same_certificate_a_new_key_another(authority: Authority) -> None:
    first = kiosks.sign(authority, KIOSK, csr(), 90, NOW)
    assert kiosks.sign(authority, KIOSK, csr(), 90, NOW + timedelta(hours=1)) == first
    assert kiosks.sign(authority, KIOSK, csr(), 90, NOW + timedelta(days=2)) != first
    another = csr(key=ec.generate_private_key(ec.SECP256R1()))
    assert kiosks.sign(authority, KIOSK, another, 90, NOW) != first
    assert name_of(first) == KIOSK


def test_a_kiosk_that_asks_without_end_fills_no_disk(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path, "test", NOW)
    for _ in range(kiosks.MOST_CURRENT):
        kiosks.sign(authority, KIOSK, csr(key=ec.generate_private_key(ec.SECP256R1())), 90, NOW)
    with pytest.raises(RefusedRequestError, match="10 certificates that are valid"):
        kiosks.sign(authority, KIOSK, csr(key=ec.generate_private_key(ec.SECP256R1())), 90, NOW)
    kiosks.sign(
        authority, KIOSK, csr(key=ec.generate_private_key(ec.SECP256R1())), 90, NOW + timedelta(days=90)
    )


def test_revoked_is_revoked(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path, "test", NOW)
    for _ in range(2):
        authority.issue(KEY.public_key(), KIOSK, Use.CLIENT, days=90, now=NOW)
    assert authority.revoke(KIOSK, NOW) == 2
    assert authority.current(KIOSK, NOW) == []
    assert authority.locked_out() == [KIOSK]
    assert authority.revoke(KIOSK, NOW) == 0
    kiosks.sign(authority, KIOSK, csr(), 90, NOW)  # as by a gateway that was about to renew it
    assert authority.locked_out() == [KIOSK]
    authority.let_in(KIOSK)
    assert authority.locked_out() == []
    assert len(authority.revoked()) == 2


def test_whom_an_earlier_authority_had_locked_out_stays_so(tmp_path: Path) -> None:
    """It had no list of names: locked out was who had revoked certificates and no other."""
    authority = Authority.create(tmp_path, "test", NOW)
    for name in (KIOSK, "another"):
        authority.issue(KEY.public_key(), name, Use.CLIENT, days=90, now=NOW)
    authority.revoke(KIOSK, NOW)
    (tmp_path / LOCKED_OUT).unlink()
    assert authority.locked_out() == [KIOSK]
    authority.revoke("another", NOW)
    assert authority.locked_out() == sorted([KIOSK, "another"])


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        pytest.param(b"", "no PKCS", id="empty"),
        pytest.param(csr()[:-1], "no PKCS", id="cut short"),
        pytest.param(csr()[:-1] + bytes([csr()[-1] ^ 1]), "not signed by the key", id="altered"),
        pytest.param(csr("ffffffffffffffff"), "another name", id="of another kiosk"),
        pytest.param(csr("gateway"), "another name", id="of the gateway"),
        pytest.param(csr(key=rsa.generate_private_key(65537, 2048)), "not on P-256", id="RSA"),
        pytest.param(csr(key=ec.generate_private_key(ec.SECP384R1())), "not on P-256", id="P-384"),
    ],
)
def test_a_request_that_does_not_hold_is_refused(authority: Authority, request_: bytes, words: str) -> None:
    with pytest.raises(RefusedRequestError, match=words):
        kiosks.sign(authority, KIOSK, request_, 90, NOW)


@given(st.binary(max_size=300))
def test_noise_is_no_request(noise: bytes) -> None:
    with pytest.raises(RefusedRequestError):
        kiosks._public_key(KIOSK, noise)
    with pytest.raises(RefusedRequestError):
        KioskRequest.parse(noise)


@given(st.integers(0, len(csr()) - 1), st.integers(1, 255))
def test_no_altered_request_passes(place: int, change: int) -> None:
    data = bytearray(csr())
    data[place % len(data)] ^= change
    try:
        key = kiosks._public_key(KIOSK, bytes(data))
    except RefusedRequestError:
        return
    assert key == KEY.public_key()  # a signature's other encoding may hold; another key's never does


def test_a_good_request_file() -> None:
    asked = KioskRequest.parse(request_file())
    assert (asked.kiosk, asked.request.environment) == (KIOSK, "test")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"{}", id="nothing in it"),
        pytest.param(b"[1]", id="a list"),
        pytest.param(b"\xff", id="no text"),
        pytest.param(b"[" * 4000, id="deep"),
        pytest.param(bytes(9000), id="long"),
        pytest.param(request_file(public_key="11" * 32), id="another key"),
        pytest.param(request_file(public_key=7), id="a number for a key"),
        pytest.param(request_file(request="!"), id="no base64"),
        pytest.param(request_file(request=""), id="no request"),
    ],
)
def test_a_bad_request_file_is_one_line(data: bytes) -> None:
    with pytest.raises(RefusedRequestError) as caught:
        KioskRequest.parse(data)
    assert "\n" not in str(caught.value)


def test_a_request_from_another_environment_is_refused(paper: Site) -> None:
    kiosk = paper.new_kiosk("kiosk")
    kiosk.config.write_text(kiosk.config.read_text().replace('"test"', '"live"'))
    asked = paper.directory / "request.json"
    done("edge", "certificate", "request", "--config", kiosk.config, "--out", asked)
    ran = run_here("gateway", "provision", "kiosk", str(asked), "--config", str(paper.config))
    assert (ran.returncode, "'live'" in ran.stderr) == (65, True)


# -- the directory of kiosks, edited


PUBLIC = "ab" * 32
WRITTEN = [
    'state = "s"\n',
    'state = "s"\n[kiosks]\n',
    'state = "s"\n\n  [ kiosks ]  # who is listened to\n"x" = "y"\n\n[other]\nz = 1\n',
    'state = "s"\n[kiosks]\nx = "y"',
    '# [kiosks]\nstate = """\n[not kiosks]\n"""\n',
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_kiosk_is_written_in_and_out_and_nothing_else_changes(tmp_path: Path, text: str) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    path.chmod(0o640)
    before = tomllib.loads(text)
    assert directory.add(path, KIOSK, PUBLIC)
    assert not directory.add(path, KIOSK, PUBLIC)
    after = tomllib.loads(path.read_text())
    assert after == {**before, "kiosks": {**before.get("kiosks", {}), KIOSK: PUBLIC}}
    assert all(line in path.read_text().splitlines() for line in text.splitlines())
    assert path.stat().st_mode & 0o777 == 0o640
    assert directory.remove(path, KIOSK)
    assert not directory.remove(path, KIOSK)
    assert tomllib.loads(path.read_text()) == {**before, "kiosks": before.get("kiosks", {})}


@pytest.mark.parametrize(
    "text",
    ["kiosks = {}\n", 'a = """\n[kiosks]\n"""\n', 'kiosks.x = "y"\n'],
    ids=["inline", "in a text", "dotted"],
)
def test_what_cannot_be_edited_safely_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    with pytest.raises(ProvisioningError, match=f'by hand: add under .kiosks.: "{KIOSK}" = "{PUBLIC}"'):
        directory.add(path, KIOSK, PUBLIC)
    assert path.read_text() == text


def test_a_kiosk_with_another_key_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(f'[kiosks]\n"{KIOSK}" = "{"cd" * 32}"\n')
    with pytest.raises(ProvisioningError, match="another key"):
        directory.add(path, KIOSK, PUBLIC)


def test_a_new_gateway_is_in_the_access_list_and_its_operator_is_told_to_reload(paper: Site) -> None:
    first, again = (
        run_here("gateway", "provision", "gateway", "--config", str(paper.config)).stdout for _ in range(2)
    )
    assert "systemctl reload mosquitto" in first
    assert "reload" not in again  # renewed: the name is the same
    second = paper.second_gateway().name()
    users = [
        line for line in (paper.directory / "mosquitto" / "acl").read_text().splitlines() if "user" in line
    ]
    assert users == [f"user {name}" for name in sorted([paper.credentials.name(), second])]


@pytest.mark.parametrize("word", [["gateway"], ["kiosk", "request.json"]])
@pytest.mark.parametrize("days", ["0", "-5", "7301", "99999999999", "9" * 5000, "1.5", "soon"])
def test_days_out_of_bounds_are_refused_with_the_bounds(
    word: list[str], days: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parser().parse_args(["provision", *word, f"--days={days}"])
    assert "a number of days is a whole number from 1 to 7300, not '" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "-1", "65536", "99999", "mqtt"])
def test_a_port_that_is_none_is_refused_with_the_bounds(
    port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parser().parse_args(["provision", "broker", "--host", "localhost", f"--port={port}"])
    assert "a port is a whole number from 1 to 65535, not '" in capsys.readouterr().err


@pytest.mark.parametrize("days", ["1", "7300"])
def test_days_at_the_bounds_are_taken(days: str) -> None:
    assert parser().parse_args(["provision", "gateway", "--days", days]).days == int(days)


def test_the_longest_life_is_the_authority_s_own(authority: Authority) -> None:
    certificate = authority.issue(KEY.public_key(), "lasting", Use.CLIENT, days=7300, now=NOW)
    assert certificate.not_valid_after_utc == authority.certificate.not_valid_after_utc


def test_a_broker_that_was_set_up_earlier_is_named_until_it_is_set_up_anew(paper: Site) -> None:
    def told() -> bool:
        ran = run_here("gateway", "provision", "gateway", "--config", str(paper.config))
        return "`ridgekey gateway provision broker` again" in ran.stdout

    written = paper.directory / "mosquitto" / "ridgekey.conf"
    assert not told()
    written.write_text(written.read_text().replace("use_username_as_clientid true\n", ""))
    assert told()
    paper.provision("broker", "--host", "localhost", "--port", paper.port, "--out", written.parent)
    assert not told()


def test_a_gateway_without_a_relayer_has_no_name(paper: Site, tmp_path: Path) -> None:
    ran = run_here(
        "gateway", "provision", "gateway", "--out", str(tmp_path / "none"), "--config", str(paper.config)
    )
    assert (ran.returncode, "ridgekey gateway init" in ran.stderr) == (78, True)


def test_the_access_list_word_for_word() -> None:
    assert (
        access_list(["gateway-ab"], ["0123456789abcdef"])
        == """\
user gateway-ab
topic read ridgekey/1/up/+
topic read ridgekey/1/status/+
topic read ridgekey/1/health/+
topic read ridgekey/1/report/+
topic write ridgekey/1/down/+

user 0123456789abcdef
topic deny #

pattern write ridgekey/1/up/%u
pattern write ridgekey/1/status/%u
pattern write ridgekey/1/health/%u
pattern write ridgekey/1/report/%u
pattern read ridgekey/1/down/%u
"""
    )
