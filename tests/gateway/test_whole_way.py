"""The whole way with real parts: broker, gateway and ledger as processes, a requester by its own command."""

import base64

import pytest

from contracts.hexes import checksum_address, to_hex
from contracts.messages import ReceiptStatus
from contracts.registry import ConsentState
from tests.gateway.actors import Person
from tests.gateway.house import PLAINTEXT, House


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


def test_a_granted_consent_ends_with_the_identity(house: House) -> None:
    person = Person()
    house.enrol(person)
    record, data = house.store(person)
    identifier, signed = house.ask(person, record)
    assert house.send(person, person.grant(signed.request, data)).status is ReceiptStatus.FINAL
    assert house.send(person, person.deactivate()).status is ReceiptStatus.FINAL
    assert house.command("status", identifier)["state"] == "ended"
    assert "ended this identity" in house.refused("open", identifier)
    request = ("--subject", checksum_address(person.address), "--record", to_hex(record), "--purpose", "x")
    assert "ended this identity" in house.refused("request", *request)


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
