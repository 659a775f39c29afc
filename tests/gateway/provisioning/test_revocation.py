"""Shut out is shut out, at the first call or, where something was in the way, at the next one."""

from collections.abc import Callable

import pytest
from cryptography import x509

from gateway.config import load_config
from gateway.provisioning.authority import Authority
from gateway.provisioning.files import ProvisioningError
from gateway.provisioning.revocation import revoke
from tests.gateway.provisioning.conftest import KioskSite, Site
from tests.gateway.running import run_here

Spoil = Callable[[Site, pytest.MonkeyPatch], Callable[[], object]]


@pytest.fixture
def kiosk(paper: Site) -> KioskSite:
    kiosk = paper.new_kiosk("kiosk")
    paper.admit(kiosk)
    return kiosk


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
        revoke(paper.config, paper.authority, kiosk.id)
    mend()
    assert is_out(paper, kiosk) != (True, True, True)
    revoke(paper.config, paper.authority, kiosk.id)
    assert is_out(paper, kiosk) == (True, True, True)


@pytest.mark.parametrize("spoil", [no_room_for_the_list, a_directory_that_cannot_be_edited])
def test_a_step_that_fails_keeps_no_other_from_being_done(
    paper: Site, kiosk: KioskSite, monkeypatch: pytest.MonkeyPatch, spoil: Spoil
) -> None:
    mend = spoil(paper, monkeypatch)
    with pytest.raises(ProvisioningError):
        revoke(paper.config, paper.authority, kiosk.id)
    mend()
    expected = {
        no_room_for_the_list: (True, False, False),
        a_directory_that_cannot_be_edited: (False, True, True),
    }
    assert is_out(paper, kiosk) == expected[spoil]


def test_a_call_that_has_nothing_to_do_says_so(paper: Site, kiosk: KioskSite) -> None:
    done = revoke(paper.config, paper.authority, kiosk.id)
    assert (done.certificates, done.removed, done.update and done.update.changed) == (1, True, True)
    ran = run_here("gateway", "provision", "revoke", kiosk.id, "--config", str(paper.config))
    assert (ran.returncode, f"nothing here lets {kiosk.id} in" in ran.stderr) == (78, True)
