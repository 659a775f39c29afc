"""Kiosk and gateway on a bare link: they find each other, and whoever meddles finds nothing."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from contracts.cose import kid_of
from contracts.errors import ContractError, MalformedError, VerificationError
from contracts.introduction import (
    GATEWAY_AAD,
    KIOSK_AAD,
    MAX_INTRODUCTION,
    WELCOME,
    GatewayIntroduction,
    KioskIntroduction,
    Sealed,
    Statement,
)

KIOSK, GATEWAY, STRANGER = (Ed25519PrivateKey.generate() for _ in range(3))
KNOWN = {kid_of(KIOSK.public_key()): KIOSK.public_key()}


def kiosk(environment: str = "test", key: Ed25519PrivateKey = KIOSK) -> KioskIntroduction:
    return KioskIntroduction(key, GATEWAY.public_key(), environment)


def gateway(environment: str = "test", key: Ed25519PrivateKey = GATEWAY) -> GatewayIntroduction:
    return GatewayIntroduction(key, KNOWN.get, environment)


def introduced() -> tuple[Sealed, Sealed]:
    ours, theirs = kiosk(), gateway()
    proof, at_kiosk = ours.hear(*theirs.answer(ours.hello()))
    who, at_gateway = theirs.hear(proof)
    assert who == kid_of(KIOSK.public_key())
    at_kiosk.hear_welcome(at_gateway.seal(WELCOME))
    return at_kiosk, at_gateway


def test_both_know_each_other_and_talk_in_secret() -> None:
    at_kiosk, at_gateway = introduced()
    for message in (b"a consent", b"", b"a consent"):
        assert at_gateway.open(at_kiosk.seal(message)) == message
        assert at_kiosk.open(at_gateway.seal(message)) == message
    assert b"a consent" not in at_kiosk.seal(b"a consent")


def test_another_welcome_is_none() -> None:
    at_kiosk, at_gateway = introduced()
    with pytest.raises(VerificationError, match="welcome"):
        at_kiosk.hear_welcome(at_gateway.seal(b"receipt"))


def test_every_message_of_it_is_within_the_limit() -> None:
    longest = "\U0001f511" * 64
    ours, theirs = kiosk(longest), gateway(longest)
    hello = ours.hello()
    reply, proof = theirs.answer(hello)
    answer, _ = ours.hear(reply, proof)
    assert max(map(len, (hello, reply, proof, answer))) <= MAX_INTRODUCTION
    assert theirs.hear(answer)[0] == kid_of(KIOSK.public_key())


def test_who_listens_does_not_see_who_talks() -> None:
    ours, theirs = kiosk(), gateway()
    hello = ours.hello()
    reply, proof = theirs.answer(hello)
    answer, _ = ours.hear(reply, proof)
    for kid in (kid_of(KIOSK.public_key()), kid_of(GATEWAY.public_key())):
        assert kid not in hello + reply + proof + answer


def test_a_false_gateway_learns_nothing_of_the_kiosk() -> None:
    ours, theirs = kiosk(), gateway(key=STRANGER)
    with pytest.raises(VerificationError, match="no device with the id"):
        ours.hear(*theirs.answer(ours.hello()))


def test_a_kiosk_that_is_not_in_the_directory_is_refused() -> None:
    ours, theirs = kiosk(key=STRANGER), gateway()
    proof, _ = ours.hear(*theirs.answer(ours.hello()))
    with pytest.raises(VerificationError, match="no device with the id"):
        theirs.hear(proof)


def test_a_recorded_introduction_is_of_no_use() -> None:
    ours, theirs = kiosk(), gateway()
    hello = ours.hello()
    proof, _ = ours.hear(*theirs.answer(hello))
    again = gateway()
    again.answer(hello)
    with pytest.raises(VerificationError):
        again.hear(proof)


def test_whoever_stands_between_with_keys_of_their_own_is_noticed() -> None:
    """They can agree on keys with each side, but not make a signature over that side's transcript."""
    ours, theirs = kiosk(), gateway()
    between_kiosk = GatewayIntroduction(STRANGER, KNOWN.get, "test")
    between_gateway = KioskIntroduction(STRANGER, GATEWAY.public_key(), "test")
    reply, _ = between_kiosk.answer(ours.hello())
    gateway_reply, gateway_proof = theirs.answer(between_gateway.hello())
    between_gateway.hear(gateway_reply, gateway_proof)
    assert between_kiosk._link is not None
    between_kiosk._link._sending._count = 0  # its own statement is never sent
    genuine = Statement("test", theirs._handshake.transcript).sign(GATEWAY, GATEWAY_AAD)
    with pytest.raises(VerificationError, match="made for another link"):
        ours.hear(reply, between_kiosk._link.seal(genuine))


def test_a_signature_of_one_side_is_not_taken_for_the_other_s() -> None:
    statement = Statement("test", bytes(32))
    with pytest.raises(VerificationError):
        statement.check(statement.sign(KIOSK, KIOSK_AAD), KNOWN.get, GATEWAY_AAD)
    with pytest.raises(ContractError):
        Statement("test", bytes(32), bytes(8)).check(statement.sign(KIOSK, KIOSK_AAD), KNOWN.get, KIOSK_AAD)


def test_another_environment_is_refused_on_both_sides() -> None:
    ours, theirs = kiosk("test"), gateway("production")
    with pytest.raises(VerificationError, match="another environment"):
        ours.hear(*theirs.answer(ours.hello()))


@pytest.mark.parametrize("how", ["repeated", "left out", "altered", "sent back"])
def test_a_message_out_of_place_ends_the_link(how: str) -> None:
    at_kiosk, at_gateway = introduced()
    first, second = at_kiosk.seal(b"first"), at_kiosk.seal(b"second")
    if how == "repeated":
        at_gateway.open(first)
    reader = at_kiosk if how == "sent back" else at_gateway
    came = {"left out": second, "altered": bytes([first[0] ^ 1]) + first[1:]}.get(how, first)
    with pytest.raises(VerificationError):
        reader.open(came)


@given(st.binary(max_size=80))
def test_noise_in_place_of_an_introduction_is_refused(noise: bytes) -> None:
    theirs = gateway()
    try:
        theirs.answer(noise)
    except (MalformedError, VerificationError):
        return
    with pytest.raises((MalformedError, VerificationError)):
        theirs.hear(noise)


def test_a_proof_before_the_hello_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="not said hello"):
        gateway().hear(b"")
