"""A simulated module without a line: frames in, frames out, and a finger that is an attribute."""

import numpy as np

from hw.simulator.faults import ActiveFaults
from hw.simulator.module import SensorModule
from hw.simulator.packets import Packet, PacketReader
from hw.simulator.profiles import Profile
from hw.simulator.sends import Send
from hw.simulator.state import Flash
from tests.hw.sensor_bench import frame


class Bench:
    """A module under power, and the glass above it."""

    def __init__(self, profile: Profile, flash: Flash | None = None, seed: int = 0) -> None:
        self.log: list[dict[str, object]] = []
        self.finger: np.ndarray | None = None
        self.faults = ActiveFaults(profile, seed)
        self.module = SensorModule(
            profile, flash or Flash(), self, lambda entry: self.log.append(dict(entry)), self.faults
        )
        self.started = self.module.start()

    def look(self) -> np.ndarray | None:
        return self.faults.sight(self.finger)

    def touched(self) -> bool:
        return self.finger is not None

    def lift(self) -> None:
        self.finger = None

    def sends(self, opcode: int, *arguments: int) -> list[Send]:
        """Send one command, return what leaves the module."""
        return self.module.receive(frame(0x01, bytes([opcode, *arguments])), 0.0)

    def say(self, data: bytes, at: float = 0.0) -> bytes:
        return b"".join(send.data for send in self.module.receive(data, at))

    def packets(self, opcode: int, *arguments: int) -> list[Packet]:
        """Send one command, return the packets that answer."""
        return PacketReader().feed(b"".join(send.data for send in self.sends(opcode, *arguments)))

    def ask(self, opcode: int, *arguments: int) -> bytes:
        """Send one command, return the payload of the one packet that answers."""
        (packet,) = self.packets(opcode, *arguments)
        assert packet.intact
        assert packet.pid == 0x07
        return packet.payload

    def happened(self, name: str) -> object:
        """How often a fault has happened."""
        return self.faults.counts()[name]["happened"]


def random_image(profile: Profile, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (profile.height, profile.width), dtype=np.uint8)
