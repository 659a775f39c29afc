"""What a kiosk says of itself, and how it is steered: each comes back as it was, and bad ones are refused."""

import contextlib
from dataclasses import replace

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import cose, topics
from contracts.errors import ContractError, MalformedError, UnsupportedVersionError, VerificationError
from contracts.messages import (
    BOUNDS,
    Action,
    CertificateRequest,
    Command,
    Desired,
    Health,
    IssuedCertificate,
    Outcome,
    Presence,
    Reported,
    RequestNotice,
    Result,
    SensorState,
    Setting,
    from_gateway,
    report_of,
)
from contracts.messages.configuration import refusal_of
from contracts.purpose import Purpose
from tests.contracts.fixtures import (
    CERTIFICATE_REQUEST,
    COMMAND,
    DESIRED,
    GATEWAY,
    HEALTH,
    ISSUED,
    KIOSK,
    KIOSK_ID,
    OF_GATEWAY,
    OF_KIOSK,
    OUTCOME,
    REPORTED,
    SIGNED_REQUEST,
)
from tests.contracts.strategies import environments, uint64s

KIOSKS = {KIOSK_ID: KIOSK.public_key()}
GATEWAY_KEY = GATEWAY.public_key()
KIOSK_TYPES = (Presence, Health, Outcome, Reported, CertificateRequest)
GATEWAY_TYPES = (Command, Desired, IssuedCertificate)
FIXTURES = [message for messages in (OF_KIOSK | OF_GATEWAY).values() for message in messages]

kids = st.binary(min_size=8, max_size=8)
labels = st.text("abc-.1", max_size=40)
whys = st.text("abc-.1", max_size=160)
settings_maps = st.dictionaries(st.integers(0, 255), uint64s, max_size=16)
x509s = st.binary(min_size=1, max_size=2048)
STRATEGIES = {
    Presence: st.builds(Presence, environments, uint64s, st.booleans(), uint64s),
    Health: st.builds(
        Health, environments, uint64s, uint64s, labels, uint64s, uint64s, uint64s, uint64s,
        st.sampled_from(SensorState), labels, st.none() | uint64s, uint64s,
    ),
    Outcome: st.builds(Outcome, environments, uint64s, st.sampled_from(Result), whys, uint64s),
    Reported: st.builds(
        Reported, environments, uint64s, settings_maps,
        st.dictionaries(st.integers(0, 255), whys, max_size=16), uint64s,
    ),
    CertificateRequest: st.builds(CertificateRequest, environments, x509s, uint64s),
    Command: st.builds(Command, environments, kids, uint64s, st.sampled_from(Action), uint64s),
    Desired: st.builds(Desired, environments, kids, uint64s, settings_maps),
    IssuedCertificate: st.builds(IssuedCertificate, environments, kids, x509s),
}  # fmt: skip


def sign(message):
    return message.sign(KIOSK if isinstance(message, KIOSK_TYPES) else GATEWAY)


def verify(kind, data):
    if kind in KIOSK_TYPES:
        kid, message = kind.verify(data, KIOSKS.get)
        assert kid == KIOSK_ID
        return message
    return kind.verify(data, GATEWAY_KEY)


def payload_of(message):
    return dict(cbor2.loads(cbor2.loads(sign(message))[2]))


def resigned(kind, payload):
    """What a device of the house could send if it were broken or dishonest."""
    key = KIOSK if kind in KIOSK_TYPES else GATEWAY
    data = payload if isinstance(payload, bytes) else cbor2.dumps(payload, canonical=True)
    return cose.sign1(key, data, aad=kind.AAD, kid=cose.kid_of(key.public_key()))


@given(st.one_of(*STRATEGIES.values()))
def test_any_message_comes_back(message):
    assert verify(type(message), sign(message)) == message


def test_whoever_receives_tells_them_apart():
    for message in (COMMAND, DESIRED, ISSUED):
        assert from_gateway(sign(message), GATEWAY_KEY) == message
    for message in (OUTCOME, REPORTED, CERTIFICATE_REQUEST):
        assert report_of(sign(message), KIOSKS.get) == (KIOSK_ID, message)


@pytest.mark.parametrize("kind", STRATEGIES, ids=lambda kind: kind.__name__)
def test_none_can_be_passed_off_as_another_nor_by_another(kind):
    for message in FIXTURES:
        if type(message) is not kind:
            with pytest.raises(VerificationError):
                verify(kind, sign(message))
        else:
            stranger = GATEWAY if kind in KIOSK_TYPES else KIOSK
            with pytest.raises(VerificationError):
                verify(kind, message.sign(stranger))


@pytest.mark.parametrize("message", FIXTURES, ids=lambda message: type(message).__name__)
def test_another_version_is_refused_by_name(message):
    data = resigned(type(message), {**payload_of(message), 0: 2})
    with pytest.raises(UnsupportedVersionError, match="version 2, this release speaks 1; update"):
        verify(type(message), data)


BAD = [
    (Presence, {0: 1, 1: "tests", 2: 7, 3: 1, 4: 0}, "online is 1"),
    (Presence, {0: 1, 1: "tests", 2: -1, 3: True, 4: 0}, "sequence below 0"),
    (Presence, {0: 1, 1: "tests", 2: 7, 3: True}, "no time"),
    (Health, {**payload_of(HEALTH), 9: 3}, "unknown sensor state"),
    (Health, {**payload_of(HEALTH), 4: "0.1\n"}, "software on two lines"),
    (Health, {**payload_of(HEALTH), 10: "x" * 41}, "long model"),
    (Health, {**payload_of(HEALTH), 11: None}, "certificate's end is null"),
    (Health, {**payload_of(HEALTH), 13: "Ada Lovelace"}, "a field too many"),
    (Command, {**payload_of(COMMAND), 4: 0}, "action 0"),
    (Command, {**payload_of(COMMAND), 4: 5}, "unknown action"),
    (Command, {**payload_of(COMMAND), 4: True}, "action is true"),
    (Command, {**payload_of(COMMAND), 2: bytes(7)}, "short kiosk id"),
    (Outcome, {**payload_of(OUTCOME), 3: 4}, "unknown result"),
    (Outcome, {**payload_of(OUTCOME), 4: "x" * 161}, "long reason"),
    (Outcome, {**payload_of(OUTCOME), 4: "\x1b[2J"}, "reason that clears the screen"),
    (Desired, {**payload_of(DESIRED), 4: []}, "settings are no map"),
    (Desired, {**payload_of(DESIRED), 4: {256: 1}}, "setting 256"),
    (Desired, {**payload_of(DESIRED), 4: {"a": 1}}, "setting by name"),
    (Desired, {**payload_of(DESIRED), 4: {1: -1}}, "value below 0"),
    (Desired, {**payload_of(DESIRED), 4: {1: "60"}}, "value is text"),
    (Desired, {**payload_of(DESIRED), 4: dict.fromkeys(range(17), 1)}, "17 settings"),
    (Reported, {**payload_of(REPORTED), 4: {1: "x" * 161}}, "long reason"),
    (Reported, {**payload_of(REPORTED), 4: dict.fromkeys(range(17), "no")}, "17 refusals"),
    (CertificateRequest, {**payload_of(CERTIFICATE_REQUEST), 2: b""}, "empty request"),
    (CertificateRequest, {**payload_of(CERTIFICATE_REQUEST), 2: bytes(2049)}, "long request"),
    (IssuedCertificate, {**payload_of(ISSUED), 3: bytes(2049)}, "long certificate"),
    (IssuedCertificate, bytes(20_000), "payload too large"),
]


@pytest.mark.parametrize(
    ("kind", "payload"), [pytest.param(*bad[:2], id=f"{bad[0].__name__}: {bad[2]}") for bad in BAD]
)
def test_a_malformed_message_is_refused(kind, payload):
    with pytest.raises(MalformedError):
        verify(kind, resigned(kind, payload))


anything = st.recursive(
    st.integers(-(2**64), 2**64) | st.binary(max_size=70) | st.text(max_size=20) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers(0, 9), inner, max_size=3),
    max_leaves=5,
)


@given(message=st.sampled_from(FIXTURES), changes=st.dictionaries(st.integers(0, 13), anything, max_size=3))
def test_whatever_a_device_signs_a_message_or_one_clear_error_comes_of_it(message, changes):
    kind = type(message)
    with contextlib.suppress(ContractError):
        verify(kind, resigned(kind, {**payload_of(message), **changes}))


@given(message=st.sampled_from(FIXTURES), data=st.data())
def test_no_altered_byte_passes(message, data):
    good = sign(message)
    place = data.draw(st.integers(0, len(good) - 1))
    bad = bytearray(good)
    bad[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ContractError):
        verify(type(message), bytes(bad))


@given(st.binary(max_size=200))
def test_noise_is_one_clear_error(noise):
    with pytest.raises(ContractError):
        from_gateway(noise, GATEWAY_KEY)
    with pytest.raises(ContractError):
        report_of(noise, KIOSKS.get)


def test_no_action_starts_a_capture():
    assert {action.name for action in Action} == {
        "RESEND", "REPORT_HEALTH", "RENEW_CERTIFICATE", "RELOAD_CONFIGURATION",
    }  # fmt: skip


@pytest.mark.parametrize("setting", Setting, ids=lambda setting: setting.name.lower())
def test_settings_have_bounds(setting):
    least, most = BOUNDS[setting]
    assert refusal_of(setting, least) is None
    assert refusal_of(setting, most) is None
    assert f"from {least} to {most}" in (refusal_of(setting, least - 1) or "")
    assert f"from {least} to {most}" in (refusal_of(setting, most + 1) or "")


def test_a_setting_of_a_later_release_is_refused_by_name():
    assert "does not know" in (refusal_of(200, 1) or "")


def test_topics_of_a_kiosk_are_under_its_own_id():
    kiosk = KIOSK_ID.hex()
    for topic in (topics.up, topics.down, topics.status, topics.health, topics.report):
        assert topics.kiosk_of(topic(kiosk)) == kiosk
        with pytest.raises(MalformedError):
            topic("+")


def test_the_longest_of_each_is_told_apart_too():
    """A bound of one type must not stop the look at the next."""
    notice = RequestNotice(
        "\U0001f600" * 64, replace(SIGNED_REQUEST, purpose=Purpose("\U0001f600" * 280, bytes(16)))
    )
    assert from_gateway(notice.sign(GATEWAY), GATEWAY_KEY) == notice
    issued = IssuedCertificate("\U0001f600" * 64, KIOSK_ID, bytes(2048))
    assert from_gateway(issued.sign(GATEWAY), GATEWAY_KEY) == issued
    refused = Reported(
        "\U0001f600" * 64,
        1,
        dict.fromkeys(range(16), 2**64 - 1),
        dict.fromkeys(range(16), "\U0001f600" * 160),
        1,
    )
    assert report_of(refused.sign(KIOSK), KIOSKS.get) == (KIOSK_ID, refused)
