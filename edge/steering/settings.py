"""The settings of this kiosk that its gateway may change, and what it makes of a wish."""

import time
from collections.abc import Callable, Mapping

from contracts import cbor
from contracts.messages import Desired, Reported, Setting
from contracts.messages.configuration import refusal_of
from edge.identity.certificate import DEFAULT_RENEW_DAYS
from edge.state import facts
from edge.state.database import Database

KEPT = "configuration"
"""Name of the fact that holds the configuration last dealt with."""

DEFAULT_HEALTH_SECONDS = 60


def own_settings(outbox_limit: int) -> dict[int, int]:
    """The settings as this kiosk has them by itself."""
    return {
        Setting.HEALTH_SECONDS: DEFAULT_HEALTH_SECONDS,
        Setting.OUTBOX_LIMIT: outbox_limit,
        Setting.RENEW_DAYS: DEFAULT_RENEW_DAYS,
    }


class Settings:
    """The settings in force: the kiosk's own, and over them what the gateway wants and may have."""

    def __init__(
        self,
        database: Database,
        environment: str,
        own: Mapping[int, int],
        apply: Callable[["Settings"], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take up the configuration that was last dealt with.

        Args:
            database: the kiosk's state.
            environment: name of the deployment, for reports.
            own: the kiosk's own values.
            apply: called now and after each change.
            clock: Unix time.
        """
        self._database = database
        self._environment = environment
        self._own = {int(name): value for name, value in own.items()}
        self._apply = apply
        self._clock = clock
        self.version, wanted = _kept(database)
        self._in_force, _ = self._merge(wanted)
        apply(self)

    def __getitem__(self, setting: Setting) -> int:
        """The value in force."""
        return self._in_force[setting]

    def deal_with(self, desired: Desired) -> Reported | None:
        """Take over what may be; the report says what is in force, and what was refused and why.

        Returns:
            None for a configuration that is no newer than the last one: it changes nothing.

        Raises:
            StateError: the disk refuses; nothing has changed.
        """
        if desired.version <= self.version:
            return None
        in_force, refused = self._merge(desired.settings)
        kept = cbor.encode({0: desired.version, 1: dict(desired.settings)})
        facts.keep(self._database, KEPT, kept)
        self.version, self._in_force = desired.version, in_force
        self._apply(self)
        return Reported(self._environment, self.version, in_force, refused, int(self._clock()))

    def _merge(self, wanted: Mapping[int, int]) -> tuple[dict[int, int], dict[int, str]]:
        refused = {number: why for number, value in wanted.items() if (why := refusal_of(number, value))}
        return self._own | {number: wanted[number] for number in wanted if number not in refused}, refused


def _kept(database: Database) -> tuple[int, dict[int, int]]:
    data = facts.value(database, KEPT)
    if data is None:
        return 0, {}
    fields = cbor.Fields(cbor.decode(data, 4096, "the kept configuration"), "the kept configuration", {0, 1})
    wanted = fields.item(1)
    return fields.unsigned(0), dict(wanted) if isinstance(wanted, Mapping) else {}
