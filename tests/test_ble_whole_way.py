"""The whole way by Bluetooth alone: kiosks' outboxes, a real gateway with its ledger, and faulty air."""

import os
import queue
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from contracts.acts import Act
from contracts.gatt import KIOSK_TO_GATEWAY as PROFILE
from contracts.messages import ReceiptStatus, RequestNotice, from_gateway
from contracts.purpose import Purpose
from drivers.pauses import Pauses
from edge.links import ble
from edge.links.ble import BleLink
from edge.links.courier import Courier
from edge.links.inbox import Inbox
from edge.links.introducing import Identity
from edge.links.link import LinkState
from edge.links.outbox import Outbox
from edge.links.pacing import Backoff
from edge.links.schedule import Route
from edge.state.database import Database
from hw.radio.faults import Fault, Mishap
from hw.radio.radio import Radio
from tests.edge.standin import until
from tests.gateway.actors import KioskKey, Person
from tests.gateway.running import ENVIRONMENT, RunningGateway, ridgekey, write_config

KIOSKS = {"hci0": KioskKey(), "hci2": KioskKey()}
PATIENCE = 90.0


class Kiosk:
    """What leaves and what comes, as in the agent."""

    def __init__(self, adapter: str, gateway: RunningGateway, directory: Path, stack: ExitStack) -> None:
        self.key = KIOSKS[adapter]
        self.gateway = gateway
        self.notices: queue.Queue[RequestNotice] = queue.Queue()
        database = stack.enter_context(Database(directory / f"{adapter}.sqlite"))
        self.outbox = Outbox(database, limit=100)
        self._inbox = Inbox(database, self.outbox, gateway_key=gateway.key, domain=gateway.domain)
        identity = Identity(self.key.key, gateway.key, ENVIRONMENT)
        self.link = BleLink(adapter, identity, self._hear, self.outbox.wake, pauses=Pauses(longest=1.0))
        soon = Backoff(first=2.0, in_doubt=0.2)
        courier = Courier(self.outbox, [Route("ble:", self.link)], backoff=soon)
        for part in (self.link, courier):
            part.start()
            stack.callback(part.stop)

    def _hear(self, message: bytes) -> None:
        item = from_gateway(message, self.gateway.key)
        if isinstance(item, RequestNotice):
            self.notices.put(item)
        self._inbox.hear(message)

    def put(self, person: Person, act: Act, data: bytes | None = None) -> bytes:
        message = person.message(act, self.gateway.domain, data).sign(self.key.key)
        digest = act.digest(self.gateway.domain)
        about = getattr(act, "record", act.subject)
        self.outbox.put(digest, act.KIND, act.subject, about, message, deadline=int(time.time()) + 600)
        return digest

    def settled(self, digest: bytes) -> ReceiptStatus | None:
        until(lambda: self.outbox.entry(digest).status, PATIENCE)
        return self.outbox.entry(digest).status


@pytest.fixture
def gateway(radio: Radio, tmp_path: Path) -> Iterator[RunningGateway]:
    assert ridgekey("gateway", "init", "--state", str(tmp_path / "state")).returncode == 0
    config = write_config(tmp_path, "", [*KIOSKS.values()], bluetooth="ble:hci1")
    gateway = RunningGateway(config)
    yield gateway
    code, words = gateway.stop()
    assert code == 0, words
    assert "Traceback" not in words


@pytest.fixture
def kiosks(
    gateway: RunningGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Kiosk, Kiosk]]:
    monkeypatch.setattr(ble, "SCAN_SECONDS", 0.5)
    with ExitStack() as stack:
        first, second = (Kiosk(adapter, gateway, tmp_path, stack) for adapter in KIOSKS)
        yield first, second


def test_two_kiosks_get_their_consents_through_whatever_happens(
    kiosks: tuple[Kiosk, Kiosk], gateway: RunningGateway, radio: Radio
) -> None:
    """Links that drop, chunks that come twice, a request and its notice, and the gateway killed."""
    until(lambda: all(kiosk.link.status.state is LinkState.UP for kiosk in kiosks), PATIENCE)
    people = [Person() for _ in kiosks]
    for kiosk, person in zip(kiosks, people, strict=True):
        assert kiosk.settled(kiosk.put(person, person.enrol())) is ReceiptStatus.FINAL

    plaintext = bytes(4000)
    records = [person.register(plaintext) for person in people]
    for number, mishap in enumerate((Mishap.LOST_BEFORE, Mishap.TWICE, Mishap.LOST_AFTER)):
        radio.arm(Fault(mishap, PROFILE.inbound, 3 + 6 * number))
    each = zip(kiosks, people, records, strict=True)
    digests = [kiosk.put(person, *record) for kiosk, person, record in each]
    for kiosk, digest in zip(kiosks, digests, strict=True):
        assert kiosk.settled(digest) is ReceiptStatus.FINAL
    assert not radio.faults_waiting

    requester, purpose = Person(), Purpose.of("to open an account")
    request = requester.request(people[0].address, records[0][0].record, purpose)
    signed = requester.signed_request(request, purpose, gateway.domain)
    asked = httpx.post(gateway.ready["http"] + "/requests", content=signed.encode())
    assert asked.is_success, asked.text
    notice = kiosks[0].notices.get(timeout=PATIENCE)
    assert notice.signed_request == signed
    assert kiosks[1].notices.empty()

    gateway.kill()
    until(lambda: kiosks[0].link.status.state is not LinkState.UP, PATIENCE)
    grant = kiosks[0].put(people[0], people[0].grant(request, records[0][1]))
    gateway.start()
    assert kiosks[0].settled(grant) is ReceiptStatus.FINAL
    assert gateway.registry().is_granted(request)
    assert all(kiosk.outbox.waiting() == 0 for kiosk in kiosks)


def test_a_stolen_kiosk_is_shown_out_while_it_is_connected(
    kiosks: tuple[Kiosk, Kiosk], gateway: RunningGateway
) -> None:
    """By the two commands of docs/ble.md; the other one is not touched by it."""
    stolen, other = kiosks
    until(lambda: all(kiosk.link.status.state is LinkState.UP for kiosk in kiosks), PATIENCE)
    revoked = ridgekey("gateway", "provision", "revoke", stolen.key.id, "--config", str(gateway.config))
    assert revoked.returncode == 0, revoked.stderr
    os.kill(gateway.process.pid, signal.SIGHUP)
    until(lambda: stolen.link.status.state is LinkState.REFUSED, PATIENCE)
    assert other.link.status.state is LinkState.UP
    person = Person()
    assert other.settled(other.put(person, person.enrol())) is ReceiptStatus.FINAL
