"""The contract `ConsentRegistry` as its callers see it: ABI, bytecode, calls, and its reasons in words.

Nothing here encodes or sends: the gateway and the audit do that with the ABI.
"""

import json
from collections.abc import Mapping, Sequence
from enum import IntEnum
from importlib.resources import files
from typing import Any

from contracts.acts import (
    Act,
    Contest,
    Deactivate,
    Deny,
    Enrol,
    Entrust,
    Grant,
    Recover,
    Register,
    Renew,
    Request,
    Rotate,
    Withdraw,
)
from contracts.eip712 import environment_salt
from contracts.envelope import MAX_PUBLISHED_OBJECT
from contracts.errors import MalformedError
from contracts.hexes import ADDRESS_LENGTH, HASH_LENGTH
from contracts.keccak import keccak256
from contracts.signing import LEDGER_SIGNATURE_LENGTH

_ARTIFACT: Mapping[str, Any] = json.loads(
    files("contracts").joinpath("ConsentRegistry.json").read_text(encoding="utf-8")
)

ABI: list[dict[str, Any]] = _ARTIFACT["abi"]
"""As Vyper gives it. The arguments of functions and events bear the names of the acts' fields."""

BYTECODE: bytes = bytes.fromhex(_ARTIFACT["bytecode"].removeprefix("0x"))
"""Deployment code, without the constructor's argument; see `deployment_code`."""

SOURCE_SHA256: str = _ARTIFACT["source_sha256"]
"""Which ConsentRegistry.vy this was compiled from."""

COMPILER: str = _ARTIFACT["compiler"]

EVENT_OF: Mapping[type[Act], str] = {
    Enrol: "Enrolled",
    Register: "Registered",
    Request: "Requested",
    Grant: "Granted",
    Deny: "Denied",
    Withdraw: "Withdrawn",
    Renew: "Renewed",
    Rotate: "Rotated",
    Entrust: "Entrusted",
    Recover: "RecoveryBegun",
    Contest: "Contested",
    Deactivate: "Deactivated",
}
"""The event that tells of each act: all its fields, and the 65-byte `signature`.

That of a request also has the request's id, `request`."""

PUBLISHED = "Published"
"""The event with an encrypted record: `subject`, `record`, `object`."""

RECOVERED = "Recovered"
"""The event of a recovery that nobody contested in time: `subject`, `recovery`."""

SKIPPED = "Skipped"
"""The event of an act in a batch that was refused: `position`, and `reason` as text with zeros after it."""

RECOVERY_DELAY = 7 * 86400
"""Seconds for which the present key can contest a recovery; the contract has the same constant."""

DEACTIVATED = b"\xff" * ADDRESS_LENGTH
"""What `keyOf` answers for an identity that has ended."""

MAX_BATCH = 32
"""Calls in a batch."""

MAX_CALL = 676
"""Bytes of the longest call in a batch: a grant's."""


class ConsentState(IntEnum):
    """How a request stands, as `consentOf` tells it; whether a grant has expired is a matter of the time."""

    UNKNOWN = 0
    REQUESTED = 1
    GRANTED = 2
    DENIED = 3
    WITHDRAWN = 4


REASONS: Mapping[str, str] = {
    "already enrolled": "this identifier is enrolled already",
    "not enrolled": "the person is not enrolled on this ledger; enrol first",
    "empty commitment": "the record's commitment is empty",
    "unknown record": "the person has registered no such record",
    "wrong object": "the encrypted record is not the one that the person committed to",
    "already requested": "this very request is on the ledger already",
    "not requested": "there is no such request waiting for an answer; it may be answered already",
    "not granted": "this consent is not granted, or was withdrawn already",
    "past expiry": "the time that the consent is for is over",
    "late expiry": "the consent would last longer than what was requested",
    "wrong sealed key": "the sealed key does not have 80 bytes",
    "past deadline": "the signature's deadline has passed; sign again",
    "wrong signature length": "the signature does not have 65 bytes",
    "high s": "the signature is the malleable twin of a proper one and is refused",
    "wrong signer": "the signature is not by the person's key, or what was signed was altered on the way",
    "used nonce": "this act was submitted before: its nonce is used",
    "deactivated": "this identity was ended by its person",
    "no such key": "the new key is none that could sign",
    "no guardian": "the person entrusted nobody with a recovery",
    "recovery pending": "a recovery is under way already",
    "already begun": "this very recovery was begun before; the guardian signs another",
    "no such recovery": "no such recovery is under way; it may be contested or completed already",
    "too early": "the person can still contest this recovery; complete it when its time has come",
}
"""What the contract says when it reverts, and what that means to a person."""


def explain(reason: str) -> str:
    """The contract's reason in words; the reason itself if it is none of the contract's."""
    return REASONS.get(reason, f"the contract refused: {reason}")


def function(name: str) -> dict[str, Any]:
    """The ABI entry of a function.

    Raises:
        KeyError: if the contract has none of this name.
    """
    return _entry("function", name)


def event(name: str) -> dict[str, Any]:
    """The ABI entry of an event.

    Raises:
        KeyError: if the contract has none of this name.
    """
    return _entry("event", name)


def signature_of(entry: Mapping[str, Any]) -> str:
    """An ABI entry's canonical signature, such as `keyOf(address)`."""
    return f"{entry['name']}({','.join(map(_canonical, entry['inputs']))})"


def selector(name: str) -> bytes:
    """The 4 bytes by which calldata names a function."""
    return keccak256(signature_of(function(name)).encode("ascii"))[:4]


def event_topic(name: str) -> bytes:
    """The 32 bytes that are topic 0 of an event's logs."""
    return keccak256(signature_of(event(name)).encode("ascii"))


def deployment_code(environment: str) -> bytes:
    """The data of the transaction that deploys a registry for an environment."""
    return BYTECODE + environment_salt(environment)


def call_arguments(
    act: Act, signature: bytes, request: Request | None = None
) -> tuple[str, tuple[object, ...]]:
    """The call that brings an act to the contract.

    Args:
        act: what was signed.
        signature: r ‖ s ‖ v, 65 bytes, v being 27 or 28.
        request: the request that a `Grant` answers; not looked at for other acts.

    Returns:
        The function's name, and its arguments in the ABI's order: addresses as 20 bytes, structs as tuples.

    Raises:
        MalformedError: if the grant's request is missing or is another one.
    """
    if len(signature) != LEDGER_SIGNATURE_LENGTH:
        raise MalformedError(f"the ledger takes signatures of {LEDGER_SIGNATURE_LENGTH} bytes")
    match act:
        case Enrol():
            return "enrol", (act.subject, act.encryption_key, act.nonce, act.deadline, signature)
        case Register():
            record = (act.subject, act.record, act.kind, act.commitment)
            return "register", (*record, act.nonce, act.deadline, signature)
        case Request():
            return "request", (request_tuple(act), signature)
        case Grant():
            asked = request_tuple(_answered(act, request))
            return "grant", (asked, act.expiry, act.sealed_key, act.nonce, act.deadline, signature)
        case Deny():
            return "deny", (act.request, act.deadline, signature)
        case Withdraw():
            return "withdraw", (act.request, act.deadline, signature)
        case Renew():
            return "renew", (act.request, act.expiry, act.nonce, act.deadline, signature)
        case Rotate():
            keys = (act.subject, act.new_key, act.encryption_key)
            return "rotate", (*keys, act.nonce, act.deadline, signature)
        case Entrust():
            return "entrust", (act.subject, act.guardian, act.nonce, act.deadline, signature)
        case Recover():
            keys = (act.subject, act.new_key, act.encryption_key)
            return "recover", (*keys, act.nonce, act.deadline, signature)
        case Contest():
            return "contest", (act.subject, act.recovery, act.deadline, signature)
        case Deactivate():
            return "deactivate", (act.subject, act.deadline, signature)


def publish_arguments(subject: bytes, record: bytes, object_bytes: bytes) -> tuple[str, tuple[object, ...]]:
    """The call that puts an encrypted record of at most `MAX_PUBLISHED_OBJECT` bytes on the ledger."""
    if len(subject) != ADDRESS_LENGTH or len(record) != HASH_LENGTH:
        raise MalformedError("publishing takes a subject of 20 bytes and a record's id of 32")
    if len(object_bytes) > MAX_PUBLISHED_OBJECT:
        raise MalformedError(
            f"the ledger takes encrypted records of at most {MAX_PUBLISHED_OBJECT} bytes, "
            f"this one has {len(object_bytes)}; keep it in the store instead"
        )
    return "publish", (subject, record, object_bytes)


def batch_arguments(calls: Sequence[bytes]) -> tuple[str, tuple[object, ...]]:
    """The call that brings several acts at once; one that is refused is skipped and told of by `SKIPPED`.

    Args:
        calls: call data of each act, as if it went alone; at most `MAX_BATCH` of at most `MAX_CALL` bytes.

    Raises:
        MalformedError: too many, or one too long; a record that is to be published goes alone.
    """
    if not 0 < len(calls) <= MAX_BATCH:
        raise MalformedError(f"a batch has 1 to {MAX_BATCH} calls, not {len(calls)}")
    if max(map(len, calls)) > MAX_CALL:
        raise MalformedError(f"a call in a batch has at most {MAX_CALL} bytes")
    return "submit", (list(calls),)


def request_tuple(request: Request) -> tuple[object, ...]:
    """A request as the ABI's struct, for `request`, `grant` and `isGranted`."""
    parties = (request.requester, request.subject)
    what = (request.record, request.purpose, request.encryption_key)
    return (*parties, *what, request.expiry, request.nonce, request.deadline)


def _answered(grant: Grant, request: Request | None) -> Request:
    if request is None:
        raise MalformedError("a grant goes to the ledger together with the request that it answers")
    if request.hash_struct() != grant.request:
        raise MalformedError("the grant answers another request")
    return request


def _entry(kind: str, name: str) -> dict[str, Any]:
    for entry in ABI:
        if entry["type"] == kind and entry["name"] == name:
            return entry
    raise KeyError(name)


def _canonical(parameter: Mapping[str, Any]) -> str:
    kind: str = parameter["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(_canonical, parameter['components']))}){kind.removeprefix('tuple')}"
