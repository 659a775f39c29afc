# pragma version 0.4.3
# SPDX-License-Identifier: Apache-2.0
"""
@title What must hold of ConsentRegistry whatever is thrown at it: signatures, replay, time, consents, batches
@license Apache-2.0
@notice Fuzzed by forge: each argument of a test is drawn anew in every run. The registry is the shipped bytecode.
"""

from . import words

initializes: words

JUNK: constant(uint256) = 672
REGISTRATION: constant(uint256) = 356  # bytes of its call data

DENY: constant(bytes32) = keccak256("Deny(address subject,bytes32 request,uint64 deadline)")
WITHDRAW: constant(bytes32) = keccak256("Withdraw(address subject,bytes32 request,uint64 deadline)")
RENEW: constant(bytes32) = keccak256("Renew(address subject,bytes32 request,uint64 expiry,uint256 nonce,uint64 deadline)")


@external
def setUp():
    words._set_up()


# --- Signatures ---


@external
def test_only_the_signature_of_the_key_itself_counts(key: uint256, other: uint256, nonce: uint256):
    """Not another key's; not its twin with a high s, whichever v goes with it."""
    signer: uint256 = words._key(key)
    subject: address = extcall words.Vm(words.VM).addr(signer)
    hash: bytes32 = keccak256(abi_encode(words.ENROL, subject, words.RECORD, nonce, words.DEADLINE))
    if words._key(other) != signer:
        assert not words._try(words._enrol(subject, nonce, words._sign(words._key(other), hash)))
    v: uint8 = 0
    r: bytes32 = empty(bytes32)
    s: bytes32 = empty(bytes32)
    v, r, s = extcall words.Vm(words.VM).sign(signer, words._digest(hash))
    high: bytes32 = convert(words.ORDER - convert(s, uint256), bytes32)
    for twin_v: uint8 in [27, 28]:
        assert not words._try(words._enrol(subject, nonce, words._joined(r, high, twin_v)))
    assert not words._try(words._enrol(subject, nonce, words._joined(r, s, 55 - v)))
    assert words._try(words._enrol(subject, nonce, words._joined(r, s, v)))
    assert staticcall words.Registry(words.registry).keyOf(subject) == subject


@external
def test_no_signature_out_of_thin_air(subject: address, r: bytes32, s: bytes32, v: uint8, nonce: uint256):
    """Drawn at random, and for any subject, the empty address among them."""
    assert not words._try(words._enrol(subject, nonce, words._joined(r, s, v)))
    assert not words._try(words._enrol(empty(address), nonce, words._joined(r, s, v)))


@external
def test_no_bit_of_what_was_signed_can_be_altered(bit: uint256, nonce: uint256):
    """Any bit of the call data of a registration, signature included."""
    words._begin()
    call: Bytes[words.CALL] = words._register(words.PERSON, nonce, words.COMMITMENT)
    if staticcall words.Registry(words.registry).isNonceUsed(words.person, nonce):
        return
    word: uint256 = (bit >> 8) % ((len(call) - 4) // 32)
    # The last word is half padding, which no one signed and the decoder does not look at.
    if word == (len(call) - 4) // 32 - 1:
        word -= 1
    altered: Bytes[words.CALL] = self._flipped(call, 4 + 32 * word, bit >> 16)
    assert altered != call
    before: bytes32 = staticcall words.Registry(words.registry).commitmentOf(words.person, words.RECORD)
    taken: bool = words._try(altered)
    assert not taken, "altered"
    assert staticcall words.Registry(words.registry).commitmentOf(words.person, words.RECORD) == before
    assert words._try(call)


# --- Replay ---


@external
def test_what_counts_here_does_not_count_elsewhere(there: uint256, nonce: uint256):
    """Not on another chain, in another environment's registry, nor in another registry of the same."""
    hash: bytes32 = keccak256(abi_encode(words.ENROL, words.person, words.RECORD, nonce, words.DEADLINE))
    call: Bytes[words.CALL] = words._enrol(words.person, nonce, words._sign(words.PERSON, hash))
    home: address = words.registry
    for environment: String[16] in ["forge", "another"]:
        words.registry = words._deploy(environment)
        assert not words._try(call)
    words.registry = home
    here: uint256 = chain.id
    extcall words.Vm(words.VM).chainId(1 + there % (2**63))
    if chain.id != here:
        assert not words._try(call)
    extcall words.Vm(words.VM).chainId(here)
    assert words._try(call)
    assert not words._try(call)


@external
def test_a_nonce_counts_once_in_any_order(first: uint256, second: uint256):
    """And marks no other nonce as used."""
    words._begin()
    fresh: bool = not staticcall words.Registry(words.registry).isNonceUsed(words.person, first)
    assert words._try(words._register(words.PERSON, first, words.RECORD)) == fresh
    unused: bool = not staticcall words.Registry(words.registry).isNonceUsed(words.person, second)
    if fresh:
        assert unused == (second != first and second != 0 and second != 1)
    assert words._try(words._register(words.PERSON, second, words.COMMITMENT)) == unused
    assert staticcall words.Registry(words.registry).isNonceUsed(words.person, first)
    assert staticcall words.Registry(words.registry).isNonceUsed(words.person, second)
    assert not staticcall words.Registry(words.registry).isNonceUsed(words.requester, first)


# --- Time ---


@external
def test_a_deadline_is_the_last_second(lead: uint64, late: uint64):
    """At any moment before the deadline and at it, never after."""
    deadline: uint64 = convert(words.NOW, uint64) + lead % 2**40
    hash: bytes32 = keccak256(abi_encode(words.ENROL, words.person, words.RECORD, convert(7, uint256), deadline))
    call: Bytes[words.CALL] = abi_encode(
        words.person, words.RECORD, convert(7, uint256), deadline, words._sign(words.PERSON, hash),
        method_id=method_id("enrol(address,bytes32,uint256,uint64,bytes)"),
    )
    extcall words.Vm(words.VM).warp(convert(deadline, uint256) + 1 + convert(late % 2**40, uint256))
    assert not words._try(call)
    extcall words.Vm(words.VM).warp(convert(deadline, uint256))
    assert words._try(call)


@external
def test_a_consent_counts_until_its_expiry(asked: uint64, until: uint64, moment: uint64):
    """A grant is taken if it ends after now and not after the request; then it counts before its end alone."""
    expiry: uint64 = convert(words.NOW, uint64) + 1 + asked % 100_000
    end: uint64 = convert(words.NOW, uint64) - 10 + until % 100_020
    r: words.Request = words._ask(expiry, 5)
    taken: bool = words._try(words._grant(r, end, 2))
    assert taken == (convert(end, uint256) > words.NOW and end <= expiry)
    last: uint256 = convert(end, uint256)
    for later: uint256 in [last - 1, last, last + 1, words.NOW + convert(moment % 200_000, uint256)]:
        extcall words.Vm(words.VM).warp(later)
        valid: bool = taken and later < last
        assert staticcall words.Registry(words.registry).isValid(words._id(r)) == valid
        assert staticcall words.Registry(words.registry).isGranted(r) == valid
    other: words.Request = r
    other.purpose = words.COMMITMENT
    assert not staticcall words.Registry(words.registry).isGranted(other)


# --- States and batches ---


@external
def test_a_batch_does_what_its_items_would_do(acts: uint256):
    """Eight acts drawn from all that is about a consent, some of them bad: alone, then in one transaction."""
    r: words.Request = words._ask(words.EXPIRY, 5)
    id: bytes32 = words._id(r)
    calls: DynArray[Bytes[words.CALL], 32] = []
    for position: uint256 in range(8):
        calls.append(self._drawn(r, acts >> (8 * position), 10 + position))
    before: uint256 = extcall words.Vm(words.VM).snapshotState()
    taken: uint256 = 0
    for position: uint256 in range(8):
        state: uint8 = self._state(id)
        if words._try(calls[position]):
            taken |= 1 << position
            assert self._may_follow(state, self._state(id))
        else:
            assert self._state(id) == state
    alone: bytes32 = self._everything(id)
    assert extcall words.Vm(words.VM).revertToState(before)
    assert extcall words.Registry(words.registry).submit(calls) == taken
    assert self._everything(id) == alone


@external
def test_junk_changes_nothing(junk: Bytes[JUNK], selector: uint8):
    """Any bytes, also behind the selector of each function that changes something."""
    r: words.Request = words._ask(words.EXPIRY, 5)
    assert words._try(words._grant(r, words.EXPIRY, 2))
    before: bytes32 = self._everything(words._id(r))
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
    words._try(junk)
    words._try(concat(selectors[selector % 8], junk))
    assert self._everything(words._id(r)) == before


# --- Words ---


@internal
def _drawn(r: words.Request, draw: uint256, nonce: uint256) -> Bytes[words.CALL]:
    """One of the acts about a consent; one in four is signed by the wrong key, one in eight has an old nonce."""
    id: bytes32 = words._id(r)
    key: uint256 = words.REQUESTER if draw & 3 == 0 else words.PERSON
    number: uint256 = 1 if draw & 28 == 0 else nonce
    kind: uint256 = (draw >> 5) % 5
    if kind == 0:
        return words._grant(r, words.EXPIRY, number)
    if kind == 1:
        deny: bytes32 = keccak256(abi_encode(DENY, words.person, id, words.DEADLINE))
        return abi_encode(id, words.DEADLINE, words._sign(key, deny), method_id=method_id("deny(bytes32,uint64,bytes)"))
    if kind == 2:
        withdraw: bytes32 = keccak256(abi_encode(WITHDRAW, words.person, id, words.DEADLINE))
        return abi_encode(
            id, words.DEADLINE, words._sign(key, withdraw), method_id=method_id("withdraw(bytes32,uint64,bytes)")
        )
    if kind == 3:
        renew: bytes32 = keccak256(abi_encode(RENEW, words.person, id, words.EXPIRY + 5, number, words.DEADLINE))
        return abi_encode(
            id, words.EXPIRY + 5, number, words.DEADLINE, words._sign(key, renew),
            method_id=method_id("renew(bytes32,uint64,uint256,uint64,bytes)"),
        )
    return words._requested(r)


@internal
@view
def _state(id: bytes32) -> uint8:
    state: uint8 = 0
    expiry: uint64 = 0
    state, expiry = staticcall words.Registry(words.registry).consentOf(id)
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
    state, expiry = staticcall words.Registry(words.registry).consentOf(id)
    used: uint256 = 0
    for nonce: uint256 in range(20):
        if staticcall words.Registry(words.registry).isNonceUsed(words.person, nonce):
            used |= 1 << nonce
    key: address = staticcall words.Registry(words.registry).keyOf(words.person)
    commitment: bytes32 = staticcall words.Registry(words.registry).commitmentOf(words.person, words.RECORD)
    return keccak256(abi_encode(state, expiry, used, key, commitment))


@internal
@pure
def _flipped(call: Bytes[words.CALL], start: uint256, bit: uint256) -> Bytes[words.CALL]:
    """The same with one bit altered, of the word at `start`."""
    word: uint256 = convert(extract32(call, start), uint256) ^ (1 << (bit % 256))
    altered: Bytes[2 * words.CALL + 32] = concat(
        slice(call, 0, start), convert(word, bytes32), slice(call, start + 32, len(call) - start - 32)
    )
    return slice(altered, 0, REGISTRATION)
