"""Proved by Z3 over the shipped bytecode: what each function can do to the ledger, and what it demands.

Every path that a call can take is executed with unknown arguments, an unknown ledger, time, chain and
contract (`symbolic`). A claim about it is proved if its contrary has no solution. Assumed are the layout of
the call data that the ABI prescribes, and that hashes do not collide.
"""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

z3 = pytest.importorskip("z3", reason="z3-solver is not installed, which proves")

from contracts import compile as build  # noqa: E402
from contracts import eip712, registry  # noqa: E402
from contracts.acts import ACTS, Act, Contest, Deactivate, Deny, Enrol, Recover, Request, Withdraw  # noqa: E402
from contracts.keccak import keccak256  # noqa: E402
from contracts.registry import EVENT_OF, PUBLISHED, RECOVERED, RECOVERY_DELAY, ConsentState  # noqa: E402
from contracts.signing import HALF_ORDER  # noqa: E402
from contracts.struct import type_hash  # noqa: E402
from tests.contracts.evm import Evm, Registry  # noqa: E402
from tests.contracts.mutants import weaker  # noqa: E402
from tests.contracts.symbolic import (  # noqa: E402
    IDENTITY,
    Hashes,
    Machine,
    Place,
    Value,
    before,
    byte_of,
    term,
    word_of,
)
from tests.contracts.symbolic import Path as Way  # noqa: E402

KEYS, GUARDIANS, RECOVERIES, NONCES, COMMITMENTS, CONSENTS = range(1, 7)
"""Where the variables lie, as Vyper lays them out; `test_the_layout` looks."""

IMMUTABLES = 3 * 32
DEACTIVATED = 2**160 - 1
NO_NONCE = {Request, Deny, Deactivate, Contest, Withdraw}
LENGTHS = {"signature": 65, "sealed_key": 80, "object": 32}
FUNCTION_OF = {act: "recover" if act is Recover else act.__name__.lower() for act in ACTS}
REQUESTED, GRANTED, DENIED, WITHDRAWN = (int(state) for state in list(ConsentState)[1:])


def members(entry: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The inputs of a function one by one, those of a struct too."""
    for part in entry["inputs"]:
        yield from members({"inputs": part["components"]}) if part["type"] == "tuple" else [part]


@dataclass
class Call:
    """A call of one function, with unknown arguments of known lengths."""

    name: str

    def __post_init__(self) -> None:
        self.words: dict[str, Any] = {}
        self.octets: dict[str, list[Value]] = {}
        heads: list[Value] = []
        tails: list[Value] = []
        inputs = list(members(registry.function(self.name)))
        for part in inputs:
            name = self._free(part["name"])
            if part["type"] == "bytes":
                heads += (32 * len(inputs) + len(tails)).to_bytes(32, "big")
                self.octets[name] = [z3.BitVec(f"{name}[{n}]", 8) for n in range(LENGTHS[name])]
                tails += abi_bytes(self.octets[name])
            else:
                self.words[name] = z3.BitVec(name, 256)
                heads += [byte_of(self.words[name], index) for index in range(32)]
        self.data = [*registry.selector(self.name), *heads, *tails]

    def _free(self, name: str) -> str:
        """A grant has the expiry, nonce and deadline of its request, and its own."""
        return f"own {name}" if name in self.words else name

    def own(self, name: str) -> Any:
        """The act's own argument of this name."""
        return self.words.get(f"own {name}", self.words.get(name))


def abi_bytes(octets: Sequence[Value]) -> list[Value]:
    """Bytes as the ABI has them: their length, they, zeros."""
    return [*len(octets).to_bytes(32, "big"), *octets, *bytes(-len(octets) % 32)]


class Proof:
    """One path of one call that succeeded, and what can be said about it."""

    def __init__(
        self, call: Call, machine: Machine, hashes: Hashes, path: Way, tail: Sequence[Value]
    ) -> None:
        self.call, self.machine, self.hashes, self.path = call, machine, hashes, path
        self.salt, self.chain, self.separator = (tail[start : start + 32] for start in (0, 32, 64))

    def holds(self, claim: Any, what: str) -> None:
        solver = z3.Solver()
        solver.add(*self.path.conditions, z3.Not(claim))
        answer = solver.check()
        assert answer == z3.unsat, f"{self.call.name}: not proved that {what} ({answer})"

    # --- The ledger ---

    def before(self, slot: int, *keys: Value, offset: int = 0) -> Any:
        """What a mapping held under some keys."""
        return before(Place(slot, keys, offset))

    def after(self, slot: int, *keys: Value, offset: int = 0) -> Any:
        """What it holds in the end."""
        return self.path.read(Place(slot, keys, offset))

    def changes_only(self, slot: int, keys: int, allowed: Callable[..., Any], what: str) -> None:
        """No item of a mapping changes but as is allowed; `allowed(keys…, before, after)`."""
        free = [z3.BitVec(f"any key {n} of {slot}", 256) for n in range(keys)]
        was, becomes = self.before(slot, *free), self.after(slot, *free)
        self.holds(z3.Or(was == becomes, allowed(*free, was, becomes)), what)

    # --- Words ---

    def subject(self) -> Any:
        """Whom it is about: an argument, or kept with the consent."""
        if "subject" in self.call.words:
            return self.call.words["subject"]
        return z3.LShR(self.before(CONSENTS, self.call.words["request"]), 72)

    def request(self) -> Any:
        """The request's id: an argument, or the hash of a request that is one."""
        if "request" in self.call.words:
            return self.call.words["request"]
        words = [self.call.words[member.name] for member in fields(Request)]
        return term(self.hashed(type_hash(Request), *words))

    def hashed(self, *words: Value | bytes) -> Value:
        octets: list[Value] = []
        for word in words:
            octets += word if isinstance(word, bytes) else [byte_of(word, index) for index in range(32)]
        return self.hashes.keccak(octets)

    def struct_hash(self, act: type[Act]) -> Value:
        return self.hashed(
            type_hash(act),
            *(self.member(act, member.name, member.metadata["type"]) for member in fields(act)),
        )

    def member(self, act: type[Act], name: str, kind: str) -> Any:
        """A field of the act in its hash, or in its event."""
        if kind == "bytes":
            return term(self.hashes.keccak(self.call.octets[name]))
        if name == "subject":
            return self.subject()
        if name == "request":
            return self.request()
        return self.call.own(name)

    def digest(self, act: type[Act]) -> Any:
        """What is signed: in the domain as it was deployed, or in that of a chain that forked off since."""
        heads = (eip712.DOMAIN_TYPE_HASH, keccak256(b"ridgekey"), keccak256(b"1"))
        anew = self.hashed(*heads, self.machine.chain_id, self.machine.address, word_of(self.salt))
        at_home = self.machine.chain_id == term(word_of(self.chain))
        separator = z3.If(at_home, term(word_of(self.separator)), term(anew))
        octets = [
            byte_of(word, index) for word in (separator, term(self.struct_hash(act))) for index in range(32)
        ]
        return term(self.hashes.keccak([0x19, 0x01, *octets]))

    def signer(self, act: type[Act]) -> Any:
        """Whose signature is demanded."""
        if act is Enrol:
            return self.call.words["subject"]
        if act is Request:
            return self.call.words["requester"]
        return self.before(GUARDIANS if act is Recover else KEYS, self.subject())


def runtime(code: bytes | None = None) -> bytes:
    """The code on a ledger."""
    contract = Registry(Evm(), code=code)
    found: bytes = contract.evm.chain.get_vm().state.get_code(contract.address)
    return found


def proofs(name: str, code: bytes) -> list[Proof]:
    """All ways in which a call of this function can succeed, on any deployment."""
    call, hashes = Call(name), Hashes()
    tail: list[Value] = [z3.BitVec(f"immutable[{n}]", 8) for n in range(IMMUTABLES)]
    machine = Machine([*code[:-IMMUTABLES], *tail], call.data, hashes)
    found = [Proof(call, machine, hashes, path, tail) for path in machine.successes()]
    assert found, f"{name} never succeeds"
    assert all(machine.possible(proof.path.conditions) for proof in found)
    return found


def packed(subject: Any, expiry: Any, state: int) -> Any:
    return subject << 72 | expiry << 8 | state


# --- What is claimed ---


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


def keys_change_hands_as_they_may(proof: Proof, act: type[Act] | None) -> None:
    words, subject = proof.call.words, proof.subject
    usable = lambda key: z3.And(key != 0, key != DEACTIVATED)  # noqa: E731
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
    if proof.call.name == "recover":
        ready = proof.after(RECOVERIES, subject(), offset=2)
        proof.holds(
            ready == proof.machine.timestamp + RECOVERY_DELAY, "the present key has its time to object"
        )


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
    nonces_are_used_up,
    records_are_registered,
    the_right_key_has_signed_just_this,
    the_event_tells_all,
]
ACT_OF: dict[str, type[Act] | None] = {FUNCTION_OF[act]: act for act in ACTS} | {
    "publish": None,
    "complete": None,
}


def prove(name: str, code: bytes) -> int:
    """Prove every claim of every way in which a function can succeed; how many ways there are."""
    if name == "isValid":
        return prove_validity(code)
    found = proofs(name, code)
    for proof in found:
        for claim in CLAIMS:
            claim(proof, ACT_OF[name])
    return len(found)


def prove_validity(code: bytes) -> int:
    """A consent counts exactly while it is granted, in time, and its person's identity has not ended."""
    found = proofs("isValid", code)
    for proof in found:
        consent = proof.before(CONSENTS, proof.call.words["request"])
        alive = proof.before(KEYS, z3.LShR(consent, 72)) != DEACTIVATED
        expiry = z3.LShR(consent, 8) & (2**64 - 1)
        counts = z3.And(consent & 0xFF == GRANTED, z3.ULT(proof.machine.timestamp, expiry), alive)
        proof.holds((term(word_of(proof.path.output)) == 1) == counts, "it counts exactly while it should")
        assert not proof.path.writes
    return len(found)


@pytest.fixture(scope="module")
def code() -> bytes:
    return runtime()


def test_every_function_that_changes_something_is_proved() -> None:
    changing = {
        entry["name"]
        for entry in registry.ABI
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    }
    assert changing == {*ACT_OF, "submit"}


@pytest.mark.long
@pytest.mark.parametrize("name", [*ACT_OF, "isValid"])
def test_what_a_function_can_do(code: bytes, name: str) -> None:
    assert prove(name, code) >= 1


def test_a_batch_does_nothing_but_call_the_contract_itself(code: bytes) -> None:
    """So all that it changes is changed by the calls, of which each is proved."""
    items = [[z3.BitVec(f"item {item}[{n}]", 8) for n in range(100)] for item in range(2)]
    heads = [0x20, len(items), 0x40, 0x40 + len(abi_bytes(items[0]))]
    data = [octet for head in heads for octet in head.to_bytes(32, "big")]
    data += [octet for item in items for octet in abi_bytes(item)]
    machine = Machine([*code], [*registry.selector("submit"), *data], Hashes())
    paths = list(machine.successes())
    assert paths
    for path in paths:
        assert not path.writes
        called = [whom for whom in path.calls if not (isinstance(whom, int) and whom == IDENTITY)]
        assert len(called) == len(items)
        assert all(z3.eq(term(whom), machine.address) for whom in called)


@pytest.fixture(scope="module")
def compiler() -> Path:
    try:
        return build.compiler()
    except build.CompilerMissingError as error:
        pytest.skip(str(error))


@pytest.mark.long
def test_the_layout(compiler: Path) -> None:
    command = [compiler, "-f", "layout", build.SOURCE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    layout = json.loads(done.stdout)
    names = ("keys", "guardians", "recoveries", "nonces", "commitments", "consents")
    assert [layout["storage_layout"][name]["slot"] for name in names] == list(range(1, 7))
    assert [entry["offset"] for entry in layout["code_layout"].values()] == [0, 32, 64]


DISPROVED = {
    "no low s": "enrol",
    "no signer": "deny",
    "no nonce": "register",
    "one nonce a word": "entrust",
    "no deadline": "withdraw",
    "expiry too late": "isValid",
    "longer than asked": "grant",
    "purpose not signed": "grant",
    "every chain": "deactivate",
    "granted again": "grant",
    "withdrawn unasked": "withdraw",
}
"""Weaker contract: a function of which something is claimed that no longer holds."""


@pytest.mark.long
@pytest.mark.parametrize("mutant", DISPROVED)
def test_nothing_false_is_proved(compiler: Path, tmp_path: Path, mutant: str) -> None:
    artifact = weaker(mutant, compiler, tmp_path)
    bytecode = bytes.fromhex(str(artifact["bytecode"]).removeprefix("0x"))
    weak = runtime(bytecode + eip712.environment_salt("tests"))
    with pytest.raises(AssertionError, match="not proved that"):
        prove(DISPROVED[mutant], weak)
