"""The contract's deployment at the first run: one, whenever the process dies, and paid as the relay pays."""

import time
from dataclasses import dataclass

from contracts.hexes import to_hex
from contracts.keccak import keccak256
from contracts.registry import deployment_code
from gateway.entries import Candidate, Mined
from gateway.journal import Journal
from gateway.ledger.account import Relayer, contract_address, nonce_of
from gateway.ledger.answers import TransactionReceipt
from gateway.ledger.client import LedgerClient, ask_known
from gateway.ledger.errors import LedgerConfigurationError, LedgerError, RevertedError, RpcError
from gateway.ledger.registry import Registry
from gateway.ledger.transacting import GAS_MARGIN, cannot_pay, paying
from gateway.relay import conditions
from gateway.relay.fees import cost
from gateway.relay.policy import GWEI, Policy
from gateway.relay.purse import Purse


@dataclass(frozen=True)
class Deployment:
    """Puts the contract on a ledger. Its transaction is in the journal before the ledger has it.

    Attributes:
        client: The ledger.
        journal: The gateway's.
        relayer: Who pays.
        policy: For how much, as with any transaction of the relay.
    """

    client: LedgerClient
    journal: Journal
    relayer: Relayer
    policy: Policy

    def begin(self, environment: str) -> tuple[Registry, TransactionReceipt]:
        """Deploy, or go on with what was begun before the process died: the same bytes are sent again.

        Returns:
            The contract, and what became of the transaction, for `conclude`; until then it is begun again.

        Raises:
            LedgerError: The ledger refuses, fees are above the cap, or the relayer lacks the funds or may not
                spend so much.
        """
        raw = self.journal.fact(self._name)
        while raw is None or (receipt := self._sent(raw)) is None:
            raw = self._signed(deployment_code(environment))
            self.journal.remember(self._name, raw)
        if receipt.contract is None or not receipt.succeeded:
            self.conclude(receipt)
            raise RevertedError("", f"the deployment failed in its block: {to_hex(receipt.transaction)}")
        registry = Registry(self.client, receipt.contract, receipt.block)
        registry.check(environment)
        return registry, receipt

    def conclude(self, receipt: TransactionReceipt) -> None:
        """Count what it has cost among the relayer's transactions, and let go of its bytes."""
        with self.journal.together():
            raw = self.journal.fact(self._name) or b""
            spent = cost(receipt.gas_used, receipt.gas_price)
            candidate = Candidate(receipt.transaction, raw, receipt.gas_price, 0, int(time.time()))
            number = self.journal.sign(
                self.relayer.address, nonce_of(raw), b"", receipt.gas_used, spent, candidate, []
            )
            self.journal.accept([number])
            self.journal.mine([Mined(number, receipt.transaction, receipt.block, receipt.block_hash, spent)])
            self.journal.close_shipment(number)
            self.journal.revise(self._name, raw, None)

    @property
    def _name(self) -> str:
        """Of the fact in the journal that holds the signed bytes."""
        return f"deployment by {to_hex(self.relayer.address)} on chain {self.client.chain_id()}"

    def _signed(self, code: bytes) -> bytes:
        address = self.relayer.address
        with paying(self.client, self.relayer):
            gas = int(self.client.estimate_gas(None, code, sender=address) * GAS_MARGIN)
        now = conditions.ask(self.client, [address])
        offered = now.offer(self.policy.fee_cap)
        if offered is None:
            raise LedgerError(f"fees are above fee_cap_gwei: {now.base_fee / GWEI:.1f} gwei and the tip")
        self._check_money(cost(gas, offered.most), now.balances[address])
        return self.relayer.sign(
            chain_id=self.client.chain_id(),
            nonce=now.nonces[address],
            to=None,
            data=code,
            gas=gas,
            fees=offered,
        ).raw

    def _check_money(self, wanted: int, balance: int) -> None:
        limit = self.policy.spending
        if wanted > balance // GWEI:
            raise cannot_pay(self.client, self.relayer)
        if wanted > Purse(self.journal).left(self.relayer.address, balance, 0, limit):
            raise LedgerConfigurationError(f"to deploy may cost {wanted} gwei, and daily_gwei is {limit}")

    def _sent(self, raw: bytes) -> TransactionReceipt | None:
        """What becomes of a signed deployment; None if its nonce went to another transaction."""
        name = keccak256(raw)
        with paying(self.client, self.relayer):
            try:
                self.client.send(raw)
            except RpcError:  # it may have it, which nodes call by many names
                (known,) = self.client.several([ask_known(name)])
                if known is not True and self._is_taken(nonce_of(raw)):
                    return None
                if known is not True:
                    raise
        return self.client.wait(name)

    def _is_taken(self, nonce: int) -> bool:
        address = self.relayer.address
        return self.client.transaction_count(address, "latest") > nonce and not self.client.code(
            contract_address(address, nonce)
        )
