"""Shut out is shut out, at the first call or, where something was in the way, at the next one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.config import load_config
from gateway.provisioning import directory
from gateway.provisioning.authority import Authority
from gateway.provisioning.certificates import Use
from gateway.provisioning.files import ProvisioningError
from gateway.provisioning.revocation import Revocation, revoke
from tests.gateway.actors import KioskKey
from tests.gateway.provisioning.conftest import KioskSite, Site
from tests.gateway.running import run_here, write_config

Spoil = Callable[[Site, pytest.MonkeyPatch], Callable[[], object]]


@pytest.fixture
def kiosk(paper: Site) -> KioskSite:
    kiosk = paper.new_kiosk("kiosk")
    paper.admit(kiosk)
    return kiosk


def shut_out(site: Site, name: str) -> Revocation:
    return revoke(site.config, load_config(site.config), name)


def is_out(site: Site, kiosk: KioskSite) -> tuple[bool, bool, bool]:
    """Of the gateway's directory; of the broker, by its certificates; of the broker's topics."""
    broker = site.directory / "mosquitto"
    revoked = {entry.serial_number for entry in x509.load_pem_x509_crl((broker / "crl.pem").read_bytes())}
    return (
        bytes.fromhex(kiosk.id) not in load_config(site.config).kiosks,
        {each.serial_number for each in site.authority.issued(kiosk.id)} <= revoked,
        f"user {kiosk.id}\ntopic deny #\n" in (broker / "acl").read_text(),
    )


def no_room_for_the_list(_site: Site, patch: pytest.MonkeyPatch) -> Callable[[], object]:
    def refuse(*_: object) -> None:
        raise ProvisioningError("cannot write crl.pem: No space left on device")

    patch.setattr(Authority, "_write_revoked", refuse)
    return patch.undo


def a_directory_that_cannot_be_edited(site: Site, _: pytest.MonkeyPatch) -> Callable[[], object]:
    text = site.config.read_text()
    inline = text.replace("[kiosks]\n", "kiosks = { ").rstrip() + " }\n"
    site.config.write_text(inline)
    return lambda: site.config.write_text(text)


def no_way_to_the_broker_s_files(site: Site, _: pytest.MonkeyPatch) -> Callable[[], object]:
    files, aside = site.directory / "mosquitto", site.directory / "aside"
    files.rename(aside)
    files.write_text("in the way")

    def mend() -> None:
        files.unlink()
        aside.rename(files)

    return mend


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_room_for_the_list, "No space left"),
        (a_directory_that_cannot_be_edited, "by hand: take kiosk"),
        (no_way_to_the_broker_s_files, "mosquitto"),
    ],
)
def test_what_fails_halfway_is_finished_by_the_next_call(
    paper: Site, kiosk: KioskSite, monkeypatch: pytest.MonkeyPatch, spoil: Spoil, words: str
) -> None:
    assert is_out(paper, kiosk) == (False, False, False)
    mend = spoil(paper, monkeypatch)
    with pytest.raises(ProvisioningError, match=f"not shut out of everything yet.*{words}.*once more"):
        shut_out(paper, kiosk.id)
    mend()
    assert is_out(paper, kiosk) != (True, True, True)
    shut_out(paper, kiosk.id)
    assert is_out(paper, kiosk) == (True, True, True)


def test_files_that_may_not_even_be_looked_at_keep_nobody_in_the_directory(
    paper: Site, kiosk: KioskSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbid(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Authority, "load", forbid)
    with pytest.raises(ProvisioningError, match="Permission denied"):
        shut_out(paper, kiosk.id)
    assert load_config(paper.config).kiosks == {}


@pytest.mark.parametrize("spoil", [no_room_for_the_list, a_directory_that_cannot_be_edited])
def test_a_step_that_fails_keeps_no_other_from_being_done(
    paper: Site, kiosk: KioskSite, monkeypatch: pytest.MonkeyPatch, spoil: Spoil
) -> None:
    mend = spoil(paper, monkeypatch)
    with pytest.raises(ProvisioningError):
        shut_out(paper, kiosk.id)
    mend()
    expected = {
        no_room_for_the_list: (True, False, True),
        a_directory_that_cannot_be_edited: (False, True, True),
    }
    assert is_out(paper, kiosk) == expected[spoil]


def test_a_call_that_has_nothing_to_do_says_so(paper: Site, kiosk: KioskSite) -> None:
    done = shut_out(paper, kiosk.id)
    assert (done.certificates, done.removed, done.update and done.update.changed) == (1, True, True)
    ran = run_here("gateway", "provision", "revoke", kiosk.id, "--config", str(paper.config))
    assert (ran.returncode, f"nothing here lets {kiosk.id} in" in ran.stderr) == (78, True)


def test_a_name_that_nobody_has_is_refused_and_locks_nobody_out(paper: Site, kiosk: KioskSite) -> None:
    before = (paper.directory / "mosquitto" / "acl").read_text()
    slip = kiosk.id[:-1] + ("0" if kiosk.id[-1] != "0" else "1")
    with pytest.raises(ProvisioningError, match=f"nothing here lets {slip} in"):
        shut_out(paper, slip)
    assert (paper.authority.locked_out(), (paper.directory / "mosquitto" / "acl").read_text()) == ([], before)


# -- without a certificate that is valid: the kiosks that are likely to be stolen


def known(site: Site) -> str:
    """A kiosk under [kiosks] that no certificate was made for."""
    kiosk = KioskKey()
    directory.add(site.config, kiosk.id, kiosk.public.public_bytes_raw().hex())
    return kiosk.id


@pytest.fixture
def bare(tmp_path: Path) -> tuple[Path, str]:
    """A gateway whose kiosks come by Bluetooth alone: no broker, no authority; and one of its kiosks."""
    kiosk = KioskKey()
    return write_config(tmp_path, "", [kiosk], bluetooth="ble:"), kiosk.id


def test_a_kiosk_on_bluetooth_alone_is_taken_out(bare: tuple[Path, str]) -> None:
    config, kiosk = bare
    ran = run_here("gateway", "provision", "revoke", kiosk, "--config", str(config))
    assert ran.returncode == 0, ran.stderr
    assert load_config(config).kiosks == {}
    assert "there is no authority here" in ran.stdout
    assert "another gateway listens on" in ran.stdout


def test_a_kiosk_that_never_had_a_certificate_is_locked_out_by_its_name(paper: Site) -> None:
    """On `mqtt://`; another gateway may still have it under [kiosks], and must not sign for it."""
    kiosk = known(paper)
    assert shut_out(paper, kiosk).removed
    assert paper.authority.locked_out() == [kiosk]


def test_a_kiosk_whose_certificate_has_ended_is_locked_out(paper: Site) -> None:
    kiosk = known(paper)
    yesterday = datetime.now(UTC) - timedelta(days=1, minutes=5)
    public_key = ec.generate_private_key(ec.SECP256R1()).public_key()
    paper.authority.issue(public_key, kiosk, Use.CLIENT, days=1, now=yesterday)
    done = shut_out(paper, kiosk)
    assert (done.certificates, done.removed, done.update and done.update.changed) == (0, True, True)
    assert paper.authority.locked_out() == [kiosk]


def test_an_authority_that_is_damaged_keeps_nobody_in_the_directory(paper: Site, kiosk: KioskSite) -> None:
    (paper.state / "authority" / "certificate.pem").write_text("damaged")
    with pytest.raises(ProvisioningError, match="holds no certificate"):
        shut_out(paper, kiosk.id)
    assert load_config(paper.config).kiosks == {}


def test_a_kiosk_that_is_found_again_is_let_in_by_its_operator(paper: Site, kiosk: KioskSite) -> None:
    shut_out(paper, kiosk.id)
    paper.admit(kiosk)
    assert is_out(paper, kiosk) == (False, False, False)


def test_a_gateway_can_be_revoked_by_its_name(paper: Site) -> None:
    paper.provision("gateway")
    name = paper.credentials.name()
    ran = run_here("gateway", "provision", "revoke", name, "--config", str(paper.config))
    assert (ran.returncode, f"1 certificate of {name} revoked" in ran.stdout) == (0, True), ran.stderr
    assert "another gateway listens on" not in ran.stdout
    acl = (paper.directory / "mosquitto" / "acl").read_text()
    assert f"user {name}\ntopic deny #\n" in acl
    assert acl.count(name) == 1
    paper.provision("gateway")  # given a new one, it is let in again
    assert "deny" not in (paper.directory / "mosquitto" / "acl").read_text()


def test_each_gateway_has_its_own_directory_and_is_told_by_its_own_call(
    paper: Site, kiosk: KioskSite
) -> None:
    """As docs/mqtt.md has it for several gateways: the second one has no authority in its state."""
    second = paper.directory / "second.toml"
    second.write_text(paper.config.read_text().replace('"state"', '"second-state"', 1))
    shut_out(paper, kiosk.id)
    assert bytes.fromhex(kiosk.id) in load_config(second).kiosks
    done = revoke(second, load_config(second), kiosk.id)
    assert (done.has_authority, done.removed) == (False, True)
    assert load_config(second).kiosks == {}
