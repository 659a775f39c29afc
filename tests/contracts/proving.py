"""What can be said of a call of the contract, for Z3 to prove: its arguments, its ledger before and after.

Assumed are the layout of the call data that the ABI prescribes, and that hashes do not collide.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import z3

from contracts import eip712, registry
from contracts.acts import Act, Enrol, Recover, Request
from contracts.keccak import keccak256
from contracts.struct import type_hash
from tests.contracts.evm import Evm, Registry
from tests.contracts.symbolic import Hashes, Machine, Path, Place, Value, before, byte_of, term, word_of

KEYS, GUARDIANS, RECOVERIES, NONCES, COMMITMENTS, CONSENTS, BEGUN = range(1, 8)
"""Where the variables lie, as Vyper lays them out; `test_the_layout` looks."""

IMMUTABLES = 3 * 32
LENGTHS = {"signature": 65, "sealed_key": 80, "object": 32}


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
        self, call: Call, machine: Machine, hashes: Hashes, path: Path, tail: Sequence[Value]
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

    def changes_only(
        self, slot: int, keys: int, allowed: Callable[..., Any], what: str, offset: int = 0
    ) -> None:
        """No item of a mapping changes but as is allowed; `allowed(keys…, before, after)`."""
        free = [z3.BitVec(f"any key {n} of {slot}", 256) for n in range(keys)]
        was, becomes = self.before(slot, *free, offset=offset), self.after(slot, *free, offset=offset)
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
