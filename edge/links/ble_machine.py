"""How a connection to a gateway by Bluetooth comes, goes and comes again: a state machine without I/O.

Gateways within reach are tried one after the other: one is found, called and introduced to, and the link is
up. A gateway that is not ours stands in nobody's way; only when none is left is the attempt a failure, and of
which kind: a lost link is tried again soon, then ever more slowly; where one of us does not accept who the
other is, or this machine may not use its radio, it is the operator's turn.
"""

from dataclasses import dataclass, replace
from enum import Enum

from drivers.pauses import Pauses


class Phase(Enum):
    """Where the connection stands."""

    STOPPED = "stopped"
    SEARCHING = "searching"
    """Looking for a gateway that was not tried yet."""
    INTRODUCING = "introducing"
    """One was found; a connection, and each other's proof of who they are, are awaited."""
    UP = "up"
    DOWN = "down"
    """No connection; the next attempt follows when the pause is over."""
    REFUSED = "refused"
    """As DOWN, but somebody has said no to who we are or what we may."""


class Fault(Enum):
    """Why there is no connection."""

    ABSENT = "absent"
    """No gateway is within reach."""
    LOST = "lost"
    """It broke, or never came about."""
    IDENTITY = "identity"
    """One of us does not accept who the other is."""
    PERMISSION = "permission"
    """This machine does not let us use Bluetooth."""


REFUSALS = frozenset({Fault.IDENTITY, Fault.PERMISSION})


@dataclass(frozen=True)
class Failure:
    """A fault, and what happened and what to do in words."""

    fault: Fault
    text: str

    @property
    def is_refusal(self) -> bool:
        """Whether it is a matter for the operator."""
        return self.fault in REFUSALS


NOBODY = Failure(Fault.ABSENT, "no gateway is within reach of Bluetooth")


# Events


@dataclass(frozen=True)
class Begin:
    """Somebody wants a connection."""


@dataclass(frozen=True)
class End:
    """Nobody wants it any more."""


@dataclass(frozen=True)
class Sighted:
    """A gateway, ours or not, is within reach."""


@dataclass(frozen=True)
class Exhausted:
    """There is none, or none that was not tried yet."""


@dataclass(frozen=True)
class Introduced:
    """The gateway is ours, and it knows us."""


@dataclass(frozen=True)
class Failed:
    """The search, the introduction or the connection came to an end."""

    failure: Failure


@dataclass(frozen=True)
class Elapsed:
    """The time that the state set for itself is over."""


Event = Begin | End | Sighted | Exhausted | Introduced | Failed | Elapsed


class Action(Enum):
    """What the owner of the connection has to do."""

    SEARCH = "search"
    """Look for gateways, and name the first."""
    SEARCH_ON = "search on"
    """Name the next."""
    CALL = "call"
    """Connect to the one just named, and go through the introduction."""
    CLOSE = "close"


@dataclass(frozen=True)
class State:
    """Where the connection stands, and what it remembers.

    Attributes:
        phase: where it stands.
        failures: attempts in a row that came to nothing, or to a connection that did not last.
        failure: of the last attempt; None while up.
        problem: in this attempt, what stood in the way at those gateways that were tried: the first that may
            let us in the next time, or else the first.
        wait: seconds until `Elapsed` is due; None for never.
    """

    phase: Phase = Phase.STOPPED
    failures: int = 0
    failure: Failure | None = None
    problem: Failure | None = None
    wait: float | None = None


Step = tuple[State, tuple[Action, ...]]

OPENED = frozenset({Phase.INTRODUCING, Phase.UP})
"""Phases in which there is a connection to close, or about to be one."""


def step(state: State, event: Event, pauses: Pauses, chance: float) -> Step:
    """The next state, and what to do on the way. An event that does not fit the state changes nothing.

    Args:
        state: the present one.
        event: what has happened.
        pauses: how long to wait before the next attempt.
        chance: drawn from [0, 1), for the jitter of a pause.
    """
    match state.phase, event:
        case phase, End():
            return State(), (Action.CLOSE,) if phase in OPENED else ()
        case Phase.STOPPED, Begin():
            return State(Phase.SEARCHING), (Action.SEARCH,)
        case ((Phase.DOWN | Phase.REFUSED), Elapsed()):
            return replace(state, phase=Phase.SEARCHING, wait=None), (Action.SEARCH,)
        case Phase.SEARCHING, Sighted():
            return replace(state, phase=Phase.INTRODUCING), (Action.CALL,)
        case Phase.SEARCHING, Exhausted():
            return _pause(state, state.problem or NOBODY, pauses, chance), ()
        case Phase.SEARCHING, Failed(failure):
            return _pause(state, failure, pauses, chance), ()
        case Phase.INTRODUCING, Failed(failure):
            more = replace(state, phase=Phase.SEARCHING, problem=_graver(state.problem, failure))
            return more, (Action.CLOSE, Action.SEARCH_ON)
        case Phase.INTRODUCING, Introduced():
            return State(Phase.UP, state.failures, wait=pauses.steady), ()
        case Phase.UP, Elapsed():
            return State(Phase.UP), ()
        case Phase.UP, Failed(failure):
            return _pause(state, failure, pauses, chance), (Action.CLOSE,)
    return state, ()


def _graver(earlier: Failure | None, later: Failure) -> Failure:
    """A gateway that may let us in the next time counts more than one that will not."""
    if earlier is None or (earlier.is_refusal and not later.is_refusal):
        return later
    return earlier


def _pause(state: State, failure: Failure, pauses: Pauses, chance: float) -> State:
    failures = state.failures + 1
    return State(
        phase=Phase.REFUSED if failure.is_refusal else Phase.DOWN,
        failures=failures,
        failure=failure,
        wait=pauses.pause(failures, chance, refused=failure.is_refusal),
    )
