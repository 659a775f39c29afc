"""The relayer's key and its transactions, against eth-account."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from contracts.hexes import checksum_address, to_hex
from gateway import keyfiles
from gateway.ledger.account import Fees, Relayer

KEY = ec.derive_private_key(0xB0B, ec.SECP256K1())
PEER = Account.from_key((0xB0B).to_bytes(32, "big"))
AMOUNT = st.integers(0, 2**64 - 1)


@given(
    chain_id=st.integers(1, 2**53),
    nonce=AMOUNT,
    to=st.none() | st.binary(min_size=20, max_size=20),
    data=st.binary(max_size=300),
    gas=AMOUNT,
    tip=AMOUNT,
    more=AMOUNT,
)
def test_the_same_bytes_as_eth_account(
    chain_id: int, nonce: int, to: bytes | None, data: bytes, gas: int, tip: int, more: int
) -> None:
    fields: dict[str, object] = {
        "type": 2, "chainId": chain_id, "nonce": nonce, "data": data, "gas": gas, "value": 0,
        "maxFeePerGas": tip + more, "maxPriorityFeePerGas": tip,
    }  # fmt: skip
    if to is not None:
        fields["to"] = checksum_address(to)
    expected = PEER.sign_transaction(fields)
    signed = Relayer(KEY).sign(
        chain_id=chain_id, nonce=nonce, to=to, data=data, gas=gas, fees=Fees(tip + more, tip)
    )
    assert signed.raw == bytes(expected.raw_transaction)
    assert signed.hash == bytes(expected.hash)


def test_address() -> None:
    assert to_hex(Relayer(KEY).address) == PEER.address.lower()


def test_the_key_stays_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "relayer.pem"
    made = Relayer.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Relayer.load(path).address == made.address
    assert repr(made) == f"Relayer({checksum_address(made.address)})"
    with pytest.raises(keyfiles.KeyFileError, match="exists"):
        Relayer.create(path)


@pytest.mark.parametrize(
    "key", [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())]
)
def test_another_kind_of_key(tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path = tmp_path / "relayer.pem"
    keyfiles.create(path, key)
    with pytest.raises(keyfiles.KeyFileError) as raised:
        Relayer.load(path)
    assert raised.value.exit_code == 78


def test_no_key(tmp_path: Path) -> None:
    with pytest.raises(keyfiles.KeyFileError, match="ledger run"):
        Relayer.load(tmp_path / "relayer.pem")
