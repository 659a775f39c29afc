"""One transaction from its estimate to its block, for commands; unlike the relay, it survives no crash."""

from collections.abc import Iterator
from contextlib import contextmanager

from contracts.hexes import checksum_address, to_hex
from gateway.ledger.account import Fees, Relayer
from gateway.ledger.answers import TransactionReceipt
from gateway.ledger.client import LedgerClient
from gateway.ledger.errors import LedgerConfigurationError, RevertedError, RpcError
from gateway.ledger.refusals import is_unpaid

GAS_MARGIN = 1.2
"""Over the ledger's estimate, since the state may change before the transaction is executed."""


def transact(client: LedgerClient, relayer: Relayer, to: bytes | None, data: bytes) -> TransactionReceipt:
    """Sign, send and wait for one transaction; the gateway's relay, which survives a crash, does more.

    Raises:
        RevertedError: the contract refuses, at the estimate or in the block.
        LedgerConfigurationError: the account cannot pay for it.
        LedgerError: the ledger does not take the transaction.
    """
    with paying(client, relayer):
        return _transact(client, relayer, to, data)


@contextmanager
def paying(client: LedgerClient, relayer: Relayer) -> Iterator[None]:
    """Say by its name what a ledger refuses as the account cannot pay; errors as `transact`."""
    try:
        yield
    except RpcError as error:
        if not is_unpaid(error):
            raise
        raise cannot_pay(client, relayer) from error


def cannot_pay(client: LedgerClient, relayer: Relayer) -> LedgerConfigurationError:
    """The error for an account without funds."""
    return LedgerConfigurationError(
        f"the account {checksum_address(relayer.address)} cannot pay for transactions on {client.url}: "
        "send funds to it, then try again"
    )


def _transact(client: LedgerClient, relayer: Relayer, to: bytes | None, data: bytes) -> TransactionReceipt:
    gas = client.estimate_gas(to, data, sender=relayer.address)
    signed = relayer.sign(
        chain_id=client.chain_id(),
        nonce=client.transaction_count(relayer.address),
        to=to,
        data=data,
        gas=int(gas * GAS_MARGIN),
        fees=_affordable(client, relayer),
    )
    receipt = client.wait(client.send(signed.raw))
    if not receipt.succeeded:
        client.call(to, data, sender=relayer.address)  # raises with the reason, if it still holds
        raise RevertedError("", f"transaction {to_hex(receipt.transaction)} failed in block {receipt.block}")
    return receipt


def _affordable(client: LedgerClient, relayer: Relayer) -> Fees:
    """What to offer: nothing, if the account owns nothing; on a private ledger gas may cost nothing."""
    return client.fees() if client.balance(relayer.address) else Fees(most=0, tip=0)
