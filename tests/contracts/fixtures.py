"""One good message of each type, from which the tests make the bad ones."""

from dataclasses import replace

from contracts import envelope
from contracts.acts import (
    Contest,
    Deactivate,
    Deny,
    Enrol,
    Entrust,
    Grant,
    RecordKind,
    Recover,
    Register,
    Renew,
    Request,
    Rotate,
    Withdraw,
)
from contracts.cose import kid_of
from contracts.eip712 import Domain
from contracts.messages import (
    Action,
    CertificateRequest,
    Command,
    Desired,
    Health,
    IdentityNotice,
    IssuedCertificate,
    KioskMessage,
    Outcome,
    PendingRecovery,
    Presence,
    Receipt,
    ReceiptStatus,
    Reported,
    RequestNotice,
    Result,
    SensorState,
    Setting,
    SignedRequest,
)
from contracts.purpose import Purpose
from contracts.sealing import seal, seal_info
from tests.contracts.people import Person, device

PERSON, REQUESTER, GUARDIAN, HEIR = Person(1), Person(2), Person(3), Person(4)
KIOSK, GATEWAY = device(1), device(2)
DOMAIN = Domain(31337, b"\xc0" * 20, "tests")
RECORD = b"\x11" * 32
KIND = RecordKind.IDENTITY_DOCUMENT.identifier
DEADLINE = 1_800_000_600
EXPIRY = 1_800_086_400

OBJECT = envelope.encrypt(b"a record", RECORD, KIND, PERSON.encryption_public_key).encode()
PURPOSE = Purpose("Rent of a flat", bytes(range(16)))

ENROL = Enrol(PERSON.address, PERSON.encryption_public_key, 1, DEADLINE)
REGISTER = Register(PERSON.address, RECORD, KIND, envelope.commitment(OBJECT), 2, DEADLINE)
REQUEST = Request(
    REQUESTER.address,
    PERSON.address,
    RECORD,
    PURPOSE.commitment(),
    REQUESTER.encryption_public_key,
    EXPIRY,
    2**256 - 1,
    DEADLINE,
)
REQUEST_ID = REQUEST.hash_struct()
GRANT = Grant(
    PERSON.address,
    REQUEST_ID,
    REQUEST.purpose,
    EXPIRY,
    seal(REQUEST.encryption_key, bytes(32), seal_info(REQUEST_ID)),
    3,
    DEADLINE,
)
DENY = Deny(PERSON.address, REQUEST_ID, DEADLINE)
WITHDRAW = Withdraw(PERSON.address, REQUEST_ID, DEADLINE)
RENEW = Renew(PERSON.address, REQUEST_ID, EXPIRY + 1, 4, DEADLINE)
ROTATE = Rotate(PERSON.address, HEIR.address, HEIR.encryption_public_key, 5, DEADLINE)
ENTRUST = Entrust(PERSON.address, GUARDIAN.address, 6, DEADLINE)
RECOVER = Recover(PERSON.address, HEIR.address, HEIR.encryption_public_key, 7, DEADLINE)
CONTEST = Contest(PERSON.address, RECOVER.hash_struct(), DEADLINE)
DEACTIVATE = Deactivate(PERSON.address, DEADLINE)
PERSONS_ACTS = (
    ENROL,
    REGISTER,
    GRANT,
    DENY,
    WITHDRAW,
    RENEW,
    ROTATE,
    ENTRUST,
    RECOVER,
    CONTEST,
    DEACTIVATE,
)

SIGNED_REQUEST = SignedRequest(REQUEST, PURPOSE, REQUESTER.public_key, REQUESTER.sign(REQUEST, DOMAIN))
NOTICE = RequestNotice("tests", SIGNED_REQUEST)
QUIET = IdentityNotice("tests", PERSON.address, PERSON.address, DEADLINE)
RECOVERING = replace(QUIET, recovery=PendingRecovery(RECOVER.hash_struct(), RECOVER.new_key, DEADLINE))
FINAL = Receipt("tests", GRANT.digest(DOMAIN), ReceiptStatus.FINAL, b"\x7a" * 32, 12, "", DEADLINE)
REJECTED = Receipt(
    "tests", GRANT.digest(DOMAIN), ReceiptStatus.REJECTED, None, None, "past deadline", DEADLINE
)


def kiosk_message(act, **more) -> KioskMessage:
    return KioskMessage("tests", act, PERSON.sign(act, DOMAIN), DEADLINE - 600, **more)


KIOSK_MESSAGES = (
    *map(kiosk_message, PERSONS_ACTS),
    kiosk_message(REGISTER, object=OBJECT),
    kiosk_message(REGISTER, object=OBJECT, on_ledger=True),
)

KIOSK_ID = kid_of(KIOSK.public_key())
BIRTH = Presence("tests", 7, True, DEADLINE)
DEATH = Presence("tests", 7, False, DEADLINE)
HEALTH = Health("tests", 7, DEADLINE, "0.1.0", 60, 2, 30, 1000, SensorState.READY, "R307", EXPIRY, 3)
NO_CERTIFICATE = Health("tests", 7, DEADLINE, "0.1.0", 60, 0, 0, 1000, SensorState.FAILED, "", None, 0)
COMMAND = Command("tests", KIOSK_ID, 12, Action.RESEND, EXPIRY)
OUTCOME = Outcome("tests", 12, Result.REFUSED, "a person is at the kiosk", DEADLINE)
SETTINGS = {int(Setting.HEALTH_SECONDS): 60, int(Setting.RENEW_DAYS): 20}
DESIRED = Desired("tests", KIOSK_ID, 3, SETTINGS)
REPORTED = Reported("tests", 3, SETTINGS, {9: "this release does not know the setting"}, DEADLINE)
CERTIFICATE_REQUEST = CertificateRequest("tests", b"\x30" * 300, DEADLINE)
ISSUED = IssuedCertificate("tests", KIOSK_ID, b"\x30" * 600)
OF_KIOSK = {
    "presence": (BIRTH, DEATH),
    "health": (HEALTH, NO_CERTIFICATE),
    "outcome": (OUTCOME,),
    "reported": (REPORTED,),
    "certificate-request": (CERTIFICATE_REQUEST,),
}
OF_GATEWAY = {"command": (COMMAND,), "desired": (DESIRED,), "issued-certificate": (ISSUED,)}
