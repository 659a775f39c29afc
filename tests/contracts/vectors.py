"""Test vectors for whoever writes a phone's app: a pairing, a session, refusals and messages, byte for byte.

A requester's request and the gateway's receipt are there with every step by which a phone checks them.

    python -m tests.contracts.vectors       writes phone_vectors.json anew

The private keys in it are public. Ephemeral keys, which are drawn anew each time, are given too: only with
them can the frames be made again.
"""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts import cbor
from contracts.acts import Request
from contracts.eip712 import DOMAIN_TYPE, environment_salt
from contracts.messages import Receipt, ReceiptStatus
from contracts.noise import Handshake, Role
from contracts.pairing import (
    Channel,
    KioskPairing,
    Offer,
    PhonePairing,
    PhoneSession,
    Refusal,
    kiosk_session,
    refusal,
    sessions,
)
from contracts.phone import FROM_KIOSK, FROM_PHONE, PhoneMessage
from contracts.struct import camel_case, encode_type
from tests.contracts.fixtures import DENY, DOMAIN, GATEWAY, SIGNED_REQUEST

VECTORS = Path(__file__).with_name("phone_vectors.json")

KIOSK_ID = bytes.fromhex("0123456789abcdef")
NOW = 1_800_000_000
PHONE, KIOSK, PHONE_EPHEMERAL, KIOSK_EPHEMERAL = (
    X25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (0x11, 0x22, 0x33, 0x44)
)
NONCE = bytes([0x55]) * 32
OFFER = Offer(KIOSK_ID, KIOSK.public_key().public_bytes_raw(), bytes(range(16)), NOW + 120)


def made() -> dict[str, Any]:
    """All vectors, with byte strings in hex."""
    return {
        "keys": {
            "phone": PHONE.private_bytes_raw().hex(),
            "kiosk": KIOSK.private_bytes_raw().hex(),
            "phone ephemeral": PHONE_EPHEMERAL.private_bytes_raw().hex(),
            "kiosk ephemeral": KIOSK_EPHEMERAL.private_bytes_raw().hex(),
            "kiosk nonce": NONCE.hex(),
        },
        "code": {
            "text": OFFER.text(),
            "kiosk_id": KIOSK_ID.hex(),
            "kiosk_key": OFFER.kiosk_key.hex(),
            "secret": OFFER.secret.hex(),
            "expires": OFFER.expires,
            "psk": OFFER.psk().hex(),
            "prologue": OFFER.prologue().hex(),
        },
        "pairing": _pairing(),
        "session": _session(),
        "messages": [
            {
                "name": kind.__name__,
                "fields": {member.name: _plain(_value(member)) for member in fields(kind)},
                "encoded": _sample(kind).encode().hex(),
            }
            for kind in FROM_KIOSK + FROM_PHONE
        ],
        "refusals": [
            {"name": reason.words, "body": bytes([reason]).hex(), "frame": refusal(reason).hex()}
            for reason in Refusal
        ],
        "request": _request(),
        "receipt": _receipt(),
    }


def _request() -> dict[str, Any]:
    """A request and what its signature is over, step by step."""
    purpose, signed = SIGNED_REQUEST.purpose, SIGNED_REQUEST.to_map()
    return {
        "environment": DOMAIN.environment,
        "chain id": DOMAIN.chain_id,
        "contract": DOMAIN.contract.hex(),
        "salt": environment_salt(DOMAIN.environment).hex(),
        "domain type": DOMAIN_TYPE,
        "domain separator": DOMAIN.separator().hex(),
        "purpose": purpose.text,
        "purpose salt": purpose.salt.hex(),
        "commitment": purpose.commitment().hex(),
        "public key": SIGNED_REQUEST.public_key.hex(),
        "type": encode_type(Request),
        "fields": {
            camel_case(member.name): _plain(value)
            for member, (_, value) in zip(fields(Request), list(signed[1].items())[1:], strict=True)
        },
        "id": SIGNED_REQUEST.request.hash_struct().hex(),
        "digest": SIGNED_REQUEST.request.digest(DOMAIN).hex(),
        "signature": SIGNED_REQUEST.signature.hex(),
        "encoded": SIGNED_REQUEST.encode().hex(),
    }


def _receipt() -> dict[str, Any]:
    """The gateway's receipt for a denial of that request."""
    receipt = Receipt(
        DOMAIN.environment, DENY.digest(DOMAIN), ReceiptStatus.FINAL, b"\x7a" * 32, 12, "", DENY.deadline
    )
    encoded = receipt.sign(GATEWAY)
    protected, _, payload, signature = cbor2.loads(encoded)
    return {
        "gateway key": GATEWAY.public_key().public_bytes_raw().hex(),
        "protected header": protected.hex(),
        "payload": payload.hex(),
        "signed": cbor.encode(["Signature1", protected, Receipt.AAD, payload]).hex(),
        "signature": signature.hex(),
        "digest": receipt.digest.hex(),
        "encoded": encoded.hex(),
    }


def _pairing() -> dict[str, Any]:
    phone, kiosk = PhonePairing(OFFER, PHONE, NOW), KioskPairing(OFFER, KIOSK, NOW)
    phone._handshake._ephemeral, kiosk._handshake._ephemeral = PHONE_EPHEMERAL, KIOSK_EPHEMERAL
    kiosk._nonce = NONCE
    hello = phone.hello()
    reply = kiosk.reply(hello)
    finish = phone.finish(reply, "Erika's phone")
    label, kiosk_channel = kiosk.finish(finish)
    reveal, number = kiosk.reveal(kiosk_channel)
    phone_channel, compared = phone.revealed(reveal)
    assert number == compared
    frames = {"hello": hello, "reply": reply, "finish": finish, "nonce": reveal}
    words = {"label": label, "number": number}
    return {name: frame.hex() for name, frame in frames.items()} | words | _talk(phone_channel, kiosk_channel)


class _KnownEphemeral(Handshake):
    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._ephemeral = PHONE_EPHEMERAL if self._role is Role.INITIATOR else KIOSK_EPHEMERAL


def _session() -> dict[str, Any]:
    phone = PhoneSession(KIOSK_ID, OFFER.kiosk_key, PHONE)
    phone._handshake._ephemeral = PHONE_EPHEMERAL
    hello = phone.hello()
    sessions.Handshake, before = _KnownEphemeral, sessions.Handshake  # type: ignore[misc]  # put back below
    try:
        reply, kiosk_channel = kiosk_session(hello, KIOSK_ID, KIOSK, lambda _: True)
    finally:
        sessions.Handshake = before  # type: ignore[misc]  # as above
    return {"hello": hello.hex(), "reply": reply.hex()} | _talk(phone.finish(reply), kiosk_channel)


def _talk(phone: Channel, kiosk: Channel) -> dict[str, Any]:
    return {
        "data": [
            {"from": "phone", "message": b"first".hex(), "frame": phone.seal(b"first").hex()},
            {"from": "phone", "message": b"second".hex(), "frame": phone.seal(b"second").hex()},
            {"from": "kiosk", "message": b"third".hex(), "frame": kiosk.seal(b"third").hex()},
        ],
    }


def _sample(kind: type[PhoneMessage]) -> PhoneMessage:
    return kind(*map(_value, fields(kind)))


def _value(member: Any) -> Any:
    match dict(member.metadata):
        case {"octets": (least, _)}:
            return bytes(range(max(least, 4)))
        case {"text": _}:
            return f"{member.name} ü"
        case {"number": most}:
            return min(4, most)
    return True


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(made(), indent=1, ensure_ascii=False) + "\n")
