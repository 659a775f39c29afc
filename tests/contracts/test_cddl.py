"""The CDDL is the specification: every fixture conforms, and it refuses what the code refuses."""

from importlib.resources import files

import cbor2
import pytest

# zcbor 0.9 imports a name that cbor2 6 no longer has; its successor is the base class of the same errors.
if not hasattr(cbor2, "CBORDecodeValueError"):
    cbor2.CBORDecodeValueError = cbor2.CBORDecodeError

from zcbor import CddlValidationError, DataTranslator

from contracts import cbor
from contracts.acts import ActKind
from contracts.envelope import _associated_data
from contracts.introduction import GATEWAY_AAD, KIOSK_AAD, Statement
from tests.contracts.fixtures import (
    DENY,
    FINAL,
    GATEWAY,
    KIND,
    KIOSK,
    KIOSK_MESSAGES,
    NOTICE,
    OBJECT,
    OF_GATEWAY,
    OF_KIOSK,
    PERSONS_ACTS,
    QUIET,
    RECORD,
    RECOVERING,
    REJECTED,
    REQUEST,
    SIGNED_REQUEST,
)


class Checker(DataTranslator):
    """Checks only: the named tuples that zcbor builds besides need fields of different types."""

    def _construct_obj(self, my_list):
        return None


TYPES = Checker.from_cddl(files("contracts").joinpath("ridgekey.cddl").read_text(), 16).my_types
MESSAGES = [
    *(("kiosk-message", message, KIOSK) for message in KIOSK_MESSAGES),
    *(("receipt", message, GATEWAY) for message in (FINAL, REJECTED)),
    ("request-notice", NOTICE, GATEWAY),
    *(("identity-notice", message, GATEWAY) for message in (QUIET, RECOVERING)),
    *((rule, message, KIOSK) for rule, messages in OF_KIOSK.items() for message in messages),
    *((rule, message, GATEWAY) for rule, messages in OF_GATEWAY.items() for message in messages),
]


def conforms(rule, data):
    try:
        return TYPES[rule].validate_str(data)
    except CddlValidationError:
        return False


@pytest.mark.parametrize(("rule", "message", "key"), MESSAGES)
def test_every_message_conforms(rule, message, key):
    data = message.sign(key)
    assert conforms("signed-message", data)
    assert conforms(rule, cbor2.loads(data)[2])
    assert message.AAD.decode() == f"ridgekey/1/{rule}"


@pytest.mark.parametrize(
    ("rule", "aad", "to"),
    [("gateway-introduction", GATEWAY_AAD, b""), ("kiosk-introduction", KIOSK_AAD, b"gateway!")],
)
def test_every_introduction_conforms(rule, aad, to):
    data = Statement("test", RECORD, to).sign(KIOSK, aad)
    assert conforms("signed-message", data)
    assert conforms(rule, cbor2.loads(data)[2])
    assert aad.decode() == f"ridgekey/1/{rule}"


@pytest.mark.parametrize("act", [*PERSONS_ACTS, REQUEST])
def test_every_act_conforms_to_its_rule_alone(act):
    data = cbor.encode(act.to_map())
    rules = [kind.name.lower() for kind in ActKind]
    assert [rule for rule in rules if conforms(rule, data)] == [type(act).__name__.lower()]
    assert conforms("act", data)


def test_the_requester_s_and_the_stored_forms_conform():
    assert conforms("signed-request", SIGNED_REQUEST.encode())
    assert conforms("envelope", OBJECT)
    assert conforms("envelope-context", _associated_data(RECORD, KIND))


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("act", {**DENY.to_map(), 0: 13}),
        ("act", {**DENY.to_map(), 4: 0}),
        ("act", {**DENY.to_map(), 1: bytes(21)}),
        ("act", {key: value for key, value in DENY.to_map().items() if key != 3}),
        ("act", {**DENY.to_map(), 3: "now"}),
        ("receipt", {**cbor2.loads(cbor2.loads(FINAL.sign(GATEWAY))[2]), 3: 3}),
        ("receipt", {**cbor2.loads(cbor2.loads(FINAL.sign(GATEWAY))[2]), 0: 2}),
        ("kiosk-message", {**cbor2.loads(cbor2.loads(KIOSK_MESSAGES[0].sign(KIOSK))[2]), 3: bytes(65)}),
        ("envelope", {**cbor2.loads(OBJECT), 6: bytes(79)}),
        ("signed-message", [cbor2.dumps({}), {}, b"", bytes(64)]),
        ("signed-message", [*cbor2.loads(FINAL.sign(GATEWAY))[:3], bytes(63)]),
    ],
)
def test_the_cddl_refuses_what_the_code_refuses(rule, value):
    assert not conforms(rule, cbor2.dumps(value, canonical=True))
