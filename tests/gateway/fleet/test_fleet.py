"""What the gateway knows of its kiosks and sends them: nothing stale, nothing forged, nothing twice."""

import io
import queue
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from contracts.messages import (
    Action,
    CertificateRequest,
    Command,
    Desired,
    Health,
    IssuedCertificate,
    Outcome,
    Presence,
    Reported,
    Result,
    SensorState,
    from_gateway,
)
from edge.identity import certificate, files
from gateway.errors import GatewayError
from gateway.fleet import cli
from gateway.fleet.attendant import Attendant
from gateway.fleet.book import KEPT_COMMANDS, Kiosk, KioskBook
from gateway.fleet.views import describe, table_of
from gateway.provisioning.authority import Authority
from tests.gateway.actors import KioskKey

KIOSK, OTHER, GATEWAY = KioskKey(), KioskKey(), KioskKey()
HEALTH = Health("test", 3, 100, "0.1.0", 60, 2, 30, 1000, SensorState.READY, "R307", 86_400 * 400, 0)


class Fleet:
    """An attendant with a book, a clock that stands, and everything that it sends."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.now = 1000
        self.sent: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.appeared: list[str] = []
        self.book = KioskBook(state)
        self.attendant = Attendant(
            self.book,
            {kiosk.kid: kiosk.public for kiosk in (KIOSK, OTHER)},
            "test",
            GATEWAY.key,
            state / "authority",
            lambda kiosk, message: self.sent.put((kiosk, message)),
            self.appeared.append,
            lambda: self.now,
        )

    def hear(self, what: str, message: bytes, kiosk: KioskKey = KIOSK) -> None:
        self.attendant.hear(what, kiosk.id, message)

    def be(self, *, online: bool, sequence: int = 3, at: int = 100) -> None:
        self.hear("status", Presence("test", sequence, online, at).sign(KIOSK.key))

    def kiosk(self) -> Kiosk:
        return next(kiosk for kiosk in self.book.kiosks() if kiosk.kiosk == KIOSK.kid)

    def messages(self) -> list[object]:
        """What has been sent to the kiosk since the last look."""
        self.attendant.attend()
        found = []
        while not self.sent.empty():
            kiosk, message = self.sent.get()
            assert kiosk == KIOSK.id
            found.append(from_gateway(message, GATEWAY.public))
        return found


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path)
    yield fleet
    fleet.book.close()


def test_births_and_deaths(fleet: Fleet) -> None:
    fleet.be(online=True)
    assert (fleet.kiosk().online, fleet.kiosk().seen, fleet.appeared) == (True, 1000, [KIOSK.id])
    fleet.be(online=False)
    assert not fleet.kiosk().online
    assert fleet.appeared == [KIOSK.id]


def test_a_death_of_an_earlier_connection_comes_too_late(fleet: Fleet) -> None:
    fleet.be(online=True, sequence=3, at=100)
    fleet.be(online=True, sequence=4, at=200)
    fleet.be(online=False, sequence=3, at=100)
    assert fleet.kiosk().online


def test_a_kiosk_that_was_restored_from_a_copy_is_heard(fleet: Fleet) -> None:
    fleet.be(online=True, sequence=900, at=100)
    fleet.be(online=False, sequence=900, at=100)
    fleet.be(online=True, sequence=12, at=200)
    assert fleet.kiosk().online


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=20))
def test_in_whatever_order_they_come_the_last_connection_counts(words: list[tuple[int, bool]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        fleet = Fleet(Path(directory))
        latest: tuple[int, bool] = (0, False)
        for sequence, online in words:
            fleet.be(online=online, sequence=sequence, at=100 * sequence)
            if sequence >= latest[0]:
                latest = (sequence, online)
            assert fleet.kiosk().online == latest[1]
        fleet.book.close()


def test_health_and_configuration_are_kept(fleet: Fleet) -> None:
    fleet.hear("health", HEALTH.sign(KIOSK.key))
    fleet.hear("report", Reported("test", 7, {1: 60}, {9: "unknown"}, 100).sign(KIOSK.key))
    shown = describe(fleet.kiosk())
    assert (shown["health"]["waiting"], shown["sensor"]) == (2, "ready")
    assert shown["reported"] == {
        "version": 7,
        "settings": {"health_seconds": 60},
        "refused": {"setting 9": "unknown"},
    }


@pytest.mark.parametrize(
    ("what", "message"),
    [
        pytest.param("status", Presence("test", 3, True, 1).sign(OTHER.key), id="by another kiosk"),
        pytest.param("status", Presence("test", 3, True, 1).sign(KioskKey().key), id="by a stranger"),
        pytest.param("status", Presence("live", 3, True, 1).sign(KIOSK.key), id="of another environment"),
        pytest.param("status", b"online", id="unsigned"),
        pytest.param("health", replace(HEALTH, environment="live").sign(KIOSK.key), id="health of another"),
        pytest.param("health", Presence("test", 3, True, 1).sign(KIOSK.key), id="presence for health"),
        pytest.param("report", HEALTH.sign(KIOSK.key), id="health for a report"),
        pytest.param("down", HEALTH.sign(KIOSK.key), id="of an unknown word"),
    ],
)
def test_what_does_not_hold_leaves_no_trace(fleet: Fleet, what: str, message: bytes) -> None:
    fleet.hear(what, message)
    assert fleet.book.kiosks() == []
    assert fleet.appeared == []


def test_a_command_goes_to_who_is_there_once_and_its_answer_is_kept(fleet: Fleet) -> None:
    number = fleet.book.command(KIOSK.kid, Action.RESEND, fleet.now, 600)
    assert fleet.messages() == []
    fleet.be(online=True)
    assert fleet.messages() == [Command("test", KIOSK.kid, number, Action.RESEND, 1600)]
    assert fleet.messages() == []
    fleet.hear("report", Outcome("test", number, Result.REFUSED, "not now", 1001).sign(KIOSK.key))
    fleet.hear("report", Outcome("test", number, Result.DONE, "", 1002).sign(KIOSK.key))
    (order,) = fleet.book.orders(KIOSK.kid)
    assert (order.result, order.why, order.answered) == (Result.REFUSED, "not now", 1001)


def test_a_command_without_an_answer_goes_out_again_at_the_next_birth(fleet: Fleet) -> None:
    fleet.be(online=True)
    fleet.book.command(KIOSK.kid, Action.REPORT_HEALTH, fleet.now, 600)
    first = fleet.messages()
    fleet.be(online=True, sequence=4, at=200)
    assert fleet.messages() == first
    assert len(first) == 1


def test_a_stale_command_is_not_sent(fleet: Fleet) -> None:
    fleet.book.command(KIOSK.kid, Action.RESEND, fleet.now, 600)
    fleet.now += 600
    fleet.be(online=True)
    assert fleet.messages() == []


def test_numbers_rise_whatever_the_clock_does_and_old_commands_are_forgotten(fleet: Fleet) -> None:
    numbers = [
        fleet.book.command(KIOSK.kid, Action.RESEND, now, 600) for now in (1000, 1000, 900, 5000, 5000)
    ]
    assert numbers == [1000, 1001, 1002, 5000, 5001]
    for _ in range(KEPT_COMMANDS):
        fleet.book.command(KIOSK.kid, Action.RESEND, 5000, 600)
    assert len(fleet.book.orders(KIOSK.kid)) == KEPT_COMMANDS


def test_a_configuration_goes_out_and_again_at_each_birth(fleet: Fleet) -> None:
    version = fleet.book.want(KIOSK.kid, {1: 30}, fleet.now)
    fleet.be(online=True)
    wanted = Desired("test", KIOSK.kid, version, {1: 30})
    assert fleet.messages() == [wanted]
    assert fleet.messages() == []
    fleet.be(online=True, sequence=4, at=200)
    assert fleet.messages() == [wanted]
    assert fleet.book.want(KIOSK.kid, {}, fleet.now) == version + 1
    assert fleet.messages() == [Desired("test", KIOSK.kid, version + 1, {})]


def request(fleet: Fleet) -> bytes:
    files.initialise(fleet.state / "kiosk")
    return CertificateRequest("test", certificate.request(fleet.state / "kiosk", KIOSK.id), 1).sign(KIOSK.key)


def test_a_certificate_is_renewed_where_the_authority_is(fleet: Fleet) -> None:
    asked = request(fleet)
    fleet.hear("report", asked)
    assert fleet.messages() == []
    Authority.create(fleet.state / "authority", "test", datetime.fromtimestamp(fleet.now, UTC))
    fleet.hear("report", asked)
    (issued,) = fleet.messages()
    assert isinstance(issued, IssuedCertificate)
    given_ = x509.load_der_x509_certificate(issued.certificate)
    assert issued.kiosk == KIOSK.kid
    fleet.hear("report", asked)
    (again,) = fleet.messages()
    assert again == issued
    assert given_.subject.rfc4514_string() == f"CN={KIOSK.id}"


def test_a_revoked_kiosk_renews_nothing(fleet: Fleet) -> None:
    now = datetime.fromtimestamp(fleet.now, UTC)
    authority = Authority.create(fleet.state / "authority", "test", now)
    asked = request(fleet)
    fleet.hear("report", asked)
    assert len(fleet.messages()) == 1
    authority.revoke(KIOSK.id, now)
    fleet.hear("report", asked)
    assert fleet.messages() == []


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path_factory.mktemp("fleet"))
    yield fleet
    fleet.book.close()


@given(what=st.sampled_from(["status", "health", "report"]), noise=st.binary(max_size=200))
def test_noise_is_dropped(lasting: Fleet, what: str, noise: bytes) -> None:
    lasting.hear(what, noise)
    assert lasting.book.kiosks() == []


def test_settings_by_name() -> None:
    assert cli.parse_setting("health_seconds=30") == (1, 30)
    assert cli.parse_setting("OUTBOX_LIMIT=2000") == (2, 2000)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fingers=2", "no setting; there are"),
        ("health_seconds", "whole number"),
        ("health_seconds=1", "from 5 to 86400"),
        ("health_seconds=-5", "whole number"),
        ("health_seconds=٣٠", "whole number"),
        ("health_seconds=9999999999", "whole number"),
        ("=", "no setting"),
    ],
)
def test_a_setting_that_is_none_is_one_line(text: str, words: str) -> None:
    with pytest.raises(GatewayError, match=words) as caught:
        cli.parse_setting(text)
    assert caught.value.exit_code == 2


def test_what_a_kiosk_says_of_itself_is_shown_as_it_is() -> None:
    words = r"\[bold]0.1.0\[/]"
    row: dict[str, Any] = {
        "kiosk": KIOSK.id,
        "online": True,
        "seen": 0,
        "sensor": "ready",
        "certificate_days": 3,
        "health": {"waiting": 0, "oldest": 0, "software": words},
    }
    out = io.StringIO()
    Console(file=out, width=200).print(table_of([row]))
    assert words in out.getvalue()
