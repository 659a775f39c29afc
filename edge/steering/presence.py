"""Births and deaths of the kiosk, signed before each connection."""

import logging
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.messages import Presence
from edge.errors import StateError
from edge.links.link import Announcement
from edge.state import facts
from edge.state.database import Database

log = logging.getLogger(__name__)

SEQUENCE = "presence"
"""Name of the fact that counts connections."""


class Presences:
    """Counts connections; `sequence` is the number of the present one."""

    def __init__(
        self,
        database: Database,
        device_key: Ed25519PrivateKey,
        environment: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.sequence = facts.number(database, SEQUENCE)
        self._database = database
        self._key = device_key
        self._environment = environment
        self._clock = clock

    def next(self) -> Announcement:
        """The announcement of a new connection.

        Where the disk refuses, the last number is used again: a kiosk that is full still connects.
        """
        try:
            self.sequence = facts.next_number(self._database, SEQUENCE)
        except StateError as error:
            log.warning("the connection has no number of its own: %s", error)
        return Announcement(self._signed(online=True), self._signed(online=False))

    def _signed(self, *, online: bool) -> bytes:
        return Presence(self._environment, self.sequence, online, int(self._clock())).sign(self._key)
