"""A kiosk's own matters, the whole way: steward, mosquitto with certificates, the gateway's process."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from contracts.eip712 import Domain
from contracts.messages import Action
from drivers.mqtt.machine import Timing
from edge.biometrics.minutiae import MinutiaExtractor
from edge.identity import certificate, files
from edge.journeys.visit import Desk
from edge.links.inbox import Inbox
from edge.links.link import LinkState
from edge.links.mqtt import MqttLink
from edge.links.outbox import Outbox
from edge.sensor import KioskSensor
from edge.state.database import Database
from edge.steering.presence import Presences
from edge.steering.steward import Steward
from tests.gateway.provisioning.conftest import KioskSite, Site
from tests.gateway.running import ENVIRONMENT, RunningGateway, run_here

PATIENCE = 30


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.05)


class Machine:
    """A kiosk without people: what `edge.agent` puts together, but for sensor, courier and panel."""

    def __init__(self, site: Site, kiosk: KioskSite, gateway: RunningGateway, database: Database) -> None:
        key = files.device_key(kiosk.state)
        sensor = SimpleNamespace(ready=True, info=SimpleNamespace(model="R503"))
        self.resent = 0
        self.desk = Desk(
            sensor=cast("KioskSensor", sensor),
            extractor=cast("MinutiaExtractor", None),
            database=database,
            outbox=Outbox(database, limit=1000),
            state=kiosk.state,
            device_key=key,
            domain=Domain(1, b"\x11" * 20, ENVIRONMENT),
            on_ledger=False,
            requesters={},
        )
        presences = Presences(database, key, ENVIRONMENT)
        self.steward = Steward(self.desk, presences)
        inbox = Inbox(
            database, self.desk.outbox, gateway_key=gateway.key, domain=self.desk.domain,
            steer=self.steward.steer,
        )  # fmt: skip
        self.link = MqttLink(
            site.broker, kiosk.id, inbox.hear, lambda: None, presences.next,
            credentials=kiosk.credentials, timing=Timing(first=0.1, longest=0.4, refused=0.4),
        )  # fmt: skip
        self.steward.speak_over([self.link])
        self.steward.obey({Action.RESEND: self.resend})

    def resend(self) -> None:
        self.resent += 1

    @contextmanager
    def running(self) -> Iterator[None]:
        with ExitStack() as stack:
            for part in (self.link, self.steward):
                part.start()
                stack.callback(part.stop)
            yield


@pytest.fixture(scope="module")
def gateway(site: Site) -> Iterator[RunningGateway]:
    running = RunningGateway(site.config)
    yield running
    code, words = running.stop()
    assert (code, "Traceback" in words) == (0, False), words


@pytest.fixture(scope="module")
def kiosk(site: Site, gateway: RunningGateway) -> KioskSite:
    """A kiosk that came after the gateway was started, with a certificate that is about to end."""
    kiosk = site.new_kiosk("steered")
    site.admit(kiosk, "--days", 1)
    os.kill(gateway.process.pid, signal.SIGHUP)
    return kiosk


@pytest.fixture(scope="module")
def machine(
    site: Site, gateway: RunningGateway, kiosk: KioskSite, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    with Database(tmp_path_factory.mktemp("kiosk") / "kiosk.sqlite") as database:
        machine = Machine(site, kiosk, gateway, database)
        with machine.running():
            yield machine


def ask(site: Site, *arguments: str) -> tuple[int, Any]:
    """Exit code and JSON, or else the one line, of a `ridgekey gateway kiosks` command."""
    ran = run_here("gateway", "kiosks", *arguments, "--config", str(site.config), "--json")
    assert "Traceback" not in ran.stderr
    return ran.returncode, json.loads(ran.stdout) if ran.stdout else ran.stderr


def listed(site: Site, kiosk: KioskSite) -> dict[str, Any]:
    _, answer = ask(site, "list")
    return next(row for row in answer["kiosks"] if row["kiosk"] == kiosk.id)


def test_it_is_there_and_says_how_it_is(site: Site, kiosk: KioskSite, machine: Machine) -> None:
    until(lambda: listed(site, kiosk)["health"])
    row = listed(site, kiosk)
    assert (row["online"], row["sensor"]) == (True, "ready")
    assert (row["health"]["model"], row["health"]["waiting"], row["health"]["capacity"]) == ("R503", 0, 1000)


def test_its_certificate_is_renewed_by_itself_and_shown_at_once(
    site: Site, kiosk: KioskSite, machine: Machine
) -> None:
    def days() -> int:
        end = certificate.expiry(kiosk.state)
        return 0 if end is None else (end - datetime.now(UTC)).days

    until(lambda: days() > 80)
    until(lambda: listed(site, kiosk)["certificate_days"] > 80)
    until(lambda: listed(site, kiosk)["health"]["sequence"] > 1)
    assert machine.link.status.state is LinkState.UP
    assert not (kiosk.state / "broker-next.key").exists()


def test_the_days_of_the_other_certificates_are_in_health(gateway: RunningGateway) -> None:
    health = httpx.get(gateway.ready["http"] + "/health", timeout=PATIENCE).json()
    assert (health["certificate_days"], health["broker_certificate_days"]) == (729, 729)
    assert health["warnings"] == []


def test_commands_are_done_and_answered(site: Site, kiosk: KioskSite, machine: Machine) -> None:
    assert ask(site, "command", kiosk.id, "resend", "--wait", "30")[1]["result"] == "done"
    assert machine.resent == 1
    assert ask(site, "command", kiosk.id, "report-health", "--wait", "30")[1]["result"] == "done"
    shown = ask(site, "show", kiosk.id)[1]
    assert [order["action"] for order in shown["commands"]] == ["report-health", "resend"]


def test_a_command_that_is_refused_is_one_line_and_an_exit_code(
    site: Site, kiosk: KioskSite, machine: Machine
) -> None:
    ran = run_here(
        "gateway", "kiosks", "command", kiosk.id, "reload-configuration", "--wait", "30",
        "--config", str(site.config),
    )  # fmt: skip
    assert (ran.returncode, "no use for it" in ran.stderr) == (1, True)


def test_settings_are_taken_over_and_reported(site: Site, kiosk: KioskSite, machine: Machine) -> None:
    code, reported = ask(site, "configure", kiosk.id, "outbox_limit=77", "renew_days=7", "--wait", "30")
    assert code == 0
    assert reported["settings"] == {"health_seconds": 60, "outbox_limit": 77, "renew_days": 7}
    assert machine.desk.outbox.limit == 77
    until(lambda: listed(site, kiosk)["health"]["configuration"] == reported["version"])


def test_a_kiosk_that_is_not_there_is_one_line(site: Site, machine: Machine) -> None:
    code, words = ask(site, "command", "f" * 16, "resend")
    assert (code, "no kiosk" in words) == (66, True)
    away = site.new_kiosk("away")
    site.admit(away)
    code, words = ask(site, "command", away.id, "resend", "--wait", "0")
    assert (code, "has not answered yet" in words) == (69, True)


def test_its_end_is_heard(
    site: Site, gateway: RunningGateway, kiosk: KioskSite, machine: Machine, tmp_path: Path
) -> None:
    """Its own word where it leaves in order; the broker's, by its last will, where it is cut off."""
    del gateway
    machine.steward.stop()
    machine.link.stop()
    until(lambda: not listed(site, kiosk)["online"])
