"""Acts: their EIP-712 encoding is the one that everybody else computes, and their map says the same."""

from dataclasses import fields, replace

import pytest
from eth_account.messages import encode_typed_data
from hypothesis import given

from contracts import cbor
from contracts.acts import (
    ACTS,
    ActKind,
    Deny,
    Enrol,
    Grant,
    RecordKind,
    Withdraw,
    act_from_map,
    fresh_nonce,
)
from contracts.eip712 import Domain, environment_salt
from contracts.errors import MalformedError
from contracts.keccak import keccak256
from contracts.struct import encode_type
from tests.contracts.strategies import acts, domains

DENY = Deny(b"\x01" * 20, b"\x02" * 32, 4)
ENROL = Enrol(b"\x01" * 20, b"\x02" * 32, 3, 4)

# Written out by hand, not derived from the dataclasses: this is what a wallet or another implementation has.
MEMBERS = {
    "Enrol": "address subject,bytes32 encryptionKey,uint256 nonce,uint64 deadline",
    "Register": "address subject,bytes32 record,bytes32 kind,bytes32 commitment,uint256 nonce,"
    "uint64 deadline",
    "Request": "address requester,address subject,bytes32 record,bytes32 purpose,bytes32 encryptionKey,"
    "uint64 expiry,uint256 nonce,uint64 deadline",
    "Grant": "address subject,bytes32 request,bytes32 purpose,uint64 expiry,bytes sealedKey,uint256 nonce,"
    "uint64 deadline",
    "Deny": "address subject,bytes32 request,uint64 deadline",
    "Withdraw": "address subject,bytes32 request,uint64 deadline",
    "Renew": "address subject,bytes32 request,uint64 expiry,uint256 nonce,uint64 deadline",
    "Rotate": "address subject,address newKey,bytes32 encryptionKey,uint256 nonce,uint64 deadline",
    "Entrust": "address subject,address guardian,uint256 nonce,uint64 deadline",
    "Recover": "address subject,address newKey,bytes32 encryptionKey,uint256 nonce,uint64 deadline",
    "Contest": "address subject,bytes32 recovery,uint64 deadline",
    "Deactivate": "address subject,uint64 deadline",
}


def by_eth_account(act, domain):
    """The digest as eth-account computes it from the JSON form of EIP-712."""
    name = type(act).__name__
    members = [dict(zip(("type", "name"), m.split(), strict=True)) for m in MEMBERS[name].split(",")]
    values = (getattr(act, member.name) for member in fields(act))
    signable = encode_typed_data(
        {
            "name": "ridgekey",
            "version": "1",
            "chainId": domain.chain_id,
            "verifyingContract": "0x" + domain.contract.hex(),
            "salt": keccak256(domain.environment.encode()),
        },
        {name: members},
        {
            member["name"]: "0x" + v.hex() if member["type"] == "address" else v
            for member, v in zip(members, values, strict=True)
        },
    )
    return (
        signable.header,
        signable.body,
        keccak256(b"\x19" + signable.version + signable.header + signable.body),
    )


@given(act=acts, domain=domains)
def test_the_digest_is_the_one_that_eth_account_computes(act, domain):
    separator, hash_struct, digest = by_eth_account(act, domain)
    assert (domain.separator(), act.hash_struct(), act.digest(domain)) == (separator, hash_struct, digest)


@pytest.mark.parametrize("act", ACTS)
def test_the_encoded_type_is_the_published_one(act):
    assert encode_type(act) == f"{act.__name__}({MEMBERS[act.__name__]})"


@given(act=acts)
def test_an_act_comes_back_from_its_map(act):
    encoded = cbor.encode(act.to_map())
    assert act_from_map(cbor.decode(encoded, 1024, "an act")) == act


@pytest.mark.parametrize(
    "other",
    [
        Domain(2, b"\x01" * 20, "one"),
        Domain(1, b"\x02" * 20, "one"),
        Domain(1, b"\x01" * 20, "two"),
    ],
)
def test_another_chain_contract_or_environment_is_another_digest(other):
    assert DENY.digest(other) != DENY.digest(Domain(1, b"\x01" * 20, "one"))


def test_deny_and_withdraw_of_the_same_fields_are_not_the_same():
    withdraw = Withdraw(DENY.subject, DENY.request, DENY.deadline)
    assert withdraw.hash_struct() != DENY.hash_struct()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subject", b"\x01" * 19),
        ("subject", b"\x01" * 21),
        ("subject", "0x" + "01" * 20),
        ("request", b""),
        ("deadline", -1),
        ("deadline", True),
        ("deadline", 2**64),
        ("deadline", 1.0),
    ],
)
def test_a_field_out_of_bounds_is_refused(field, value):
    with pytest.raises(MalformedError, match=field):
        replace(DENY, **{field: value})


@pytest.mark.parametrize("nonce", [-1, 2**256, True, b"\x01" * 32])
def test_a_nonce_out_of_bounds_is_refused(nonce):
    with pytest.raises(MalformedError, match="nonce"):
        replace(ENROL, nonce=nonce)


def test_a_sealed_key_of_another_length_is_refused():
    with pytest.raises(MalformedError, match="sealed_key"):
        Grant(b"\x01" * 20, b"\x02" * 32, b"\x03" * 32, 4, b"\x05" * 79, 6, 7)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param([], id="no map"),
        pytest.param({}, id="no kind"),
        pytest.param({0: 13}, id="unknown kind"),
        pytest.param({0: "5"}, id="kind is text"),
        pytest.param({**DENY.to_map(), 4: 0}, id="a field too many"),
        pytest.param({k: v for k, v in DENY.to_map().items() if k != 3}, id="a field too few"),
        pytest.param({**DENY.to_map(), 1: b"\x01" * 21}, id="long address"),
        pytest.param({**ENROL.to_map(), 3: b"\x01" * 31}, id="short nonce"),
        pytest.param({**DENY.to_map(), 3: -1}, id="negative deadline"),
        pytest.param({**DENY.to_map(), 3: 2**64}, id="long deadline"),
    ],
)
def test_a_map_that_is_no_act_is_refused(value):
    with pytest.raises(MalformedError):
        act_from_map(value)


def test_the_signer_is_the_subject_or_the_requester():
    for act in ACTS:
        assert fields(act)[0].name == ("requester" if act.KIND is ActKind.REQUEST else "subject")
    assert DENY.signer_address == DENY.subject


def test_nonces_fill_256_bits():
    nonces = {fresh_nonce() for _ in range(64)}
    assert len(nonces) == 64
    assert max(nonces).bit_length() > 248


def test_record_kinds_are_found_by_their_identifier():
    assert [RecordKind.of(kind.identifier) for kind in RecordKind] == list(RecordKind)
    assert RecordKind.of(bytes(32)) is None
    assert RecordKind.DIGITAL_ASSET.identifier == keccak256(b"ridgekey.record/digital-asset")


@pytest.mark.parametrize("environment", ["", "x" * 65])
def test_an_environment_has_a_name_of_bounded_length(environment):
    with pytest.raises(MalformedError):
        environment_salt(environment)


def test_enrol_encodes_to_known_bytes():
    """A vector: other implementations can check themselves against it."""
    act = Enrol(bytes(range(20)), bytes(range(32)), 2**255 + 1, 1_800_000_000)
    assert act.digest(Domain(31337, b"\xaa" * 20, "demo")).hex() == (
        "ee76fd2c76842bce9dd63c948bec54f9bc9bb155e6929d00214c817625dbd2cd"
    )
