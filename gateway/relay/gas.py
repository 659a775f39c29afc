"""How much gas each kind of act needs: asked once, then remembered."""

from contracts.acts import ActKind
from gateway.entries import Entry
from gateway.ledger.client import LedgerClient

HEADROOM = 50_000
"""Over the estimate, as an act that comes first for its person opens storage that the next finds open.

That is at most a nonce word and a consent, 20,000 gas each. Only used gas is paid for.
"""


class GasBook:
    """Limits by kind of act. An estimate makes the node execute the act some ten times."""

    def __init__(self, client: LedgerClient, contract: bytes) -> None:
        self._client, self._contract = client, contract
        self._known: dict[ActKind, int] = {}

    def limit(self, entry: Entry, data: bytes, sender: bytes) -> int:
        """Gas limit for the call of an act on its own.

        Raises:
            RevertedError: The contract refuses the act.
            LedgerError: The ledger cannot say.
        """
        usual = entry.step == 0 and entry.tries == 0
        if usual and entry.kind in self._known:
            return self._known[entry.kind]
        limit = self.estimate(data, sender)
        if entry.step == 0:
            self._known[entry.kind] = max(limit, self._known.get(entry.kind, 0))
        return limit

    def estimate(self, data: bytes, sender: bytes) -> int:
        """Gas limit for a call, asked anew; errors as `limit`."""
        return self._client.estimate_gas(self._contract, data, sender=sender) + HEADROOM
