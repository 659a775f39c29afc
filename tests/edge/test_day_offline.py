"""A day without a link, with real gateway and ledger: what arrives in time counts, the rest is refused."""

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts import sequence
from contracts.acts import Enrol, fresh_nonce
from contracts.hexes import to_hex
from contracts.messages import KioskMessage, Receipt, ReceiptStatus
from edge.links.courier import Courier
from edge.links.inbox import Inbox
from edge.links.link import LinkState
from edge.links.outbox import Outbox
from edge.links.schedule import Route
from edge.state.database import Database
from hw import broker
from tests.edge.standin import until
from tests.edge.test_mqtt import KIOSK, link_to
from tests.gateway.actors import KioskKey, Person
from tests.gateway.running import RunningGateway, ridgekey, run_here, write_config

HOUR = 3600.0
DAY = 24 * HOUR


@dataclass
class Kiosk:
    """An outbox whose clock is in the hand; its people enrol."""

    outbox: Outbox
    inbox: Inbox
    clock: list[float]
    gateway: RunningGateway

    def enrol(self, lifetime: float) -> bytes:
        """Somebody enrols; the act is good for so many seconds. Returns its digest."""
        person, now = Person(), int(self.clock[0])
        act = Enrol(person.address, person.encryption_public, fresh_nonce(), now + int(lifetime))
        domain = self.gateway.domain
        message = KioskMessage(domain.environment, act, person.sign(act, domain), now).sign(KIOSK)
        digest = act.digest(domain)
        self.outbox.put(digest, act.KIND, act.subject, act.subject, message, deadline=act.deadline)
        return digest

    def states(self) -> list[bool]:
        """Of what waits, whether it is late."""
        return [entry.is_late(self.clock[0]) for entry in self.outbox.queue()]


@pytest.fixture(scope="module")
def port() -> int:
    return broker.free_port()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[RunningGateway]:
    directory = tmp_path_factory.mktemp("day")
    wire = broker.start(directory / "broker", port)
    config = write_config(directory, wire.url, [KioskKey(KIOSK)])
    assert ridgekey("gateway", "init", "--state", str(directory / "state")).returncode == 0
    running = RunningGateway(config)
    yield running
    running.stop()
    wire.stop()


@pytest.fixture
def kiosk(tmp_path: Path, gateway: RunningGateway) -> Iterator[Kiosk]:
    clock = [time.time() - DAY]
    with Database(tmp_path / "kiosk.sqlite") as database:
        outbox = Outbox(database, limit=10, clock=lambda: clock[0])
        inbox = Inbox(
            database, outbox, gateway_key=gateway.key, domain=gateway.domain, clock=lambda: clock[0]
        )
        yield Kiosk(outbox, inbox, clock, gateway)


def check_ends(kiosk: Kiosk, in_time: bytes, too_late: bytes) -> None:
    assert kiosk.outbox.entry(in_time).status is ReceiptStatus.FINAL
    refused = kiosk.outbox.entry(too_late)
    assert refused.status is ReceiptStatus.REJECTED
    assert "deadline" in refused.complaint


def test_a_consent_captured_off_line_arrives_a_day_later(kiosk: Kiosk, port: int) -> None:
    too_late, in_time = kiosk.enrol(lifetime=HOUR), kiosk.enrol(lifetime=3 * DAY)
    assert kiosk.states() == [False, False]
    kiosk.clock[0] += DAY
    assert kiosk.states() == [True, False]
    link = link_to(f"mqtt://127.0.0.1:{port}", kiosk.inbox.hear, kiosk.outbox.wake)
    courier = Courier(kiosk.outbox, [Route("mqtt", link)])
    link.start()
    courier.start()
    until(lambda: link.status.state is LinkState.UP and kiosk.outbox.waiting() == 0, 60.0)
    courier.stop()
    link.stop()
    check_ends(kiosk, in_time, too_late)
    assert [kiosk.outbox.entry(digest).attempts for digest in (in_time, too_late)] == [1, 1]


def test_a_consent_carried_on_a_stick_a_day_later_counts_as_well(kiosk: Kiosk, tmp_path: Path) -> None:
    too_late, in_time = kiosk.enrol(lifetime=HOUR), kiosk.enrol(lifetime=3 * DAY)
    kiosk.clock[0] += DAY
    stick = tmp_path / "kiosk.cose"
    stick.write_bytes(sequence.join(kiosk.outbox.message(entry.digest) for entry in kiosk.outbox.queue()))
    done = take(kiosk, stick)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["taken"] == [to_hex(too_late), to_hex(in_time)]
    assert (report["receipts"], report["refused"]) == (2, [])
    receipts = sequence.split((tmp_path / "kiosk.receipts").read_bytes())
    assert all(kiosk.inbox.take(receipt) for receipt in receipts)
    check_ends(kiosk, in_time, too_late)
    assert kiosk.outbox.waiting() == 0
    assert json.loads(take(kiosk, stick).stdout)["receipts"] == 2  # a second time does no harm


def test_what_the_gateway_does_not_take_from_a_stick_is_named(kiosk: Kiosk, tmp_path: Path) -> None:
    kiosk.enrol(lifetime=DAY)
    (entry,) = kiosk.outbox.queue()
    good = kiosk.outbox.message(entry.digest)
    forged = good[:-1] + bytes([good[-1] ^ 1])
    receipt = Receipt("test", bytes(32), ReceiptStatus.FINAL, bytes(32), 1, "", 1).sign(KIOSK)
    stick = tmp_path / "kiosk.cose"
    stick.write_bytes(sequence.join([forged, receipt, good]))
    done = take(kiosk, stick)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["taken"] == [to_hex(entry.digest)]
    assert [reason[:9] for reason in report["refused"]] == ["message 1", "message 2"]
    stick.write_bytes(b"holiday")
    assert take(kiosk, stick).returncode == 65
    assert take(kiosk, tmp_path / "missing").returncode == 74


def take(kiosk: Kiosk, stick: Path) -> subprocess.CompletedProcess[str]:
    """`ridgekey gateway take`."""
    return run_here("gateway", "take", str(stick), "--gateway", kiosk.gateway.ready["http"], "--json")
