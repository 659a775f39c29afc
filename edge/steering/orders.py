"""Commands of the gateway: each is done once, while it is fresh, and answered."""

import logging
import time
from collections.abc import Callable, Mapping

from contracts.labels import clean
from contracts.messages import Action, Command, Outcome, Result
from contracts.messages.wire import MAX_WHY
from edge.errors import EdgeError, RefusedError
from edge.state import facts
from edge.state.database import Database

log = logging.getLogger(__name__)

LAST = "command"
"""Name of the fact that holds the number of the last command."""

Perform = Callable[[], object]
"""Does what a command asks for; raises `RefusedError` where it is not the time, another `EdgeError` else."""


class Orders:
    """Carries commands out, on the thread that calls."""

    def __init__(
        self,
        database: Database,
        environment: str,
        actions: Mapping[Action, Perform],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._environment = environment
        self._actions = actions
        self._clock = clock

    def carry_out(self, command: Command) -> Outcome | None:
        """Do what is asked, and say what became of it; None for a command that has been dealt with before.

        The number is on the disk before anything is done, so that a command that kills the process is not
        done again and again.

        Raises:
            StateError: the disk refuses; nothing was done.
        """
        if command.number <= facts.number(self._database, LAST):
            return None
        facts.keep(self._database, LAST, command.number.to_bytes(8))
        now = int(self._clock())
        if now >= command.expiry:
            return self._outcome(command, Result.REFUSED, "it came too late; compare the clocks")
        log.info("the gateway asks: %s", command.action.name.lower().replace("_", " "))
        perform = self._actions.get(command.action)
        if perform is None:
            return self._outcome(command, Result.REFUSED, "this kiosk has no use for it")
        try:
            perform()
        except RefusedError as error:
            return self._outcome(command, Result.REFUSED, str(error))
        except EdgeError as error:
            return self._outcome(command, Result.FAILED, str(error))
        except Exception as error:
            log.exception("a command failed in a way that nobody has foreseen")
            return self._outcome(command, Result.FAILED, f"{type(error).__name__}; see the kiosk's log")
        return self._outcome(command, Result.DONE, "")

    def _outcome(self, command: Command, result: Result, why: str) -> Outcome:
        return Outcome(self._environment, command.number, result, clean(why, MAX_WHY), int(self._clock()))
