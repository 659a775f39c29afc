"""What is claimed of each function of the contract: what it can do to the ledger, and what it demands."""

from collections.abc import Callable
from typing import Any

import z3

from contracts import registry
from contracts.acts import ACTS, Act, Contest, Deactivate, Deny, Enrol, Recover, Request, Withdraw
from contracts.registry import EVENT_OF, PUBLISHED, RECOVERED, RECOVERY_DELAY, ConsentState
from contracts.signing import HALF_ORDER
from tests.contracts.proving import (
    BEGUN,
    COMMITMENTS,
    CONSENTS,
    GUARDIANS,
    KEYS,
    NONCES,
    RECOVERIES,
    Proof,
    abi_bytes,
    proofs,
)
from tests.contracts.symbolic import Value, byte_of, term, word_of

DEACTIVATED = 2**160 - 1
WORDS_OF_A_RECOVERY = 3
NO_NONCE = {Request, Deny, Recover, Deactivate, Contest, Withdraw}
FUNCTION_OF = {act: "recover" if act is Recover else act.__name__.lower() for act in ACTS}
REQUESTED, GRANTED, DENIED, WITHDRAWN = (int(state) for state in list(ConsentState)[1:])


def packed(subject: Any, expiry: Any, state: int) -> Any:
    return subject << 72 | expiry << 8 | state


def usable(key: Any) -> Any:
    """Somebody's key: neither a stranger's place nor that of an identity that has ended."""
    return z3.And(key != 0, key != DEACTIVATED)


def consents_move_as_they_may(proof: Proof, act: type[Act] | None) -> None:
    now, call = proof.machine.timestamp, proof.call
    wanted = {
        "request": lambda c: (c == 0, packed(call.own("subject"), call.own("expiry"), REQUESTED)),
        "grant": lambda c: (
            z3.And(c & 0xFF == REQUESTED, z3.ULE(call.own("expiry"), call.words["expiry"])),
            packed(call.own("subject"), call.own("expiry"), GRANTED),
        ),
        "deny": lambda c: (c & 0xFF == REQUESTED, c & ~z3.BitVecVal(0xFF, 256) | DENIED),
        "withdraw": lambda c: (c & 0xFF == GRANTED, c & ~z3.BitVecVal(0xFF, 256) | WITHDRAWN),
        "renew": lambda c: (c & 0xFF == GRANTED, packed(z3.LShR(c, 72), call.own("expiry"), GRANTED)),
    }.get(call.name)
    if wanted is None:
        proof.changes_only(CONSENTS, 1, lambda *_: False, "no consent changes")
        return
    request = proof.request()

    def allowed(key: Any, before: Any, after: Any) -> Any:
        condition, becomes = wanted(before)
        return z3.And(key == request, condition, after == becomes)

    proof.changes_only(CONSENTS, 1, allowed, "a consent changes only as it may")
    becomes = wanted(proof.before(CONSENTS, request))[1]
    proof.holds(proof.after(CONSENTS, request) == becomes, "and it does change")
    if call.name in ("request", "grant", "renew"):
        proof.holds(z3.ULT(now, call.own("expiry")), "nothing is given for a time that is over")
    if call.name == "request":
        known = proof.before(COMMITMENTS, call.own("subject"), call.own("record"))
        proof.holds(known != 0, "only a record that is registered is asked for")
        proof.holds(usable(proof.before(KEYS, call.own("subject"))), "of an identity that has not ended")


def keys_change_hands_as_they_may(proof: Proof, act: type[Act] | None) -> None:
    words, subject = proof.call.words, proof.subject
    recovery = lambda offset: proof.before(RECOVERIES, subject(), offset=offset)  # noqa: E731
    rules: dict[str, Callable[[Any, Any, Any], Any]] = {
        "enrol": lambda p, k, new: z3.And(p == subject(), k == 0, new == subject()),
        "rotate": lambda p, k, new: z3.And(p == subject(), usable(k), new == words["new_key"], usable(new)),
        "deactivate": lambda p, k, new: z3.And(p == subject(), usable(k), new == DEACTIVATED),
        "complete": lambda p, k, new: z3.And(
            p == subject(),
            words["recovery"] != 0,
            recovery(0) == words["recovery"],
            new == recovery(1),
            z3.ULE(recovery(2), proof.machine.timestamp),
        ),
    }
    rule = rules.get(proof.call.name, lambda *_: z3.BoolVal(False))
    proof.changes_only(KEYS, 1, rule, "a key changes hands only as it may")
    entrusted = z3.BoolVal(proof.call.name == "entrust")
    proof.changes_only(
        GUARDIANS, 1, lambda p, _, new: z3.And(entrusted, p == subject(), new == words.get("guardian", new)),
        "a guardian is appointed by the person alone",
    )  # fmt: skip


def recoveries_begin_and_end_as_they_may(proof: Proof, act: type[Act] | None) -> None:
    name, words = proof.call.name, proof.call.words
    if name not in ("recover", "contest", "complete", "entrust", "deactivate"):
        for offset in range(WORDS_OF_A_RECOVERY):
            proof.changes_only(RECOVERIES, 1, lambda *_: False, "no recovery changes", offset)
        return
    subject, becomes = proof.subject(), [0] * WORDS_OF_A_RECOVERY
    if name == "recover":
        ready = proof.machine.timestamp + RECOVERY_DELAY
        becomes = [term(proof.struct_hash(Recover)), words["new_key"], ready]
        proof.holds(proof.before(RECOVERIES, subject, offset=2) == 0, "none is under way")
        proof.holds(usable(proof.before(KEYS, subject)), "the identity has not ended")
        proof.holds(usable(words["new_key"]), "whose key takes over is somebody")
    if name == "contest":
        proof.holds(proof.before(RECOVERIES, subject) == words["recovery"], "this one is under way")
        proof.holds(words["recovery"] != 0, "which is one")
    for offset, word in enumerate(becomes):
        found = proof.after(RECOVERIES, subject, offset=offset)
        proof.holds(found == word, "a recovery begins with all its delay, or is over")
        others = lambda person, *_: person == subject  # noqa: E731
        proof.changes_only(RECOVERIES, 1, others, "no other person's recovery changes", offset)


def no_recovery_begins_again(proof: Proof, act: type[Act] | None) -> None:
    if act is not Recover:
        proof.changes_only(BEGUN, 1, lambda *_: False, "no recovery begins")
        return
    this = term(proof.struct_hash(Recover))
    allowed = lambda key, was, becomes: z3.And(key == this, was == 0, becomes == 1)  # noqa: E731
    proof.changes_only(BEGUN, 1, allowed, "one recovery begins, which never had")
    proof.holds(proof.before(BEGUN, this) == 0, "its id was free")
    proof.holds(proof.after(BEGUN, this) == 1, "and is taken")


def nonces_are_used_up(proof: Proof, act: type[Act] | None) -> None:
    if act is None or act in NO_NONCE:
        proof.changes_only(NONCES, 2, lambda *_: False, "no nonce changes")
        return
    nonce, subject = proof.call.own("nonce"), proof.subject()
    bit = z3.BitVecVal(1, 256) << (nonce & 255)

    def allowed(person: Any, word: Any, before: Any, after: Any) -> Any:
        mine = z3.And(person == subject, word == z3.LShR(nonce, 8))
        return z3.And(mine, before & bit == 0, after == before | bit)

    proof.changes_only(NONCES, 2, allowed, "one bit of the person's own is set, which was not")
    word = z3.LShR(nonce, 8)
    proof.holds(proof.before(NONCES, subject, word) & bit == 0, "the nonce was fresh")
    proof.holds(proof.after(NONCES, subject, word) & bit != 0, "and is used up")


def records_are_registered(proof: Proof, act: type[Act] | None) -> None:
    words = proof.call.words
    registers = z3.BoolVal(proof.call.name == "register")

    def allowed(person: Any, record: Any, _: Any, after: Any) -> Any:
        mine = z3.And(person == words["subject"], record == words["record"]) if "record" in words else False
        return z3.And(registers, mine, after == words.get("commitment", after), after != 0)

    proof.changes_only(COMMITMENTS, 2, allowed, "a commitment changes by registration alone")


def the_right_key_has_signed_just_this(proof: Proof, act: type[Act] | None) -> None:
    if act is None:
        assert not proof.path.recovered
        return
    (use,) = proof.path.recovered
    signature, expected = proof.call.octets["signature"], proof.signer(act)
    proof.holds(use.signer == expected, "the signer is the one who must sign")
    proof.holds(expected != 0, "who must sign is somebody")
    if act not in (Enrol, Request, Recover):
        proof.holds(expected != DEACTIVATED, "whose identity has not ended")
    proof.holds(term(use.digest) == proof.digest(act), "all of the act is signed, in the domain")
    proof.holds(z3.ULE(term(use.s), HALF_ORDER), "with a low s")
    proof.holds(z3.ULE(proof.machine.timestamp, proof.call.own("deadline")), "in time")
    given = z3.And(
        term(use.r) == term(word_of(signature[:32])),
        term(use.s) == term(word_of(signature[32:64])),
        term(use.v) == z3.ZeroExt(248, term(signature[64], 8)),
    )
    proof.holds(given, "the signature is the one that was brought")


def the_event_tells_all(proof: Proof, act: type[Act] | None) -> None:
    name = EVENT_OF[act] if act else {"publish": PUBLISHED, "complete": RECOVERED}[proof.call.name]
    ((topics, data),) = proof.path.logs
    inputs = registry.event(name)["inputs"]
    plain = [part for part in inputs if not part["indexed"]]
    heads: list[Value] = []
    tails: list[Value] = []
    for part in plain:
        if part["type"] == "bytes":
            heads += (32 * len(plain) + len(tails)).to_bytes(32, "big")
            tails += abi_bytes(proof.call.octets[part["name"]])
        else:
            word = proof.member(act or Request, part["name"], part["type"])
            heads += [byte_of(word, index) for index in range(32)]
    expected = [int.from_bytes(registry.event_topic(name), "big")]
    expected += [proof.member(act or Request, part["name"], "") for part in inputs if part["indexed"]]
    same = [term(found) == term(wanted) for found, wanted in zip(topics, expected, strict=True)]
    same += [term(found, 8) == term(wanted, 8) for found, wanted in zip(data, heads + tails, strict=True)]
    proof.holds(z3.And(*same), "the event has every field that was signed, and the signature")


CLAIMS = [
    consents_move_as_they_may,
    keys_change_hands_as_they_may,
    recoveries_begin_and_end_as_they_may,
    no_recovery_begins_again,
    nonces_are_used_up,
    records_are_registered,
    the_right_key_has_signed_just_this,
    the_event_tells_all,
]
ACT_OF: dict[str, type[Act] | None] = {FUNCTION_OF[act]: act for act in ACTS} | {
    "publish": None,
    "complete": None,
}
VIEWS = ("isValid", "isGranted")


def prove(name: str, code: bytes) -> int:
    """Prove every claim of every way in which a function can succeed; how many ways there are."""
    if name in VIEWS:
        return prove_validity(name, code)
    found = proofs(name, code)
    for proof in found:
        for claim in CLAIMS:
            claim(proof, ACT_OF[name])
    return len(found)


def prove_validity(name: str, code: bytes) -> int:
    """A consent counts exactly while it is granted, in time, and its person's identity has not ended.

    For `isGranted` it is the consent whose id is the hash of the whole request, purpose included.
    """
    found = proofs(name, code)
    for proof in found:
        consent = proof.before(CONSENTS, proof.request())
        alive = proof.before(KEYS, z3.LShR(consent, 72)) != DEACTIVATED
        expiry = z3.LShR(consent, 8) & (2**64 - 1)
        counts = z3.And(consent & 0xFF == GRANTED, z3.ULT(proof.machine.timestamp, expiry), alive)
        proof.holds((term(word_of(proof.path.output)) == 1) == counts, "it counts exactly while it should")
        assert not proof.path.writes
    return len(found)
