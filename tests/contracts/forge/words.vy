# pragma version 0.4.3
# SPDX-License-Identifier: Apache-2.0
"""
@title Words in which forge's tests of ConsentRegistry speak
@license Apache-2.0
@notice The cheats of forge, a registry of the shipped bytecode, its people, and what they sign.
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
    def guardianOf(subject: address) -> address: view
    def recoveryOf(subject: address) -> (bytes32, address, uint64): view
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
DEADLINE: constant(uint64) = 1_900_000_000  # recoveries take weeks
EXPIRY: constant(uint64) = 1_800_100_000
RECORD: constant(bytes32) = keccak256("a record")
COMMITMENT: constant(bytes32) = keccak256("a commitment")
PERSON: constant(uint256) = 1_001
REQUESTER: constant(uint256) = 1_002
CALL: constant(uint256) = 676

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

registry: address
person: address
requester: address


@internal
def _set_up():
    extcall Vm(VM).warp(NOW)
    self.registry = self._deploy("forge")
    self.person = extcall Vm(VM).addr(PERSON)
    self.requester = extcall Vm(VM).addr(REQUESTER)


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
    assert self._try(self._register(PERSON, 1, COMMITMENT))


@internal
def _enrol(subject: address, nonce: uint256, signature: Bytes[65]) -> Bytes[CALL]:
    return abi_encode(
        subject, RECORD, nonce, DEADLINE, signature,
        method_id=method_id("enrol(address,bytes32,uint256,uint64,bytes)"),
    )


@internal
def _register(key: uint256, nonce: uint256, commitment: bytes32) -> Bytes[CALL]:
    hash: bytes32 = keccak256(abi_encode(REGISTER, self.person, RECORD, RECORD, commitment, nonce, DEADLINE))
    return abi_encode(
        self.person, RECORD, RECORD, commitment, nonce, DEADLINE, self._sign(key, hash),
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
