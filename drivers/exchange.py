"""One command, one answer: and never the answer to another command.

Answers carry no number, so which command one belongs to can only be known if each command is sent after the
one before has been answered in full. From the moment a command is sent until the last byte of its answer is
accepted, the link is *out of step*; an error in between, or a caller that broke off, leaves it so. A command
that finds the link out of step first goes through the barrier, which no late answer passes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from drivers.codes import Code, meaning
from drivers.errors import (
    CaptureCancelledError,
    CommandRefusedError,
    DamagedPacketError,
    DeadlineError,
    NotASensorError,
    OutOfStepError,
    SensorError,
    SensorLockedError,
    SensorRebootedError,
    SilentSensorError,
)
from drivers.opcodes import ALLOWED, Level, Opcode, guard
from drivers.packets import Kind, encode
from drivers.upload import Cancelled, Progress, Received, receive
from drivers.wire import NAP, Wire

WAKE_UP = b"\x55"
"""The bare byte that a module sends after every power-up and reset."""

_BARRIER_TRIES = 3
_PASSWORD_VERIFIED = 0x0004  # bit of the status register


@dataclass(frozen=True)
class _Parameters:
    """What the barrier knows ReadSysPara's answer by.

    Payload: code 1, status 2, system 2, library size 2, security level 2, address 4, packet size 2, baud 2.

    Attributes:
        status: The status register; the one field that changes by itself.
        identity: System id, library size, security level and address.
    """

    status: int
    identity: bytes

    @classmethod
    def parse(cls, payload: bytes) -> "_Parameters | None":
        """Take an answer's payload apart; None if it is not ReadSysPara's."""
        if len(payload) != 17 or payload[0] != Code.DONE:
            return None
        return cls(int.from_bytes(payload[1:3], "big"), payload[3:13])


class Exchange:
    """Sends commands and takes their answers, in step. Not for several threads at once.

    Attributes:
        wire: Where packets come and go.
        barrier: The command by which it gets back in step: ReadSysPara, or GetRandomCode for a module that
            does not know that one. Nothing else sends it, and no answer of such a module is as long.

    Args:
        wire: Where packets come and go.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.barrier = Opcode.READ_SYS_PARA
        self._level = Level.EVERYDAY
        self._in_step = True
        self._sent: Opcode | None = None
        self._sent_at = 0.0
        self._known: _Parameters | None = None

    def start_over(self, baud: int, limit: float) -> None:
        """Set the port's rate, wait for the line to be idle, and begin as if nothing had been sent.

        Args:
            baud: The rate.
            limit: Seconds to wait at most.

        Raises:
            OutOfStepError: The line is never idle.
        """
        self.wire.tune(baud)
        self.wire.await_idle(limit=limit)
        self._in_step = True

    @contextmanager
    def at(self, level: Level) -> Iterator[None]:
        """Let the commands of a level through in the `with` block."""
        before, self._level = self._level, level
        try:
            yield
        finally:
            self._level = before

    def ask(self, opcode: int, arguments: bytes = b"") -> None:
        """Send one command.

        Raises:
            ForbiddenOpcodeError: It is not on the list of `drivers.opcodes`; nothing was written.
            SensorRebootedError: The sensor has started anew since the last command; nothing was written.
            SilentSensorError: The link was out of step and could not be brought back.
        """
        allowed = guard(opcode, self._level)
        if not self._in_step:
            self._pass_barrier()
        if self.wire.flush() == WAKE_UP and allowed != Opcode.VFY_PWD:
            raise SensorRebootedError("the sensor has started anew by itself; check its power supply")
        self._write(allowed, arguments)

    def answer(self) -> bytes:
        """The answer to the command that was sent last: its confirmation code and its results.

        Raises:
            CommandRefusedError: The code is neither success nor one that belongs to normal life.
            SensorRebootedError: The sensor wants its password again.
            SensorLockedError: It has another one than the factory's.
            OutOfStepError: A packet came that cannot be this answer.
            DeadlineError: None came.
            DamagedPacketError: What came was damaged.
        """
        if self._sent is None:
            raise OutOfStepError("no command was sent that could have an answer")
        sent, rule = self._sent, ALLOWED[self._sent]
        wait = self.wire.deadlines.capture if rule.captures else self.wire.deadlines.answer
        packet = self.wire.packet(self._sent_at + wait)
        code, results = packet.payload[0], len(packet.payload) - 1
        allowed = rule.results if code == rule.success else rule.results | {0}
        if packet.kind != Kind.ACK or results not in allowed:
            packet.wipe()
            raise OutOfStepError(f"the sensor sent {packet!r}, which cannot be the answer to {sent.name}")
        # After UpImage's answer the image is still to come; any other command is done now.
        self._in_step = sent != Opcode.UP_IMAGE or code != rule.success
        if code != rule.success and code not in rule.expected:
            raise self._refusal(sent, code)
        if sent == Opcode.READ_SYS_PARA:
            self._known = _Parameters.parse(bytes(packet.payload))
        return bytes(packet.payload)

    def image(self, size: int, progress: Progress, cancelled: Cancelled) -> Received:
        """The data packets that follow UpImage's answer; see `drivers.upload.receive`."""
        received = receive(self.wire, size, progress, cancelled)
        self._in_step = True
        return received

    def send_image(self, data: bytes, cancelled: Cancelled) -> None:
        """The data packets that DownImage's answer asks for; the sensor does not acknowledge them.

        They are handed over at the pace of the line, so that the kernel's buffer is never full.

        Raises:
            CaptureCancelledError: The caller broke off; the sensor waits for the rest until the next command.
        """
        size, clock = self.wire.packet_size, self.wire.clock
        gone_at = clock.now()  # when all that was written has left
        for at in range(0, len(data), size):
            if cancelled():
                raise CaptureCancelledError("the overwriting of the sensor's image was called off")
            kind = Kind.LAST_DATA if at + size >= len(data) else Kind.DATA
            packet = encode(kind, data[at : at + size])
            self.wire.write(packet)
            gone_at = max(gone_at, clock.now()) + self.wire.rate.seconds(len(packet))
            clock.sleep(gone_at - clock.now() - NAP)
        clock.sleep(gone_at - clock.now())
        self.wire.drain()

    def await_start(self, limit: float) -> None:
        """Wait until the sensor announces itself after a reset, or for so many seconds if it does not."""
        until = self.wire.clock.now() + limit
        while (left := until - self.wire.clock.now()) > 0:
            if self.wire.pull(left) and WAKE_UP in self.wire.drop():
                return

    def _refusal(self, sent: Opcode, code: int) -> SensorError:
        """The error for a code that the caller of a command does not expect."""
        if code == Code.PASSWORD_NEEDED:
            return SensorRebootedError(
                "the sensor asks for its password again: it has started anew by itself, or is locked"
            )
        if code == Code.WRONG_PASSWORD:
            return SensorLockedError(
                f"the sensor on {self.wire.path} is locked with another password than ours; "
                "name the file that holds it: serial:PORT?password=FILE"
            )
        return CommandRefusedError(f"the sensor refused {sent.name}: {meaning(code)}", sent, code)

    def _write(self, opcode: Opcode, arguments: bytes = b"") -> None:
        self._in_step = False
        self._sent = opcode
        self.wire.write(encode(Kind.COMMAND, bytes([opcode]) + arguments))
        self._sent_at = self.wire.clock.now()

    def _pass_barrier(self) -> None:
        """Get back in step, whatever may still be on its way.

        Flushing is not enough: a late answer may arrive after it. The sensor does one thing after the other,
        so when it has answered a command that we send now, nothing older is to come. The command is
        ReadSysPara: its answer is longer than any that might be late, and all but its status is known
        beforehand. (See `barrier` for the one module without it.)

        Raises:
            SilentSensorError: The sensor does not answer any more.
            SensorRebootedError: It does, and has started anew in between.
            NotASensorError: It does, but it is another sensor than before.
        """
        self.wire.clock.sleep(max(0.0, self._sent_at + self.wire.deadlines.longest - self.wire.clock.now()))
        self.wire.await_idle()
        for _ in range(_BARRIER_TRIES):
            alike = self._sent == self.barrier
            self.wire.flush()
            self._write(self.barrier)
            payload = self._await_barrier()
            if payload is not None:
                if alike:  # it may have been the answer to the one before; then ours is still coming
                    self.wire.await_idle(self.wire.deadlines.answer)
                self._in_step = True
                self._compare(_Parameters.parse(payload))
                return
        raise SilentSensorError(
            f"the sensor on {self.wire.path} does not answer any more; check cable and power"
        )

    def _await_barrier(self) -> bytes | None:
        """The answer to the barrier's command; anything else that comes before it is late: thrown away."""
        until = self.wire.clock.now() + self.wire.deadlines.answer
        while True:
            try:
                packet = self.wire.packet(until)
            except (DeadlineError, DamagedPacketError):
                return None
            if packet.kind != Kind.ACK:
                packet.wipe()
                continue
            payload = bytes(packet.payload)
            if payload == bytes([Code.PASSWORD_NEEDED]):
                self.wire.await_idle(self.wire.deadlines.answer)
                self._in_step = True
                raise SensorRebootedError("the sensor asks for its password: it has started anew by itself")
            if payload[0] == Code.DONE and len(payload) - 1 in ALLOWED[self.barrier].results:
                return payload

    def _compare(self, now: _Parameters | None) -> None:
        if self._known is None or now is None:
            return
        before, self._known = self._known, now
        if now.identity != before.identity:
            raise NotASensorError(f"another sensor answers on {self.wire.path} than before; start over")
        if before.status & _PASSWORD_VERIFIED and not now.status & _PASSWORD_VERIFIED:
            raise SensorRebootedError("the sensor has started anew by itself; check its power supply")
