"""What docs/phone.md says of bytes, numbers and times is what the code does."""

import re
from dataclasses import fields
from pathlib import Path

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts import signing
from contracts.acts import Request
from contracts.eip712 import DOMAIN_TYPE, NAME, VERSION, word
from contracts.keccak import keccak256
from contracts.messages import Receipt
from contracts.pairing import Refusal, offer
from contracts.pairing.frames import MAX_HANDSHAKE
from contracts.pairing.introductions import MAX_LABEL
from contracts.phone import FROM_KIOSK, FROM_PHONE
from contracts.purpose import MAX_TEXT
from contracts.struct import encode_type
from edge.phone import companion
from edge.phone.gateway import FIRST_PAUSE, LONGEST_PAUSE, POST_SECONDS
from edge.phones import guest, reception, room
from tests.contracts.vectors import made

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "phone.md").read_text()
WORDS = " ".join(PAGE.split())
TALK = (ROOT / "gateway" / "phone" / "static" / "talk.js").read_text()
RADIO = (ROOT / "gateway" / "phone" / "static" / "radio.js").read_text()


def constant(script: str, name: str) -> float:
    """A script's constant of milliseconds, in seconds."""
    (value,) = re.findall(rf"^const {name} = ([\d_]+);", script, re.MULTILINE)
    return int(value.replace("_", "")) / 1000


def test_every_refusal_is_in_the_table_and_no_other() -> None:
    rows = dict(re.findall(r"^\| `([0-9a-f]{2})` \| ([a-z ]+) \|", PAGE, re.MULTILINE))
    assert rows == {f"{reason:02x}": reason.words for reason in Refusal}
    assert f"| busy | {reception.MAX_GUESTS} phones are there already |" in PAGE


@pytest.mark.parametrize(
    ("row", "seconds"),
    [
        ("each message of the phone in a handshake: frames 1, 3 and 4", reception.GREETING_SECONDS),
        ("the first sealed message of a session, after frame 5", reception.GREETING_SECONDS),
        ("the finger, from the sealed nonce on", guest.FINGER_SECONDS),
        ("`record-lent` or `record-absent`, after `record-wanted`", guest.ANSWER_SECONDS),
        ("`remembered`, after `paired`", guest.ANSWER_SECONDS),
        ("`record-kept`, after `record-handed`", guest.ANSWER_SECONDS),
        ("`parcel-posted` or `parcel-refused`, after `parcel`", guest.PARCEL_SECONDS),
        ("the finger, after `withdrawal-wish`", room.WISH_SECONDS),
    ],
)
def test_the_kiosk_s_deadlines_are_those_of_the_code(row: str, seconds: float) -> None:
    assert f"| {row} | {seconds:.0f} s |" in PAGE


def test_the_phone_s_deadlines_are_those_of_both_phones() -> None:
    (answer, finger, ask) = re.findall(
        r"gives the kiosk (\d+) s for .*? and (\d+) s for `paired`\..*?no longer than (\d+) s",
        PAGE,
        re.DOTALL,
    )[0]
    scripts = {constant(TALK, "ANSWER_MS"), constant(RADIO, "ANSWER_MS")}
    assert {float(answer)} == {companion.ANSWER_SECONDS} | scripts
    assert float(finger) == guest.FINGER_SECONDS == constant(TALK, "FINGER_MS")
    assert float(ask) == constant(TALK, "POST_MS") == POST_SECONDS
    assert (FIRST_PAUSE, LONGEST_PAUSE) == (1, 30)
    assert offer.OFFER_SECONDS == 120
    assert "ask again after a second, then ever more slowly up to half a minute" in WORDS


def test_a_text_has_a_quarter_as_many_characters_as_its_rule_allows_bytes() -> None:
    rules = (ROOT / "contracts" / "phone.cddl").read_text()
    limits = [
        member.metadata["text"]
        for kind in FROM_KIOSK + FROM_PHONE
        for member in fields(kind)
        if "text" in member.metadata
    ]
    sizes = [int(size) for size in re.findall(r"tstr \.size \(0\.\.(\d+)\)", rules)]
    assert sorted(sizes) == sorted(4 * limit for limit in [*limits, MAX_LABEL])
    assert "a quarter as many as its rule allows bytes" in WORDS
    assert f"most {MAX_HANDSHAKE} bytes, but for frame 6." in WORDS


def values() -> dict[str, str]:
    """The numbers of the worked example, by name."""
    return dict(re.findall(r"^(\w+) +([0-9a-f]{64})$", PAGE, re.MULTILINE))


def test_a_request_is_checked_as_the_page_says() -> None:
    """Step by step out of the vectors, by nothing but the page and Keccak."""
    request = made()["request"]
    (domain_type,) = re.findall(r"^domain type +(\S.*)$", PAGE, re.MULTILINE)
    (request_type,) = re.findall(r"^type +(\S.*)$", PAGE, re.MULTILINE)
    assert (domain_type, request_type) == (DOMAIN_TYPE, encode_type(Request))
    assert f'keccak("{NAME}") ‖ keccak("{VERSION}")' in PAGE

    salt = keccak256(request["environment"].encode())
    contract = bytes.fromhex(request["contract"])
    names = (domain_type, NAME, VERSION)
    separator = keccak256(
        b"".join(keccak256(each.encode()) for each in names)
        + word(request["chain id"])
        + contract.rjust(32, b"\0")
        + salt
    )
    commitment = keccak256(bytes.fromhex(request["purpose salt"]) + request["purpose"].encode())
    words = [
        word(each) if isinstance(each, int) else bytes.fromhex(each).rjust(32, b"\0")
        for each in request["fields"].values()
    ]
    identifier = keccak256(keccak256(request_type.encode()) + b"".join(words))
    digest = keccak256(b"\x19\x01" + separator + identifier)
    assert values() == {
        "salt": salt.hex(),
        "separator": separator.hex(),
        "commitment": commitment.hex(),
        "id": identifier.hex(),
        "digest": digest.hex(),
    }
    assert values()["commitment"] == request["fields"]["purpose"]
    public_key = bytes.fromhex(request["public key"])
    assert signing.verify(public_key, digest, bytes.fromhex(request["signature"]))
    assert signing.address_of(public_key).hex() == request["fields"]["requester"]
    assert f"The purpose has 1 to {MAX_TEXT} characters" in WORDS
    for told in (f"environment `{request['environment']}`", f"chain {request['chain id']}"):
        assert told in WORDS
    assert f"`{request['purpose']}`" in PAGE


def test_a_receipt_is_checked_as_the_page_says() -> None:
    receipt = made()["receipt"]
    protected, unprotected, payload, signature = cbor2.loads(bytes.fromhex(receipt["encoded"]))
    assert f"`{Receipt.AAD.decode()}`" in PAGE
    signed = cbor2.dumps(["Signature1", protected, Receipt.AAD, payload], canonical=True)
    assert signed.hex() == receipt["signed"]
    key = bytes.fromhex(receipt["gateway key"])
    Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    assert not unprotected
    assert Receipt.verify(bytes.fromhex(receipt["encoded"]), Ed25519PublicKey.from_public_bytes(key))
