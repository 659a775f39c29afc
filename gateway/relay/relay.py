"""The stages of the relay, put together."""

from collections import Counter
from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.eip712 import Domain
from gateway.calls import Calls
from gateway.entries import Entry
from gateway.journal import Journal
from gateway.ledger.account import Relayer
from gateway.ledger.registry import Registry
from gateway.relay.bumping import Bumping
from gateway.relay.confirming import Confirming
from gateway.relay.gas import GasBook
from gateway.relay.policy import Policy
from gateway.relay.sending import Sending
from gateway.relay.signing import Signing
from gateway.relay.verdicts import Verdicts
from gateway.relay.verifying import Verifying
from gateway.store import Objects


class Relay:
    """Moves acts on.

    Its three turns may run in threads of their own, one for each: no two of them take acts from the same
    state. `prepare` takes the received and verified, `send` the signed, `confirm` the accepted and mined.
    """

    def __init__(
        self,
        journal: Journal,
        store: Objects,
        registry: Registry,
        relayers: Sequence[Relayer],
        domain: Domain,
        gateway_key: Ed25519PrivateKey,
        policy: Policy,
        calls: Calls,
        settled: Callable[[Entry], None],
        counts: Counter[str],
    ) -> None:
        """Connect the parts.

        Args:
            journal: The acts.
            store: Where the object of a register act goes.
            registry: The contract, on its ledger.
            relayers: The accounts that pay; one at least that is not retired.
            domain: Where the acts count.
            gateway_key: Signs the receipts.
            policy: The operator's.
            calls: Makes contract calls of entries.
            settled: Called with each entry that has just become final or rejected, its receipt in it.
            counts: Counts what happens, for `/health`.
        """
        self._journal = journal
        registry.client.saw(journal.last_block())  # a node that lacks it knows less than this gateway
        sender, chain_id = relayers[0].address, domain.chain_id
        verdicts = Verdicts(
            journal, registry, domain, gateway_key, policy.confirmations, sender, settled, counts
        )
        gas = GasBook(registry.client, registry.contract)
        self.verifying = Verifying(journal, store, registry, calls, verdicts, policy, sender, counts)
        self.signing = Signing(journal, registry, relayers, chain_id, calls, gas, verdicts, policy, counts)
        self.bumping = Bumping(journal, registry, relayers, chain_id, policy, counts)
        self.sending = Sending(journal, registry.client, self.bumping, counts)
        self.confirming = Confirming(journal, registry, calls, verdicts, policy, sender, counts)

    def prepare(self) -> bool:
        """A turn of the first half, up to signed bytes; whether anything has moved.

        Raises:
            LedgerUnreachableError: Nothing answers; nothing is lost, call again later.
            JournalError, StoreError: The disk refuses.
        """
        return bool(self.verifying.turn() + self.signing.turn())

    def send(self) -> bool:
        """Bring signed bytes to the node; as `prepare`."""
        return bool(self.sending.turn())

    def confirm(self) -> bool:
        """See what became of them; as `prepare`."""
        return bool(self.confirming.turn() + self.bumping.turn())

    def advance(self) -> bool:
        """Take every act that is under way as far as it will go now, in this thread.

        Returns:
            Whether any act is still under way and waits.
        """
        while self.prepare() or self.send() or self.confirm():
            pass
        return bool(self._journal.count_under_way())
