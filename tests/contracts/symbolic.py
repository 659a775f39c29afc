"""Symbolic execution of the contract's bytecode: every path that a call can take, as terms for Z3.

Values are Python numbers where they are known and Z3 bit vectors where they are not. Each mapping in storage
is a function of which nothing is known, so nothing is assumed of what a ledger holds. Hashing is such a
function too, and the recovery of a signer. Call data has the layout of the ABI, with known lengths.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import z3

Value = int | z3.BitVecRef
BITS, BYTES = 256, 32
MASK = 2**BITS - 1
ADDRESS_MASK = 2**160 - 1
ECRECOVER, SHA256, IDENTITY = 1, 2, 4


class UnsupportedError(Exception):
    """Something that this contract was not thought to do."""


def term(value: Value, bits: int = BITS) -> z3.BitVecRef:
    """A value as Z3 has it."""
    return z3.BitVecVal(value, bits) if isinstance(value, int) else value


def known(value: z3.BitVecRef) -> Value:
    """A term made simpler, as a number if it is one."""
    simple = z3.simplify(value)
    return simple.as_long() if z3.is_bv_value(simple) else simple


def byte_of(word: Value, index: int) -> Value:
    """The byte of a word, 0 being the first."""
    shift = 8 * (BYTES - 1 - index)
    if isinstance(word, int):
        return word >> shift & 0xFF
    return known(z3.Extract(shift + 7, shift, word))


def word_of(octets: Sequence[Value]) -> Value:
    """Bytes as one number."""
    if all(isinstance(octet, int) for octet in octets):
        return int.from_bytes(bytes(octets), "big")
    return known(z3.Concat(*(term(octet, 8) for octet in octets)))


@dataclass(frozen=True)
class Place:
    """Where something lies in storage: in which mapping, under which keys, and how far behind that."""

    slot: int
    keys: tuple[Value, ...]
    offset: int = 0


class Hashes:
    """Hash functions of which nothing is known but that the same gives the same.

    The hashes by which mappings find their places are taken apart again: so no two places are the same by
    accident. That is what a hash without collisions gives.
    """

    def __init__(self) -> None:
        self._places: dict[int, Place] = {}
        self._kept: list[z3.BitVecRef] = []  # Z3 numbers its terms anew once they are gone

    def keccak(self, octets: Sequence[Value]) -> z3.BitVecRef:
        hashed = self._apply("keccak", octets)
        if len(octets) == 64:
            slot, key = word_of(octets[:32]), word_of(octets[32:])
            place = Place(slot, (key,)) if isinstance(slot, int) else self._inner(slot, key)
            self._places[hashed.get_id()] = place
            self._kept.append(hashed)
        return hashed

    def sha256(self, octets: Sequence[Value]) -> z3.BitVecRef:
        return self._apply("sha256", octets)

    def locate(self, value: Value) -> Place:
        """The place of a word in storage."""
        if isinstance(value, int):
            raise UnsupportedError("a variable that is no mapping")
        if value.get_id() in self._places:
            return self._places[value.get_id()]
        if value.decl().kind() == z3.Z3_OP_BADD and value.num_args() == 2:
            more, start = value.children()
            if z3.is_bv_value(more) and start.get_id() in self._places:
                return replace(self._places[start.get_id()], offset=more.as_long())
        raise UnsupportedError("a place in storage that is no mapping's")

    def _inner(self, outer: z3.BitVecRef, key: Value) -> Place:
        place = self.locate(outer)
        return Place(place.slot, (*place.keys, key))

    def _apply(self, name: str, octets: Sequence[Value]) -> z3.BitVecRef:
        bits = 8 * len(octets)
        function = z3.Function(f"{name}{len(octets)}", z3.BitVecSort(bits), z3.BitVecSort(BITS))
        return function(term(word_of(octets), bits))


@dataclass
class Recovered:
    """A use of ecrecover: what it was asked, and the term of its answer."""

    digest: Value
    v: Value
    r: Value
    s: Value
    signer: z3.BitVecRef


@dataclass
class Path:
    """A way through the code, and what it has done so far."""

    pc: int
    epoch: int = 0
    stack: list[Value] = field(default_factory=list)
    memory: dict[int, Value] = field(default_factory=dict)
    conditions: list[z3.BoolRef] = field(default_factory=list)
    writes: list[tuple[Place, Value]] = field(default_factory=list)
    recovered: list[Recovered] = field(default_factory=list)
    calls: list[Value] = field(default_factory=list)
    logs: list[tuple[list[Value], list[Value]]] = field(default_factory=list)
    returned: list[Value] = field(default_factory=list)
    output: list[Value] = field(default_factory=list)

    def copy(self) -> "Path":
        fresh = {name: getattr(self, name).copy() for name in (
            "stack", "memory", "conditions", "writes", "recovered", "calls", "logs", "returned",
        )}  # fmt: skip
        return replace(self, **fresh)

    def read(self, place: Place) -> z3.BitVecRef:
        """What storage holds there after all that was written; `before` for what it held."""
        found = before(place, self.epoch)
        for written, value in self.writes:
            if (written.slot, written.offset) == (place.slot, place.offset):
                same = z3.And(*(term(a) == term(b) for a, b in zip(written.keys, place.keys, strict=True)))
                found = z3.If(same, term(value), found)
        return found

    def load(self, start: Value, length: Value) -> list[Value]:
        if not isinstance(start, int) or not isinstance(length, int):
            raise UnsupportedError("memory at a place that is not known")
        return [self.memory.get(place, 0) for place in range(start, start + length)]

    def store(self, start: Value, octets: Sequence[Value]) -> None:
        if not isinstance(start, int):
            raise UnsupportedError("memory at a place that is not known")
        self.memory.update({start + index: octet for index, octet in enumerate(octets)})


def _signed(value: int) -> int:
    return value - 2**BITS if value >> 255 else value


def before(place: Place, epoch: int = 0) -> z3.BitVecRef:
    """What storage held at a place at the beginning: anything."""
    word = z3.BitVecSort(BITS)
    function = z3.Function(f"storage {place.slot}+{place.offset} {epoch}", *[word] * len(place.keys), word)
    return function(*map(term, place.keys))


UNARY = {0x15: lambda a: int(a == 0), 0x19: lambda a: ~a & MASK}
BINARY = {
    0x01: lambda a, b: a + b & MASK,
    0x02: lambda a, b: a * b & MASK,
    0x03: lambda a, b: a - b & MASK,
    0x04: lambda a, b: a // b if b else 0,
    0x06: lambda a, b: a % b if b else 0,
    0x10: lambda a, b: int(a < b),
    0x11: lambda a, b: int(a > b),
    0x12: lambda a, b: int(_signed(a) < _signed(b)),
    0x13: lambda a, b: int(_signed(a) > _signed(b)),
    0x14: lambda a, b: int(a == b),
    0x16: lambda a, b: a & b,
    0x17: lambda a, b: a | b,
    0x18: lambda a, b: a ^ b,
    0x1A: lambda a, b: b >> 8 * (31 - a) & 0xFF if a < 32 else 0,
    0x1B: lambda a, b: b << a & MASK if a < BITS else 0,
    0x1C: lambda a, b: b >> a if a < BITS else 0,
}


def _flag(condition: z3.BoolRef) -> z3.BitVecRef:
    return z3.If(condition, z3.BitVecVal(1, BITS), z3.BitVecVal(0, BITS))


SYMBOLIC_UNARY = {0x15: lambda a: _flag(a == 0), 0x19: lambda a: ~a}
SYMBOLIC_BINARY = {
    0x01: lambda a, b: a + b,
    0x02: lambda a, b: a * b,
    0x03: lambda a, b: a - b,
    0x04: lambda a, b: z3.If(b == 0, z3.BitVecVal(0, BITS), z3.UDiv(a, b)),
    0x06: lambda a, b: z3.If(b == 0, z3.BitVecVal(0, BITS), z3.URem(a, b)),
    0x10: lambda a, b: _flag(z3.ULT(a, b)),
    0x11: lambda a, b: _flag(z3.UGT(a, b)),
    0x12: lambda a, b: _flag(a < b),
    0x13: lambda a, b: _flag(a > b),
    0x14: lambda a, b: _flag(a == b),
    0x16: lambda a, b: a & b,
    0x17: lambda a, b: a | b,
    0x18: lambda a, b: a ^ b,
    0x1A: lambda a, b: z3.LShR(b, 248 - 8 * a) & 0xFF,
    0x1B: lambda a, b: b << a,
    0x1C: lambda a, b: z3.LShR(b, a),
}


class Machine:
    """Runs the code of a contract on call data of which some bytes are not known."""

    def __init__(self, code: Sequence[Value], calldata: Sequence[Value], hashes: Hashes) -> None:
        self._code, self._calldata, self._hashes = code, calldata, hashes
        self.timestamp, self.chain_id, self.address = (
            z3.BitVec(name, BITS) for name in ("timestamp", "chain id", "address")
        )
        self._fresh = 0

    def successes(self) -> Iterator[Path]:
        """Every path that ends without a revert."""
        sane = [z3.ULT(self.timestamp, 2**63), z3.ULE(self.address, ADDRESS_MASK)]
        todo = [Path(0, conditions=sane)]
        while todo:
            path = todo.pop()
            if self._run(path, todo):
                yield path

    def _run(self, path: Path, todo: list[Path]) -> bool:
        """Go on until the end; whether it was a good one. Other ways at forks are left in `todo`."""
        while True:
            opcode = self._code[path.pc] if path.pc < len(self._code) else 0
            if not isinstance(opcode, int):
                raise UnsupportedError("an instruction that is not known")
            if opcode in (0x00, 0xF3):  # STOP, RETURN
                if opcode == 0xF3:
                    path.output = path.load(path.stack.pop(), path.stack.pop())
                return True
            if opcode in (0xFD, 0xFE):  # REVERT, INVALID
                return False
            if opcode in (0x56, 0x57):
                if not self._jump(path, opcode, todo):
                    return False
                continue
            self._step(path, opcode)

    def _jump(self, path: Path, opcode: int, todo: list[Path]) -> bool:
        target = path.stack.pop()
        condition: Value = path.stack.pop() if opcode == 0x57 else 1
        if not isinstance(target, int):
            raise UnsupportedError("a jump to a place that is not known")
        if isinstance(condition, int):
            path.pc = target if condition else path.pc + 1
            return True
        forks = ((condition == 0, path.pc + 1), (condition != 0, target))
        ways = [(way, pc) for way, pc in forks if self.possible([*path.conditions, way])]
        if not ways:
            return False
        for way, pc in ways[1:]:
            other = path.copy()
            other.conditions.append(way)
            other.pc = pc
            todo.append(other)
        path.conditions.append(ways[0][0])
        path.pc = ways[0][1]
        return True

    def possible(self, conditions: Sequence[z3.BoolRef]) -> bool:
        solver = z3.Solver()
        solver.add(*conditions)
        return solver.check() != z3.unsat

    def _step(self, path: Path, opcode: int) -> None:
        stack = path.stack
        if 0x5F <= opcode <= 0x7F:
            size = opcode - 0x5F
            stack.append(word_of(self._code[path.pc + 1 : path.pc + 1 + size]) if size else 0)
            path.pc += 1 + size
            return
        path.pc += 1
        if 0x80 <= opcode <= 0x8F:
            stack.append(stack[-(opcode - 0x7F)])
        elif 0x90 <= opcode <= 0x9F:
            depth = opcode - 0x8E
            stack[-1], stack[-depth] = stack[-depth], stack[-1]
        elif opcode in UNARY:
            a = stack.pop()
            stack.append(UNARY[opcode](a) if isinstance(a, int) else known(SYMBOLIC_UNARY[opcode](a)))
        elif opcode in BINARY:
            a, b = stack.pop(), stack.pop()
            if isinstance(a, int) and isinstance(b, int):
                stack.append(BINARY[opcode](a, b))
            else:
                stack.append(known(SYMBOLIC_BINARY[opcode](term(a), term(b))))
        elif 0xA0 <= opcode <= 0xA4:
            data = path.load(stack.pop(), stack.pop())
            path.logs.append(([stack.pop() for _ in range(opcode - 0xA0)], data))
        else:
            self._other(path, opcode)

    def _other(self, path: Path, opcode: int) -> None:
        stack = path.stack
        match opcode:
            case 0x5B:  # JUMPDEST
                pass
            case 0x50:  # POP
                stack.pop()
            case 0x51:  # MLOAD
                stack.append(word_of(path.load(stack.pop(), BYTES)))
            case 0x52:  # MSTORE
                start, value = stack.pop(), stack.pop()
                path.store(start, [byte_of(value, index) for index in range(BYTES)])
            case 0x53:  # MSTORE8
                start, value = stack.pop(), stack.pop()
                path.store(start, [byte_of(value, 31)])
            case 0x54:  # SLOAD
                stack.append(known(path.read(self._hashes.locate(stack.pop()))))
            case 0x55:  # SSTORE
                place = self._hashes.locate(stack.pop())
                path.writes.append((place, stack.pop()))
            case 0x20:  # KECCAK256
                stack.append(self._hashes.keccak(path.load(stack.pop(), stack.pop())))
            case 0x30:
                stack.append(self.address)
            case 0x34:  # CALLVALUE: a call with funds is refused, which is tested elsewhere
                stack.append(0)
            case 0x35:  # CALLDATALOAD
                start = stack.pop()
                if not isinstance(start, int):
                    raise UnsupportedError("call data at a place that is not known")
                stack.append(word_of([self._input(start + index) for index in range(BYTES)]))
            case 0x36:
                stack.append(len(self._calldata))
            case 0x37 | 0x39 | 0x3E:  # CALLDATACOPY, CODECOPY, RETURNDATACOPY
                self._copy(path, opcode)
            case 0x3D:
                stack.append(len(path.returned))
            case 0x42:
                stack.append(self.timestamp)
            case 0x46:
                stack.append(self.chain_id)
            case 0x5A:  # GAS
                stack.append(self._unknown("gas"))
            case 0xF1 | 0xFA:  # CALL, STATICCALL
                self._call(path, opcode)
            case _:
                raise UnsupportedError(f"instruction {opcode:#x} at {path.pc - 1:#x}")

    def _input(self, place: int) -> Value:
        return self._calldata[place] if place < len(self._calldata) else 0

    def _unknown(self, name: str) -> z3.BitVecRef:
        self._fresh += 1
        return z3.BitVec(f"{name} {self._fresh}", BITS)

    def _copy(self, path: Path, opcode: int) -> None:
        target, source, length = path.stack.pop(), path.stack.pop(), path.stack.pop()
        if not isinstance(source, int) or not isinstance(length, int):
            raise UnsupportedError("a copy from a place that is not known")
        octets: list[Value] = []
        for place in range(source, source + length):
            if opcode == 0x37:
                octets.append(self._input(place))
            elif opcode == 0x39:
                octets.append(self._code[place] if place < len(self._code) else 0)
            else:
                octets.append(path.returned[place])
        path.store(target, octets)

    def _call(self, path: Path, opcode: int) -> None:
        stack = path.stack
        _, whom = stack.pop(), stack.pop()
        if opcode == 0xF1:
            stack.pop()
        start, size, target, room = (stack.pop() for _ in range(4))
        given = path.load(start, size)
        path.calls.append(whom)
        if whom == ECRECOVER:
            digest, v, r, s = (word_of(given[index : index + BYTES]) for index in range(0, 128, BYTES))
            function = z3.Function("ecrecover", *[z3.BitVecSort(BITS)] * 4, z3.BitVecSort(160))
            signer = z3.ZeroExt(96, function(term(digest), term(v), term(r), term(s)))
            path.recovered.append(Recovered(digest, v, r, s, signer))
            path.returned = [byte_of(signer, index) for index in range(BYTES)]
        elif whom == SHA256:
            hashed = self._hashes.sha256(given)
            path.returned = [byte_of(hashed, index) for index in range(BYTES)]
        elif whom == IDENTITY:
            path.returned = given
        elif z3.eq(term(whom), self.address):
            self._call_itself(path)
            return
        else:
            raise UnsupportedError("a call to somebody else")
        if not isinstance(room, int):
            raise UnsupportedError("an answer of a length that is not known")
        path.store(target, path.returned[:room])
        stack.append(1)

    def _call_itself(self, path: Path) -> None:
        """What comes back may be anything, and storage too: what a call does is proved of it by itself."""
        path.epoch += 1
        path.returned = []
        path.stack.append(known(self._unknown("success") & 1))
