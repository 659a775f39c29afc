"""Opening a record: the ledger's word decides, and nothing that a store says is taken on trust."""

import base64
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from contracts.acts import Grant
from contracts.errors import ContractError
from contracts.hexes import to_hex
from contracts.messages import ReceiptStatus
from contracts.purpose import Purpose
from gateway.errors import GatewayError
from gateway.requester.cli import sign_request
from gateway.requester.opening import open_record
from gateway.requester.report import moment
from gateway.requester.state import Requester, Settings, create
from tests.gateway.actors import Person
from tests.gateway.house import PLAINTEXT, House
from tests.gateway.running import run_here

PURPOSE = Purpose.of("To open an account")


class Case:
    """A person's record, and a requester's request for it on the ledger."""

    def __init__(
        self, house: House, requester: Requester, *, on_ledger: bool = False, valid: int = 3600
    ) -> None:
        self.house, self.requester, self.domain = house, requester, house.gateway.domain
        self.registry = house.gateway.registry()
        self.person = Person()
        house.enrol(self.person)
        self.record, self.data = house.store(self.person, on_ledger=on_ledger)
        self.ask(valid)

    def ask(self, valid: int) -> None:
        now = int(time.time())
        self.signed = sign_request(
            self.requester, self.domain, PURPOSE, subject=self.person.address, record=self.record,
            expiry=now + valid, deadline=now + valid,
        )  # fmt: skip
        self.request = self.signed.request
        self.id = self.request.hash_struct()
        answer = httpx.post(self.house.gateway.ready["http"] + "/requests", content=self.signed.encode())
        assert answer.status_code == 202
        self.house.heard(self.id)

    def grant(self, change: Callable[[Grant], Grant] = lambda grant: grant) -> None:
        receipt = self.house.send(self.person, change(self.person.grant(self.request, self.data)))
        assert receipt.status is ReceiptStatus.FINAL, receipt.reason

    def open(self, data: bytes | None = None, requester: Requester | None = None) -> bytes:
        return open_record(self.registry, requester or self.requester, self.id, lambda *_: data)


@pytest.fixture
def requester(tmp_path: Path) -> Requester:
    return create(tmp_path / "requester", Settings())


@pytest.fixture
def case(house: House, requester: Requester) -> Case:
    return Case(house, requester)


def test_the_object_of_the_store_opens(case: Case) -> None:
    case.grant()
    assert case.open(case.data) == PLAINTEXT


@pytest.mark.parametrize(
    "alter",
    [
        pytest.param(lambda data: data[:-1] + bytes([data[-1] ^ 1]), id="altered"),
        pytest.param(lambda data: data + b"\0", id="longer"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"another", id="another"),
    ],
)
def test_a_store_that_gives_something_else_is_found_out(case: Case, alter: Callable[[bytes], bytes]) -> None:
    case.grant()
    with pytest.raises(ContractError, match="not the one that the ledger committed to"):
        case.open(alter(case.data))


def test_an_object_that_the_store_lost_is_taken_from_the_ledger_where_it_was_published(
    house: House, requester: Requester
) -> None:
    case = Case(house, requester, on_ledger=True)
    case.grant()
    assert case.open(None) == PLAINTEXT


def test_an_object_that_is_nowhere_is_said_to_be_missing(case: Case) -> None:
    case.grant()
    with pytest.raises(GatewayError, match="neither the store nor the ledger has it"):
        case.open(None)


def test_another_requester_opens_nothing(case: Case, tmp_path: Path) -> None:
    case.grant()
    with pytest.raises(GatewayError, match="another requester"):
        case.open(case.data, create(tmp_path / "other", Settings()))


def test_an_unanswered_request_opens_nothing(case: Case) -> None:
    with pytest.raises(GatewayError, match="not answered"):
        case.open(case.data)


def test_an_unknown_request_opens_nothing(case: Case) -> None:
    case.id = bytes(32)
    with pytest.raises(GatewayError, match="no such request"):
        case.open(case.data)


def test_a_consent_that_has_expired_opens_nothing(case: Case) -> None:
    expiry = int(time.time()) + 3
    case.grant(lambda grant: replace(grant, expiry=expiry))
    assert case.open(case.data) == PLAINTEXT
    while time.time() <= expiry:
        time.sleep(0.2)
    with pytest.raises(GatewayError, match="expired at"):
        case.open(case.data)


def test_a_key_sealed_for_something_else_opens_nothing(case: Case) -> None:
    case.grant(lambda grant: replace(grant, sealed_key=bytes(80)))
    with pytest.raises(ContractError, match="does not open"):
        case.open(case.data)


def test_a_record_replaced_after_the_grant_has_to_be_requested_again(case: Case) -> None:
    case.grant()
    act, data = case.person.edition(case.record, b"new edition")
    assert case.house.send(case.person, act, data).status is ReceiptStatus.FINAL
    with pytest.raises(GatewayError, match="replaced"):
        case.open(data)


# The commands


def test_the_record_goes_to_a_file_of_its_owner_alone(house: House, tmp_path: Path) -> None:
    case = Case(house, house.keys)
    case.grant()
    output = tmp_path / "record.json"
    answer = house.command("open", to_hex(case.id), "--output", str(output))
    assert answer == {"request": to_hex(case.id), "bytes": len(PLAINTEXT), "output": str(output)}
    assert output.read_bytes() == PLAINTEXT
    assert output.stat().st_mode & 0o777 == 0o600


def test_a_record_on_the_ledger_opens_without_any_gateway(house: House) -> None:
    case = Case(house, house.keys, on_ledger=True)
    case.grant()
    answer = house.command("open", to_hex(case.id), "--gateway", "http://127.0.0.1:9")
    assert base64.b64decode(str(answer["record_base64"])) == PLAINTEXT


def test_init_never_overwrites_a_key(house: House) -> None:
    done = house.run("init")
    assert (done.returncode, done.stderr.count("\n")) == (78, 1)
    assert "exists already" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--gateway", "http://127.0.0.1:9"], 69, "no gateway answers"),
        (["--gateway", "127.0.0.1:8700"], 78, "must be a URL"),
        (["--ledger", "http://127.0.0.1:9"], 69, "no ledger answers"),
        (["--contract", "0x" + "11" * 20], 78, "no contract"),
        (["--contract", "0x11"], 65, "expected 20 bytes"),
        (["--environment", "live"], 78, "another environment"),
        (["--state", "/nowhere"], 78, "requester init"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(house: House, arguments: list[str], code: int, words: str) -> None:
    done = house.run("status", "0x" + "00" * 32, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert words in done.stderr


def test_a_web_server_that_is_no_gateway_is_recognised(house: House) -> None:
    done = house.run("status", "0x" + "00" * 32, "--gateway", house.gateway.ready["ledger"])
    assert done.returncode in (1, 76)
    assert done.stderr.count("\n") == 1


def test_settings_that_were_never_given_are_asked_for(tmp_path: Path) -> None:
    state = tmp_path / "requester"
    assert run_here("requester", "init", "--state", str(state)).returncode == 0
    done = run_here("requester", "status", "--state", str(state), "0x" + "00" * 32)
    assert (done.returncode, done.stderr) == (
        78,
        "ridgekey: --gateway is needed: give it here, or to `ridgekey requester init`\n",
    )


@pytest.mark.parametrize("valid", ["", "d", "0d", "1y", "-1d", "99999w", "1.5h"])
def test_a_validity_that_is_none_is_refused(valid: str, tmp_path: Path) -> None:
    done = run_here(
        "requester", "request", "--state", str(tmp_path), "--subject", "0x" + "00" * 20,
        "--record", "0x" + "00" * 32, "--purpose", "x", f"--valid={valid}",
    )  # fmt: skip
    assert done.returncode == 2
    assert "--valid" in done.stderr


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "1970-01-01 00:00:00 UTC"), (2**64 - 1, "second 18446744073709551615 of Unix time")],
)
def test_any_time_of_the_ledger_can_be_told(seconds: int, shown: str) -> None:
    assert moment(seconds) == shown
