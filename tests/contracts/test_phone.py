"""What phone and kiosk say: the code, the CDDL, and the vectors in phone_vectors.json say the same."""

import contextlib
import json
from dataclasses import fields
from importlib.resources import files

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import phone
from contracts.errors import ContractError, MalformedError, UnsupportedVersionError
from contracts.pairing import FrameKind, Offer, Refusal, encode_frame
from contracts.phone import FROM_KIOSK, FROM_PHONE, News, Paired, PhoneMessage
from tests.contracts.fixtures import FINAL, GATEWAY, KIOSK, KIOSK_MESSAGES, PERSON, SIGNED_REQUEST
from tests.contracts.test_cddl import CddlValidationError, Checker
from tests.contracts.test_noise import PROLOGUE
from tests.contracts.vectors import VECTORS, made

CDDL = files("contracts").joinpath("phone.cddl").read_text()
TYPES = Checker.from_cddl(CDDL, 16).my_types

SAMPLES = {
    "octets": lambda least, most: st.binary(min_size=least, max_size=min(most, 300)),
    "text": lambda most: st.text("aé漢 .", max_size=most).map(str.strip).map(lambda s: " ".join(s.split())),
    "number": lambda most: st.integers(0, most),
    "truth": lambda _: st.booleans(),
}


def strategy(kind: type[PhoneMessage]) -> st.SearchStrategy[PhoneMessage]:
    parts = []
    for member in fields(kind):
        ((name, bounds),) = member.metadata.items()
        parts.append(SAMPLES[name](*bounds) if name == "octets" else SAMPLES[name](bounds))
    return st.builds(kind, *parts)


def rule_of(kind: type[PhoneMessage]) -> str:
    return "".join("-" + c.lower() if c.isupper() else c for c in kind.__name__).lstrip("-")


def conforms(rule: str, data: bytes) -> bool:
    try:
        return bool(TYPES[rule].validate_str(data))
    except CddlValidationError:
        return False


@pytest.mark.parametrize("kind", FROM_KIOSK + FROM_PHONE, ids=rule_of)
@settings(max_examples=25)
@given(st.data())
def test_every_message_comes_back_and_conforms_to_its_rule(
    kind: type[PhoneMessage], data: st.DataObject
) -> None:
    message = data.draw(strategy(kind))
    encoded = message.encode()
    senders = FROM_KIOSK if kind in FROM_KIOSK else FROM_PHONE
    assert phone.decode(encoded, senders) == message
    assert conforms(rule_of(kind), encoded)
    assert conforms("from-kiosk" if kind in FROM_KIOSK else "from-phone", encoded)


@pytest.mark.parametrize("kind", FROM_KIOSK + FROM_PHONE, ids=rule_of)
@settings(max_examples=25)
@given(st.data())
def test_nobody_says_what_only_the_other_may_say(kind: type[PhoneMessage], data: st.DataObject) -> None:
    others = FROM_PHONE if kind in FROM_KIOSK else FROM_KIOSK
    with pytest.raises(MalformedError, match="not expected from there"):
        phone.decode(data.draw(strategy(kind)).encode(), others)


def test_a_text_is_shown_without_what_hides_and_reorders() -> None:
    news = News(b"x", "City \x1b[31m\u202ehospital", "kind\n\nof", "open")
    heard = phone.decode(news.encode(), FROM_KIOSK)
    assert heard == News(b"x", "City [31mhospital", "kind of", "open")


PAIRED = cbor2.loads(Paired(bytes(20), "test", 1, bytes(20), bytes(32), "", False).encode())


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        7,
        {0: 1},
        {0: 1, 1: 99},
        {0: 1, 1: True},
        {**PAIRED, 2: bytes(19)},
        {**PAIRED, 3: "x" * 300},
        {**PAIRED, 4: "1"},
        {**PAIRED, 9: 0},
        {key: item for key, item in PAIRED.items() if key != 7},
    ],
)
def test_what_is_no_message_is_refused_by_code_and_specification(value: object) -> None:
    data = cbor2.dumps(value, canonical=True)
    with pytest.raises(MalformedError):
        phone.decode(data, FROM_KIOSK)
    assert not conforms("from-kiosk", data)


def test_a_later_version_says_so() -> None:
    with pytest.raises(UnsupportedVersionError):
        phone.decode(cbor2.dumps({**PAIRED, 0: 2}, canonical=True), FROM_KIOSK)


@given(st.binary(max_size=100))
def test_no_bytes_are_a_message_by_accident(data: bytes) -> None:
    for senders in (FROM_KIOSK, FROM_PHONE):
        with contextlib.suppress(ContractError):
            assert phone.decode(data, senders).encode() == data


def test_what_is_embedded_has_room() -> None:
    assert phone.News(SIGNED_REQUEST.encode(), "", "", "").encode()
    for message in KIOSK_MESSAGES:
        assert phone.decode(phone.Parcel(message.sign(KIOSK)).encode(), FROM_KIOSK)
    receipt = phone.ReceiptCopy(4, PERSON.address, FINAL.sign(GATEWAY))
    assert phone.decode(receipt.encode(), FROM_KIOSK) == receipt
    assert receipt.act_name == "grant"
    assert phone.ReceiptCopy(200, b"", b"").act_name == "act 200"


def test_code_frames_and_prologues_conform() -> None:
    kiosk = X25519PrivateKey.from_private_bytes(bytes(32))
    offer = Offer.fresh(bytes(8), kiosk, 1_800_000_000)
    assert conforms("pairing-code", offer.encode())
    assert conforms("pairing-prologue", offer.prologue().removeprefix(b"ridgekey/1/pairing"))
    for kind in FrameKind:
        assert conforms("frame", encode_frame(kind, PROLOGUE))
    assert not conforms("frame", cbor2.dumps([1, 8, b""]))
    assert all(conforms("refusal", cbor2.dumps(bytes([reason]))) for reason in Refusal)
    assert f"; {', '.join(reason.words for reason in Refusal)}\n" in CDDL


def test_the_vectors_for_app_developers_are_what_the_code_does() -> None:
    """`python -m tests.contracts.vectors` writes them anew."""
    assert json.loads(VECTORS.read_text()) == made()
