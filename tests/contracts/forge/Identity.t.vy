# pragma version 0.4.3
# SPDX-License-Identifier: Apache-2.0
"""
@title What must hold of ConsentRegistry whatever is thrown at it: whose key signs, recovery, the end
@license Apache-2.0
@notice Fuzzed by forge: each argument of a test is drawn anew in every run. The registry is the shipped bytecode.
"""

from . import words

initializes: words

GUARDIAN: constant(uint256) = 1_003
SOMEBODY: constant(uint256) = 1_004
DELAY: constant(uint256) = 7 * 86_400
NOBODY: constant(address) = 0xFFfFfFffFFfffFFfFFfFFFFFffFFFffffFfFFFfF  # the key of an identity that has ended

ROTATE: constant(bytes32) = keccak256(
    "Rotate(address subject,address newKey,bytes32 encryptionKey,uint256 nonce,uint64 deadline)"
)
ENTRUST: constant(bytes32) = keccak256("Entrust(address subject,address guardian,uint256 nonce,uint64 deadline)")
RECOVER: constant(bytes32) = keccak256(
    "Recover(address subject,address newKey,bytes32 encryptionKey,uint256 nonce,uint64 deadline)"
)
CONTEST: constant(bytes32) = keccak256("Contest(address subject,bytes32 recovery,uint64 deadline)")
DEACTIVATE: constant(bytes32) = keccak256("Deactivate(address subject,uint64 deadline)")

nonces: uint256  # how many this test has taken


@external
def setUp():
    words._set_up()


# --- Recovery ---


@external
def test_a_recovery_takes_its_time(drawn: uint256, wait: uint256, more: uint256):
    """Not a second before its delay is over is it completed, and until then the present key signs; then the new."""
    self._begin()
    heir: uint256 = self._other(drawn)
    assert words._try(self._recover(GUARDIAN, self._address(heir), 1))
    for early: uint256 in [0, wait % DELAY, DELAY - 1]:
        self._wait(early)
        assert not words._try(self._complete(self._recovery()))
        assert self._key() == words.person
        assert not words._try(self._registered_by(heir))
        assert words._try(self._registered_by(words.PERSON))
    id: bytes32 = self._recovery()
    self._wait(DELAY + (more >> 1) % (2 * DELAY) * (more & 1))
    assert not words._try(self._complete(words.RECORD))
    assert words._try(self._complete(id))
    assert self._key() == self._address(heir)
    assert not words._try(self._complete(id))
    assert not words._try(self._registered_by(words.PERSON))
    assert words._try(self._registered_by(heir))


@external
def test_the_guardian_alone_begins_a_recovery(drawn: uint256, heir: address):
    """Not the person, not who is to take over, not who was the guardian; and nobody where there is none."""
    self._begin()
    other: uint256 = self._other(drawn)
    for key: uint256 in [words.PERSON, other]:
        assert not words._try(self._recover(key, self._address(other), 1))
    assert not words._try(self._recover(GUARDIAN, empty(address), 1))
    assert not words._try(self._recover(GUARDIAN, NOBODY, 1))
    guardians: address[2] = [self._address(other), empty(address)]
    for guardian: address in guardians:
        assert words._try(self._entrust(words.PERSON, guardian))
        assert not words._try(self._recover(GUARDIAN, self._address(other), 1))
        assert self._recovery() == empty(bytes32)
    assert not words._try(self._recover(other, self._address(other), 1))
    assert words._try(self._entrust(words.PERSON, self._address(GUARDIAN)))
    usable: bool = heir != empty(address) and heir != NOBODY
    assert words._try(self._recover(GUARDIAN, heir, 1)) == usable


@external
def test_one_recovery_at_a_time(first: address, second: address, wait: uint256):
    """A second one neither begins nor changes anything while the first is under way, even when its time has come."""
    for key: address in [first, second]:
        if key == empty(address) or key == NOBODY:
            return
    self._begin()
    assert words._try(self._recover(GUARDIAN, first, 1))
    id: bytes32 = self._recovery()
    for later: uint256 in [0, wait % (3 * DELAY), 3 * DELAY]:
        self._wait(later)
        assert not words._try(self._recover(GUARDIAN, second, 2))
        assert self._recovery() == id
    assert words._try(self._complete(id))
    assert self._key() == first
    assert words._try(self._recover(GUARDIAN, second, 2))
    assert not words._try(self._complete(self._recovery()))


@external
def test_the_present_key_ends_a_recovery(drawn: uint256, wait: uint256, how: uint256):
    """By contesting it, by entrusting somebody (or the same again) and by ending the identity; nobody else does."""
    self._begin()
    heir: uint256 = self._other(drawn)
    begin: Bytes[words.CALL] = self._recover(GUARDIAN, self._address(heir), 1)
    assert words._try(begin)
    id: bytes32 = self._recovery()
    self._wait(wait % (2 * DELAY))
    for key: uint256 in [GUARDIAN, heir]:
        assert not words._try(self._ending(key, how, id))
    assert not words._try(self._contest(words.PERSON, words.RECORD))
    assert self._recovery() == id
    assert words._try(self._ending(words.PERSON, how, id))
    key: address = self._key()
    assert key == (NOBODY if how % 4 == 3 else words.person)
    assert self._recovery() == empty(bytes32)
    for later: uint256 in [wait % (2 * DELAY), 4 * DELAY]:
        self._wait(later)
        assert not words._try(self._complete(id))
        assert not words._try(self._complete(empty(bytes32)))
        assert not words._try(begin)
    assert self._key() == key


@external
def test_a_guardian_uses_up_no_nonce(number: uint128):
    """Neither the person's nor the guardian's, whose address may be an identity that has another key by now."""
    self._begin()
    guardian: address = self._address(GUARDIAN)
    nonce: uint256 = 2_000 + convert(number, uint256)
    assert words._try(self._recover(GUARDIAN, words.requester, convert(number, uint256)))
    for somebody: address in [words.person, guardian]:
        assert not staticcall words.Registry(words.registry).isNonceUsed(somebody, nonce)
    assert words._try(words._register(words.PERSON, nonce, words.COMMITMENT))


# --- Keys ---


@external
def test_after_a_rotation_the_new_key_alone_counts(drawn: uint256, further: address):
    """Whatever the old one signs, before or after; and the new one can do all that the old one could."""
    self._begin()
    new: uint256 = self._other(drawn)
    held_back: Bytes[words.CALL] = self._rotate(words.PERSON, words.requester)
    for nobody: address in [empty(address), NOBODY]:
        assert not words._try(self._rotate(words.PERSON, nobody))
    assert not words._try(self._rotate(new, self._address(new)))
    assert words._try(self._rotate(words.PERSON, self._address(new)))
    assert self._key() == self._address(new)
    assert not words._try(held_back)
    for act: uint256 in range(4):
        assert not words._try(self._act(words.PERSON, act, further))
    assert self._key() == self._address(new)
    assert words._try(self._registered_by(new))
    assert words._try(self._entrust(new, further))
    assert staticcall words.Registry(words.registry).guardianOf(words.person) == further
    assert words._try(self._deactivate(new))


@external
def test_an_ended_identity_stays_so(acts: uint256, drawn: uint256, wait: uint256):
    """Eight acts by any key and at any time, also with a recovery under way; and its consents have ended with it."""
    r: words.Request = words._ask(words.EXPIRY, 5)
    assert words._try(words._grant(r, words.EXPIRY, 2))
    assert words._try(self._entrust(words.PERSON, self._address(GUARDIAN)))
    if acts & 1 == 1:
        assert words._try(self._recover(GUARDIAN, words.requester, 1))
    id: bytes32 = self._recovery()
    assert staticcall words.Registry(words.registry).isGranted(r)
    assert words._try(self._deactivate(words.PERSON))
    assert not staticcall words.Registry(words.registry).isGranted(r)
    assert not staticcall words.Registry(words.registry).isValid(words._id(r))
    another: words.Request = r
    another.nonce = 6
    assert not words._try(words._requested(another))
    keys: uint256[4] = [words.PERSON, GUARDIAN, words.REQUESTER, self._other(drawn)]
    for position: uint256 in range(8):
        draw: uint256 = acts >> (8 * position + 1)
        self._wait((wait >> (8 * position)) % (2 * DELAY))
        assert not words._try(self._act(keys[draw % 4], draw >> 2, self._address(keys[3])))
        assert not words._try(self._recover(GUARDIAN, self._address(keys[3]), 3 + position))
        assert not words._try(self._complete(id))
        assert self._key() == NOBODY


# --- Words ---


@internal
def _begin():
    """The person is enrolled, and has entrusted the guardian."""
    words._begin()
    assert words._try(self._entrust(words.PERSON, self._address(GUARDIAN)))


@internal
def _other(drawn: uint256) -> uint256:
    """A key that is neither the person's nor the guardian's."""
    key: uint256 = words._key(drawn)
    return SOMEBODY if key == words.PERSON or key == GUARDIAN else key


@internal
def _address(key: uint256) -> address:
    return extcall words.Vm(words.VM).addr(key)


@internal
def _wait(seconds: uint256):
    """So many from the beginning."""
    extcall words.Vm(words.VM).warp(words.NOW + seconds)


@internal
def _fresh() -> uint256:
    self.nonces += 1
    return 1_000 + self.nonces


@internal
@view
def _key() -> address:
    return staticcall words.Registry(words.registry).keyOf(words.person)


@internal
@view
def _recovery() -> bytes32:
    """The id of the one under way."""
    id: bytes32 = empty(bytes32)
    key: address = empty(address)
    ready: uint64 = 0
    id, key, ready = staticcall words.Registry(words.registry).recoveryOf(words.person)
    return id


@internal
def _act(key: uint256, kind: uint256, whom: address) -> Bytes[words.CALL]:
    """An act about the identity that needs nothing but the present key's signature."""
    if kind % 4 == 0:
        return self._registered_by(key)
    if kind % 4 == 1:
        return self._rotate(key, whom)
    if kind % 4 == 2:
        return self._entrust(key, whom)
    return self._deactivate(key)


@internal
def _ending(key: uint256, how: uint256, recovery: bytes32) -> Bytes[words.CALL]:
    """An act that ends a recovery."""
    if how % 4 == 0:
        return self._contest(key, recovery)
    if how % 4 == 1:
        return self._entrust(key, self._address(GUARDIAN))
    if how % 4 == 2:
        return self._entrust(key, empty(address))
    return self._deactivate(key)


@internal
def _registered_by(key: uint256) -> Bytes[words.CALL]:
    return words._register(key, self._fresh(), words.COMMITMENT)


@internal
def _rotate(key: uint256, new_key: address) -> Bytes[words.CALL]:
    nonce: uint256 = self._fresh()
    hash: bytes32 = keccak256(abi_encode(ROTATE, words.person, new_key, words.RECORD, nonce, words.DEADLINE))
    return abi_encode(
        words.person, new_key, words.RECORD, nonce, words.DEADLINE, words._sign(key, hash),
        method_id=method_id("rotate(address,address,bytes32,uint256,uint64,bytes)"),
    )


@internal
def _entrust(key: uint256, guardian: address) -> Bytes[words.CALL]:
    nonce: uint256 = self._fresh()
    hash: bytes32 = keccak256(abi_encode(ENTRUST, words.person, guardian, nonce, words.DEADLINE))
    return abi_encode(
        words.person, guardian, nonce, words.DEADLINE, words._sign(key, hash),
        method_id=method_id("entrust(address,address,uint256,uint64,bytes)"),
    )


@internal
def _recover(key: uint256, new_key: address, number: uint256) -> Bytes[words.CALL]:
    """With the nonce of this number, so that it can be brought twice."""
    nonce: uint256 = 2_000 + number
    hash: bytes32 = keccak256(abi_encode(RECOVER, words.person, new_key, words.RECORD, nonce, words.DEADLINE))
    return abi_encode(
        words.person, new_key, words.RECORD, nonce, words.DEADLINE, words._sign(key, hash),
        method_id=method_id("recover(address,address,bytes32,uint256,uint64,bytes)"),
    )


@internal
def _contest(key: uint256, recovery: bytes32) -> Bytes[words.CALL]:
    hash: bytes32 = keccak256(abi_encode(CONTEST, words.person, recovery, words.DEADLINE))
    return abi_encode(
        words.person, recovery, words.DEADLINE, words._sign(key, hash),
        method_id=method_id("contest(address,bytes32,uint64,bytes)"),
    )


@internal
def _complete(recovery: bytes32) -> Bytes[words.CALL]:
    return abi_encode(words.person, recovery, method_id=method_id("complete(address,bytes32)"))


@internal
def _deactivate(key: uint256) -> Bytes[words.CALL]:
    hash: bytes32 = keccak256(abi_encode(DEACTIVATE, words.person, words.DEADLINE))
    return abi_encode(
        words.person, words.DEADLINE, words._sign(key, hash),
        method_id=method_id("deactivate(address,uint64,bytes)"),
    )
