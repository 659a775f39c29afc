"""What ends is said in time, every day, with what to do; what is renewed is not spoken of any more."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import certificates
from gateway.certificates import Certificates
from gateway.links.link import Link
from gateway.provisioning import own
from gateway.provisioning.authority import Authority
from gateway.provisioning.certificates import Use, pem
from gateway.provisioning.mosquitto import GATEWAY

RELAYER = bytes.fromhex("ab" * 20)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Site:
    """A gateway's state directory, a link to a broker, and the day."""

    state: Path
    broker_end: datetime | None = None
    now: datetime = BEGIN

    def certificates(self) -> Certificates:
        link = SimpleNamespace(peer_certificate_end=self.broker_end)
        return Certificates(self.state, [cast("Link", link)], lambda: self.now)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "state").mkdir()
    site = Site(tmp_path / "state")
    own.write(Authority.create(tmp_path / "authority", "test"), site.state, RELAYER, 100)
    end = own.credentials(site.state).expiry()
    site.now = end - timedelta(days=100)
    site.broker_end = end + timedelta(days=50)
    return site


def test_days_are_counted(site: Site) -> None:
    assert site.certificates().health() == {
        "certificate_days": 100, "broker_certificate_days": 150, "warnings": [],
    }  # fmt: skip


def test_a_certificate_of_the_name_that_all_had_once_is_a_warning(site: Site, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    authority = Authority.load(tmp_path / "authority")
    earlier = authority.issue(key.public_key(), GATEWAY, Use.CLIENT, days=100)
    (site.state / own.KEY_AND_CERTIFICATE).write_bytes(pem(earlier))
    (warning,) = site.certificates().health()["warnings"]
    assert "docs/mqtt.md, 'Set up earlier'" in warning
    assert "\n## Set up earlier\n" in Path("docs/mqtt.md").read_text()


def test_where_there_is_no_certificate_there_are_no_days(site: Site) -> None:
    site.broker_end = None
    (site.state / own.KEY_AND_CERTIFICATE).unlink()
    nothing = {"certificate_days": None, "broker_certificate_days": None, "warnings": []}
    assert site.certificates().health() == nothing
    assert Certificates(None, []).health() == nothing


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (70, []),
        (71, ["the gateway's certificate ends on 20"]),
        (99, ["the gateway's certificate ends on 20"]),
        (130, ["the gateway's certificate ended on", "the broker's certificate ends on 20"]),
        (151, ["the gateway's certificate ended on", "the broker's certificate ended on"]),
    ],
)
def test_a_month_before_the_end_there_are_warnings(site: Site, days: int, words: list[str]) -> None:
    site.now += timedelta(days=days)
    warnings = site.certificates().health()["warnings"]
    assert len(warnings) == len(words)
    assert all(warning.startswith(begin) for warning, begin in zip(warnings, words, strict=True))
    assert all("renew it with: ridgekey gateway provision" in warning for warning in warnings)


def test_the_log_says_so_once_a_day(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 1000.0
    monkeypatch.setattr(certificates, "time", SimpleNamespace(monotonic=lambda: seconds))
    site.now += timedelta(days=90)
    watched = site.certificates()
    lines: Callable[[], list[Any]] = lambda: [record.message for record in caplog.records]  # noqa: E731
    for _ in range(3):
        watched.remind()
        assert len(lines()) == 1
    seconds += certificates.REMINDER_SECONDS
    watched.remind()
    assert len(lines()) == 2
