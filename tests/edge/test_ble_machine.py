"""The state machine of a connection by Bluetooth, through every order of events that there can be."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.pauses import Pauses
from edge.links.ble_machine import (
    NOBODY,
    OPENED,
    REFUSALS,
    Action,
    Begin,
    Elapsed,
    End,
    Event,
    Exhausted,
    Failed,
    Failure,
    Fault,
    Introduced,
    Phase,
    Sighted,
    State,
    step,
)

PAUSES = Pauses()
UP = State(Phase.UP, wait=PAUSES.steady)

faults = st.sampled_from(Fault)
events = st.one_of(
    st.sampled_from([Begin(), Sighted(), Exhausted(), Introduced(), Elapsed(), End()]),
    faults.map(lambda fault: Failed(Failure(fault, fault.value))),
)
chances = st.floats(0, 1, exclude_max=True)


def run(*happened: Event, state: State | None = None) -> tuple[State, list[Action]]:
    """Where a row of events leads, and what was done on the way."""
    state = state or State()
    done: list[Action] = []
    for event in happened:
        state, actions = step(state, event, PAUSES, 0.5)
        done += actions
    return state, done


def failed(fault: Fault, text: str = "a reason") -> Failed:
    return Failed(Failure(fault, text))


@given(st.lists(st.tuples(events, chances), max_size=60))
def test_whatever_happens_one_connection_at_most_and_never_stuck(
    happened: list[tuple[Event, float]],
) -> None:
    state, is_open = State(), False
    for event, chance in happened:
        before = state
        state, actions = step(state, event, PAUSES, chance)
        for action in actions:
            if action is Action.CALL:
                assert not is_open
                is_open = True
            elif action is Action.CLOSE:
                assert is_open
                is_open = False
        assert is_open == (state.phase in OPENED)
        # Something always comes next: of what was just asked for, or the end of a pause or of the link.
        asked = [action for action in actions if action is not Action.CLOSE]
        if state.phase in (Phase.SEARCHING, Phase.INTRODUCING):
            assert asked or state == before
        if state.phase in (Phase.DOWN, Phase.REFUSED):
            assert state.wait is not None
            assert state.failure is not None
            assert (state.phase is Phase.REFUSED) == (state.failure.fault in REFUSALS)
            assert state.failures > 0
        if isinstance(event, End):
            assert state == State()
        if before.phase is Phase.STOPPED and not isinstance(event, Begin):
            assert state == before


@given(st.lists(faults, min_size=1, max_size=10))
def test_every_gateway_within_reach_is_tried_before_the_operator_is_called(found: list[Fault]) -> None:
    state, _ = run(Begin())
    for number, fault in enumerate(found):
        state, more = run(Sighted(), failed(fault, str(number)), state=state)
        assert (state.phase, more) == (Phase.SEARCHING, [Action.CALL, Action.CLOSE, Action.SEARCH_ON])
    state, _ = run(Exhausted(), state=state)
    assert state.failure is not None
    hopeful = [number for number, fault in enumerate(found) if fault not in REFUSALS]
    assert state.failure.text == str(hopeful[0] if hopeful else 0)
    assert (state.phase is Phase.REFUSED) == (not hopeful)


def test_the_good_way() -> None:
    state, done = run(Begin(), Sighted(), Introduced())
    assert state == UP
    assert done == [Action.SEARCH, Action.CALL]
    assert run(End(), state=state) == (State(), [Action.CLOSE])


def test_a_stranger_s_gateway_stands_in_nobody_s_way() -> None:
    state, done = run(Begin(), Sighted(), failed(Fault.IDENTITY), Sighted(), Introduced())
    assert state == UP
    assert done == [Action.SEARCH, Action.CALL, Action.CLOSE, Action.SEARCH_ON, Action.CALL]


def test_nobody_is_a_failure_and_no_refusal() -> None:
    state, done = run(Begin(), Exhausted())
    assert (state.phase, state.failure, done) == (Phase.DOWN, NOBODY, [Action.SEARCH])
    # What stood in the way the last time is forgotten when the search begins anew.
    state, _ = run(Begin(), Sighted(), failed(Fault.IDENTITY), Exhausted(), Elapsed(), Exhausted())
    assert (state.phase, state.failure, state.failures) == (Phase.DOWN, NOBODY, 2)


def test_pauses_double_until_a_connection_has_lasted() -> None:
    state, _ = run(Begin())
    pauses = []
    for _ in range(9):
        state, _ = run(Exhausted(), state=state)
        pauses.append(state.wait)
        state, _ = run(Elapsed(), state=state)
    assert pauses == [0.75 * pause for pause in (0.5, 1, 2, 4, 8, 16, 32, 60, 60)]
    brief, _ = run(Sighted(), Introduced(), failed(Fault.LOST), state=state)
    assert brief.failures == 10
    lasting, _ = run(Sighted(), Introduced(), Elapsed(), failed(Fault.LOST), state=state)
    assert lasting.failures == 1


@pytest.mark.parametrize("fault", sorted(REFUSALS, key=lambda fault: fault.value))
def test_a_refusal_waits_for_the_operator(fault: Fault) -> None:
    state, _ = run(Begin(), failed(fault))
    assert (state.phase, state.wait) == (Phase.REFUSED, 0.75 * PAUSES.refused)
    assert run(Elapsed(), state=state)[0].phase is Phase.SEARCHING


def test_late_words_change_nothing() -> None:
    down = replace(UP, phase=Phase.DOWN)
    for state in (State(), down, UP):
        for event in (Sighted(), Exhausted(), Introduced()):
            assert step(state, event, PAUSES, 0.5) == (state, ())
