"""The two ends of a Bluetooth session, without any I/O: what comes in from the radio, what goes out to it.

A server has one session with each client at most. Until it knows who the client is, it takes no more than a
greeting; so a stranger costs it a few hundred bytes and a few seconds.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from contracts import gatt
from contracts.errors import ContractError, MalformedError
from contracts.framing import FramingError, Reassembly, TooLongError, chunks
from contracts.gatt import End, Limits, Refusal, Start

CHUNK_SECONDS = 30.0
"""Longest wait for the next chunk of a message that has begun; LE itself gives a lost link up within 32 s."""

MESSAGE_SECONDS = 600.0
"""Longest time for a whole message: the largest one at half a kilobyte per second."""


class RefusedError(ContractError):
    """The server does not take this.

    Attributes:
        reason: goes to the client.
    """

    exit_code = 76

    def __init__(self, reason: Refusal, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True)
class Patience:
    """What a server grants its clients.

    Attributes:
        sessions: how many at once.
        greeting: bytes of a message from a client that is not known yet.
        greeting_seconds: time in which a client must make itself known.
        idle_seconds: time that a known client may be silent between messages; None for ever.
    """

    sessions: int = 16
    greeting: int = 1024
    greeting_seconds: float = 15.0
    idle_seconds: float | None = None


@dataclass
class _Session:
    """One client's.

    Attributes:
        tag: leads every notification to it.
        mtu: of ATT, as its last write had it.
        reassembly: of the message that it is writing.
        began: when the session did.
        heard: when its last chunk came.
        message_began: when the first chunk of the unfinished message did.
        known: whether the client has shown who it is.
    """

    tag: bytes
    mtu: int
    reassembly: Reassembly
    began: float
    heard: float = field(init=False)
    message_began: float = field(init=False)
    known: bool = False

    def __post_init__(self) -> None:
        self.heard = self.message_began = self.began

    def overdue(self, now: float, patience: Patience) -> bool:
        if not self.known:
            return now - self.began > patience.greeting_seconds
        if self.reassembly.pending:
            return now - self.heard > CHUNK_SECONDS or now - self.message_began > MESSAGE_SECONDS
        return patience.idle_seconds is not None and now - self.heard > patience.idle_seconds


class Sessions:
    """The server's end. A client is named by whatever the radio names it by, such as a D-Bus path."""

    def __init__(self, patience: Patience, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._sessions: dict[str, _Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def __contains__(self, client: str) -> bool:
        return client in self._sessions

    @property
    def pending(self) -> int:
        """Bytes of unfinished messages, of all clients."""
        return sum(session.reassembly.pending for session in self._sessions.values())

    def write_state(self, client: str, mtu: int, value: bytes) -> bool:
        """A write to State.

        Returns:
            Whether a session has begun, or else ended. The client's earlier one ends in either case.

        Raises:
            RefusedError: there is no room, or the value or its version is not known.
        """
        self.gone(client)
        if value == gatt.END:
            return False
        try:
            start = Start.decode(value)
        except MalformedError as error:
            raise RefusedError(Refusal.BAD_STATE, str(error)) from None
        if start.version != gatt.VERSION:
            raise RefusedError(Refusal.WRONG_VERSION, f"the client speaks version {start.version}")
        if len(self._sessions) >= self._patience.sessions:
            raise RefusedError(Refusal.BUSY, f"there are {len(self._sessions)} sessions already")
        reassembly = Reassembly(self._patience.greeting)
        self._sessions[client] = _Session(start.tag, mtu, reassembly, self._clock())
        return True

    def write_chunk(self, client: str, mtu: int, value: bytes) -> bytes | None:
        """A write to the inbound characteristic.

        Returns:
            The message, if this was its last chunk.

        Raises:
            RefusedError: there is no session, the chunk is none, or the message is too long.
        """
        session = self._session(client)
        session.mtu = mtu
        session.heard = self._clock()
        if not session.reassembly.pending:
            session.message_began = session.heard
        try:
            return session.reassembly.feed(value)
        except TooLongError as error:
            raise RefusedError(Refusal.TOO_LONG, str(error)) from None
        except FramingError as error:
            raise RefusedError(Refusal.BAD_CHUNK, str(error)) from None

    def know(self, client: str, longest_message: int) -> None:
        """The client has shown who it is: take messages of this length from it, and be patient.

        Raises:
            RefusedError: there is no session.
        """
        session = self._session(client)
        session.known = True
        session.reassembly.limit = longest_message

    def notifications(self, client: str, message: bytes) -> Iterator[bytes]:
        """What to notify on the outbound characteristic so that the client has the message.

        Raises:
            RefusedError: there is no session.
        """
        session = self._session(client)
        size = gatt.value_size(session.mtu) - gatt.TAG_LENGTH
        return (session.tag + chunk for chunk in chunks(message, size))

    def end(self, client: str, reason: int = Refusal.CLOSED) -> bytes | None:
        """End a session; returns what to notify on State, or None if there was none."""
        session = self._sessions.pop(client, None)
        return None if session is None else End(session.tag, reason).encode()

    def gone(self, client: str) -> None:
        """The client has said goodbye, or is out of reach."""
        self._sessions.pop(client, None)

    def expel_overdue(self) -> dict[str, bytes]:
        """End the sessions of clients that took longer than they may; what to notify on State, by client."""
        now = self._clock()
        late = [name for name, session in self._sessions.items() if session.overdue(now, self._patience)]
        return {name: End(self._sessions.pop(name).tag, Refusal.TOO_SLOW).encode() for name in late}

    def _session(self, client: str) -> _Session:
        session = self._sessions.get(client)
        if session is None:
            raise RefusedError(Refusal.NOT_STARTED, "a chunk before Start was written to State")
        return session


class Conversation:
    """The client's end of one session.

    Attributes:
        start: to be written to State, once Version was read and both notifications are subscribed to.
    """

    def __init__(self, longest_message: int) -> None:
        self.start = Start.fresh()
        self._reassembly = Reassembly(longest_message)

    def hear_version(self, value: bytes) -> None:
        """What Version reads.

        Raises:
            MalformedError, UnsupportedVersionError: it is not what it should be, or not our version.
        """
        Limits.decode(value).check()

    def writes(self, message: bytes, mtu: int) -> Iterator[bytes]:
        """What to write to the inbound characteristic, one after the other, with response."""
        return chunks(message, gatt.value_size(mtu))

    def hear_outbound(self, value: bytes) -> bytes | None:
        """A notification of the outbound characteristic.

        Returns:
            A message, if this was its last chunk. Nothing for another session's notification.

        Raises:
            FramingError: the server's chunks make no message; end the session.
        """
        if value[: gatt.TAG_LENGTH] != self.start.tag:
            return None
        return self._reassembly.feed(value[gatt.TAG_LENGTH :])

    def hear_state(self, value: bytes) -> End | None:
        """A notification of State; returns the server's End, if it is of this session."""
        try:
            end = End.decode(value)
        except MalformedError:
            return None
        return end if end.tag == self.start.tag else None
