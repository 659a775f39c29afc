"""The whole way with real parts: broker, gateway and ledger as processes, a requester by its own command."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.hexes import checksum_address, to_hex
from contracts.messages import Receipt, ReceiptStatus, SignedRequest
from contracts.registry import ConsentState
from hw import broker
from tests.gateway.actors import KioskKey, Person, WireKiosk
from tests.gateway.running import RunningGateway, ridgekey, write_config

PLAINTEXT = b'{"document": "a passport of nobody"}\n'
PATIENCE = 20  # seconds


@dataclass
class House:
    """Everything that runs, and a requester who knows where."""

    gateway: RunningGateway
    kiosk: WireKiosk
    requester: Path

    def send(
        self, person: Person, act: object, data: bytes | None = None, *, on_ledger: bool = False
    ) -> Receipt:
        message = person.message(act, self.gateway.domain, data, on_ledger=on_ledger)
        self.kiosk.publish(message.sign(self.kiosk.identity.key))
        receipt = self.kiosk.receipts.get(timeout=PATIENCE)
        assert receipt.digest == act.digest(self.gateway.domain)
        return receipt

    def enrol(self, person: Person) -> None:
        assert self.send(person, person.enrol()).status is ReceiptStatus.FINAL

    def store(self, person: Person, *, on_ledger: bool = False) -> tuple[bytes, bytes]:
        """Register a record; its id and its object."""
        act, data = person.register(PLAINTEXT)
        assert self.send(person, act, data, on_ledger=on_ledger).status is ReceiptStatus.FINAL
        return act.record, data

    def ask(self, person: Person, record: bytes) -> tuple[str, SignedRequest]:
        """The requester asks; the request's id, and the request as the kiosk hears of it."""
        answer = self.command(
            "request", "--subject", to_hex(person.address), "--record", to_hex(record),
            "--purpose", "To open an account", "--valid", "1h",
        )  # fmt: skip
        assert answer["state"] == "requested"
        notice = self.kiosk.notices.get(timeout=PATIENCE)
        notice.signed_request.check(self.gateway.domain)
        assert to_hex(notice.signed_request.request.hash_struct()) == answer["request"]
        return answer["request"], notice.signed_request

    def command(self, *arguments: str) -> dict[str, object]:
        """A requester's command that must succeed; its JSON."""
        done = ridgekey("requester", arguments[0], "--state", str(self.requester), "--json", *arguments[1:])
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, *arguments: str) -> str:
        """A requester's command that must be refused; the one line that says why."""
        done = ridgekey("requester", arguments[0], "--state", str(self.requester), "--json", *arguments[1:])
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
        return done.stderr.strip()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("house")
    identity = KioskKey()
    assert ridgekey("gateway", "init", "--state", str(directory / "state")).returncode == 0
    with broker.start(directory / "broker") as running:
        gateway = RunningGateway(write_config(directory, running.url, [identity]))
        kiosk = WireKiosk(running.port, identity, gateway.key)
        requester = directory / "requester"
        done = ridgekey(
            "requester", "init", "--state", str(requester), "--name", "Bank", "--gateway", gateway.ready["http"],
            "--ledger", gateway.ready["ledger"], "--contract", gateway.ready["contract"], "--json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        yield House(gateway, kiosk, requester)
        kiosk.close()
        code, words = gateway.stop()
    assert code == 0, words
    assert "Traceback" not in words


@pytest.mark.parametrize("on_ledger", [False, True], ids=["store", "ledger"])
def test_a_granted_record_opens_and_a_withdrawn_one_does_not(house: House, on_ledger: bool) -> None:
    person = Person()
    house.enrol(person)
    record, data = house.store(person, on_ledger=on_ledger)
    identifier, signed = house.ask(person, record)
    assert "not answered" in house.refused("open", identifier)

    assert house.send(person, person.grant(signed.request, data)).status is ReceiptStatus.FINAL
    assert house.command("status", identifier)["state"] == "granted"
    opened = house.command("open", identifier)
    assert base64.b64decode(str(opened["record_base64"])) == PLAINTEXT

    assert house.send(person, person.withdraw(signed.request)).status is ReceiptStatus.FINAL
    assert house.command("status", identifier)["state"] == "withdrawn"
    assert "withdrawn" in house.refused("open", identifier)


def test_a_denied_request_opens_nothing(house: House) -> None:
    person = Person()
    house.enrol(person)
    record, _ = house.store(person)
    identifier, signed = house.ask(person, record)
    assert house.send(person, person.deny(signed.request)).status is ReceiptStatus.FINAL
    assert "denied" in house.refused("open", identifier)


def test_a_repeat_gets_the_same_receipt_and_counts_once(house: House) -> None:
    person = Person()
    act = person.enrol()
    first = house.send(person, act)
    blocks = house.gateway.registry().client.block_number()
    assert house.send(person, act) == first
    assert house.gateway.registry().client.block_number() == blocks


def test_a_refused_act_gets_the_contracts_reason_and_costs_no_transaction(house: House) -> None:
    person, stranger = Person(), Person()
    house.enrol(person)
    blocks = house.gateway.registry().client.block_number()
    act, data = stranger.register(PLAINTEXT)
    receipt = house.send(stranger, act, data)
    assert receipt.status is ReceiptStatus.REJECTED
    assert "not enrolled" in receipt.reason
    assert receipt.transaction is None
    assert house.gateway.registry().client.block_number() == blocks


def test_the_ledger_names_the_same_state_as_the_commands(house: House) -> None:
    person = Person()
    house.enrol(person)
    record, _ = house.store(person)
    identifier, signed = house.ask(person, record)
    assert house.gateway.registry().consent_of(signed.request.hash_struct())[0] is ConsentState.REQUESTED
    assert house.command("status", identifier)["expiry"] == signed.request.expiry


def test_a_requester_gets_one_line_for_a_person_who_is_not_there(house: House) -> None:
    nobody = checksum_address(bytes(19) + b"\1")
    words = house.refused("request", "--subject", nobody, "--record", "0x" + "11" * 32, "--purpose", "x")
    assert "enrolled" in words
