"""The audit: of a real ledger it holds, and of each kind of tampering it finds the line that fails."""

import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from contracts.acts import Grant, Recover, Register, Request
from contracts.eip712 import Domain
from contracts.hexes import checksum_address
from contracts.purpose import Purpose
from contracts.registry import RECOVERY_DELAY, ConsentState
from contracts.signing import ORDER
from gateway.audit.errors import HistoryFileError, NoSuchHistoryError
from gateway.audit.fetch import LedgerContradictsItselfError, Wanted, fetch
from gateway.audit.history import History, LoggedEvent, export, load
from gateway.audit.render import as_json, show, verdict
from gateway.audit.verify import Report, verify
from gateway.ledger.client import LedgerClient
from gateway.ledger.registry import Registry
from tests.gateway.actors import Person
from tests.gateway.bench import Tampered
from tests.gateway.forge import FAR, START, Forge, topic_of
from tests.gateway.ledger.bring import Bringer, Story, tell
from tests.gateway.ledger.processes import ENVIRONMENT, Node, ridgekey, running

# --- A real ledger ---


@dataclass(frozen=True)
class Told:
    """A node on which two people's stories happened."""

    node: Node
    client: LedgerClient
    registry: Registry
    first: Story
    second: Story


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with running(tmp_path_factory.mktemp("audited")) as node, node.client() as client:
        relayer = node.relayer()
        registry = Registry.deploy(client, relayer, ENVIRONMENT)
        bring = Bringer(registry, relayer, Domain(client.chain_id(), registry.contract, ENVIRONMENT))
        yield Told(node, client, registry, tell(bring, publish=True), tell(bring))


@pytest.fixture(scope="module")
def history(told: Told) -> History:
    return fetch(told.client, told.registry.contract).held()


@pytest.fixture(scope="module")
def told_only(told: Told) -> History:
    """The same without receipts: events by the word of the ledger."""
    return fetch(told.client, told.registry.contract, Wanted(proven=False)).held()


def test_a_real_history_holds(told: Told, history: History) -> None:
    report = verify(history, ENVIRONMENT)
    assert report.holds
    assert report.acts == 14
    assert len(report.events) == 15
    assert verdict(report) == "14 acts, all signatures hold"
    assert (history.unbroken, history.proven) == (True, True)
    assert report.links == len(tuple(history.blocks)) - 1


def test_the_replay_ends_where_the_contract_stands(told: Told, history: History) -> None:
    states = verify(history).states
    assert len(states) == 4
    for request, state in states.items():
        assert told.registry.consent_of(request) == state
    assert states[told.first.granted.hash_struct()][0] is ConsentState.WITHDRAWN
    assert states[told.first.denied.hash_struct()][0] is ConsentState.DENIED


def test_one_persons_history(told: Told) -> None:
    for proven in (True, False):
        wanted = Wanted(told.second.person.address, proven=proven)
        report = verify(fetch(told.client, told.registry.contract, wanted))
        assert report.holds
        assert report.acts == 7


@pytest.mark.parametrize("wanted", [Wanted(proven=False), Wanted(every_header=False), Wanted(first=1)])
def test_other_ways_to_read_come_to_the_same(told: Told, history: History, wanted: Wanted) -> None:
    report, expected = verify(fetch(told.client, told.registry.contract, wanted)), verify(history)
    assert report.holds
    assert [row["about"] for row in as_json(report)["history"]] == [
        row["about"] for row in as_json(expected)["history"]
    ]
    assert report.last_hash == expected.last_hash


def test_another_environment(history: History) -> None:
    assert any("another environment" in finding for finding in verify(history, "elsewhere").findings)


def test_an_empty_history(told: Told) -> None:
    registry = Registry.deploy(told.client, told.node.relayer(), "empty")
    report = verify(fetch(told.client, registry.contract))
    assert report.holds
    assert report.acts == 0


def test_export_and_load(history: History, tmp_path: Path) -> None:
    export(history, tmp_path / "history.jsonl")
    assert load(tmp_path / "history.jsonl").held() == replace(history, count=None)


# --- The exported file ---


@pytest.fixture(scope="module")
def exported(history: History, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("exported") / "history.jsonl"
    export(history, path)
    return path.read_bytes()


def audit_of(content: bytes, directory: Path) -> Report | HistoryFileError:
    path = directory / "altered.jsonl"
    path.write_bytes(content)
    try:
        return verify(load(path))
    except HistoryFileError as error:
        return error


def is_found(outcome: Report | HistoryFileError) -> bool:
    return isinstance(outcome, HistoryFileError) or not outcome.holds


RELAXED = settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@RELAXED
@given(where=st.integers(0, 10**9), flip=st.integers(1, 255))
def test_one_altered_byte_is_found(exported: bytes, tmp_path: Path, where: int, flip: int) -> None:
    altered = bytearray(exported)
    altered[where % len(altered)] ^= flip
    assert is_found(audit_of(bytes(altered), tmp_path))


@RELAXED
@given(where=st.integers(0, 10**9), shift=st.integers(1, 15))
def test_one_altered_digit_is_found_even_with_a_new_checksum(
    exported: bytes, tmp_path: Path, where: int, shift: int
) -> None:
    """The checksum is for accidents; what is altered on purpose contradicts a signature, a hash or a rule."""
    *lines, _ = exported.splitlines(keepends=True)
    body = bytearray(b"".join(lines))
    digits = [match for line in hex_digits(bytes(body)) for match in line]
    position = digits[where % len(digits)]
    body[position] = ord("0123456789abcdef"[(int(chr(body[position]), 16) + shift) % 16])
    checksum = json.dumps({"sha256": "0x" + hashlib.sha256(body).hexdigest()}, separators=(",", ":"))
    assert is_found(audit_of(bytes(body) + checksum.encode() + b"\n", tmp_path))


def hex_digits(text: bytes) -> Iterator[range]:
    """Where the digits of the hex strings in the file stand."""
    for match in re.finditer(rb'"0x([0-9a-f]+)"', text):
        yield range(match.start(1), match.end(1))


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"hello\n",
        lambda content: content[:-1],
        lambda content: content[:-10],
        lambda content: content + b"\n",
        lambda content: content + content,
        lambda content: content.replace(b'"hash"', b'"Hash"', 1),
        lambda content: content.replace(b"ridgekey-history/2", b"ridgekey-history/1"),
        lambda content: b"".join(content.splitlines(keepends=True)[1:]),
        lambda content: b"".join(content.splitlines(keepends=True)[:-1]),
        lambda content: b"".join(content.splitlines(keepends=True)[::-1]),
        lambda content: b"[" * 100_000 + b"\n",
        lambda content: b" " * (1 << 21),
        lambda content: b"\xff\n",
    ],
)
def test_a_damaged_file(exported: bytes, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    outcome = audit_of(damage(exported), tmp_path)
    assert isinstance(outcome, HistoryFileError)
    assert outcome.exit_code == 65
    assert "\n" not in str(outcome)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(NoSuchHistoryError) as raised:
        load(tmp_path / "none")
    assert raised.value.exit_code == 66


# --- Left out, put in, moved ---


def with_blocks(history: History, change: Callable[[list], None]) -> Report:
    blocks = list(history.blocks)
    change(blocks)
    return verify(replace(history, blocks=tuple(blocks)))


def test_an_event_left_out(told_only: History) -> None:
    for position, block in enumerate(told_only.blocks):
        if block.events:
            bare = replace(block, events=())
            report = with_blocks(told_only, lambda blocks, p=position, b=bare: blocks.__setitem__(p, b))
            assert any("missing here" in finding for finding in report.findings)


def test_receipts_left_out_put_in_or_altered(history: History) -> None:
    for position, block in enumerate(history.blocks):
        changes: list[tuple[tuple[bytes, ...] | None, str]]
        if block.receipts is None:
            changes = [((), "do not belong here"), ((b"\x01",), "not those of its header")]
        else:
            (receipt,) = block.receipts
            changes = [
                (None, "are missing here"),
                ((), "not those of its header"),
                ((receipt, receipt), "not those of its header"),
                ((receipt[:-1] + bytes([receipt[-1] ^ 1]),), "not those of its header"),
            ]
        for receipts, words in changes:
            other = replace(block, receipts=receipts)
            report = with_blocks(history, lambda blocks, p=position, b=other: blocks.__setitem__(p, b))
            assert any(words in finding for finding in report.findings), (position, receipts)


def test_the_beginning_left_out(history: History) -> None:
    report = with_blocks(history, lambda blocks: blocks.pop(0))
    assert report.findings == ("it begins with block 1, not 0",)


def test_a_block_left_out(history: History) -> None:
    for position in range(1, len(tuple(history.blocks)) - 1):
        report = with_blocks(history, lambda blocks, p=position: blocks.pop(p))
        assert any("are missing here" in finding for finding in report.findings)


def test_an_event_put_in(told_only: History) -> None:
    """A genuine event, but in a block that does not hold it."""
    held = tuple(told_only.blocks)
    event, block = next(block.events[0] for block in held if block.events), held[0]
    report = with_blocks(
        told_only, lambda blocks: blocks.__setitem__(0, replace(block, events=(*block.events, event)))
    )
    assert any("holds no such event" in finding for finding in report.findings)


def test_blocks_out_of_order(history: History) -> None:
    report = with_blocks(history, lambda blocks: blocks.reverse())
    assert any("stands after block" in finding for finding in report.findings)


def test_the_ledger_contradicts_itself(told: Told) -> None:
    network = Tampered()
    network.answers["eth_getLogs"] = lambda params: [
        {**log, "blockHash": "0x" + "00" * 32} for log in told.client.request("eth_getLogs", *params)
    ]
    lying = LedgerClient(told.node.url, transport=network)
    with lying, pytest.raises(LedgerContradictsItselfError):
        verify(fetch(lying, told.registry.contract, Wanted(proven=False)))


# --- Each rule of the contract, broken ---


@dataclass
class Scene:
    """A person with a record and a requester, in a forged history that holds so far."""

    forge: Forge
    person: Person
    requester: Person
    record: bytes
    data: bytes

    def request(self, **change: object) -> Request:
        asked = self.requester.request(self.person.address, self.record, Purpose.of("a loan"))
        return replace(asked, **{"expiry": FAR, "deadline": FAR, **change})

    def grant(self, request: Request, **change: object) -> Grant:
        return replace(self.person.grant(request, self.data), **{"deadline": FAR, **change})

    def later(self, act, **change: object):
        return replace(act, **{"deadline": FAR, **change})

    def register(self, **change: object) -> Register:
        return replace(self.person.register(b"another")[0], **{"deadline": FAR, **change})


@pytest.fixture
def scene() -> Scene:
    forge, person, requester = Forge(), Person(), Person()
    forge.act(person, replace(person.enrol(), deadline=FAR))
    register, data = person.register(b"a document")
    forge.act(person, replace(register, deadline=FAR))
    return Scene(forge, person, requester, register.record, data)


def granted(scene: Scene) -> Request:
    request = scene.request()
    scene.forge.act(scene.requester, request)
    scene.forge.act(scene.person, scene.grant(request))
    return request


def test_a_forged_history_without_a_fault_holds(scene: Scene) -> None:
    scene.forge.publish(scene.person.address, scene.record, scene.data)
    request = granted(scene)
    scene.forge.act(scene.person, scene.later(scene.person.withdraw(request)))
    other = scene.request(nonce=5)
    scene.forge.act(scene.requester, other)
    scene.forge.act(scene.person, scene.later(scene.person.deny(other)))
    report = verify(scene.forge.history())
    assert report.findings == ()
    assert report.acts == 7


def test_a_forged_life_without_a_fault_holds(scene: Scene) -> None:
    """Rotation, a recovery that is contested and one that is not, a renewal, a refused call, the end."""
    forge, person = scene.forge, scene.person
    first, second = Person(), Person()
    guardian = Person()
    request = granted(scene)
    forge.act(person, scene.later(person.renew(request, FAR + 5)))
    forge.act(person, scene.later(person.rotate(first)))
    forge.act(first, scene.later(person.entrust(guardian)))
    contested, completed = (scene.later(person.recover(second)) for _ in range(2))
    forge.act(guardian, contested)
    forge.act(first, scene.later(person.contest(contested)))
    forge.act(guardian, completed)
    forge.skipped(3, b"past deadline".ljust(32, b"\0"))
    forge.time += RECOVERY_DELAY
    forge.recovered(person.address, completed.hash_struct())
    forge.act(second, scene.later(person.deactivate()))
    report = verify(forge.history())
    assert report.findings == ()
    assert report.states[request.hash_struct()] == (ConsentState.GRANTED, FAR + 5)
    said = [row["about"] for row in as_json(report)["history"]]
    assert "call 3 of a batch: the contract refused: the signature's deadline has passed; sign again" in said
    assert json.dumps(as_json(report))
    with Console(file=io.StringIO()) as console:
        show(report, console)


def enrolled_twice(scene: Scene) -> None:
    scene.forge.act(scene.person, scene.later(scene.person.enrol()))


def stranger_registers(scene: Scene) -> None:
    stranger = Person()
    scene.forge.act(stranger, scene.later(stranger.register(b"x")[0]))


def signed_by_another(scene: Scene) -> None:
    scene.forge.act(scene.requester, scene.register())


def signature_for_something_else(scene: Scene) -> None:
    act = scene.register()
    scene.forge.act(scene.person, act, signed=replace(act, commitment=os.urandom(32)))


def nonce_used_twice(scene: Scene) -> None:
    act = scene.register()
    scene.forge.act(scene.person, act)
    scene.forge.act(scene.person, scene.register(nonce=act.nonce))


def after_the_deadline(scene: Scene) -> None:
    scene.forge.act(scene.person, scene.register(deadline=scene.forge.time - 1))


def empty_commitment(scene: Scene) -> None:
    scene.forge.act(scene.person, scene.register(commitment=bytes(32)))


def request_of_an_unknown_record(scene: Scene) -> None:
    scene.forge.act(scene.requester, scene.request(record=os.urandom(32)))


def request_past_its_expiry(scene: Scene) -> None:
    scene.forge.act(scene.requester, scene.request(expiry=scene.forge.time))


def request_with_another_id(scene: Scene) -> None:
    scene.forge.act(scene.requester, scene.request(), request=os.urandom(32))


def requested_twice(scene: Scene) -> None:
    request = scene.request()
    scene.forge.act(scene.requester, request)
    scene.forge.act(scene.requester, request)


def request_signed_by_another(scene: Scene) -> None:
    scene.forge.act(scene.person, scene.request())


def granted_without_request(scene: Scene) -> None:
    scene.forge.act(scene.person, scene.grant(scene.request()))


def granted_for_another_purpose(scene: Scene) -> None:
    request = scene.request()
    scene.forge.act(scene.requester, request)
    scene.forge.act(scene.person, scene.grant(request, purpose=os.urandom(32)))


def granted_for_longer(scene: Scene) -> None:
    request = scene.request()
    scene.forge.act(scene.requester, request)
    scene.forge.act(scene.person, scene.grant(request, expiry=FAR + 1))


def granted_past_its_expiry(scene: Scene) -> None:
    request = scene.request()
    scene.forge.act(scene.requester, request)
    scene.forge.act(scene.person, scene.grant(request, expiry=START))


def granted_by_another_person(scene: Scene) -> None:
    other = Person()
    scene.forge.act(other, scene.later(other.enrol()))
    request = scene.request()
    scene.forge.act(scene.requester, request)
    scene.forge.act(other, replace(scene.grant(request), subject=other.address))


def granted_twice(scene: Scene) -> None:
    request = granted(scene)
    scene.forge.act(scene.person, scene.grant(request))


def denied_after_the_grant(scene: Scene) -> None:
    scene.forge.act(scene.person, scene.later(scene.person.deny(granted(scene))))


def withdrawn_without_grant(scene: Scene) -> None:
    request = scene.request()
    scene.forge.act(scene.requester, request)
    scene.forge.act(scene.person, scene.later(scene.person.withdraw(request)))


def denied_without_request(scene: Scene) -> None:
    scene.forge.act(scene.person, scene.later(scene.person.deny(scene.request())))


def published_another_object(scene: Scene) -> None:
    scene.forge.publish(scene.person.address, scene.record, b"something else")


def published_without_registration(scene: Scene) -> None:
    scene.forge.publish(scene.person.address, os.urandom(32), scene.data)


def malleable_signature(scene: Scene) -> None:
    scene.forge.act(scene.person, scene.register())
    block = scene.forge.blocks[-1]
    event = block.events[0]
    start = event.data.index((65).to_bytes(32, "big")) + 32
    s = ORDER - int.from_bytes(event.data[start + 32 : start + 64], "big")
    twin = event.data[: start + 32] + s.to_bytes(32, "big") + bytes([55 - event.data[start + 64]])
    altered = replace(event, data=twin + event.data[start + 65 :])
    scene.forge.blocks[-1] = replace(block, events=(altered,))


def renewed_without_grant(scene: Scene) -> None:
    request = scene.request()
    scene.forge.act(scene.requester, request)
    scene.forge.act(scene.person, scene.later(scene.person.renew(request, FAR)))


def renewed_past_its_expiry(scene: Scene) -> None:
    scene.forge.act(scene.person, scene.later(scene.person.renew(granted(scene), START)))


def old_key_after_a_rotation(scene: Scene) -> None:
    scene.forge.act(scene.person, scene.later(scene.person.rotate(Person())))
    scene.forge.act(scene.person, scene.register())


def rotated_to_nobody(scene: Scene) -> None:
    scene.forge.act(scene.person, scene.later(replace(scene.person.rotate(Person()), new_key=bytes(20))))


def recovered_without_a_guardian(scene: Scene) -> None:
    scene.forge.act(scene.requester, scene.later(scene.person.recover(Person())))


def recovery(scene: Scene) -> tuple[Recover, Person]:
    guardian = Person()
    begun = scene.later(scene.person.recover(Person()))
    scene.forge.act(scene.person, scene.later(scene.person.entrust(guardian)))
    scene.forge.act(guardian, begun)
    return begun, guardian


def recovered_by_another(scene: Scene) -> None:
    scene.forge.act(scene.person, scene.later(scene.person.entrust(Person())))
    scene.forge.act(scene.requester, scene.later(scene.person.recover(Person())))


def recovered_too_early(scene: Scene) -> None:
    begun, _ = recovery(scene)
    scene.forge.time += RECOVERY_DELAY - 11  # ten seconds went by since
    scene.forge.recovered(scene.person.address, begun.hash_struct())


def recovered_after_an_objection(scene: Scene) -> None:
    begun, _ = recovery(scene)
    scene.forge.act(scene.person, scene.later(scene.person.contest(begun)))
    scene.forge.time += RECOVERY_DELAY
    scene.forge.recovered(scene.person.address, begun.hash_struct())


def old_key_after_a_recovery(scene: Scene) -> None:
    begun, _ = recovery(scene)
    scene.forge.time += RECOVERY_DELAY
    scene.forge.recovered(scene.person.address, begun.hash_struct())
    scene.forge.act(scene.person, scene.register())


def two_recoveries_at_once(scene: Scene) -> None:
    guardian = Person()
    scene.forge.act(scene.person, scene.later(scene.person.entrust(guardian)))
    for _ in range(2):
        scene.forge.act(guardian, scene.later(scene.person.recover(Person())))


def recovered_twice(scene: Scene) -> None:
    begun, guardian = recovery(scene)
    scene.forge.act(scene.person, scene.later(scene.person.contest(begun)))
    scene.forge.act(guardian, begun)


def contested_without_a_recovery(scene: Scene) -> None:
    scene.forge.act(scene.person, scene.later(scene.person.contest(scene.person.recover(Person()))))


def signed_after_the_end(scene: Scene) -> None:
    scene.forge.act(scene.person, scene.later(scene.person.deactivate()))
    scene.forge.act(scene.person, scene.register())


def requested_after_the_end(scene: Scene) -> None:
    scene.forge.act(scene.person, scene.later(scene.person.deactivate()))
    scene.forge.act(scene.requester, scene.request())


def an_event_of_another_contract(scene: Scene) -> None:
    scene.forge.event(LoggedEvent((os.urandom(32),), b""))


def an_ill_formed_event(scene: Scene) -> None:
    scene.forge.event(LoggedEvent((topic_of(Grant),), b"short"))


def a_header_that_is_none(scene: Scene) -> None:
    scene.forge.blocks.append(replace(scene.forge.blocks[-1], header=b"\xc0", events=()))


def time_runs_backwards(scene: Scene) -> None:
    scene.forge.time -= 1000
    scene.forge.act(scene.person, scene.register())


def a_forked_header(scene: Scene) -> None:
    scene.forge.parent = os.urandom(32)
    scene.forge.act(scene.person, scene.register())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (enrolled_twice, "was enrolled already"),
        (stranger_registers, "was not enrolled"),
        (signed_by_another, "signature does not hold"),
        (signature_for_something_else, "signature does not hold"),
        (nonce_used_twice, "nonce was used before"),
        (after_the_deadline, "1 seconds after its deadline"),
        (empty_commitment, "commitment is empty"),
        (request_of_an_unknown_record, "not registered before it was requested"),
        (request_past_its_expiry, "past its expiry"),
        (request_with_another_id, "not the hash of what was requested"),
        (requested_twice, "made before"),
        (request_signed_by_another, "signature does not hold"),
        (granted_without_request, "never requested"),
        (granted_for_another_purpose, "purpose is not that of the request"),
        (granted_for_longer, "lasts longer"),
        (granted_past_its_expiry, "past its expiry"),
        (granted_by_another_person, "addressed to another person"),
        (granted_twice, "was granted, not requested"),
        (denied_after_the_grant, "was granted, not requested"),
        (withdrawn_without_grant, "was requested, not granted"),
        (denied_without_request, "never requested"),
        (published_another_object, "not the one that the person committed to"),
        (published_without_registration, "was not registered"),
        (malleable_signature, "signature does not hold"),
        (renewed_without_grant, "was requested, not granted"),
        (renewed_past_its_expiry, "past its expiry"),
        (old_key_after_a_rotation, "signature does not hold"),
        (rotated_to_nobody, "none that could sign"),
        (recovered_without_a_guardian, "entrusted nobody"),
        (recovered_by_another, "signature does not hold"),
        (recovered_too_early, "contested it for 1 seconds more"),
        (recovered_after_an_objection, "no such recovery was under way"),
        (old_key_after_a_recovery, "signature does not hold"),
        (two_recoveries_at_once, "another recovery was under way"),
        (contested_without_a_recovery, "no such recovery was under way"),
        (recovered_twice, "this very recovery was begun before"),
        (signed_after_the_end, "the identity had ended"),
        (requested_after_the_end, "the identity had ended"),
        (an_event_of_another_contract, "no event of this contract"),
        (an_ill_formed_event, "cannot be read"),
        (a_header_that_is_none, "its header"),
        (time_runs_backwards, "is older than block"),
        (a_forked_header, "as its parent"),
    ],
)
def test_a_broken_rule_is_found_and_nothing_else(
    scene: Scene, fault: Callable[[Scene], None], words: str
) -> None:
    fault(scene)
    report = verify(scene.forge.history())
    assert len(report.findings) == 1, report.findings
    assert words in report.findings[0]
    assert not report.holds
    assert "not hold" in verdict(report)
    json.dumps(as_json(report))


def test_about_another_person(scene: Scene) -> None:
    scene.forge.subject = os.urandom(20)
    findings = verify(scene.forge.history()).findings
    assert all("about another person" in finding for finding in findings)
    assert len(findings) == 2


# --- The command ---


def audit(*arguments: str) -> tuple[int, str, str]:
    done = ridgekey("audit", *arguments)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_the_command_on_a_ledger_then_on_its_export(told: Told, tmp_path: Path) -> None:
    contract, file = checksum_address(told.registry.contract), tmp_path / "history.jsonl"
    code, out, _ = audit("--ledger", told.node.url, "--contract", contract, "--export", str(file))
    assert code == 0
    assert "all signatures hold" in out
    assert checksum_address(told.first.person.address) in out
    assert "identity-document" in out
    code, again, _ = audit("--from-file", str(file))
    assert (code, again) == (0, out)

    *lines, _ = file.read_bytes().splitlines(keepends=True)
    key = told.first.person.encryption_public.hex().encode()
    at = next(number for number, line in enumerate(lines) if key in line)
    lines[at] = lines[at].replace(key, bytes(reversed(key)))
    body = b"".join(lines)
    checksum = f'{{"sha256":"0x{hashlib.sha256(body).hexdigest()}"}}\n'
    file.write_bytes(body + checksum.encode())
    code, out, _ = audit("--from-file", str(file))
    assert code == 1
    assert "signature does not hold" in out


def test_the_command_on_one_person_as_json(told: Told) -> None:
    contract, person = checksum_address(told.registry.contract), checksum_address(told.second.person.address)
    code, out, _ = audit("--ledger", told.node.url, "--contract", contract, "--subject", person, "--json")
    report = json.loads(out)
    assert (code, report["holds"], report["acts"]) == (0, True, 7)
    assert {event["subject"] for event in report["history"]} == {person}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "give either"),
        (["--ledger", "http://127.0.0.1:1"], 2, "give either"),
        (["--from-file", "/none", "--ledger", "{url}", "--contract", "0x" + "11" * 20], 2, "give either"),
        (["--from-file", "/none", "--subject", "0x" + "11" * 20], 2, "--subject goes with"),
        (["--from-file", "/none"], 66, "cannot read"),
        (["--ledger", "http://127.0.0.1:1", "--contract", "0x" + "11" * 20], 69, "no ledger answers"),
        (["--ledger", "{url}", "--contract", "0x" + "11" * 20], 78, "no contract"),
        (["--ledger", "{url}", "--contract", "{contract}", "--export", "/none/file"], 74, "cannot write"),
    ],
)
def test_bad_input_is_one_clear_line(told: Told, arguments: list[str], code: int, words: str) -> None:
    names = {"url": told.node.url, "contract": checksum_address(told.registry.contract)}
    done, _, err = audit(*(argument.format(**names) for argument in arguments))
    assert done == code
    assert words in err
    assert code == 2 or err.count("\n") == 1
