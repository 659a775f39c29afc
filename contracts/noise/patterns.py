"""The handshake patterns that we speak (section 7): who sends which keys, and when they are mixed in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pattern:
    """A handshake pattern, section 7.

    Attributes:
        name: as the specification writes it.
        messages: the tokens of each message, the initiator's first.
    """

    name: str
    messages: tuple[tuple[str, ...], ...]

    @property
    def protocol(self) -> bytes:
        """The protocol's full name, section 8."""
        return f"Noise_{self.name}_25519_AESGCM_SHA256".encode()

    @property
    def with_psk(self) -> bool:
        """Whether a pre-shared key takes part, section 9."""
        return any("psk" in parts for parts in self.messages)

    @property
    def with_statics(self) -> bool:
        """Whether long-term keys take part; the initiator then has the responder's beforehand."""
        return any("s" in parts for parts in self.messages)


XK_PSK0 = Pattern("XKpsk0", (("psk", "e", "es"), ("e", "ee"), ("s", "se")))
IK = Pattern("IK", (("e", "es", "s", "ss"), ("e", "ee", "se")))
NN = Pattern("NN", (("e",), ("e", "ee")))
