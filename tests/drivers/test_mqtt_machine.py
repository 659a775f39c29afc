"""The state machine of a connection to a broker, through every order of events that there can be."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.mqtt.machine import (
    OPENED,
    REFUSALS,
    Accepted,
    Action,
    Again,
    Begin,
    Elapsed,
    End,
    Event,
    Failed,
    Failure,
    Fault,
    Phase,
    State,
    Subscribed,
    Timing,
    Version,
    step,
)

TIMING = Timing()
UP = State(Phase.UP, wait=TIMING.steady)

faults = st.sampled_from(Fault)
events = st.one_of(
    st.sampled_from([Begin(), Accepted(), Subscribed(), Elapsed(), Again(), End()]),
    faults.map(lambda fault: Failed(Failure(fault, fault.value))),
)
chances = st.floats(0, 1, exclude_max=True)


def run(*happened: Event, state: State | None = None) -> tuple[State, list[Action]]:
    """Where a row of events leads, and what was done on the way."""
    state = state or State()
    done: list[Action] = []
    for event in happened:
        state, actions = step(state, event, TIMING, 0.5)
        done += actions
    return state, done


def failed(fault: Fault) -> Failed:
    return Failed(Failure(fault, "a reason"))


@given(st.lists(st.tuples(events, chances), max_size=60))
def test_whatever_happens_one_connection_at_most_and_never_stuck(
    happened: list[tuple[Event, float]],
) -> None:
    state, is_open = State(), False
    for event, chance in happened:
        before = state
        state, actions = step(state, event, TIMING, chance)
        for action in actions:
            if action is Action.OPEN:
                assert not is_open
                is_open = True
            else:
                assert is_open
                is_open = action is not Action.CLOSE
        assert is_open == (state.phase in OPENED)
        # Only a stopped connection, and one that has proved good, wait for nothing.
        assert (state.wait is None) <= (state.phase in (Phase.STOPPED, Phase.UP))
        if isinstance(event, End):
            assert state == State()
        if before.phase is Phase.STOPPED and not isinstance(event, Begin):
            assert state == before
        if state.phase in (Phase.DOWN, Phase.REFUSED):
            assert state.failure is not None
            assert (state.phase is Phase.REFUSED) == (state.failure.fault in REFUSALS)
            assert state.failures > 0


@given(st.lists(st.tuples(events, chances), max_size=60))
def test_3_1_1_is_spoken_only_where_5_was_not_understood(happened: list[tuple[Event, float]]) -> None:
    state = State()
    for event, chance in happened:
        before = state
        state, actions = step(state, event, TIMING, chance)
        if Action.OPEN in actions and state.version is Version.V311:
            assert (before.phase, before.version) == (Phase.CONNECTING, Version.V5)
            silent = isinstance(event, Elapsed)
            assert silent or (
                isinstance(event, Failed) and event.failure.fault in (Fault.SILENT, Fault.VERSION)
            )
            assert actions == (Action.CLOSE, Action.OPEN)


@given(faults, st.integers(1, 10_000), chances)
def test_pauses_have_bounds(fault: Fault, failures: int, chance: float) -> None:
    refused = fault in REFUSALS
    pause = TIMING.pause(failures, chance, refused=refused)
    least = TIMING.refused if refused else TIMING.first
    assert (1 - TIMING.jitter) * least <= pause <= max(TIMING.longest, TIMING.refused)


def test_the_good_way() -> None:
    state, done = run(Begin(), Accepted(), Subscribed())
    assert state == UP
    assert done == [Action.OPEN, Action.SUBSCRIBE, Action.ANNOUNCE]
    assert run(End(), state=state) == (State(), [Action.GOODBYE, Action.CLOSE])


def test_pauses_double_until_a_connection_has_lasted() -> None:
    state, _ = run(Begin())
    pauses = []
    for _ in range(9):
        state, _ = run(failed(Fault.LOST), state=state)
        pauses.append(state.wait)
        state, _ = run(Elapsed(), state=state)
    assert pauses == [0.75 * pause for pause in (0.5, 1, 2, 4, 8, 16, 32, 60, 60)]
    brief, _ = run(Accepted(), Subscribed(), failed(Fault.LOST), state=state)
    assert brief.failures == 10
    lasting, _ = run(Accepted(), Subscribed(), Elapsed(), failed(Fault.LOST), state=state)
    assert lasting.failures == 1


def test_an_old_broker_is_asked_in_3_1_1_at_once_and_in_5_the_next_time() -> None:
    for silence in (Elapsed(), failed(Fault.SILENT), failed(Fault.VERSION)):
        state, done = run(Begin(), silence)
        assert (state.phase, state.version, state.failures) == (Phase.CONNECTING, Version.V311, 0)
        assert done == [Action.OPEN, Action.CLOSE, Action.OPEN]
    state, _ = run(Accepted(), Subscribed(), failed(Fault.LOST), Elapsed(), state=state)
    assert state.version is Version.V5


def test_silence_in_both_versions_is_a_failure() -> None:
    state, _ = run(Begin(), Elapsed(), Elapsed())
    assert (state.phase, state.failures) == (Phase.DOWN, 1)
    assert state.failure is not None
    assert "CONNACK" in state.failure.text


@pytest.mark.parametrize("fault", sorted(REFUSALS, key=lambda fault: fault.value))
def test_a_refusal_waits_for_the_operator(fault: Fault) -> None:
    state, done = run(Begin(), failed(fault))
    assert (state.phase, state.wait, done[-1]) == (Phase.REFUSED, 0.75 * TIMING.refused, Action.CLOSE)
    assert run(Elapsed(), state=state)[0].phase is Phase.CONNECTING


def test_a_fresh_connection_on_demand() -> None:
    state, done = run(Again(), state=UP)
    assert (state.phase, done) == (Phase.CONNECTING, [Action.CLOSE, Action.OPEN])
    waiting = replace(UP, phase=Phase.DOWN)
    assert run(Again(), state=waiting) == (waiting, [])


def test_late_words_change_nothing() -> None:
    for state in (State(), replace(UP, phase=Phase.DOWN), UP):
        assert step(state, Accepted(), TIMING, 0.5) == (state, ())
        assert step(state, Subscribed(), TIMING, 0.5) == (state, ())
