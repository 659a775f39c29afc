"""An identity's life at the kiosk, its acts brought to the real contract: new keys, guardians, the end."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from contracts import registry, signing
from contracts.acts import Contest, Grant, RecordKind, Recover, Renew, Request, Rotate
from contracts.envelope import Envelope, decrypt
from contracts.hexes import to_hex
from contracts.messages import IdentityNotice, KioskMessage, PendingRecovery, Receipt, ReceiptStatus
from contracts.registry import RECOVERY_DELAY, ConsentState
from contracts.sealing import open_sealed, seal_info
from edge.errors import BadDataError, FingerNotRecognisedError, NotFoundError, RefusedError, UsageError
from edge.identity import files, recovery_code
from edge.identity.keyring import MOST_FORMER, Keyring, Position
from edge.journeys import fingers
from edge.journeys.consent import grant
from edge.journeys.contest import contest
from edge.journeys.deactivate import deactivate
from edge.journeys.enrol import enrol
from edge.journeys.entrust import NOBODY, entrust
from edge.journeys.handing_in import SignedAct
from edge.journeys.recover import recover
from edge.journeys.renew import renew
from edge.journeys.rotate import rotate
from edge.journeys.standing import Standing, standing
from edge.journeys.store import store
from edge.journeys.unlocking import unlocked
from edge.journeys.visit import Desk, Visit
from edge.journeys.withdraw import withdraw
from edge.links.inbox import Inbox
from edge.links.outbox import Outbox
from edge.state import identities, nonces, requests, subjects, successors
from edge.state.database import FILE_NAME, Database
from gateway.ledger.signatures import with_recovery_id
from tests.contracts.evm import Evm, Registry
from tests.edge.standin import Requester
from tests.edge.test_finger_journeys import INDEX, MIDDLE, STRANGER, THUMB, Person, _few_trials  # noqa: F401

GATEWAY = Ed25519PrivateKey.generate()
DOCUMENT = b"a school certificate"
DAY = 86_400


@dataclass
class Kiosk:
    """A kiosk with a person at it, whose acts go straight to the contract."""

    directory: Path
    contract: Registry
    person: Person = field(default_factory=Person)

    def __post_init__(self) -> None:
        self.directory.mkdir()
        files.initialise(self.directory)
        self.database = Database(self.directory / FILE_NAME)
        self.outbox = Outbox(self.database, limit=100, clock=self.clock)
        self.desk = Desk(
            sensor=self.person,  # type: ignore[arg-type]  # what a journey uses of it
            extractor=self.person,  # type: ignore[arg-type]
            database=self.database,
            outbox=self.outbox,
            state=self.directory,
            device_key=Ed25519PrivateKey.generate(),
            domain=self.contract.domain,
            on_ledger=False,
            requesters={},
            clock=self.clock,
        )
        self.visit = Visit(self.desk, lambda event: self.person.events.append(event))
        self.inbox = Inbox(
            self.database,
            self.outbox,
            gateway_key=GATEWAY.public_key(),
            domain=self.contract.domain,
            clock=self.clock,
        )

    def clock(self) -> float:
        return float(self.contract.evm.time)

    def message(self, signed: SignedAct) -> KioskMessage:
        return KioskMessage.verify(signed.message, lambda _: self.desk.device_key.public_key())[1]

    def bring(self, signed: SignedAct, request: Request | None = None) -> str | None:
        """Bring an act to the contract, and its receipt back; the reason of a refusal."""
        message = self.message(signed)
        subject = message.act.subject
        holder = bytes.fromhex(self.contract.view("keyOf", subject)[2:])
        guardian = bytes.fromhex(self.contract.view("guardianOf", subject)[2:])
        signer = guardian if signed.name == "recover" else subject if signed.name == "enrol" else holder
        signature = with_recovery_id(signed.digest, message.signature, signer)
        reason = self.contract.submit(message.act, signature, request).reason
        taken = reason is None
        receipt = Receipt(
            "tests",
            signed.digest,
            ReceiptStatus.FINAL if taken else ReceiptStatus.REJECTED,
            bytes(32) if taken else None,
            1 if taken else None,
            reason or "",
            int(self.clock()),
        )
        self.inbox.take(receipt.sign(GATEWAY))
        return reason

    def tell(self, subject: bytes) -> None:
        """The gateway's notice of how an identity stands."""
        key = bytes.fromhex(self.contract.view("keyOf", subject)[2:])
        id_, new_key, ready = self.contract.view("recoveryOf", subject)
        pending = PendingRecovery(id_, bytes.fromhex(new_key[2:]), ready) if ready else None
        notice = IdentityNotice("tests", subject, key, int(self.clock()), pending)
        self.inbox.take(notice.sign(GATEWAY))

    def presses(self, *hands: int) -> None:
        self.person.presses(*hands)

    def joined(self, *hands: int) -> bytes:
        self.presses(*(hand for hand in hands for _ in range(3)))
        signed = enrol(self.visit, [Position(hand) for hand in hands])
        assert self.bring(signed) is None
        return signed.act.signer_address

    def stored(self, subject: bytes, hand: int) -> tuple[bytes, Envelope]:
        self.presses(hand)
        signed = store(self.visit, DOCUMENT, RecordKind.EDUCATION_CREDENTIAL, subject)
        assert self.bring(signed) is None
        sealed = self.message(signed).object
        assert sealed is not None
        return signed.act.record, Envelope.decode(sealed)  # type: ignore[union-attr]  # it is a Register

    def asked(self, requester: Requester, subject: bytes, record: bytes) -> Request:
        """A request that is on the ledger, and heard at the kiosk."""
        signed = requester.ask(subject, record, domain=self.contract.domain)
        now = int(self.clock())
        request = replace(signed.request, expiry=now + DAY, deadline=now + 600)
        digest = request.digest(self.contract.domain)
        signature = signing.sign(requester.key, digest)
        full = with_recovery_id(digest, signature, requester.address)
        assert self.contract.submit(request, full).reason is None
        requests.add(
            self.database, request.hash_struct(), replace(signed, request=request, signature=signature), now
        )
        return request

    def granted(self, request: Request, hand: int) -> Grant:
        self.presses(hand)
        signed = grant(self.visit, to_hex(request.hash_struct()))
        assert self.bring(signed, request) is None
        assert isinstance(signed.act, Grant)
        return signed.act

    def key(self, subject: bytes, hand: int) -> bytes:
        """Address of the key that a finger opens."""
        self.presses(hand, hand, hand)
        with unlocked(self.visit, [subjects.find(self.database, subject)]) as me:
            assert me.subject == subject
            return me.address

    def key_on_ledger(self, subject: bytes) -> bytes:
        return bytes.fromhex(self.contract.view("keyOf", subject)[2:])


@pytest.fixture
def contract() -> Registry:
    return Registry(Evm())


@pytest.fixture
def kiosk(tmp_path: Path, contract: Registry) -> Iterator[Kiosk]:
    made = Kiosk(tmp_path / "one", contract)
    yield made
    made.database.close()


@pytest.fixture
def other(tmp_path: Path, contract: Registry) -> Iterator[Kiosk]:
    """A kiosk where the person never was."""
    made = Kiosk(tmp_path / "two", contract)
    yield made
    made.database.close()


def opened(requester: Requester, envelope: Envelope, act: Grant) -> bytes:
    key = open_sealed(requester.encryption_key, act.sealed_key, seal_info(act.request))
    return decrypt(envelope, key)


def test_after_a_rotation_the_new_fingers_sign_and_old_records_open(kiosk: Kiosk) -> None:
    subject = kiosk.joined(INDEX)
    record, envelope = kiosk.stored(subject, INDEX)
    kiosk.presses(INDEX, MIDDLE, MIDDLE, MIDDLE)
    signed = rotate(kiosk.visit, [Position(MIDDLE)])
    assert isinstance(signed.act, Rotate)
    assert kiosk.bring(signed) is None
    assert kiosk.key(subject, MIDDLE) == kiosk.key_on_ledger(subject) == signed.act.new_key != subject
    with pytest.raises(FingerNotRecognisedError):
        kiosk.key(subject, INDEX)
    requester = Requester()
    act = kiosk.granted(kiosk.asked(requester, subject, record), MIDDLE)
    assert opened(requester, envelope, act) == DOCUMENT


def test_a_second_rotation_still_opens_the_first_records(kiosk: Kiosk) -> None:
    subject = kiosk.joined(INDEX)
    record, envelope = kiosk.stored(subject, INDEX)
    for _ in range(2):
        kiosk.presses(INDEX, INDEX, INDEX, INDEX)
        assert kiosk.bring(rotate(kiosk.visit, [Position(INDEX)], subject)) is None
    assert len(Keyring.decode(subjects.find(kiosk.database, subject).sealed).former) == 2
    requester = Requester()
    act = kiosk.granted(kiosk.asked(requester, subject, record), INDEX)
    assert opened(requester, envelope, act) == DOCUMENT


def test_what_a_stolen_disk_opens_to_signs_nothing_after_a_rotation(kiosk: Kiosk) -> None:
    subject = kiosk.joined(INDEX)
    record, _ = kiosk.stored(subject, INDEX)
    stolen = subjects.find(kiosk.database, subject).sealed
    kiosk.presses(*[INDEX] * 4)
    assert kiosk.bring(rotate(kiosk.visit, [Position(INDEX)], subject)) is None
    now = subjects.find(kiosk.database, subject).sealed
    assert subjects.replace(kiosk.database, subject, now, stolen)
    request = kiosk.asked(Requester(), subject, record)
    kiosk.presses(INDEX)
    assert kiosk.bring(grant(kiosk.visit, to_hex(request.hash_struct())), request) == "wrong signer"


def test_a_finger_can_be_added_after_a_rotation(kiosk: Kiosk) -> None:
    subject = kiosk.joined(INDEX)
    kiosk.presses(*[INDEX] * 4)
    assert kiosk.bring(rotate(kiosk.visit, [Position(INDEX)], subject)) is None
    kiosk.presses(INDEX, *[THUMB] * 3)
    fingers.add(kiosk.visit, [Position(THUMB)], subject)
    assert kiosk.key(subject, THUMB) == kiosk.key(subject, INDEX) == kiosk.key_on_ledger(subject)


def test_until_its_receipt_a_rotation_changes_nothing_and_nothing_else_is_signed(kiosk: Kiosk) -> None:
    subject = kiosk.joined(INDEX)
    before = subjects.find(kiosk.database, subject)
    kiosk.presses(*[INDEX] * 4)
    signed = rotate(kiosk.visit, [Position(INDEX)], subject)
    assert subjects.find(kiosk.database, subject) == before
    with pytest.raises(RefusedError, match="a new key is on its way"):
        kiosk.key(subject, INDEX)
    kiosk.contract.evm.time += 8 * DAY
    assert kiosk.bring(signed) == "past deadline"
    assert successors.find(kiosk.database, subject) is None
    assert kiosk.key(subject, INDEX) == subject


def test_a_strangers_finger_rotates_nothing(kiosk: Kiosk) -> None:
    subject = kiosk.joined(INDEX)
    kiosk.presses(*[STRANGER] * 6)
    with pytest.raises(FingerNotRecognisedError):
        rotate(kiosk.visit, [Position(THUMB)], subject)
    assert successors.find(kiosk.database, subject) is None


def test_keys_are_not_changed_without_end(kiosk: Kiosk) -> None:
    subject = kiosk.joined(INDEX)
    person = subjects.find(kiosk.database, subject)
    full = replace(Keyring.decode(person.sealed), key=bytes(20), former=(bytes(80),) * MOST_FORMER)
    subjects.replace(kiosk.database, subject, person.sealed, full.encode())
    with pytest.raises(RefusedError, match="16 times"):
        rotate(kiosk.visit, [Position(INDEX)], subject)


def code_of(kiosk: Kiosk) -> str:
    (shown,) = kiosk.person.names("recovery_code")
    return str(shown.text)


def test_the_code_on_paper_recovers_an_identity_at_another_kiosk(kiosk: Kiosk, other: Kiosk) -> None:
    subject = kiosk.joined(INDEX)
    kiosk.presses(INDEX)
    assert kiosk.bring(entrust(kiosk.visit, None, subject)) is None
    code = code_of(kiosk)
    other.presses(*[THUMB] * 3)
    signed = recover(other.visit, subject, code.lower().replace("-", " "), [Position(THUMB)])
    assert other.bring(signed) is None
    with pytest.raises(NotFoundError):
        subjects.find(other.database, subject)
    kiosk.contract.evm.time += RECOVERY_DELAY
    assert kiosk.contract.call("complete", subject, signed.act.hash_struct()).reason is None
    other.tell(subject)
    assert other.key(subject, THUMB) == other.key_on_ledger(subject) != subject
    record, envelope = other.stored(subject, THUMB)
    requester = Requester()
    act = other.granted(other.asked(requester, subject, record), THUMB)
    assert opened(requester, envelope, act) == DOCUMENT


def test_a_recovery_is_told_to_the_person_who_contests_it(kiosk: Kiosk, other: Kiosk) -> None:
    """A thief of the paper begins a recovery; the person hears of it at the next press, and objects."""
    subject = kiosk.joined(INDEX)
    kiosk.presses(INDEX)
    assert kiosk.bring(entrust(kiosk.visit, None, subject)) is None
    other.presses(*[STRANGER] * 3)
    stolen = recover(other.visit, subject, code_of(kiosk), [Position(THUMB)])
    assert other.bring(stolen) is None
    with pytest.raises(NotFoundError, match="no recovery is known"):
        contest(kiosk.visit, None, subject)
    kiosk.contract.evm.time += 1
    kiosk.tell(subject)
    kiosk.key(subject, INDEX)
    (told,) = kiosk.person.names("recovery_under_way")
    assert (told.recovery, told.subject) == (stolen.act.hash_struct(), subject)
    assert told.ready == kiosk.contract.evm.time - 1 + RECOVERY_DELAY
    kiosk.presses(INDEX)
    signed = contest(kiosk.visit, None, subject)
    assert signed.act == Contest(subject, stolen.act.hash_struct(), signed.act.deadline)
    assert kiosk.bring(signed) is None
    assert identities.recovery_of(kiosk.database, subject) is None
    kiosk.contract.evm.time += RECOVERY_DELAY
    assert kiosk.contract.call("complete", subject, stolen.act.hash_struct()).reason == "no such recovery"
    other.tell(subject)
    with pytest.raises(NotFoundError):
        subjects.find(other.database, subject)
    assert kiosk.key(subject, INDEX) == kiosk.key_on_ledger(subject) == subject


def test_a_recovery_takes_none_of_the_persons_nonces(kiosk: Kiosk) -> None:
    subject = kiosk.joined(INDEX)
    kiosk.presses(INDEX)
    assert kiosk.bring(entrust(kiosk.visit, None, subject)) is None
    code, last = code_of(kiosk), nonces.take(kiosk.database, subject)
    kiosk.presses(*[THUMB] * 3)
    act = recover(kiosk.visit, subject, code, [Position(THUMB)]).act
    assert isinstance(act, Recover)
    assert act.nonce >> 8 != last >> 8
    assert nonces.take(kiosk.database, subject) == last + 1


def test_a_recovery_at_the_persons_own_kiosk_leaves_the_old_fingers_in_until_it_is_over(kiosk: Kiosk) -> None:
    subject = kiosk.joined(INDEX)
    kiosk.presses(INDEX)
    assert kiosk.bring(entrust(kiosk.visit, None, subject)) is None
    code = code_of(kiosk)
    kiosk.presses(*[THUMB] * 3)
    signed = recover(kiosk.visit, subject, code, [Position(THUMB)])
    assert kiosk.bring(signed) is None
    kiosk.tell(subject)
    assert kiosk.key(subject, INDEX) == subject
    kiosk.contract.evm.time += RECOVERY_DELAY
    assert kiosk.contract.call("complete", subject, signed.act.hash_struct()).reason is None
    kiosk.tell(subject)
    assert kiosk.key(subject, THUMB) == kiosk.key_on_ledger(subject)
    with pytest.raises(FingerNotRecognisedError):
        kiosk.key(subject, INDEX)


def test_another_code_recovers_nothing(kiosk: Kiosk, other: Kiosk) -> None:
    subject = kiosk.joined(INDEX)
    kiosk.presses(INDEX)
    assert kiosk.bring(entrust(kiosk.visit, None, subject)) is None
    other.presses(*[THUMB] * 3)
    wrong = recovery_code.text_of(recovery_code.fresh())
    assert other.bring(recover(other.visit, subject, wrong, [Position(THUMB)])) == "wrong signer"
    assert successors.find(other.database, subject) is None


def test_a_guardian_can_be_somebody_or_nobody(kiosk: Kiosk) -> None:
    subject = kiosk.joined(INDEX)
    for guardian in (b"\x0a" * 20, NOBODY):
        kiosk.presses(INDEX)
        assert kiosk.bring(entrust(kiosk.visit, guardian, subject)) is None
        assert bytes.fromhex(kiosk.contract.view("guardianOf", subject)[2:]) == guardian
    assert not kiosk.person.names("recovery_code")


def test_the_code_is_kept_nowhere(kiosk: Kiosk) -> None:
    subject = kiosk.joined(INDEX)
    kiosk.presses(INDEX)
    entrust(kiosk.visit, None, subject)
    code = code_of(kiosk)
    secret = bytes(recovery_code.secret_of(code))
    for path in kiosk.directory.iterdir():
        content = path.read_bytes()
        assert secret not in content
        assert code.encode() not in content


def test_an_identity_that_has_ended_is_forgotten_here(kiosk: Kiosk) -> None:
    subject = kiosk.joined(INDEX)
    record, _ = kiosk.stored(subject, INDEX)
    request = kiosk.asked(Requester(), subject, record)
    kiosk.granted(request, INDEX)
    sealed = subjects.find(kiosk.database, subject).sealed
    kiosk.presses(INDEX)
    signed = deactivate(kiosk.visit, subject)
    assert kiosk.contract.view("isGranted", registry.request_tuple(request))
    assert kiosk.bring(signed) is None
    assert not kiosk.contract.view("isGranted", registry.request_tuple(request))
    with pytest.raises(NotFoundError):
        subjects.find(kiosk.database, subject)
    for path in kiosk.directory.glob("kiosk.sqlite*"):
        assert sealed not in path.read_bytes()


def test_a_consent_is_renewed_also_after_its_end(kiosk: Kiosk) -> None:
    subject = kiosk.joined(INDEX)
    record, _ = kiosk.stored(subject, INDEX)
    request = kiosk.asked(Requester(), subject, record)
    name, now = to_hex(request.hash_struct()), int(kiosk.clock())
    with pytest.raises(RefusedError, match="open; only a granted one can be renewed"):
        renew(kiosk.visit, name, now + DAY)
    kiosk.granted(request, INDEX)
    with pytest.raises(UsageError, match="ends in the future"):
        renew(kiosk.visit, name, now)
    kiosk.contract.evm.time += 2 * DAY
    assert not kiosk.contract.view("isValid", request.hash_struct())
    kiosk.presses(INDEX)
    signed = renew(kiosk.visit, name, now + 9 * DAY)
    assert isinstance(signed.act, Renew)
    assert kiosk.person.names("asked")[0].expiry == now + 9 * DAY
    assert kiosk.bring(signed) is None
    assert kiosk.contract.view("consentOf", request.hash_struct()) == (ConsentState.GRANTED, now + 9 * DAY)
    assert standing(kiosk.outbox, request, int(kiosk.clock())) is Standing.GRANTED
    kiosk.presses(INDEX)
    assert kiosk.bring(withdraw(kiosk.visit, name)) is None


def test_a_notice_counts_once_and_an_older_one_not_at_all(kiosk: Kiosk) -> None:
    subject = kiosk.joined(INDEX)
    pending = PendingRecovery(bytes(32), bytes(20), 7)
    later = IdentityNotice("tests", subject, subject, 1001, pending)
    assert kiosk.inbox.take(later.sign(GATEWAY))
    assert not kiosk.inbox.take(later.sign(GATEWAY))
    assert not kiosk.inbox.take(replace(later, at=1000, recovery=None).sign(GATEWAY))
    assert identities.recovery_of(kiosk.database, subject) == pending
    assert kiosk.inbox.take(replace(later, at=1002, recovery=None).sign(GATEWAY))
    assert identities.recovery_of(kiosk.database, subject) is None
    with pytest.raises(NotFoundError):
        kiosk.inbox.take(replace(later, subject=b"\x05" * 20).sign(GATEWAY))


@given(st.binary(min_size=18, max_size=18), st.integers(0, 31), st.sampled_from(recovery_code.ALPHABET))
def test_a_code_comes_back_and_a_slip_of_the_pen_is_noticed(secret: bytes, place: int, wrong: str) -> None:
    text = recovery_code.text_of(bytearray(secret))
    assert [len(group) for group in text.split("-")] == [4] * 8
    misread = text.replace("0", "o").replace("1", "l").lower()
    assert recovery_code.secret_of(misread) == recovery_code.secret_of(text) == secret
    characters = list(text.replace("-", ""))
    characters[place], before = wrong, characters[place]
    try:
        assert recovery_code.secret_of("".join(characters)) == secret
    except BadDataError:
        assert wrong != before
    else:
        assert wrong == before


@pytest.mark.parametrize("text", ["", "4K7M", "U" * 32, "0" * 33, "é" * 32])
def test_what_is_no_code(text: str) -> None:
    with pytest.raises(BadDataError, match="32 letters and digits"):
        recovery_code.secret_of(text)
