"""The module as a state machine: bytes in, timed bytes out, no input or output of its own."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hw.errors import BenchError
from hw.simulator.commands import COMMANDS, Answer
from hw.simulator.opcodes import FORBIDDEN, Code, Opcode
from hw.simulator.packets import Packet, PacketReader, Pid, encode
from hw.simulator.pixels import Pixels, unpack
from hw.simulator.profiles import Profile
from hw.simulator.state import Flash, ModuleState

Record = Callable[[Mapping[str, object]], None]
"""Takes one entry of the log."""

GAP_LIMIT = 0.1
"""Seconds of silence after which a frame that has begun is given up. No manual names one; without it, a
command cut short would swallow those after it. At 9600 baud this is the time of 96 bytes."""

RESET_BYTE = b"\x55"

OPCODES = {opcode.value: opcode for opcode in Opcode}


class ForbiddenOpcodeError(BenchError):
    """The host would make, keep or move a template, or endanger the module (EX_PROTOCOL)."""

    exit_code = 76

    def __init__(self, opcode: Opcode) -> None:
        super().__init__(
            f"stopped: the host sent {opcode.title} (0x{opcode:02X}), which {FORBIDDEN[opcode]}; "
            "a driver of ridgekey must never send it"
        )


@dataclass(frozen=True)
class Send:
    """Bytes that leave the module at `baud`, `delay` seconds after it was free to send them."""

    data: bytes
    baud: int
    delay: float = 0.0


class SensorModule:
    """One module: give it what arrives on its line, send what it returns."""

    def __init__(
        self, profile: Profile, flash: Flash, look: Callable[[], Pixels | None], record: Record
    ) -> None:
        """Connect the module to what touches it (`look`) and to its log (`record`); no power yet."""
        self.state = ModuleState(profile, flash, look)
        self.counts: Counter[str] = Counter()
        self._reader = PacketReader()
        self._record = record
        self._last_byte_at = 0.0

    def start(self) -> list[Send]:
        """Switch on or reset: returns the time it takes, with the byte that some modules announce it by."""
        self.state.start()
        self._reader.reset()
        announcement = RESET_BYTE if self.state.profile.announces_itself else b""
        return [Send(announcement, self.state.baud, self.state.profile.startup_seconds)]

    def receive(self, data: bytes, at: float) -> list[Send]:
        """Take bytes off the line at time `at`, in seconds of any steady clock.

        Raises:
            ForbiddenOpcodeError: the host sent an instruction that ends the run.
        """
        before = self._reader.skipped
        if at - self._last_byte_at > GAP_LIMIT:
            self._reader.reset()
        self._last_byte_at = at
        sends = [send for packet in self._reader.feed(data) for send in self._take(packet)]
        if skipped := self._reader.skipped - before:
            self._record({"event": "garbage", "bytes": skipped})
        return sends

    def _take(self, packet: Packet) -> list[Send]:
        if packet.address != self.state.flash.address:
            self._record({"event": "other address", "address": packet.address.hex()})
            return []
        if not packet.intact:
            self._record({"event": "bad checksum"})
            return [self._acknowledge(Answer(Code.BAD_PACKET))]
        if packet.pid == Pid.COMMAND:
            return self._obey(packet.payload[0], packet.payload[1:])
        if packet.pid in (Pid.DATA, Pid.LAST_DATA):
            self._fill(packet)
        return []

    def _obey(self, number: int, arguments: bytes) -> list[Send]:
        self.state.download = None
        opcode = OPCODES.get(number)
        title = opcode.title if opcode else "unknown"
        self.counts[title] += 1
        if opcode in FORBIDDEN:
            self._record({"event": "forbidden", "opcode": f"{number:02X}", "name": title})
            raise ForbiddenOpcodeError(opcode)
        answer = self._answer(opcode, arguments)
        self._record(
            {"event": "command", "opcode": f"{number:02X}", "name": title, "code": f"{answer.code:02X}"}
        )
        sends = [self._acknowledge(answer), *self._data_packets(answer.upload)]
        return sends + self.start() if answer.restart else sends

    def _answer(self, opcode: Opcode | None, arguments: bytes) -> Answer:
        if opcode is None or opcode not in self.state.profile.opcodes:
            return Answer(self.state.profile.unknown_code)
        if self.state.locked and opcode != Opcode.VFY_PWD:
            return Answer(Code.MUST_VERIFY)
        length, command = COMMANDS[opcode]
        if len(arguments) != length:
            return Answer(Code.BAD_PACKET)
        return command(self.state, arguments)

    def _acknowledge(self, answer: Answer) -> Send:
        frame = encode(self.state.flash.address, Pid.ACK, bytes([answer.code]) + answer.result)
        return Send(frame, self.state.baud, answer.busy)

    def _data_packets(self, data: bytes) -> list[Send]:
        size, address = self.state.packet_size, self.state.flash.address
        sends = []
        for start in range(0, len(data), size):
            pid = Pid.DATA if start + size < len(data) else Pid.LAST_DATA
            sends.append(Send(encode(address, pid, data[start : start + size]), self.state.baud))
        return sends

    def _fill(self, packet: Packet) -> None:
        """Collect an image that the host sends after DownImage; stray data packets go nowhere."""
        state = self.state
        if state.download is None:
            return
        room = state.profile.image_bytes - len(state.download)
        state.download += packet.payload[:room]
        if packet.pid == Pid.LAST_DATA:
            state.image = unpack(bytes(state.download), state.profile.width, state.profile.height)
            state.download = None
