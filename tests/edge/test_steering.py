"""The kiosk itself: births and deaths, settings, commands, certificates; what is done once stays done."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from contracts.cose import kid_of
from contracts.messages import (
    BOUNDS,
    Action,
    Command,
    Desired,
    IssuedCertificate,
    Outcome,
    Presence,
    Reported,
    Result,
    Setting,
)
from contracts.messages.configuration import refusal_of
from edge.errors import BadDataError, RefusedError, StateError
from edge.identity import certificate, files
from edge.state.database import Database
from edge.steering.orders import Orders
from edge.steering.presence import Presences
from edge.steering.renewal import ASK_AGAIN_SECONDS, Renewal
from edge.steering.settings import Settings, own_settings
from gateway.provisioning import kiosks
from gateway.provisioning.authority import Authority
from gateway.provisioning.certificates import der

KEY = Ed25519PrivateKey.generate()
KIOSK = kid_of(KEY.public_key())
KNOWN = {KIOSK: KEY.public_key()}
OWN = own_settings(1000)
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "kiosk.sqlite") as database:
        yield database


# -- births and deaths


def presence(message: bytes) -> Presence:
    kid, read = Presence.verify(message, KNOWN.get)
    assert kid == KIOSK
    return read


def test_each_connection_has_the_next_number_also_after_a_restart(database: Database) -> None:
    for expected in (1, 2, 3):
        presences = Presences(database, KEY, "test", lambda: 100)
        said = presences.next()
        assert presence(said.birth) == Presence("test", expected, online=True, at=100)
        assert presence(said.death) == Presence("test", expected, online=False, at=100)
        assert presences.sequence == expected


def test_a_full_disk_keeps_no_kiosk_off_line(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    presences = Presences(database, KEY, "test")
    presences.next()

    def refuse() -> None:
        raise StateError("no room")

    monkeypatch.setattr(database, "transaction", refuse)
    assert presence(presences.next().birth).sequence == 1


# -- settings


def desired(version: int, **settings: int) -> Desired:
    return Desired("test", KIOSK, version, {Setting[name.upper()]: value for name, value in settings.items()})


def settings(database: Database, applied: list[int] | None = None) -> Settings:
    into = [] if applied is None else applied
    return Settings(database, "test", OWN, lambda now: into.append(now[Setting.OUTBOX_LIMIT]), lambda: 7)


def test_what_may_be_is_taken_over_and_outlives_the_process(database: Database) -> None:
    applied: list[int] = []
    reported = settings(database, applied).deal_with(desired(5, outbox_limit=50, renew_days=9))
    assert reported == Reported("test", 5, {**OWN, 2: 50, 3: 9}, {}, 7)
    again = settings(database, applied)
    assert (again.version, again[Setting.RENEW_DAYS]) == (5, 9)
    assert applied == [1000, 50, 50]


def test_what_may_not_be_is_refused_and_the_rest_is_taken_over(database: Database) -> None:
    kiosk = settings(database)
    reported = kiosk.deal_with(Desired("test", KIOSK, 1, {1: 1, 2: 50, 77: 3}))
    assert reported is not None
    assert reported.settings == {**OWN, 2: 50}
    assert reported.refused == {1: "it must be from 5 to 86400", 77: "this release does not know the setting"}


def test_an_older_configuration_changes_nothing(database: Database) -> None:
    kiosk = settings(database)
    assert kiosk.deal_with(desired(5, outbox_limit=50)) is not None
    for version in (5, 4, 0):
        assert kiosk.deal_with(desired(version, outbox_limit=60)) is None
    assert kiosk[Setting.OUTBOX_LIMIT] == 50


def test_what_is_no_longer_named_is_the_kiosk_s_own_again(database: Database) -> None:
    kiosk = settings(database)
    kiosk.deal_with(desired(1, outbox_limit=50))
    kiosk.deal_with(desired(2, renew_days=9))
    assert kiosk[Setting.OUTBOX_LIMIT] == 1000


@settings_of_hypothesis(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.dictionaries(st.integers(0, 5), st.integers(0, 2**64 - 1)))))
def test_nothing_out_of_bounds_is_ever_in_force(wishes: list[tuple[int, dict[int, int]]]) -> None:
    with tempfile.TemporaryDirectory() as directory, Database(Path(directory) / "k.sqlite") as database:
        kiosk, highest = settings(database), 0
        for version, wanted in wishes:
            reported = kiosk.deal_with(Desired("test", KIOSK, version, wanted))
            assert (reported is None) == (version <= highest)
            highest = max(highest, version)
            assert kiosk.version == highest
            for setting in Setting:
                assert BOUNDS[setting][0] <= kiosk[setting] <= BOUNDS[setting][1]
            if reported is not None:
                assert reported.refused.keys() == {n for n, value in wanted.items() if refusal_of(n, value)}


# -- commands


@dataclass
class Doer:
    """Does what commands ask for, or fails."""

    done: int = 0
    error: Exception | None = None

    def __call__(self) -> None:
        if self.error is not None:
            raise self.error
        self.done += 1


@dataclass
class Kiosk:
    database: Database
    resend: Doer = field(default_factory=Doer)
    now: int = 100

    def orders(self) -> Orders:
        return Orders(self.database, "test", {Action.RESEND: self.resend}, lambda: self.now)

    def told(self, number: int, action: Action = Action.RESEND, expiry: int = 200) -> Outcome | None:
        """The outcome of a command, told to a process that has just started."""
        return self.orders().carry_out(Command("test", KIOSK, number, action, expiry))


@pytest.fixture
def kiosk(database: Database) -> Kiosk:
    return Kiosk(database)


def test_a_command_is_done_once_also_after_a_restart(kiosk: Kiosk) -> None:
    assert kiosk.told(5) == Outcome("test", 5, Result.DONE, "", 100)
    assert kiosk.told(5) is None
    assert kiosk.told(4) is None
    assert kiosk.resend.done == 1
    assert kiosk.told(6) is not None
    assert kiosk.resend.done == 2


def test_a_stale_command_is_refused(kiosk: Kiosk) -> None:
    outcome = kiosk.told(5, expiry=100)
    assert outcome is not None
    assert (outcome.result, "too late" in outcome.why, kiosk.resend.done) == (Result.REFUSED, True, 0)


@pytest.mark.parametrize(
    ("error", "result"),
    [(RefusedError("not now"), Result.REFUSED), (StateError("disk\nfull"), Result.FAILED)],
    ids=["refused", "failed"],
)
def test_what_was_not_done_says_why(kiosk: Kiosk, error: Exception, result: Result) -> None:
    kiosk.resend.error = error
    outcome = kiosk.told(5)
    assert outcome is not None
    assert (outcome.result, outcome.why) == (result, str(error).replace("\n", " "))


def test_what_nobody_foresaw_is_answered_too(kiosk: Kiosk) -> None:
    kiosk.resend.error = KeyError("sensor")
    outcome = kiosk.told(5)
    assert outcome is not None
    assert (outcome.result, outcome.why) == (Result.FAILED, "KeyError; see the kiosk's log")


def test_a_command_that_kills_the_process_is_not_done_again(kiosk: Kiosk) -> None:
    kiosk.resend.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        kiosk.told(5)
    assert kiosk.told(5) is None


def test_a_command_that_this_kiosk_has_no_use_for(kiosk: Kiosk) -> None:
    outcome = kiosk.told(5, Action.RELOAD_CONFIGURATION)
    assert outcome is not None
    assert outcome.result is Result.REFUSED


@settings_of_hypothesis(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 20), max_size=20))
def test_numbers_only_rise(numbers: list[int]) -> None:
    with tempfile.TemporaryDirectory() as directory, Database(Path(directory) / "k.sqlite") as database:
        kiosk = Kiosk(database)
        done = [number for number in numbers if kiosk.told(number) is not None]
        assert done == sorted(set(done))
        assert kiosk.resend.done == len(done)


# -- certificates


@dataclass
class Site:
    """A kiosk with a certificate, and the authority that gave it."""

    state: Path
    authority: Authority
    now: datetime = NOW

    def renewal(self) -> Renewal:
        return Renewal(self.state, KIOSK.hex(), "test", lambda: self.now.timestamp())

    def issued(self, request: bytes) -> IssuedCertificate:
        new = kiosks.sign(self.authority, KIOSK.hex(), request, 90, self.now)
        return IssuedCertificate("test", KIOSK, der(new))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    files.initialise(tmp_path / "kiosk")
    site = Site(tmp_path / "kiosk", Authority.create(tmp_path / "authority", "test", NOW))
    first = kiosks.sign(site.authority, KIOSK.hex(), certificate.request(site.state, KIOSK.hex()), 90, NOW)
    certificate.install(site.state, KIOSK.hex(), first, site.authority.certificate, NOW)
    return site


def test_a_certificate_is_renewed_in_time(site: Site) -> None:
    renewal = site.renewal()
    assert not renewal.is_due(30)
    site.now += timedelta(days=61)
    assert renewal.is_due(30)
    before = renewal.end
    renewal.install(site.issued(renewal.ask().request))
    assert renewal.end is not None
    assert before is not None
    assert renewal.end > before
    assert not renewal.is_due(30)


def test_a_silent_gateway_is_asked_again_after_a_while_for_the_same_key(site: Site) -> None:
    renewal = site.renewal()
    site.now += timedelta(days=61)
    first = renewal.ask()
    assert not renewal.is_due(30)
    site.now += timedelta(seconds=ASK_AGAIN_SECONDS)
    assert renewal.is_due(30)
    again = renewal.ask()
    given_first, given_again = site.issued(first.request), site.issued(again.request)
    assert given_first.certificate == given_again.certificate
    renewal.install(given_again)


def test_a_clock_that_was_set_back_stops_no_renewal(site: Site) -> None:
    renewal = site.renewal()
    site.now += timedelta(days=70)
    renewal.ask()
    site.now -= timedelta(days=5)
    assert renewal.is_due(30)


@pytest.mark.parametrize("data", [b"\x30", bytes(500)])
def test_a_certificate_that_is_none_changes_nothing(site: Site, data: bytes) -> None:
    renewal = site.renewal()
    renewal.ask()
    end = renewal.end
    with pytest.raises(BadDataError, match="cannot be read"):
        renewal.install(IssuedCertificate("test", KIOSK, data))
    assert renewal.end == end
