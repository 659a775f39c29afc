"""Both ends of a Bluetooth session, joined without a radio; and a server that strangers talk to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import conversation, gatt
from contracts.conversation import Conversation, Patience, RefusedError, Sessions
from contracts.errors import MalformedError, UnsupportedVersionError
from contracts.framing import FramingError
from contracts.gatt import End, Limits, Refusal, Start

MTU = 185
PATIENCE = Patience(sessions=2, greeting=64, greeting_seconds=10, idle_seconds=100)
LONG = 5000


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(PATIENCE, clock)


def begin(sessions: Sessions, client: str = "a", *, known: bool = True) -> Conversation:
    end = Conversation(LONG)
    assert sessions.write_state(client, MTU, end.start.encode())
    if known:
        sessions.know(client, LONG)
    return end


def write(sessions: Sessions, end: Conversation, message: bytes, client: str = "a") -> bytes | None:
    heard = [sessions.write_chunk(client, MTU, value) for value in end.writes(message, MTU)]
    assert all(part is None for part in heard[:-1])
    return heard[-1]


def hear(end: Conversation, notifications: list[bytes]) -> list[bytes]:
    return [message for value in notifications if (message := end.hear_outbound(value)) is not None]


@given(st.lists(st.binary(min_size=1, max_size=LONG), max_size=3), st.integers(20, 600))
def test_messages_come_whole_both_ways_at_any_mtu(messages: list[bytes], mtu: int) -> None:
    sessions, end = Sessions(PATIENCE), Conversation(LONG)
    sessions.write_state("a", mtu, end.start.encode())
    sessions.know("a", LONG)
    for message in messages:
        values = list(end.writes(message, mtu))
        assert [sessions.write_chunk("a", mtu, value) for value in values][-1] == message
        notified = list(sessions.notifications("a", message))
        assert hear(end, notified) == [message]
        assert all(len(value) <= gatt.value_size(mtu) for value in values + notified)


def test_a_client_hears_its_own_session_alone(sessions: Sessions) -> None:
    """BlueZ sends every notification to every client that listens."""
    first, second = begin(sessions, "a"), begin(sessions, "b")
    air = list(sessions.notifications("a", b"to a" * 100))
    air[1:1] = list(sessions.notifications("b", b"to b" * 100))  # in the midst of it
    assert hear(first, air) == [b"to a" * 100]
    assert hear(second, air) == [b"to b" * 100]
    end = sessions.end("a", Refusal.TOO_SLOW)
    assert end is not None
    assert first.hear_state(end).words == "too slow"
    assert second.hear_state(end) is None


def test_a_stranger_can_send_a_greeting_and_no_more(sessions: Sessions) -> None:
    end = begin(sessions, known=False)
    assert write(sessions, end, b"x" * PATIENCE.greeting) == b"x" * PATIENCE.greeting
    with pytest.raises(RefusedError, match="longer than 64 bytes") as caught:
        write(sessions, end, b"x" * (PATIENCE.greeting + 1))
    assert caught.value.reason is Refusal.TOO_LONG
    assert sessions.pending == 0


def test_after_a_refusal_only_a_new_start_helps(sessions: Sessions) -> None:
    end = begin(sessions)
    with pytest.raises(RefusedError) as caught:
        sessions.write_chunk("a", MTU, b"\x07")
    assert caught.value.reason is Refusal.BAD_CHUNK
    with pytest.raises(RefusedError, match="begin the message anew"):
        write(sessions, end, b"hello")
    assert write(sessions, begin(sessions), b"hello") == b"hello"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(b"", Refusal.BAD_STATE, id="empty"),
        pytest.param(b"\x01", Refusal.BAD_STATE, id="no tag"),
        pytest.param(b"\x03\x01abcd", Refusal.BAD_STATE, id="unknown word"),
        pytest.param(b"\x01\x01abcde", Refusal.BAD_STATE, id="too long a tag"),
        pytest.param(Start(b"abcd", 2).encode(), Refusal.WRONG_VERSION, id="another version"),
    ],
)
def test_what_is_no_start_begins_nothing(sessions: Sessions, value: bytes, reason: Refusal) -> None:
    begin(sessions)
    with pytest.raises(RefusedError) as caught:
        sessions.write_state("a", MTU, value)
    assert caught.value.reason is reason
    assert "a" not in sessions


def test_nothing_goes_before_start_or_after_end(sessions: Sessions) -> None:
    end = Conversation(LONG)
    with pytest.raises(RefusedError) as caught:
        write(sessions, end, b"hello")
    assert caught.value.reason is Refusal.NOT_STARTED
    end = begin(sessions)
    assert sessions.write_state("a", MTU, gatt.END) is False
    with pytest.raises(RefusedError):
        write(sessions, end, b"hello")
    with pytest.raises(RefusedError):
        sessions.notifications("a", b"hello")
    assert sessions.end("a", Refusal.BUSY) is None


def test_there_are_so_many_sessions_and_no_more(sessions: Sessions) -> None:
    begin(sessions, "a")
    begin(sessions, "b")
    with pytest.raises(RefusedError) as caught:
        sessions.write_state("c", MTU, Start.fresh().encode())
    assert caught.value.reason is Refusal.BUSY
    begin(sessions, "a")  # one's own may begin anew
    sessions.gone("b")
    begin(sessions, "c")
    assert len(sessions) == 2


def test_who_says_nothing_is_overdue(sessions: Sessions, clock: Clock) -> None:
    begin(sessions, "a", known=False)
    known = begin(sessions, "b")
    clock.now += PATIENCE.greeting_seconds + 1
    expelled = sessions.expel_overdue()
    assert set(expelled) == {"a"}
    assert End.decode(expelled["a"]).reason == Refusal.TOO_SLOW
    assert "a" not in sessions
    write(sessions, known, b"hello", "b")
    clock.now += 101
    assert set(sessions.expel_overdue()) == {"b"}


def test_who_stops_in_the_midst_of_a_message_is_overdue(sessions: Sessions, clock: Clock) -> None:
    begin(sessions)
    sessions.write_chunk("a", MTU, b"\x01first")
    clock.now += conversation.CHUNK_SECONDS
    assert not sessions.expel_overdue()
    clock.now += 1
    assert set(sessions.expel_overdue()) == {"a"}


def test_who_drips_is_overdue(sessions: Sessions, clock: Clock) -> None:
    begin(sessions)
    for _ in range(100):
        assert not sessions.expel_overdue()
        sessions.write_chunk("a", MTU, b"\x01x")
        clock.now += 10
        if clock.now > 1000 + conversation.MESSAGE_SECONDS:
            break
    assert set(sessions.expel_overdue()) == {"a"}


def test_a_server_of_a_later_version_is_told_from_one_that_is_none() -> None:
    end = Conversation(10)
    end.hear_version(Limits(1, 3, 100).encode())
    with pytest.raises(UnsupportedVersionError):
        end.hear_version(Limits(2, 3, 100).encode())
    with pytest.raises(MalformedError):
        end.hear_version(b"")


def test_a_server_that_talks_nonsense_is_noticed() -> None:
    end = Conversation(10)
    assert end.hear_outbound(b"") is None
    assert end.hear_state(b"\x02") is None
    with pytest.raises(FramingError):
        end.hear_outbound(end.start.tag)
    with pytest.raises(FramingError):
        end.hear_outbound(end.start.tag + b"\x00" + bytes(11))


STEPS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["state", "chunk", "know", "gone"]),
        st.one_of(
            st.binary(max_size=80),
            st.binary(min_size=4, max_size=4).map(lambda tag: Start(tag).encode()),
            st.binary(min_size=1, max_size=70).map(lambda data: b"\x01" + data),
        ),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_clients_do_the_server_stays_small(steps: list[tuple[str, str, bytes]]) -> None:
    sessions = Sessions(PATIENCE)
    for client, what, value in steps:
        try:
            if what == "state":
                sessions.write_state(client, MTU, value)
            elif what == "chunk":
                sessions.write_chunk(client, MTU, value)
            elif what == "know":
                sessions.know(client, 200)
            else:
                sessions.gone(client)
        except RefusedError:
            pass
        assert len(sessions) <= PATIENCE.sessions
        assert sessions.pending <= PATIENCE.sessions * 200
