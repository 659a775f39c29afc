"""How many acts may wait for the ledger: so many in all, and of nobody more than a share."""

import time
from collections.abc import Mapping

from gateway.journal import Journal

MAX_UNDER_WAY = 10_000
"""Acts that may wait for the ledger; beyond that the kiosks' own outboxes are the better place."""

MAX_OF_ONE = 2_500
"""Of these from one kiosk, or from all requesters together: nobody can keep all the others out."""

LOOK_SECONDS = 0.5
"""Between two counts of them."""


class Room:
    """Whether the journal takes more; looked up now and then, as it is a bound and no exact number."""

    def __init__(self, journal: Journal) -> None:
        """Connect it to the journal."""
        self._journal = journal
        self._under_way: Mapping[bytes | None, int] = {}
        self._look_again = 0.0

    def is_there(self, kiosk: bytes | None) -> bool:
        """Whether there is room for an act that this kiosk brings; None stands for the requesters."""
        now = time.monotonic()
        if now >= self._look_again:
            self._under_way = self._journal.count_by_kiosk()
            self._look_again = now + LOOK_SECONDS
        of_all, of_one = sum(self._under_way.values()), self._under_way.get(kiosk, 0)
        return of_all < MAX_UNDER_WAY and of_one < MAX_OF_ONE
