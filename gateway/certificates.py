"""The certificates between a gateway and its broker: their operator renews them, and has to be told in time.

A kiosk's renews itself (`edge.steering`). These two last for years, and the day on which one ends every
kiosk is cut off.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drivers.mqtt.errors import CredentialsError
from gateway.links.link import Link
from gateway.provisioning import own
from gateway.provisioning.mosquitto import GATEWAY

LOG = logging.getLogger(__name__)

WARNING_DAYS = 30
"""Before its end; as long as a kiosk has for the renewal of its own."""

REMINDER_SECONDS = 86_400.0
"""Between two lines in the log about the same certificate."""

EARLIER = (
    "the gateway's certificate has the name that every gateway's had once, and a broker that was set up then"
    " lets any kiosk take over a session; docs/mqtt.md, 'Set up earlier', has three commands that end it"
)


@dataclass(frozen=True)
class Certificate:
    """One of them.

    Attributes:
        name: In `/health`.
        whose: In words.
        end: When it ends.
        remedy: What to do about it.
    """

    name: str
    whose: str
    end: datetime
    remedy: str

    def days(self, now: datetime) -> int:
        """Whole days that are left; negative once it has ended."""
        return (self.end - now).days

    def warning(self, now: datetime) -> str:
        """What to tell the operator; empty as long as there is time."""
        if self.days(now) >= WARNING_DAYS:
            return ""
        verb = "ended" if self.end <= now else "ends"
        return f"{self.whose} certificate {verb} on {self.end:%Y-%m-%d}; {self.remedy}"


class Certificates:
    """Both, as they are at the moment of asking: each may have been renewed meanwhile."""

    def __init__(
        self,
        state: Path | None,
        links: Sequence[Link],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Look at nothing yet.

        Args:
            state: The gateway's state directory; None where its broker wants no certificate.
            links: Its links, whose other ends may show certificates.
            now: The present.
        """
        self._state, self._links, self._now = state, links, now
        self._reminded: float | None = None

    def known(self) -> list[Certificate]:
        """Those that are known now: the broker's once there was a connection."""
        return [*self._own(), *self._broker()]

    def health(self) -> dict[str, Any]:
        """The days that are left, null where there is no such certificate, and what to do."""
        now, known = self._now(), self.known()
        left = {each.name: each.days(now) for each in known}
        names = ("certificate_days", "broker_certificate_days")
        warnings = [each.warning(now) for each in known if each.warning(now)] + self._earlier()
        return {name: left.get(name) for name in names} | {"warnings": warnings}

    def remind(self) -> None:
        """Say in the log, once a day, what has to be renewed; cheap enough for every second."""
        if self._reminded is not None and time.monotonic() - self._reminded < REMINDER_SECONDS:
            return
        self._reminded = time.monotonic()
        for warning in self.health()["warnings"]:
            LOG.warning("%s", warning)

    def _own(self) -> list[Certificate]:
        if self._state is None:
            return []
        try:
            end = own.credentials(self._state).expiry()
        except CredentialsError:  # said by the link, which cannot come up
            return []
        remedy = "renew it with: ridgekey gateway provision gateway"
        return [Certificate("certificate_days", "the gateway's", end, remedy)]

    def _earlier(self) -> list[str]:
        """A warning if ours was made when a name was not yet bound to one client."""
        try:
            is_earlier = self._state is not None and own.credentials(self._state).name() == GATEWAY
        except CredentialsError:
            return []
        return [EARLIER] * is_earlier

    def _broker(self) -> list[Certificate]:
        remedy = "renew it with: ridgekey gateway provision broker, and have the broker reload it"
        ends = [link.peer_certificate_end for link in self._links]
        return [Certificate("broker_certificate_days", "the broker's", end, remedy) for end in ends if end]
