"""Executions that are tried and not kept: eth_call and eth_estimateGas."""

from dataclasses import dataclass, replace
from typing import Any

from eth.abc import BlockHeaderAPI, ComputationAPI
from eth.constants import CREATE_CONTRACT_ADDRESS, ZERO_ADDRESS
from eth.vm.spoof import SpoofTransaction
from eth_utils.exceptions import ValidationError

from gateway.ledger.node.chain import Chain, RefusedError
from gateway.ledger.node.rules import BLOCK_GAS, floor_gas

CALL_STIPEND = 2_300
"""Gas that a called contract gets beside what is passed on (yellow paper, appendix G)."""


class RevertedError(Exception):
    """The execution ended in an error: `output` what the contract returned, the text the machine's word."""

    def __init__(self, output: bytes, error: str) -> None:
        super().__init__(error)
        self.output = output


@dataclass(frozen=True, slots=True)
class Call:
    """An execution that is tried and not kept: who calls what with which data, value in wei and gas."""

    sender: bytes = ZERO_ADDRESS
    to: bytes | None = None
    data: bytes = b""
    value: int = 0
    gas: int = BLOCK_GAS


class Calls:
    """Tries calls on a chain."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def call(self, call: Call, at: BlockHeaderAPI | None = None) -> bytes:
        """What a call returns, executed now, in the block that would come next, or in that of block `at`.

        Raises:
            RevertedError: the execution failed.
            RefusedError: the sender could not make this call.
        """
        return bytes(self._execute(call, at).output)

    def estimate_gas(self, call: Call, at: BlockHeaderAPI | None = None) -> int:
        """Least gas with which the call succeeds, to within 1.5 %.

        The gas that it consumes is not enough: refunds come only at the end, and of what is left only 63/64
        are passed to a called contract (EIP-150). So the answer is searched for.

        Raises:
            RevertedError: the execution fails with all gas that was allowed.
            RefusedError: the sender could not make this call.
        """
        least = self._gas_used(call, at) - 1  # too little, as a transaction must bring at least what it uses
        enough = call.gas
        guess = min(enough, (least + CALL_STIPEND) * 64 // 63 + 1)
        while True:
            if self._succeeds(replace(call, gas=guess), at):
                enough = guess
            else:
                least = guess
            if enough - least <= enough * 15 // 1000:
                return enough
            guess = (enough + least) // 2

    def _execute(self, call: Call, at: BlockHeaderAPI | None) -> ComputationAPI:
        computation = self._attempt(call, at)
        if computation.is_error:
            error = f"{type(computation.error).__name__}: {computation.error}"
            raise RevertedError(bytes(computation.output), error)
        return computation

    def _gas_used(self, call: Call, at: BlockHeaderAPI | None) -> int:
        """Gas consumed, without the refund: that is paid back after the gas was needed."""
        remaining = self._execute(call, at).get_gas_remaining()
        return max(call.gas - int(remaining), floor_gas(call.data))

    def _succeeds(self, call: Call, at: BlockHeaderAPI | None) -> bool:
        try:
            return not self._attempt(call, at).is_error
        except RefusedError:
            return False

    def _attempt(self, call: Call, at: BlockHeaderAPI | None) -> ComputationAPI:
        header = self._chain.next_header() if at is None else at
        # A call pays nothing, so that addresses without funds can make it.
        vm = self._chain.vm_at(header.copy(base_fee_per_gas=0))
        bare = vm.create_unsigned_transaction(
            nonce=vm.state.get_nonce(call.sender),
            gas_price=0,
            gas=call.gas,
            to=call.to or CREATE_CONTRACT_ADDRESS,
            value=call.value,
            data=call.data,
        )
        transaction: Any = SpoofTransaction(bare, from_=call.sender)
        try:
            computation: ComputationAPI = vm.state.costless_execute_transaction(transaction)
        except ValidationError as error:
            raise RefusedError(str(error)) from error
        finally:
            self._chain.store.discard()
        return computation
