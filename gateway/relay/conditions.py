"""What the ledger says just before transactions are signed: fees, and how the relayers stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.ledger import answers
from gateway.ledger.account import Fees
from gateway.ledger.client import LedgerClient, Question, ask_balance, ask_tip, ask_transaction_count
from gateway.ledger.errors import LedgerError
from gateway.ledger.transport import RpcCall
from gateway.relay import fees

FREE = Fees(most=0, tip=0)
"""What is offered by accounts that own nothing, on a ledger whose blocks burn nothing: a private one, on
which gas costs nothing. What a node there suggests as a tip they could not pay."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The ledger as of its newest block.

    Attributes:
        block: Its number.
        base_fee: Wei per gas.
        tip: Wei per gas that the node suggests to pay beyond it.
        block_gas: Gas limit of a block.
        nonces: For each relayer asked for, the number of its transactions in blocks.
        balances: What it owns, in wei.
    """

    block: int
    base_fee: int
    tip: int
    block_gas: int
    nonces: dict[bytes, int]
    balances: dict[bytes, int]

    def offer(self, cap: int) -> Fees | None:
        """What a new transaction of these relayers offers; None to wait, as fees are above the cap."""
        if self.base_fee == 0 and not any(self.balances.values()):
            return FREE
        return fees.offer(self.base_fee, self.tip, cap)


def ask(client: LedgerClient, relayers: Sequence[bytes]) -> Conditions:
    """Ask for all of it in one round trip; a second one where the node suggests no tip.

    Raises:
        LedgerError: The ledger refuses one of the questions, or does not answer.
    """
    questions: list[Question[Any]] = [
        NEWEST,
        *map(ask_transaction_count, relayers),
        *map(ask_balance, relayers),
        ask_tip(),
    ]
    *answered, suggested = client.several(questions)
    found: list[Any] = []
    for answer in answered:
        if isinstance(answer, LedgerError):
            raise answer
        found.append(answer)
    (block, base_fee, block_gas), *rest = found
    tip = client.tip(suggested, base_fee)
    nonces, balances = rest[: len(relayers)], rest[len(relayers) :]
    return Conditions(
        block, base_fee, tip, block_gas,
        dict(zip(relayers, nonces, strict=True)), dict(zip(relayers, balances, strict=True)),
    )  # fmt: skip


def _read(block: object) -> tuple[int, int, int]:
    """Number, base fee and gas limit of a block."""
    if not isinstance(block, dict):
        raise answers.IllFormedError("an object was expected")
    return (
        answers.quantity(block.get("number")),
        answers.quantity(block.get("baseFeePerGas", "0x0")),  # none before EIP-1559
        answers.quantity(block.get("gasLimit")),
    )


NEWEST = Question(RpcCall("eth_getBlockByNumber", ["latest", False]), _read)
