"""The module as a state machine: bytes in, timed bytes out, no input or output of its own."""

from collections import Counter
from collections.abc import Callable, Mapping

from hw.errors import BenchError
from hw.simulator.commands import COMMANDS, Answer
from hw.simulator.faults import ActiveFaults
from hw.simulator.faults.fault import Call
from hw.simulator.opcodes import FORBIDDEN, Code, Opcode
from hw.simulator.packets import Packet, PacketReader, Pid, encode
from hw.simulator.pixels import unpack
from hw.simulator.profiles import Profile
from hw.simulator.sends import Reboot, Send
from hw.simulator.state import Flash, ModuleState, Window

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


class SensorModule:
    """One module: give it what arrives on its line, send what it returns."""

    def __init__(
        self, profile: Profile, flash: Flash, window: Window, record: Record, faults: ActiveFaults
    ) -> None:
        """Connect the module to its glass, its log (`record`) and its bad luck; no power yet."""
        self.state = ModuleState(profile, flash, window)
        self.faults = faults
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

    def restart(self, reboot: Reboot) -> list[Send]:
        """Start anew without having been told to."""
        if reboot.forgetful:
            self.state.flash.forget()
        self._record({"event": "reboot"})
        return self.start()

    def receive(self, data: bytes, at: float) -> list[Send]:
        """Take bytes off the line at time `at`, in seconds of any steady clock.

        Raises:
            ForbiddenOpcodeError: the host sent an instruction that ends the run.
        """
        data = self.faults.heard(data)
        before = self._reader.skipped
        if at - self._last_byte_at > GAP_LIMIT:
            self._reader.reset()
        self._last_byte_at = at
        sends = [send for packet in self._reader.feed(data) for send in self.faults.sends(self._take(packet))]
        if skipped := self._reader.skipped - before:
            self._record({"event": "garbage", "bytes": skipped})
        return sends

    def _take(self, packet: Packet) -> list[Send]:
        if packet.address != self.state.flash.address:
            self._record({"event": "other address", "address": packet.address.hex()})
            return []
        if not packet.intact:
            self._record({"event": "bad checksum"})
            return self._sends(Answer(Code.BAD_PACKET))
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
        call = Call(number, arguments, self.state)
        answer = self.faults.answer(call, lambda: self._answer(opcode, arguments))
        self._record(
            {"event": "command", "opcode": f"{number:02X}", "name": title, "code": f"{answer.code:02X}"}
        )
        sends = self._sends(answer)
        return sends + self.start() if answer.restart else sends

    def _answer(self, opcode: Opcode | None, arguments: bytes) -> Answer:
        profile = self.state.profile
        if opcode is None or opcode not in profile.opcodes:
            return Answer(profile.unknown_code)
        if self.state.locked and opcode != Opcode.VFY_PWD:
            return Answer(Code.MUST_VERIFY)
        length, command = COMMANDS[profile.meanings.get(opcode, opcode)]
        if len(arguments) != length:
            return Answer(Code.BAD_PACKET)
        return command(self.state, arguments)

    def _sends(self, answer: Answer) -> list[Send]:
        address, baud = self.state.flash.address, self.state.baud
        frame = encode(address, Pid.ACK, bytes([answer.code]) + answer.result)
        acknowledge = Send(frame, baud, delay=answer.busy, pause=answer.pause)
        bare = [Send(answer.before, baud)] if answer.before else []
        again = [Send(frame, baud)] if answer.repeated else []
        size = answer.packet_size or self.state.packet_size
        return [*bare, acknowledge, *again, *self._data_packets(answer.upload, size)]

    def _data_packets(self, data: bytes, size: int) -> list[Send]:
        address, profile = self.state.flash.address, self.state.profile
        sends = []
        for start in range(0, len(data), size):
            last = start + size >= len(data) and profile.marks_end
            pid = Pid.LAST_DATA if last else Pid.DATA
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
