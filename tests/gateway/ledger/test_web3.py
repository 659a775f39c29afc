"""Conformance: web3.py, which knows nothing of us, deploys the contract and takes it through a consent."""

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.exceptions import ContractLogicError, TransactionNotFound

from contracts.eip712 import Domain, environment_salt
from contracts.purpose import Purpose
from contracts.registry import ABI, BYTECODE, ConsentState, request_tuple
from gateway.ledger.signatures import with_recovery_id
from tests.gateway.actors import Person
from tests.gateway.ledger.processes import running


@pytest.fixture(scope="module")
def account() -> LocalAccount:
    return Account.create()


@pytest.fixture(scope="module")
def web3(account: LocalAccount, tmp_path_factory: pytest.TempPathFactory):
    with running(tmp_path_factory.mktemp("web3"), "--fund", account.address, "--chain-id", "777") as node:
        connected = Web3(Web3.HTTPProvider(node.url))
        assert connected.is_connected()
        yield connected


def send(web3: Web3, account: LocalAccount, call) -> dict:
    """As web3's documentation does it: the library fills in nonce, gas, fees and chain id."""
    fields = call.build_transaction(
        {"from": account.address, "nonce": web3.eth.get_transaction_count(account.address)}
    )
    sent = web3.eth.send_raw_transaction(account.sign_transaction(fields).raw_transaction)
    return web3.eth.wait_for_transaction_receipt(sent)


def test_a_consent_through_web3(web3: Web3, account: LocalAccount) -> None:
    factory = web3.eth.contract(abi=ABI, bytecode=BYTECODE)
    deployed = send(web3, account, factory.constructor(environment_salt("web3")))
    assert deployed["status"] == 1
    contract = web3.eth.contract(deployed["contractAddress"], abi=ABI)
    domain = Domain(web3.eth.chain_id, bytes.fromhex(contract.address[2:]), "web3")
    assert contract.functions.domainSeparator().call() == domain.separator()

    person, requester = Person(), Person()

    def signed(signer: Person, act) -> bytes:
        return with_recovery_id(act.digest(domain), signer.sign(act, domain), signer.address)

    enrol = person.enrol()
    subject = web3.to_checksum_address(person.address)
    send(web3, account, contract.functions.enrol(
        subject, enrol.encryption_key, enrol.nonce, enrol.deadline, signed(person, enrol)
    ))  # fmt: skip
    assert contract.functions.keyOf(subject).call() == subject

    register, data = person.register(b"a document")
    send(web3, account, contract.functions.register(
        subject, register.record, register.kind, register.commitment, register.nonce, register.deadline,
        signed(person, register),
    ))  # fmt: skip
    request = requester.request(person.address, register.record, Purpose.of("a loan"))
    asked = tuple(
        web3.to_checksum_address(value) if isinstance(value, bytes) and len(value) == 20 else value
        for value in request_tuple(request)
    )
    send(web3, account, contract.functions.request(asked, signed(requester, request)))
    grant = person.grant(request, data)
    receipt = send(web3, account, contract.functions.grant(
        asked, grant.expiry, grant.sealed_key, grant.nonce, grant.deadline, signed(person, grant)
    ))  # fmt: skip
    assert contract.functions.isGranted(asked).call()

    (event,) = contract.events.Granted().process_receipt(receipt)
    assert event["args"]["sealed_key"] == grant.sealed_key
    (found,) = contract.events.Granted.get_logs(from_block=0, argument_filters={"subject": subject})
    assert found["transactionHash"] == receipt["transactionHash"]

    withdraw = person.withdraw(request)
    call = contract.functions.withdraw(withdraw.request, withdraw.deadline, signed(person, withdraw))
    send(web3, account, call)
    assert contract.functions.consentOf(request.hash_struct()).call()[0] == ConsentState.WITHDRAWN
    with pytest.raises(ContractLogicError, match="not granted"):
        call.call()


def test_blocks_and_transactions(web3: Web3, account: LocalAccount) -> None:
    fields = {
        "to": "0x" + "11" * 20, "value": 5, "gas": 21_000, "chainId": web3.eth.chain_id,
        "nonce": web3.eth.get_transaction_count(account.address),
        "maxFeePerGas": 2 * web3.eth.gas_price, "maxPriorityFeePerGas": web3.eth.max_priority_fee,
    }  # fmt: skip
    signed = account.sign_transaction(fields)
    assert web3.eth.send_raw_transaction(signed.raw_transaction) == signed.hash
    transaction = web3.eth.get_transaction(signed.hash)
    assert transaction["value"] == 5
    block = web3.eth.get_block(transaction["blockNumber"], full_transactions=True)
    assert [one["hash"] for one in block["transactions"]] == [signed.hash]
    assert web3.eth.get_block(block["hash"])["number"] == block["number"]
    assert web3.eth.get_balance("0x" + "11" * 20) == 5
    assert web3.eth.fee_history(4, "latest", [50])["oldestBlock"] >= 0
    assert web3.eth.estimate_gas({"from": account.address, "to": "0x" + "11" * 20}) in range(21_000, 21_500)
    with pytest.raises(TransactionNotFound):
        web3.eth.get_transaction(bytes(32))
