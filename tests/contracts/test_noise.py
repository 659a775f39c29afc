"""Our Noise against another implementation of it, in both roles, and its refusals."""

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from noise.connection import Keypair, NoiseConnection

from contracts.errors import ContractError, MalformedError, VerificationError
from contracts.noise import IK, NN, XK_PSK0, CipherState, Handshake, Pattern, Role
from contracts.noise.states import MAX_COUNT

PHONE, KIOSK = (X25519PrivateKey.from_private_bytes(bytes([seed]) * 32) for seed in (1, 2))
PROLOGUE, SECRET = b"what both know", b"\x05" * 32
SMALL_ORDER = (bytes(32), b"\x01" + bytes(31), bytes.fromhex("ecffffff" + "ff" * 27 + "7f"))


def ends(pattern: Pattern, **phone: object) -> tuple[Handshake, Handshake]:
    """Both ends of a handshake, the phone's with something changed."""
    psk = SECRET if pattern.with_psk else None
    statics = pattern.with_statics
    ours: dict[str, object] = {
        "prologue": PROLOGUE,
        "static": PHONE if statics else None,
        "remote_static": KIOSK.public_key().public_bytes_raw() if statics else None,
        "psk": psk,
    }
    return (
        Handshake(pattern, Role.INITIATOR, **(ours | phone)),
        Handshake(pattern, Role.RESPONDER, PROLOGUE, KIOSK if statics else None, psk=psk),
    )


def shake(first: Handshake, second: Handshake, messages: int) -> None:
    for number in range(messages):
        writer, reader = (first, second) if number % 2 == 0 else (second, first)
        assert reader.read(writer.write(b"payload %d" % number)) == b"payload %d" % number


def oracle(pattern: Pattern, role: Role) -> NoiseConnection:
    """The other end, by the package noiseprotocol."""
    other = NoiseConnection.from_name(pattern.protocol)
    if pattern.with_psk:
        other.set_psks(SECRET)
    other.set_prologue(PROLOGUE)
    if role is Role.INITIATOR:
        other.set_as_initiator()
    else:
        other.set_as_responder()
    if pattern.with_statics:
        own = PHONE if role is Role.INITIATOR else KIOSK
        other.set_keypair_from_private_bytes(Keypair.STATIC, own.private_bytes_raw())
    if pattern.with_statics and role is Role.INITIATOR:
        other.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, KIOSK.public_key().public_bytes_raw())
    other.start_handshake()
    return other


@pytest.mark.parametrize("pattern", [XK_PSK0, IK, NN], ids=lambda pattern: pattern.name)
@pytest.mark.parametrize("role", list(Role))
def test_another_implementation_understands_ours(pattern: Pattern, role: Role) -> None:
    phone, kiosk = ends(pattern)
    ours = phone if role is Role.INITIATOR else kiosk
    other = oracle(pattern, Role.RESPONDER if role is Role.INITIATOR else Role.INITIATOR)
    for number in range(len(pattern.messages)):
        if (number % 2 == 0) == (role is Role.INITIATOR):
            assert other.read_message(ours.write(b"ours")) == b"ours"
        else:
            assert ours.read(bytes(other.write_message(b"theirs"))) == b"theirs"
    assert ours.transcript == other.get_handshake_hash()
    sending, receiving = ours.split()
    for message in (b"one", b"two", bytes(1000)):
        assert other.decrypt(sending.encrypt(b"", message)) == message
        assert receiving.decrypt(b"", other.encrypt(message)) == message


@pytest.mark.parametrize("pattern", [XK_PSK0, IK], ids=lambda pattern: pattern.name)
def test_both_ends_come_to_the_same(pattern: Pattern) -> None:
    phone, kiosk = ends(pattern)
    shake(phone, kiosk, len(pattern.messages))
    assert phone.transcript == kiosk.transcript
    assert kiosk.remote_static == PHONE.public_key().public_bytes_raw()
    assert kiosk.split()[1].decrypt(b"", phone.split()[0].encrypt(b"", b"hello")) == b"hello"


@pytest.mark.parametrize("pattern", [XK_PSK0, IK], ids=lambda pattern: pattern.name)
def test_no_two_handshakes_are_alike(pattern: Pattern) -> None:
    transcripts = set()
    for _ in range(3):
        phone, kiosk = ends(pattern)
        shake(phone, kiosk, len(pattern.messages))
        transcripts.add(phone.transcript)
    assert len(transcripts) == 3


@pytest.mark.parametrize("pattern", [XK_PSK0, IK], ids=lambda pattern: pattern.name)
@pytest.mark.parametrize(
    "change",
    [
        {"prologue": b"something else"},
        {"remote_static": X25519PrivateKey.generate().public_key().public_bytes_raw()},
    ],
    ids=["prologue", "kiosk's key"],
)
def test_what_both_must_know_beforehand_must_be_the_same(pattern: Pattern, change: dict[str, object]) -> None:
    phone, kiosk = ends(pattern, **change)
    with pytest.raises(VerificationError):
        kiosk.read(phone.write())


def test_another_secret_opens_nothing() -> None:
    phone, kiosk = ends(XK_PSK0, psk=b"\x06" * 32)
    with pytest.raises(VerificationError):
        kiosk.read(phone.write())


@pytest.mark.parametrize("pattern", [XK_PSK0, IK], ids=lambda pattern: pattern.name)
def test_every_byte_of_every_message_counts(pattern: Pattern) -> None:
    for number in range(len(pattern.messages)):
        length = len(message_at(pattern, number)[1])
        for place in range(0, length, 7):
            reader, message = message_at(pattern, number)
            broken = bytearray(message)
            broken[place] ^= 1
            with pytest.raises(ContractError):
                reader.read(bytes(broken))


def message_at(pattern: Pattern, number: int) -> tuple[Handshake, bytes]:
    """The message with this number, and who reads it."""
    phone, kiosk = ends(pattern)
    shake(phone, kiosk, number)
    writer, reader = (phone, kiosk) if number % 2 == 0 else (kiosk, phone)
    return reader, writer.write(b"x")


@pytest.mark.parametrize("pattern", [XK_PSK0, IK], ids=lambda pattern: pattern.name)
def test_a_message_cut_short_is_malformed(pattern: Pattern) -> None:
    for number in range(len(pattern.messages)):
        for length in (0, 1, 31, 47):
            reader, message = message_at(pattern, number)
            with pytest.raises((MalformedError, VerificationError)):
                reader.read(message[:length])


@pytest.mark.parametrize("point", SMALL_ORDER, ids=["zero", "one", "minus one"])
def test_a_key_of_small_order_is_refused(point: bytes) -> None:
    _, kiosk = ends(IK)
    with pytest.raises(VerificationError, match="usable"):
        kiosk.read(point + bytes(64))
    phone, _ = ends(IK, remote_static=point)
    with pytest.raises(VerificationError, match="usable"):
        phone.write()


def test_turns_are_kept() -> None:
    phone, kiosk = ends(IK)
    with pytest.raises(ValueError, match="turn"):
        kiosk.write()
    with pytest.raises(ValueError, match="not over"):
        phone.split()
    with pytest.raises(ValueError, match="who it is"):
        _ = kiosk.remote_static
    shake(phone, kiosk, 2)
    with pytest.raises(ValueError, match="over"):
        phone.write()


def test_a_pattern_takes_its_own_keys_alone() -> None:
    with pytest.raises(ValueError, match="keys"):
        Handshake(IK, Role.INITIATOR, b"", PHONE)
    with pytest.raises(ValueError, match="keys"):
        Handshake(XK_PSK0, Role.RESPONDER, b"", KIOSK)
    with pytest.raises(ValueError, match="keys"):
        Handshake(NN, Role.INITIATOR, b"", PHONE)


def test_a_key_is_not_used_for_ever() -> None:
    cipher = CipherState(bytes(32))
    cipher._count = MAX_COUNT
    with pytest.raises(VerificationError, match="begin anew"):
        cipher.encrypt(b"", b"one more")
