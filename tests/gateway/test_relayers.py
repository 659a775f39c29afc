"""The relayers' keys: encrypted as others do it, under a passphrase from a file, several of them."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.hexes import checksum_address, from_hex
from gateway.keyfiles import KeyFileError, create_secret
from gateway.ledger.account import Relayer
from gateway.relayers import keyring, keystore
from tests.gateway.running import run_here

CHEAP = 1 << 4  # scrypt's n, for tests
PASSPHRASE = b"correct horse battery"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    keyring.init(tmp_path, None)
    return tmp_path


def secret_of(relayer: Relayer) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256K1())
    return key.private_numbers().private_value.to_bytes(32, "big"), Relayer(key).address


@settings(deadline=None, max_examples=20)
@given(key=st.binary(min_size=32, max_size=32), passphrase=st.binary(min_size=12, max_size=80))
def test_what_was_encrypted_opens_under_its_passphrase_and_no_other(key: bytes, passphrase: bytes) -> None:
    text = keystore.encrypt(key, bytes(20), passphrase, CHEAP)
    assert keystore.decrypt(text, passphrase) == key
    with pytest.raises(KeyFileError, match="passphrase is not"):
        keystore.decrypt(text, passphrase + b"x")


def test_it_is_the_keystore_of_other_tools() -> None:
    account = Account.create()
    ours = keystore.encrypt(bytes(account.key), from_hex(account.address, 20), PASSPHRASE, CHEAP)
    assert Account.decrypt(ours, PASSPHRASE.decode()) == account.key
    theirs = json.dumps(account.encrypt(PASSPHRASE.decode(), kdf="scrypt", iterations=CHEAP))
    assert keystore.decrypt(theirs, PASSPHRASE) == account.key


def changed(**changes: object) -> str:
    store = json.loads(keystore.encrypt(b"\1" * 32, bytes(20), PASSPHRASE, CHEAP))
    for name, value in changes.items():
        (store["crypto"]["kdfparams"] if name in store["crypto"]["kdfparams"] else store["crypto"])[name] = (
            value
        )
    return json.dumps(store)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"crypto": {}}',
        changed(n=1 << 40),
        changed(n=3),
        changed(p=1000),
        changed(dklen=64),
        changed(salt="zz"),
        changed(kdf="pbkdf2"),
        changed(cipher="aes-256-gcm"),
        changed(ciphertext=5),
        changed(mac="00" * 32),
        changed(ciphertext=""),
    ],
)
def test_a_file_that_is_no_keystore_is_refused(text: str) -> None:
    with pytest.raises(KeyFileError):
        keystore.decrypt(text, PASSPHRASE)


def test_the_key_is_not_in_the_file(state: Path) -> None:
    (relayer,) = keyring.load(state, None)
    number = relayer._key.to_int()
    text = (state / "relayer.json").read_text()
    assert number.to_bytes(32, "big").hex() not in text
    assert keyring.address_in(state / "relayer.json") == relayer.address
    for name in ("relayer.json", keyring.PASSPHRASE_FILE):
        assert (state / name).stat().st_mode & 0o777 == 0o600


def test_added_relayers_come_in_their_order(state: Path) -> None:
    first = keyring.load(state, None)
    added = [keyring.add(state, None) for _ in range(10)]
    addresses = [relayer.address for relayer in [*first, *added]]
    assert [relayer.address for relayer in keyring.load(state, None)] == addresses


def test_a_passphrase_of_ones_own_comes_from_a_file_or_from_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = tmp_path / "secret" / keyring.CREDENTIAL
    chosen.parent.mkdir()
    create_secret(chosen, PASSPHRASE + b"\n")
    relayer = keyring.init(tmp_path, chosen)
    assert not (tmp_path / keyring.PASSPHRASE_FILE).exists()
    assert json.loads((tmp_path / "relayer.json").read_text())["crypto"]["kdfparams"]["n"] == 1 << 17
    with pytest.raises(KeyFileError, match="passphrase"):
        keyring.load(tmp_path, None)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(chosen.parent))
    assert keyring.load(tmp_path, None)[0].address == relayer.address


@pytest.mark.parametrize("content", [b"", b"short", b"short\n\n\n\n\n\n\n\n\n"])
def test_a_short_passphrase_is_refused(tmp_path: Path, content: bytes) -> None:
    create_secret(tmp_path / "passphrase", content)
    with pytest.raises(KeyFileError, match="too short"):
        keyring.init(tmp_path, tmp_path / "passphrase")


def test_a_refused_passphrase_leaves_nothing_behind(tmp_path: Path) -> None:
    create_secret(tmp_path / "passphrase", b"short")
    state = tmp_path / "state"
    command = ("gateway", "init", "--state", str(state), "--passphrase-file", str(tmp_path / "passphrase"))
    assert run_here(*command).returncode == 78
    assert list(state.iterdir()) == []
    (tmp_path / "passphrase").write_bytes(PASSPHRASE)
    assert run_here(*command).returncode == 0
    assert run_here(*command).returncode == 78
    assert sorted(path.name for path in state.iterdir()) == ["gateway.pem", "relayer.json"]


def test_a_passphrase_that_others_can_read_is_refused(state: Path) -> None:
    (state / keyring.PASSPHRASE_FILE).chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        keyring.load(state, None)


def test_a_directory_without_keys_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="gateway init"):
        keyring.load(tmp_path, None)


def test_the_commands_list_and_add(tmp_path: Path) -> None:
    assert run_here("gateway", "init", "--state", str(tmp_path / "state")).returncode == 0
    first = checksum_address(keyring.load(tmp_path / "state", None)[0].address)
    config = tmp_path / "gateway.toml"
    config.write_text(
        'state = "state"\nenvironment = "e"\nbroker = "mqtt://x"\nledger = "http://node"\n'
        f'[relay]\ndaily_gwei = 5000\nretired = ["{first}"]\n'
    )
    added = run_here("gateway", "keys", "add", "--config", str(config), "--json")
    second = json.loads(added.stdout)["address"]
    listed = json.loads(run_here("gateway", "keys", "list", "--config", str(config), "--json").stdout)
    assert [(key["address"], key["retired"], key["limit_gwei"]) for key in listed] == [
        (first, True, 5000),
        (second, False, 5000),
    ]
    assert [(key["pending"], key["spent_gwei"]) for key in listed] == [(0, 0), (0, 0)]
    table = run_here("gateway", "keys", "list", "--config", str(config)).stdout
    assert first in table
    assert second in table
    assert "retired" in table
    assert "5,000" in table
