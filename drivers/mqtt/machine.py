"""How a connection to a broker comes, goes and comes again: a state machine without I/O.

A connection is opened, accepted (CONNACK), subscribed (SUBACK), and up. What ends it is one of five faults,
and they ask for different things: a lost link is tried again soon, then ever more slowly; a broker that knows
us not, or forbids us, waits for its operator; a broker that does not answer MQTT 5 is asked in 3.1.1 at once.
Each round begins with 5, so a broker that has been updated is noticed.
"""

from dataclasses import dataclass, replace
from enum import Enum, IntEnum

from drivers.pauses import Pauses


class Phase(Enum):
    """Where the connection stands."""

    STOPPED = "stopped"
    CONNECTING = "connecting"
    """Opened; the CONNACK is awaited."""
    SUBSCRIBING = "subscribing"
    """Accepted; the SUBACK is awaited."""
    UP = "up"
    DOWN = "down"
    """No connection; the next try follows when the pause is over."""
    REFUSED = "refused"
    """As DOWN, but the broker has said no to who we are or what we may."""


class Version(IntEnum):
    """Of MQTT, by the number in a CONNECT (section 3.1.2.2)."""

    V311 = 4
    V5 = 5


class Fault(Enum):
    """Why there is no connection."""

    LOST = "lost"
    """The network, or the broker is away."""
    SILENT = "silent"
    """Silence or a hang-up where the CONNACK should be: perhaps it knows another version."""
    VERSION = "version"
    """It says that it does not speak this version."""
    IDENTITY = "identity"
    """One of us does not accept who the other is: certificate, authority, name, clock."""
    PERMISSION = "permission"
    """It knows us, and forbids what we need."""


REFUSALS = frozenset({Fault.IDENTITY, Fault.PERMISSION})


@dataclass(frozen=True)
class Failure:
    """A fault, and what happened and what to do in words."""

    fault: Fault
    text: str


# Events


@dataclass(frozen=True)
class Begin:
    """Somebody wants a connection."""


@dataclass(frozen=True)
class End:
    """Nobody wants it any more."""


@dataclass(frozen=True)
class Accepted:
    """The broker let us in."""


@dataclass(frozen=True)
class Subscribed:
    """The broker granted every subscription."""


@dataclass(frozen=True)
class Failed:
    """The connection could not be made, was refused, or was lost."""

    failure: Failure


@dataclass(frozen=True)
class Elapsed:
    """The time that the state set for itself is over."""


@dataclass(frozen=True)
class Again:
    """The owner wants a fresh connection, as it has a new certificate to show."""


Event = Begin | End | Again | Accepted | Subscribed | Failed | Elapsed


class Action(Enum):
    """What the owner of the connection has to do."""

    OPEN = "open"
    SUBSCRIBE = "subscribe"
    ANNOUNCE = "announce"
    """Say that we are here, and send what waits."""
    GOODBYE = "goodbye"
    """Say that we leave; `CLOSE` follows."""
    CLOSE = "close"


@dataclass(frozen=True)
class Timing(Pauses):
    """How long to wait for what, in seconds.

    Attributes:
        version: for a CONNACK under MQTT 5; amqtt gives none. A slow broker that is wrongly taken for an old
            one costs the reason codes, nothing else, until the next connection.
        answer: for any other answer.
    """

    version: float = 2.0
    answer: float = 10.0


@dataclass(frozen=True)
class State:
    """Where the connection stands, and what it remembers.

    Attributes:
        phase: where it stands.
        version: of MQTT, in this attempt or this connection.
        failures: attempts in a row that came to nothing, or to a connection that did not last.
        failure: the last one; None while up.
        wait: seconds until `Elapsed` is due; None for never.
    """

    phase: Phase = Phase.STOPPED
    version: Version = Version.V5
    failures: int = 0
    failure: Failure | None = None
    wait: float | None = None


Step = tuple[State, tuple[Action, ...]]

OPENED = frozenset({Phase.CONNECTING, Phase.SUBSCRIBING, Phase.UP})
"""Phases in which there is a connection to close."""

NO_CONNACK = Failure(Fault.SILENT, "it does not answer (no CONNACK)")
NO_SUBACK = Failure(Fault.LOST, "it does not answer (no SUBACK)")


def step(state: State, event: Event, timing: Timing, chance: float) -> Step:
    """The next state, and what to do on the way. An event that does not fit the state changes nothing.

    Args:
        state: the present one.
        event: what has happened.
        timing: how long to wait for what.
        chance: drawn from [0, 1), for the jitter of a pause.
    """
    match state.phase, event:
        case _, End():
            return _end(state)
        case Phase.STOPPED, Begin():
            return _open(State(), Version.V5, timing)
        case ((Phase.DOWN | Phase.REFUSED), Elapsed()):
            return _open(state, Version.V5, timing)
        case Phase.CONNECTING, Accepted():
            return replace(state, phase=Phase.SUBSCRIBING, wait=timing.answer), (Action.SUBSCRIBE,)
        case Phase.SUBSCRIBING, Subscribed():
            up = replace(state, phase=Phase.UP, failure=None, wait=timing.steady)
            return up, (Action.ANNOUNCE,)
        case Phase.UP, Elapsed():
            return replace(state, failures=0, wait=None), ()
        case Phase.UP, Again():
            fresh, actions = _open(state, Version.V5, timing)
            return fresh, (Action.CLOSE, *actions)
        case Phase.CONNECTING, Elapsed():
            return _fail(state, NO_CONNACK, timing, chance)
        case Phase.SUBSCRIBING, Elapsed():
            return _fail(state, NO_SUBACK, timing, chance)
        case ((Phase.CONNECTING | Phase.SUBSCRIBING | Phase.UP), Failed(failure)):
            return _fail(state, failure, timing, chance)
    return state, ()


def _open(state: State, version: Version, timing: Timing) -> Step:
    wait = timing.version if version is Version.V5 else timing.answer
    return replace(state, phase=Phase.CONNECTING, version=version, wait=wait), (Action.OPEN,)


def _fail(state: State, failure: Failure, timing: Timing, chance: float) -> Step:
    unheard = state.phase is Phase.CONNECTING and failure.fault in (Fault.SILENT, Fault.VERSION)
    if unheard and state.version is Version.V5:
        again, actions = _open(state, Version.V311, timing)
        return again, (Action.CLOSE, *actions)
    failures = state.failures + 1
    paused = State(
        phase=Phase.REFUSED if failure.fault in REFUSALS else Phase.DOWN,
        version=state.version,
        failures=failures,
        failure=failure,
        wait=timing.pause(failures, chance, refused=failure.fault in REFUSALS),
    )
    return paused, (Action.CLOSE,)


def _end(state: State) -> Step:
    if state.phase not in OPENED:
        return State(), ()
    return State(), (Action.GOODBYE, Action.CLOSE) if state.phase is Phase.UP else (Action.CLOSE,)
