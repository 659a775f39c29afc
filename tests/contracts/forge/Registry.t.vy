# pragma version 0.4.3
# SPDX-License-Identifier: Apache-2.0
"""
@title What must hold of ConsentRegistry whatever is thrown at it
@license Apache-2.0
@notice Fuzzed by forge: each argument of a test is drawn anew in every run. The registry is the shipped bytecode.
@dev Signatures are made from the rules of EIP-712 once more, not with the contract's own words.
"""

interface Vm:
    def deployCode(path: String[64], args: Bytes[64]) -> address: nonpayable
    def addr(key: uint256) -> address: nonpayable
    def sign(key: uint256, digest: bytes32) -> (uint8, bytes32, bytes32): nonpayable
    def warp(time: uint256): nonpayable
    def chainId(id: uint256): nonpayable
    def snapshotState() -> uint256: nonpayable
    def revertToState(id: uint256) -> bool: nonpayable

interface Registry:
    def domainSeparator() -> bytes32: view
    def keyOf(subject: address) -> address: view
    def commitmentOf(subject: address, record: bytes32) -> bytes32: view
    def consentOf(request: bytes32) -> (uint8, uint64): view
    def isValid(request: bytes32) -> bool: view
    def isGranted(r: Request) -> bool: view
    def isNonceUsed(subject: address, nonce: uint256) -> bool: view
    def submit(calls: DynArray[Bytes[676], 32]) -> uint256: nonpayable

struct Request:
    requester: address
    subject: address
    record: bytes32
    purpose: bytes32
    encryption_key: bytes32
    expiry: uint64
    nonce: uint256
    deadline: uint64


VM: constant(address) = 0x7109709ECfa91a80626fF3989D68f67F5b1DD12D
ORDER: constant(uint256) = 115792089237316195423570985008687907852837564279074904382605163141518161494337
NOW: constant(uint256) = 1_800_000_000
DEADLINE: constant(uint64) = 1_800_001_000
EXPIRY: constant(uint64) = 1_800_100_000
RECORD: constant(bytes32) = keccak256("a record")
COMMITMENT: constant(bytes32) = keccak256("a commitment")
PERSON: constant(uint256) = 1_001
REQUESTER: constant(uint256) = 1_002
CALL: constant(uint256) = 676
JUNK: constant(uint256) = 672
REGISTRATION: constant(uint256) = 356  # bytes of its call data

ENROL: constant(bytes32) = keccak256("Enrol(address subject,bytes32 encryptionKey,uint256 nonce,uint64 deadline)")
REGISTER: constant(bytes32) = keccak256(
    "Register(address subject,bytes32 record,bytes32 kind,bytes32 commitment,uint256 nonce,uint64 deadline)"
)
REQUEST: constant(bytes32) = keccak256(
    "Request(address requester,address subject,bytes32 record,bytes32 purpose,bytes32 encryptionKey,uint64 expiry,uint256 nonce,uint64 deadline)"
)
GRANT: constant(bytes32) = keccak256(
    "Grant(address subject,bytes32 request,bytes32 purpose,uint64 expiry,bytes sealedKey,uint256 nonce,uint64 deadline)"
)
DENY: constant(bytes32) = keccak256("Deny(address subject,bytes32 request,uint64 deadline)")
WITHDRAW: constant(bytes32) = keccak256("Withdraw(address subject,bytes32 request,uint64 deadline)")
RENEW: constant(bytes32) = keccak256("Renew(address subject,bytes32 request,uint64 expiry,uint256 nonce,uint64 deadline)")

registry: address
person: address
requester: address


@external
def setUp():
    extcall Vm(VM).warp(NOW)
    self.registry = self._deploy("forge")
    self.person = extcall Vm(VM).addr(PERSON)
    self.requester = extcall Vm(VM).addr(REQUESTER)


# --- Signatures ---


@external
def test_only_the_signature_of_the_key_itself_counts(key: uint256, other: uint256, nonce: uint256):
    """Not another key's; not its twin with a high s, whichever v goes with it."""
    signer: uint256 = self._key(key)
    subject: address = extcall Vm(VM).addr(signer)
    hash: bytes32 = keccak256(abi_encode(ENROL, subject, RECORD, nonce, DEADLINE))
    if self._key(other) != signer:
        assert not self._try(self._enrol(subject, nonce, self._sign(self._key(other), hash)))
    v: uint8 = 0
    r: bytes32 = empty(bytes32)
    s: bytes32 = empty(bytes32)
    v, r, s = extcall Vm(VM).sign(signer, self._digest(hash))
    high: bytes32 = convert(ORDER - convert(s, uint256), bytes32)
    for twin_v: uint8 in [27, 28]:
        assert not self._try(self._enrol(subject, nonce, self._joined(r, high, twin_v)))
    assert not self._try(self._enrol(subject, nonce, self._joined(r, s, 55 - v)))
    assert self._try(self._enrol(subject, nonce, self._joined(r, s, v)))
    assert staticcall Registry(self.registry).keyOf(subject) == subject


@external
def test_no_signature_out_of_thin_air(subject: address, r: bytes32, s: bytes32, v: uint8, nonce: uint256):
    """Drawn at random, and for any subject, the empty address among them."""
    assert not self._try(self._enrol(subject, nonce, self._joined(r, s, v)))
    assert not self._try(self._enrol(empty(address), nonce, self._joined(r, s, v)))


@external
def test_no_bit_of_what_was_signed_can_be_altered(bit: uint256, nonce: uint256):
    """Any bit of the call data of a registration, signature included."""
    self._begin()
    call: Bytes[CALL] = self._register(nonce, COMMITMENT)
    if staticcall Registry(self.registry).isNonceUsed(self.person, nonce):
        return
    word: uint256 = (bit >> 8) % ((len(call) - 4) // 32)
    # The last word is half padding, which no one signed and the decoder does not look at.
    if word == (len(call) - 4) // 32 - 1:
        word -= 1
    altered: Bytes[CALL] = self._flipped(call, 4 + 32 * word, bit >> 16)
    assert altered != call
    before: bytes32 = staticcall Registry(self.registry).commitmentOf(self.person, RECORD)
    taken: bool = self._try(altered)
    assert not taken, "altered"
    assert staticcall Registry(self.registry).commitmentOf(self.person, RECORD) == before
    assert self._try(call)


# --- Replay ---


@external
def test_what_counts_here_does_not_count_elsewhere(there: uint256, nonce: uint256):
    """Not on another chain, in another environment's registry, nor in another registry of the same."""
    hash: bytes32 = keccak256(abi_encode(ENROL, self.person, RECORD, nonce, DEADLINE))
    call: Bytes[CALL] = self._enrol(self.person, nonce, self._sign(PERSON, hash))
    home: address = self.registry
    for environment: String[16] in ["forge", "another"]:
        self.registry = self._deploy(environment)
        assert not self._try(call)
    self.registry = home
    here: uint256 = chain.id
    extcall Vm(VM).chainId(1 + there % (2**63))
    if chain.id != here:
        assert not self._try(call)
    extcall Vm(VM).chainId(here)
    assert self._try(call)
    assert not self._try(call)


@external
def test_a_nonce_counts_once_in_any_order(first: uint256, second: uint256):
    """And marks no other nonce as used."""
    self._begin()
    fresh: bool = not staticcall Registry(self.registry).isNonceUsed(self.person, first)
    assert self._try(self._register(first, RECORD)) == fresh
    unused: bool = not staticcall Registry(self.registry).isNonceUsed(self.person, second)
    if fresh:
        assert unused == (second != first and second != 0 and second != 1)
    assert self._try(self._register(second, COMMITMENT)) == unused
    assert staticcall Registry(self.registry).isNonceUsed(self.person, first)
    assert staticcall Registry(self.registry).isNonceUsed(self.person, second)
    assert not staticcall Registry(self.registry).isNonceUsed(self.requester, first)


# --- Time ---


@external
def test_a_deadline_is_the_last_second(lead: uint64, late: uint64):
    """At any moment before the deadline and at it, never after."""
    deadline: uint64 = convert(NOW, uint64) + lead % 2**40
    hash: bytes32 = keccak256(abi_encode(ENROL, self.person, RECORD, convert(7, uint256), deadline))
    call: Bytes[CALL] = abi_encode(
        self.person, RECORD, convert(7, uint256), deadline, self._sign(PERSON, hash),
        method_id=method_id("enrol(address,bytes32,uint256,uint64,bytes)"),
    )
    extcall Vm(VM).warp(convert(deadline, uint256) + 1 + convert(late % 2**40, uint256))
    assert not self._try(call)
    extcall Vm(VM).warp(convert(deadline, uint256))
    assert self._try(call)


@external
def test_a_consent_counts_until_its_expiry(asked: uint64, until: uint64, moment: uint64):
    """A grant is taken if it ends after now and not after the request; then it counts before its end alone."""
    expiry: uint64 = convert(NOW, uint64) + 1 + asked % 100_000
    end: uint64 = convert(NOW, uint64) - 10 + until % 100_020
    r: Request = self._ask(expiry, 5)
    taken: bool = self._try(self._grant(r, end, 2))
    assert taken == (convert(end, uint256) > NOW and end <= expiry)
    last: uint256 = convert(end, uint256)
    for later: uint256 in [last - 1, last, last + 1, NOW + convert(moment % 200_000, uint256)]:
        extcall Vm(VM).warp(later)
        valid: bool = taken and later < last
        assert staticcall Registry(self.registry).isValid(self._id(r)) == valid
        assert staticcall Registry(self.registry).isGranted(r) == valid
    other: Request = r
    other.purpose = COMMITMENT
    assert not staticcall Registry(self.registry).isGranted(other)


# --- States and batches ---


@external
def test_a_batch_does_what_its_items_would_do(acts: uint256):
    """Eight acts drawn from all that is about a consent, some of them bad: alone, then in one transaction."""
    r: Request = self._ask(EXPIRY, 5)
    id: bytes32 = self._id(r)
    calls: DynArray[Bytes[CALL], 32] = []
    for position: uint256 in range(8):
        calls.append(self._drawn(r, acts >> (8 * position), 10 + position))
    before: uint256 = extcall Vm(VM).snapshotState()
    taken: uint256 = 0
    for position: uint256 in range(8):
        state: uint8 = self._state(id)
        if self._try(calls[position]):
            taken |= 1 << position
            assert self._may_follow(state, self._state(id))
        else:
            assert self._state(id) == state
    alone: bytes32 = self._everything(id)
    assert extcall Vm(VM).revertToState(before)
    assert extcall Registry(self.registry).submit(calls) == taken
    assert self._everything(id) == alone


@external
def test_junk_changes_nothing(junk: Bytes[JUNK], selector: uint8):
    """Any bytes, also behind the selector of each function that changes something."""
    r: Request = self._ask(EXPIRY, 5)
    assert self._try(self._grant(r, EXPIRY, 2))
    before: bytes32 = self._everything(self._id(r))
    selectors: bytes4[8] = [
        method_id("enrol(address,bytes32,uint256,uint64,bytes)", output_type=bytes4),
        method_id("deny(bytes32,uint64,bytes)", output_type=bytes4),
        method_id("withdraw(bytes32,uint64,bytes)", output_type=bytes4),
        method_id("renew(bytes32,uint64,uint256,uint64,bytes)", output_type=bytes4),
        method_id("deactivate(address,uint64,bytes)", output_type=bytes4),
        method_id("complete(address,bytes32)", output_type=bytes4),
        method_id("contest(address,bytes32,uint64,bytes)", output_type=bytes4),
        method_id("submit(bytes[])", output_type=bytes4),
    ]
    self._try(junk)
    self._try(concat(selectors[selector % 8], junk))
    assert self._everything(self._id(r)) == before


# --- Words ---


@internal
def _deploy(environment: String[16]) -> address:
    return extcall Vm(VM).deployCode("ConsentRegistry.json", abi_encode(keccak256(environment)))


@internal
@view
def _key(drawn: uint256) -> uint256:
    return drawn % (ORDER - 1) + 1


@internal
@view
def _digest(hash: bytes32) -> bytes32:
    return keccak256(concat(b"\x19\x01", staticcall Registry(self.registry).domainSeparator(), hash))


@internal
@pure
def _joined(r: bytes32, s: bytes32, v: uint8) -> Bytes[65]:
    return concat(r, s, convert(v, bytes1))


@internal
def _sign(key: uint256, hash: bytes32) -> Bytes[65]:
    v: uint8 = 0
    r: bytes32 = empty(bytes32)
    s: bytes32 = empty(bytes32)
    v, r, s = extcall Vm(VM).sign(key, self._digest(hash))
    return self._joined(r, s, v)


@internal
def _try(call: Bytes[CALL]) -> bool:
    return raw_call(self.registry, call, revert_on_failure=False)


@internal
def _begin():
    """The person is enrolled, with nonce 0, and has a record, with nonce 1."""
    hash: bytes32 = keccak256(abi_encode(ENROL, self.person, RECORD, convert(0, uint256), DEADLINE))
    assert self._try(self._enrol(self.person, 0, self._sign(PERSON, hash)))
    assert self._try(self._register(1, COMMITMENT))


@internal
def _enrol(subject: address, nonce: uint256, signature: Bytes[65]) -> Bytes[CALL]:
    return abi_encode(
        subject, RECORD, nonce, DEADLINE, signature,
        method_id=method_id("enrol(address,bytes32,uint256,uint64,bytes)"),
    )


@internal
def _register(nonce: uint256, commitment: bytes32) -> Bytes[CALL]:
    hash: bytes32 = keccak256(abi_encode(REGISTER, self.person, RECORD, RECORD, commitment, nonce, DEADLINE))
    return abi_encode(
        self.person, RECORD, RECORD, commitment, nonce, DEADLINE, self._sign(PERSON, hash),
        method_id=method_id("register(address,bytes32,bytes32,bytes32,uint256,uint64,bytes)"),
    )


@internal
def _ask(expiry: uint64, nonce: uint256) -> Request:
    self._begin()
    r: Request = Request(
        requester=self.requester, subject=self.person, record=RECORD, purpose=RECORD, encryption_key=RECORD,
        expiry=expiry, nonce=nonce, deadline=DEADLINE,
    )
    assert self._try(self._requested(r))
    return r


@internal
def _requested(r: Request) -> Bytes[CALL]:
    return abi_encode(
        r, self._sign(REQUESTER, self._id(r)),
        method_id=method_id("request((address,address,bytes32,bytes32,bytes32,uint64,uint256,uint64),bytes)"),
    )


@internal
@pure
def _id(r: Request) -> bytes32:
    return keccak256(abi_encode(REQUEST, r))


@internal
def _grant(r: Request, expiry: uint64, nonce: uint256) -> Bytes[CALL]:
    sealed: Bytes[80] = concat(RECORD, RECORD, slice(RECORD, 0, 16))
    hash: bytes32 = keccak256(
        abi_encode(GRANT, r.subject, self._id(r), r.purpose, expiry, keccak256(sealed), nonce, DEADLINE)
    )
    return abi_encode(
        r, expiry, sealed, nonce, DEADLINE, self._sign(PERSON, hash),
        method_id=method_id(
            "grant((address,address,bytes32,bytes32,bytes32,uint64,uint256,uint64),uint64,bytes,uint256,uint64,bytes)"
        ),
    )


@internal
def _drawn(r: Request, draw: uint256, nonce: uint256) -> Bytes[CALL]:
    """One of the acts about a consent; one in four is signed by the wrong key, one in eight has an old nonce."""
    id: bytes32 = self._id(r)
    key: uint256 = REQUESTER if draw & 3 == 0 else PERSON
    number: uint256 = 1 if draw & 28 == 0 else nonce
    kind: uint256 = (draw >> 5) % 5
    if kind == 0:
        return self._grant(r, EXPIRY, number)
    if kind == 1:
        deny: bytes32 = keccak256(abi_encode(DENY, self.person, id, DEADLINE))
        return abi_encode(id, DEADLINE, self._sign(key, deny), method_id=method_id("deny(bytes32,uint64,bytes)"))
    if kind == 2:
        withdraw: bytes32 = keccak256(abi_encode(WITHDRAW, self.person, id, DEADLINE))
        return abi_encode(
            id, DEADLINE, self._sign(key, withdraw), method_id=method_id("withdraw(bytes32,uint64,bytes)")
        )
    if kind == 3:
        renew: bytes32 = keccak256(abi_encode(RENEW, self.person, id, EXPIRY + 5, number, DEADLINE))
        return abi_encode(
            id, EXPIRY + 5, number, DEADLINE, self._sign(key, renew),
            method_id=method_id("renew(bytes32,uint64,uint256,uint64,bytes)"),
        )
    return self._requested(r)


@internal
@view
def _state(id: bytes32) -> uint8:
    state: uint8 = 0
    expiry: uint64 = 0
    state, expiry = staticcall Registry(self.registry).consentOf(id)
    return state


@internal
@pure
def _may_follow(before: uint8, after: uint8) -> bool:
    """Requested to granted or denied; granted to withdrawn, or to granted with another end."""
    if before == 1:
        return after == 2 or after == 3
    return before == 2 and (after == 4 or after == 2)


@internal
@view
def _everything(id: bytes32) -> bytes32:
    """All that these tests can change, in one word."""
    state: uint8 = 0
    expiry: uint64 = 0
    state, expiry = staticcall Registry(self.registry).consentOf(id)
    used: uint256 = 0
    for nonce: uint256 in range(20):
        if staticcall Registry(self.registry).isNonceUsed(self.person, nonce):
            used |= 1 << nonce
    key: address = staticcall Registry(self.registry).keyOf(self.person)
    commitment: bytes32 = staticcall Registry(self.registry).commitmentOf(self.person, RECORD)
    return keccak256(abi_encode(state, expiry, used, key, commitment))


@internal
@pure
def _flipped(call: Bytes[CALL], start: uint256, bit: uint256) -> Bytes[CALL]:
    """The same with one bit altered, of the word at `start`."""
    word: uint256 = convert(extract32(call, start), uint256) ^ (1 << (bit % 256))
    altered: Bytes[2 * CALL + 32] = concat(
        slice(call, 0, start), convert(word, bytes32), slice(call, start + 32, len(call) - start - 32)
    )
    return slice(altered, 0, REGISTRATION)
