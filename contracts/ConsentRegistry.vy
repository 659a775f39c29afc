# pragma version 0.4.3
# pragma evm-version london
# pragma optimize gas
# SPDX-License-Identifier: Apache-2.0
"""
@title ConsentRegistry
@license Apache-2.0
@notice Who may open which record, for what and until when, as the persons themselves signed it.
@dev Every act is an EIP-712 struct with a signature; whoever carries it here can neither forge, alter nor repeat it.
     There is no owner, no upgrade, no way to pay in. The contract calls nobody but itself, for a batch, and who calls
     matters nowhere, so there is nothing to gain by re-entering.
     Each event holds all that was signed and the signature: the logs alone prove the whole history.
     Compiled for the rules of 2021 (London), as chains of proof of authority may have no newer ones; the instructions
     that came since would make a grant 1 % cheaper.
"""

struct Request:
    requester: address
    subject: address
    record: bytes32
    purpose: bytes32
    encryption_key: bytes32
    expiry: uint64
    nonce: uint256
    deadline: uint64


# A new key that takes over once its time has come, unless the present one contests it.
struct Recovery:
    id: bytes32
    key: address
    ready: uint256


event Enrolled:
    subject: indexed(address)
    encryption_key: bytes32
    nonce: uint256
    deadline: uint64
    signature: Bytes[65]

event Registered:
    subject: indexed(address)
    record: indexed(bytes32)
    kind: bytes32
    commitment: bytes32
    nonce: uint256
    deadline: uint64
    signature: Bytes[65]

event Published:
    subject: indexed(address)
    record: indexed(bytes32)
    object: Bytes[24576]

event Requested:
    request: indexed(bytes32)
    requester: indexed(address)
    subject: indexed(address)
    record: bytes32
    purpose: bytes32
    encryption_key: bytes32
    expiry: uint64
    nonce: uint256
    deadline: uint64
    signature: Bytes[65]

event Granted:
    subject: indexed(address)
    request: indexed(bytes32)
    purpose: bytes32
    expiry: uint64
    sealed_key: Bytes[80]
    nonce: uint256
    deadline: uint64
    signature: Bytes[65]

event Denied:
    subject: indexed(address)
    request: indexed(bytes32)
    deadline: uint64
    signature: Bytes[65]

event Withdrawn:
    subject: indexed(address)
    request: indexed(bytes32)
    deadline: uint64
    signature: Bytes[65]

event Renewed:
    subject: indexed(address)
    request: indexed(bytes32)
    expiry: uint64
    nonce: uint256
    deadline: uint64
    signature: Bytes[65]

event Rotated:
    subject: indexed(address)
    new_key: address
    encryption_key: bytes32
    nonce: uint256
    deadline: uint64
    signature: Bytes[65]

event Entrusted:
    subject: indexed(address)
    guardian: address
    nonce: uint256
    deadline: uint64
    signature: Bytes[65]

event RecoveryBegun:
    subject: indexed(address)
    new_key: address
    encryption_key: bytes32
    nonce: uint256
    deadline: uint64
    signature: Bytes[65]

event Contested:
    subject: indexed(address)
    recovery: indexed(bytes32)
    deadline: uint64
    signature: Bytes[65]

event Recovered:
    subject: indexed(address)
    recovery: indexed(bytes32)

event Deactivated:
    subject: indexed(address)
    deadline: uint64
    signature: Bytes[65]

event Skipped:
    position: indexed(uint256)
    reason: indexed(bytes32)  # as text; topics are in a block's filter, so an audit notices an altered one


# States of a consent. They only move down this list and a request's id is never free again, so none of these acts can
# be repeated: not one that opens nor one that closes. That is all that denying and withdrawing need, for which a nonce
# would be 5,000 gas more. A grant, which gives something away, has its nonce as a second lock.
REQUESTED: constant(uint256) = 1
GRANTED: constant(uint256) = 2
DENIED: constant(uint256) = 3
WITHDRAWN: constant(uint256) = 4

# A consent is one word: subject << 72 | expiry << 8 | state.
STATE_MASK: constant(uint256) = 2**8 - 1
EXPIRY_MASK: constant(uint256) = 2**64 - 1
EXPIRY_SHIFT: constant(uint256) = 8
SUBJECT_SHIFT: constant(uint256) = 72

# How long the present key can contest a recovery: time to hear of it and to come to a kiosk, also from a holiday.
RECOVERY_DELAY: constant(uint256) = 7 * 86400

# Stands in the place of a key once the identity has ended. Nobody has a private key for it that anybody could find,
# and `_key_of` refuses it before a signature is looked at.
DEACTIVATED: constant(address) = 0xFFfFfFffFFfffFFfFFfFFFFFffFFFffffFfFFFfF

# Bytes of the longest act's call, a grant's; so many acts in a batch that memory stays cheap.
CALL_LENGTH: constant(uint256) = 676
BATCH: constant(uint256) = 32

# A revert of this contract: Error(string) with a text of at most 32 characters, and where in it the text begins.
REVERT_LENGTH: constant(uint256) = 100
REASON_START: constant(uint256) = 68

SEALED_KEY_LENGTH: constant(uint256) = 80
SIGNATURE_LENGTH: constant(uint256) = 65

# Order of secp256k1, and half of it: of the two signatures (r, s) and (r, ORDER - s) only the lower counts (EIP-2).
ORDER: constant(uint256) = 115792089237316195423570985008687907852837564279074904382605163141518161494337
HALF_ORDER: constant(uint256) = ORDER // 2

DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
)
ENROL_TYPEHASH: constant(bytes32) = keccak256(
    "Enrol(address subject,bytes32 encryptionKey,uint256 nonce,uint64 deadline)"
)
REGISTER_TYPEHASH: constant(bytes32) = keccak256(
    "Register(address subject,bytes32 record,bytes32 kind,bytes32 commitment,uint256 nonce,uint64 deadline)"
)
REQUEST_TYPEHASH: constant(bytes32) = keccak256(
    "Request(address requester,address subject,bytes32 record,bytes32 purpose,bytes32 encryptionKey,uint64 expiry,uint256 nonce,uint64 deadline)"
)
GRANT_TYPEHASH: constant(bytes32) = keccak256(
    "Grant(address subject,bytes32 request,bytes32 purpose,uint64 expiry,bytes sealedKey,uint256 nonce,uint64 deadline)"
)
DENY_TYPEHASH: constant(bytes32) = keccak256(
    "Deny(address subject,bytes32 request,uint64 deadline)"
)
WITHDRAW_TYPEHASH: constant(bytes32) = keccak256(
    "Withdraw(address subject,bytes32 request,uint64 deadline)"
)
RENEW_TYPEHASH: constant(bytes32) = keccak256(
    "Renew(address subject,bytes32 request,uint64 expiry,uint256 nonce,uint64 deadline)"
)
ROTATE_TYPEHASH: constant(bytes32) = keccak256(
    "Rotate(address subject,address newKey,bytes32 encryptionKey,uint256 nonce,uint64 deadline)"
)
ENTRUST_TYPEHASH: constant(bytes32) = keccak256(
    "Entrust(address subject,address guardian,uint256 nonce,uint64 deadline)"
)
RECOVER_TYPEHASH: constant(bytes32) = keccak256(
    "Recover(address subject,address newKey,bytes32 encryptionKey,uint256 nonce,uint64 deadline)"
)
CONTEST_TYPEHASH: constant(bytes32) = keccak256(
    "Contest(address subject,bytes32 recovery,uint64 deadline)"
)
DEACTIVATE_TYPEHASH: constant(bytes32) = keccak256("Deactivate(address subject,uint64 deadline)")
NAME_HASH: constant(bytes32) = keccak256("ridgekey")
VERSION_HASH: constant(bytes32) = keccak256("1")

ENVIRONMENT_SALT: immutable(bytes32)
CHAIN_ID: immutable(uint256)
DOMAIN_SEPARATOR: immutable(bytes32)

keys: HashMap[address, address]  # subject -> the key that signs for it now
guardians: HashMap[address, address]  # subject -> the key that may recover it
recoveries: HashMap[address, Recovery]  # subject -> the recovery under way
nonces: HashMap[address, HashMap[uint256, uint256]]  # subject -> word -> 256 used-up bits
commitments: HashMap[address, HashMap[bytes32, bytes32]]  # subject -> record -> commitment
consents: HashMap[bytes32, uint256]  # request id -> packed consent
begun: HashMap[bytes32, bool]  # recovery id -> whether it has ever begun


@deploy
def __init__(environment_salt: bytes32):
    """
    @notice Set up an empty registry for one environment.
    @param environment_salt keccak256 of the environment's name; signatures for another environment fail here.
    """
    ENVIRONMENT_SALT = environment_salt
    CHAIN_ID = chain.id
    DOMAIN_SEPARATOR = self._separator(environment_salt)


@external
def enrol(subject: address, encryption_key: bytes32, nonce: uint256, deadline: uint64, signature: Bytes[65]):
    """
    @notice A person joins, under the address of the key that signs.
    @dev The identifier stays when the key behind it changes, so it is looked up in `keys` from here on.
    @param subject The person's identifier.
    @param encryption_key X25519 public key to which the person's data keys are wrapped.
    @param nonce Any nonce that the person has not used.
    @param deadline Last second at which the act is taken.
    @param signature The person's, over the Enrol struct.
    """
    assert self.keys[subject] == empty(address), "already enrolled"
    struct_hash: bytes32 = keccak256(abi_encode(ENROL_TYPEHASH, subject, encryption_key, nonce, deadline))
    self._check_signed(subject, struct_hash, deadline, signature)
    self._use_nonce(subject, nonce)
    self.keys[subject] = subject
    log Enrolled(
        subject=subject, encryption_key=encryption_key, nonce=nonce, deadline=deadline, signature=signature
    )


@external
def register(
    subject: address,
    record: bytes32,
    kind: bytes32,
    commitment: bytes32,
    nonce: uint256,
    deadline: uint64,
    signature: Bytes[65],
):
    """
    @notice A person's record exists. A later act for the same record replaces its commitment: a new edition.
    @param subject Whose record.
    @param record Random identifier of the record.
    @param kind Identifier of the kind of record.
    @param commitment SHA-256 of the encrypted object, which holds a salt of its own.
    @param nonce Any nonce that the person has not used.
    @param deadline Last second at which the act is taken.
    @param signature The person's, over the Register struct.
    """
    assert commitment != empty(bytes32), "empty commitment"
    struct_hash: bytes32 = keccak256(
        abi_encode(REGISTER_TYPEHASH, subject, record, kind, commitment, nonce, deadline)
    )
    self._check_signed(self._key_of(subject), struct_hash, deadline, signature)
    self._use_nonce(subject, nonce)
    self.commitments[subject][record] = commitment
    log Registered(
        subject=subject,
        record=record,
        kind=kind,
        commitment=commitment,
        nonce=nonce,
        deadline=deadline,
        signature=signature,
    )


@external
def publish(subject: address, record: bytes32, object: Bytes[24576]):
    """
    @notice Put an encrypted record itself on the ledger, for persons who chose that.
    @dev Needs no signature: only the object that the person committed to is taken. So whoever has come to hold it can
         put it here, also against the person's wish; but they can put the same bytes on this or any ledger without us.
    @param subject Whose record.
    @param record Which record.
    @param object The encrypted object.
    """
    commitment: bytes32 = self.commitments[subject][record]
    assert commitment != empty(bytes32), "unknown record"
    assert sha256(object) == commitment, "wrong object"
    log Published(subject=subject, record=record, object=object)


@external
def request(r: Request, signature: Bytes[65]):
    """
    @notice A trusted entity asks for a record.
    @dev The id is the hash of the Request struct; that it is taken from now on stops a repetition. Who has a record
         has enrolled; an identity that has ended is not asked, as nobody could answer.
    @param r What is asked for.
    @param signature The requester's, over the Request struct.
    """
    id: bytes32 = self._id_of(r)
    assert self.consents[id] == 0, "already requested"
    assert self.commitments[r.subject][r.record] != empty(bytes32), "unknown record"
    self._key_of(r.subject)
    assert block.timestamp < convert(r.expiry, uint256), "past expiry"
    self._check_signed(r.requester, id, r.deadline, signature)
    self.consents[id] = self._packed(r.subject, r.expiry, REQUESTED)
    log Requested(
        request=id,
        requester=r.requester,
        subject=r.subject,
        record=r.record,
        purpose=r.purpose,
        encryption_key=r.encryption_key,
        expiry=r.expiry,
        nonce=r.nonce,
        deadline=r.deadline,
        signature=signature,
    )


@external
def grant(
    r: Request,
    expiry: uint64,
    sealed_key: Bytes[80],
    nonce: uint256,
    deadline: uint64,
    signature: Bytes[65],
):
    """
    @notice The person says yes to a request.
    @dev The purpose is not passed again: the person signed it, and it must be that of the request.
    @param r The request, as it was made.
    @param expiry First second at which the consent no longer counts; not after the request's.
    @param sealed_key The record's data key, sealed to the requester.
    @param nonce Any nonce that the person has not used.
    @param deadline Last second at which the act is taken.
    @param signature The person's, over the Grant struct.
    """
    id: bytes32 = self._id_of(r)
    assert self.consents[id] & STATE_MASK == REQUESTED, "not requested"
    assert block.timestamp < convert(expiry, uint256), "past expiry"
    assert expiry <= r.expiry, "late expiry"
    assert len(sealed_key) == SEALED_KEY_LENGTH, "wrong sealed key"
    struct_hash: bytes32 = keccak256(
        abi_encode(GRANT_TYPEHASH, r.subject, id, r.purpose, expiry, keccak256(sealed_key), nonce, deadline)
    )
    self._check_signed(self._key_of(r.subject), struct_hash, deadline, signature)
    self._use_nonce(r.subject, nonce)
    self.consents[id] = self._packed(r.subject, expiry, GRANTED)
    log Granted(
        subject=r.subject,
        request=id,
        purpose=r.purpose,
        expiry=expiry,
        sealed_key=sealed_key,
        nonce=nonce,
        deadline=deadline,
        signature=signature,
    )


@external
def deny(request: bytes32, deadline: uint64, signature: Bytes[65]):
    """
    @notice The person says no to a request.
    @param request The request's id.
    @param deadline Last second at which the act is taken.
    @param signature The person's, over the Deny struct.
    """
    consent: uint256 = self.consents[request]
    assert consent & STATE_MASK == REQUESTED, "not requested"
    subject: address = self._close(DENY_TYPEHASH, request, consent, DENIED, deadline, signature)
    log Denied(subject=subject, request=request, deadline=deadline, signature=signature)


@external
def withdraw(request: bytes32, deadline: uint64, signature: Bytes[65]):
    """
    @notice The person takes a consent back.
    @param request The request's id.
    @param deadline Last second at which the act is taken.
    @param signature The person's, over the Withdraw struct.
    """
    consent: uint256 = self.consents[request]
    assert consent & STATE_MASK == GRANTED, "not granted"
    subject: address = self._close(WITHDRAW_TYPEHASH, request, consent, WITHDRAWN, deadline, signature)
    log Withdrawn(subject=subject, request=request, deadline=deadline, signature=signature)


@external
def renew(request: bytes32, expiry: uint64, nonce: uint256, deadline: uint64, signature: Bytes[65]):
    """
    @notice The person gives a consent another end, sooner or later; an expired one counts again.
    @dev It may go beyond what was asked for: nobody but the person says so. The one act that can be repeated on the
         same consent, so its nonce alone stops an older one from undoing a newer.
    @param request The request's id.
    @param expiry First second at which the consent no longer counts.
    @param nonce Any nonce that the person has not used.
    @param deadline Last second at which the act is taken.
    @param signature The person's, over the Renew struct.
    """
    consent: uint256 = self.consents[request]
    assert consent & STATE_MASK == GRANTED, "not granted"
    assert block.timestamp < convert(expiry, uint256), "past expiry"
    subject: address = convert(consent >> SUBJECT_SHIFT, address)
    struct_hash: bytes32 = keccak256(abi_encode(RENEW_TYPEHASH, subject, request, expiry, nonce, deadline))
    self._check_signed(self._key_of(subject), struct_hash, deadline, signature)
    self._use_nonce(subject, nonce)
    self.consents[request] = self._packed(subject, expiry, GRANTED)
    log Renewed(
        subject=subject, request=request, expiry=expiry, nonce=nonce, deadline=deadline, signature=signature
    )


@external
def rotate(
    subject: address,
    new_key: address,
    encryption_key: bytes32,
    nonce: uint256,
    deadline: uint64,
    signature: Bytes[65],
):
    """
    @notice Another key signs for the person from now on; what the old one signed and nobody submitted is void.
    @param subject The person's identifier, which stays.
    @param new_key Address of the key that takes over.
    @param encryption_key X25519 public key to which data keys are wrapped from now on.
    @param nonce Any nonce that the person has not used.
    @param deadline Last second at which the act is taken.
    @param signature The present key's, over the Rotate struct.
    """
    self._check_new_key(new_key)
    struct_hash: bytes32 = keccak256(
        abi_encode(ROTATE_TYPEHASH, subject, new_key, encryption_key, nonce, deadline)
    )
    self._check_signed(self._key_of(subject), struct_hash, deadline, signature)
    self._use_nonce(subject, nonce)
    self.keys[subject] = new_key
    log Rotated(
        subject=subject,
        new_key=new_key,
        encryption_key=encryption_key,
        nonce=nonce,
        deadline=deadline,
        signature=signature,
    )


@external
def entrust(subject: address, guardian: address, nonce: uint256, deadline: uint64, signature: Bytes[65]):
    """
    @notice The person says whose key may recover the identity: a secret on paper, somebody trusted, or nobody.
    @dev It ends a recovery under way, or a guardian who begins one after the other could not be dismissed.
    @param subject The person's identifier.
    @param guardian Address of the key that may recover; empty for none.
    @param nonce Any nonce that the person has not used.
    @param deadline Last second at which the act is taken.
    @param signature The person's, over the Entrust struct.
    """
    struct_hash: bytes32 = keccak256(abi_encode(ENTRUST_TYPEHASH, subject, guardian, nonce, deadline))
    self._check_signed(self._key_of(subject), struct_hash, deadline, signature)
    self._use_nonce(subject, nonce)
    self.guardians[subject] = guardian
    self.recoveries[subject] = empty(Recovery)
    log Entrusted(subject=subject, guardian=guardian, nonce=nonce, deadline=deadline, signature=signature)


@external
def recover(
    subject: address,
    new_key: address,
    encryption_key: bytes32,
    nonce: uint256,
    deadline: uint64,
    signature: Bytes[65],
):
    """
    @notice The guardian begins to give a person who lost the key another one.
    @dev The recovery's id is the hash of the Recover struct; that it is taken from now on stops a repetition. No nonce
         is used up: with one of the person's, a guardian could void what the person has signed and not yet submitted;
         with one of its own, so could whoever has the first key of an identity that has another one now, as that
         key's address is the identifier. Until the recovery is completed the present key stays.
    @param subject The person's identifier.
    @param new_key Address of the key that is to take over.
    @param encryption_key X25519 public key to which data keys are wrapped from then on.
    @param nonce Makes two equal recoveries two.
    @param deadline Last second at which the act is taken.
    @param signature The guardian's, over the Recover struct.
    """
    id: bytes32 = keccak256(abi_encode(RECOVER_TYPEHASH, subject, new_key, encryption_key, nonce, deadline))
    assert not self.begun[id], "already begun"
    self._check_new_key(new_key)
    self._key_of(subject)
    guardian: address = self.guardians[subject]
    assert guardian != empty(address), "no guardian"
    assert self.recoveries[subject].ready == 0, "recovery pending"
    self._check_signed(guardian, id, deadline, signature)
    self.begun[id] = True
    self.recoveries[subject] = Recovery(id=id, key=new_key, ready=block.timestamp + RECOVERY_DELAY)
    log RecoveryBegun(
        subject=subject,
        new_key=new_key,
        encryption_key=encryption_key,
        nonce=nonce,
        deadline=deadline,
        signature=signature,
    )


@external
def contest(subject: address, recovery: bytes32, deadline: uint64, signature: Bytes[65]):
    """
    @notice The person still has the key: the recovery ends.
    @dev Needs no nonce: the same recovery cannot begin again, as its id is taken.
    @param subject The person's identifier.
    @param recovery The recovery's id.
    @param deadline Last second at which the act is taken.
    @param signature The present key's, over the Contest struct.
    """
    self._check_pending(subject, recovery)
    struct_hash: bytes32 = keccak256(abi_encode(CONTEST_TYPEHASH, subject, recovery, deadline))
    self._check_signed(self._key_of(subject), struct_hash, deadline, signature)
    self.recoveries[subject] = empty(Recovery)
    log Contested(subject=subject, recovery=recovery, deadline=deadline, signature=signature)


@external
def complete(subject: address, recovery: bytes32):
    """
    @notice The time to contest a recovery is over, and its key takes over.
    @dev Needs no signature: the guardian gave it, and anybody may tell the time.
    @param subject The person's identifier.
    @param recovery The recovery's id.
    """
    self._check_pending(subject, recovery)
    assert self.recoveries[subject].ready <= block.timestamp, "too early"
    self.keys[subject] = self.recoveries[subject].key
    self.recoveries[subject] = empty(Recovery)
    log Recovered(subject=subject, recovery=recovery)


@external
def deactivate(subject: address, deadline: uint64, signature: Bytes[65]):
    """
    @notice The identity ends for good, and with it every consent that it gave.
    @dev Needs no nonce: there is no way back, and no second time.
    @param subject The person's identifier.
    @param deadline Last second at which the act is taken.
    @param signature The person's, over the Deactivate struct.
    """
    struct_hash: bytes32 = keccak256(abi_encode(DEACTIVATE_TYPEHASH, subject, deadline))
    self._check_signed(self._key_of(subject), struct_hash, deadline, signature)
    self.keys[subject] = DEACTIVATED
    self.recoveries[subject] = empty(Recovery)
    log Deactivated(subject=subject, deadline=deadline, signature=signature)


@external
def submit(calls: DynArray[Bytes[CALL_LENGTH], BATCH]) -> uint256:
    """
    @notice Acts of any people in one transaction. One that is refused is skipped and told of; the others count.
    @dev A call to this contract itself has its own revert. It gets 63/64 of the gas that is left (EIP-150). Any act
         needs so little that if this is not enough, what is left is not enough to tell of it either: want of gas
         reverts the whole batch and skips nothing.
    @param calls Call data of this contract's functions, as if each were a transaction's.
    @return Bit i is set if call i was taken.
    """
    taken: uint256 = 0
    position: uint256 = 0
    for call: Bytes[CALL_LENGTH] in calls:
        success: bool = False
        answer: Bytes[REVERT_LENGTH] = b""
        success, answer = raw_call(self, call, max_outsize=REVERT_LENGTH, revert_on_failure=False)
        if success:
            taken |= 1 << position
        else:
            reason: bytes32 = empty(bytes32)
            if len(answer) == REVERT_LENGTH:
                reason = extract32(answer, REASON_START)
            log Skipped(position=position, reason=reason)
        position += 1
    return taken


@external
@view
def isGranted(r: Request) -> bool:
    """
    @notice Whether the person's consent to this request counts now.
    @dev The purpose is part of the request, so another purpose is another request.
    @param r The request, as it was made.
    """
    return self._is_valid(self._id_of(r))


@external
@view
def isValid(request: bytes32) -> bool:
    """
    @notice As `isGranted`, for a contract that keeps a request's id, which fixes who asked, for what and why.
    @param request The request's id.
    """
    return self._is_valid(request)


@external
@view
def consentOf(request: bytes32) -> (uint8, uint64):
    """
    @notice How a request stands, whatever the time is.
    @param request The request's id.
    @return State (0 unknown, 1 requested, 2 granted, 3 denied, 4 withdrawn), and first second of no consent.
    """
    consent: uint256 = self.consents[request]
    return convert(consent & STATE_MASK, uint8), convert(self._expiry_in(consent), uint64)


@external
@view
def subjectOf(request: bytes32) -> address:
    """
    @notice Of whom a request asks a record; empty for an unknown one.
    @param request The request's id.
    """
    return convert(self.consents[request] >> SUBJECT_SHIFT, address)


@external
@view
def keyOf(subject: address) -> address:
    """
    @notice The key that signs for a person now; empty for a stranger, all ones for an identity that has ended.
    @param subject The person's identifier.
    """
    return self.keys[subject]


@external
@view
def guardianOf(subject: address) -> address:
    """
    @notice The key that may recover a person's identity; empty for none.
    @param subject The person's identifier.
    """
    return self.guardians[subject]


@external
@view
def recoveryOf(subject: address) -> (bytes32, address, uint64):
    """
    @notice The recovery under way for a person.
    @param subject The person's identifier.
    @return Its id, the key that is to take over, and the first second at which it can; empty for none.
    """
    pending: Recovery = self.recoveries[subject]
    return pending.id, pending.key, convert(pending.ready, uint64)


@external
@view
def commitmentOf(subject: address, record: bytes32) -> bytes32:
    """
    @notice What a person committed to for a record; empty if it is not registered.
    @param subject Whose record.
    @param record Which record.
    """
    return self.commitments[subject][record]


@external
@view
def isNonceUsed(subject: address, nonce: uint256) -> bool:
    """
    @notice Whether a person has used up a nonce.
    @param subject The person's identifier.
    @param nonce The nonce.
    """
    return self.nonces[subject][nonce >> 8] & (1 << (nonce & 255)) != 0


@external
@view
def domainSeparator() -> bytes32:
    """
    @notice EIP-712's domain separator, in which all signatures are made.
    """
    return self._domain_separator()


@internal
@view
def _domain_separator() -> bytes32:
    # After a fork the chain's id may be another one; what was signed for the old chain must not count.
    if chain.id == CHAIN_ID:
        return DOMAIN_SEPARATOR
    return self._separator(ENVIRONMENT_SALT)


@internal
@view
def _separator(environment_salt: bytes32) -> bytes32:
    return keccak256(abi_encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, chain.id, self, environment_salt))


@internal
@pure
def _id_of(r: Request) -> bytes32:
    return keccak256(abi_encode(REQUEST_TYPEHASH, r))


@internal
@pure
def _packed(subject: address, expiry: uint64, state: uint256) -> uint256:
    return (
        (convert(subject, uint256) << SUBJECT_SHIFT)
        | (convert(expiry, uint256) << EXPIRY_SHIFT)
        | state
    )


@internal
@pure
def _expiry_in(consent: uint256) -> uint256:
    return (consent >> EXPIRY_SHIFT) & EXPIRY_MASK


@internal
@view
def _key_of(subject: address) -> address:
    key: address = self.keys[subject]
    assert key != empty(address), "not enrolled"
    assert key != DEACTIVATED, "deactivated"
    return key


@internal
@view
def _is_valid(request: bytes32) -> bool:
    consent: uint256 = self.consents[request]
    if consent & STATE_MASK != GRANTED or self._expiry_in(consent) <= block.timestamp:
        return False
    return self.keys[convert(consent >> SUBJECT_SHIFT, address)] != DEACTIVATED


@internal
@pure
def _check_new_key(key: address):
    assert key != empty(address) and key != DEACTIVATED, "no such key"


@internal
@view
def _check_pending(subject: address, recovery: bytes32):
    assert recovery != empty(bytes32) and self.recoveries[subject].id == recovery, "no such recovery"


@internal
@view
def _check_signed(signer: address, struct_hash: bytes32, deadline: uint64, signature: Bytes[65]):
    """
    @dev Reverts unless `signature` over the struct, in this domain, is by `signer`, and not past its deadline.
    """
    assert block.timestamp <= convert(deadline, uint256), "past deadline"
    assert len(signature) == SIGNATURE_LENGTH, "wrong signature length"
    s: uint256 = convert(extract32(signature, 32), uint256)
    assert s <= HALF_ORDER, "high s"
    digest: bytes32 = keccak256(concat(b"\x19\x01", self._domain_separator(), struct_hash))
    recovered: address = ecrecover(
        digest, convert(slice(signature, 64, 1), uint256), convert(extract32(signature, 0), uint256), s
    )
    # ecrecover answers with the empty address where there is no signer.
    assert recovered != empty(address) and recovered == signer, "wrong signer"


@internal
def _use_nonce(subject: address, nonce: uint256):
    """
    @dev Unordered, as in Permit2: kiosks that do not see each other take bits or words of their own.
    """
    bit: uint256 = 1 << (nonce & 255)
    used: uint256 = self.nonces[subject][nonce >> 8]
    assert used & bit == 0, "used nonce"
    self.nonces[subject][nonce >> 8] = used | bit


@internal
def _close(
    typehash: bytes32,
    request: bytes32,
    consent: uint256,
    state: uint256,
    deadline: uint64,
    signature: Bytes[65],
) -> address:
    """
    @dev What denying and withdrawing share: their structs differ in name alone. Returns the subject.
    """
    subject: address = convert(consent >> SUBJECT_SHIFT, address)
    struct_hash: bytes32 = keccak256(abi_encode(typehash, subject, request, deadline))
    self._check_signed(self._key_of(subject), struct_hash, deadline, signature)
    self.consents[request] = (consent & ~STATE_MASK) | state
    return subject
