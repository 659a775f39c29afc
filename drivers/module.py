"""Adafruit's command set for this family of modules, on a transport that can be trusted.

`adafruit_fingerprint` builds the commands and takes the fields of their answers apart. As published it checks
no checksum, loses packets without a word, calls itself once per packet, and lets a late answer answer the
next command. So its commands stay and everything between them and the wire is replaced: `_send_packet`,
`_get_packet` and `_get_data`. Its methods that would touch templates or flash are still there, and raise
`ForbiddenOpcodeError` before a byte is written.
"""

from collections.abc import Callable
from enum import IntEnum

from adafruit_fingerprint import Adafruit_Fingerprint  # type: ignore[import-untyped]  # ships no types

from drivers.codes import Code
from drivers.exchange import Exchange
from drivers.image import Transfer
from drivers.opcodes import Level, Opcode
from drivers.upload import Cancelled, Progress, Received


class Parameter(IntEnum):
    """What SetSysPara can set."""

    BAUD = 4
    PACKET_SIZE = 6


_BARE = 12  # bytes of an answer without results, as the methods of the base class count
_PACKET_CODES = range(4)  # 32, 64, 128 and 256 bytes
_IMAGE_HELD = 0x0008  # bit of the status register
_START_SECONDS = 0.3  # an R503 needs 0.05 until it sends its wake-up byte; esphome waits for 0.2
_NOTHING = Received(bytearray(), packets=0, closed=False, twins=False)


class Module(Adafruit_Fingerprint):  # type: ignore[misc]  # the base class is untyped
    """The commands of one fingerprint module. Methods raise the errors of `drivers.exchange`.

    Attributes:
        password: The four bytes that it is verified with.
        tells_parameters: Whether it knows ReadSysPara.
        recognise: Raises if it is not the module that it should be; asked after each of its starts.

    Args:
        exchange: What brings a command to the module and its answer back.
    """

    def __init__(self, exchange: Exchange) -> None:
        # Not super().__init__(): it talks to the module at once, and calls every trouble "check wiring".
        self.password: tuple[int, ...] = (0, 0, 0, 0)
        self.tells_parameters = True
        self.recognise: Callable[[Module], None] = accept
        self.exchange = exchange
        self._uart = exchange.wire
        self._image_size = 0
        self._progress: Progress = ignore_progress
        self._cancelled: Cancelled = never
        self._received = _NOTHING

    def read_sysparam(self) -> int:
        """ReadSysPara; also tells the transport the size of data packets.

        For a module that does not know it, nothing is sent.
        """
        if not self.tells_parameters:
            return Code.DONE
        code: int = super().read_sysparam()
        if self.data_packet_size in _PACKET_CODES:
            self.exchange.wire.packet_size = 32 << self.data_packet_size
        return code

    def do_without_parameters(self) -> None:
        """Go on with a module that does not know ReadSysPara: the factory's settings, another barrier."""
        self.tells_parameters = False
        self.status_register = self.system_id = self.library_size = self.baudrate = 0
        self.exchange.barrier = Opcode.GET_RANDOM_CODE

    def shake_hands(self) -> bool:
        """HandShake (R503): True, if the module is alive."""
        self._send_packet([Opcode.HAND_SHAKE])
        return self._get_packet(_BARE)[0] == Code.DONE

    def check_sensor(self) -> None:
        """CheckSensor (R503): returns if the sensing part is fine."""
        self._send_packet([Opcode.CHECK_SENSOR])
        self._get_packet(_BARE)

    def read_product(self) -> bytes:
        """ReadProdInfo (R503): 46 or 50 bytes, for `drivers.profiles.parse_product`."""
        self._send_packet([Opcode.READ_PROD_INFO])
        return bytes(self._get_packet(_BARE)[1:])

    def set_up(self, parameter: Parameter, value: int) -> None:
        """SetSysPara: write one setting into flash; allowed only while provisioning."""
        self._send_packet([Opcode.SET_SYS_PARA, parameter, value])
        self._get_packet(_BARE)

    def set_password(self, password: bytes) -> None:
        """SetPwd: from now on the module wants this one after each start; allowed only while provisioning."""
        self._send_packet([Opcode.SET_PWD, *password])
        self._get_packet(_BARE)
        self.password = tuple(password)

    def read_notepad(self, page: int) -> bytes:
        """ReadNotepad: the 32 bytes of a page in flash."""
        self._send_packet([Opcode.READ_NOTEPAD, page])
        return bytes(self._get_packet(_BARE)[1:])

    def write_notepad(self, page: int, content: bytes) -> None:
        """WriteNotepad: the 32 bytes of a page in flash; allowed only while provisioning."""
        self._send_packet([Opcode.WRITE_NOTEPAD, page, *content])
        self._get_packet(_BARE)

    def light(self, mode: int, speed: int, colour: int, count: int) -> None:
        """AuraLedConfig (R503): the ring of light; see `drivers.light`."""
        self._send_packet([Opcode.AURA_LED_CONFIG, mode, speed, colour, count])
        self._get_packet(_BARE)

    def soft_reset(self) -> None:
        """SoftRst: the module starts anew, with an empty image buffer; it must be verified again.

        Raises:
            CommandRefusedError: It does not know the command.
        """
        self._send_packet([Opcode.SOFT_RST])
        self._get_packet(_BARE)
        self.exchange.await_start(_START_SECONDS)

    def download_image(self, data: bytes, cancelled: Cancelled) -> None:
        """DownImage: put an image of ours into the module's buffer; allowed only for scrubbing."""
        with self.exchange.at(Level.SCRUBBING):
            self._send_packet([Opcode.DOWN_IMAGE])
            self._get_packet(_BARE)
        self.exchange.send_image(data, cancelled)

    def ask_for_image(self) -> None:
        """UpImage, but for the data packets: whether the module has an image to send.

        Raises:
            CommandRefusedError: It has none.
        """
        self._send_packet([Opcode.UP_IMAGE])
        self._get_packet(_BARE)

    @property
    def holds_image(self) -> bool:
        """Whether the status register, as it was last read, tells of an image in the buffer."""
        return bool(self.status_register & _IMAGE_HELD)

    def upload_image(self, size: int, progress: Progress, cancelled: Cancelled) -> tuple[bytearray, Transfer]:
        """UpImage: the image that the module holds, whole and checked, or an error.

        Args:
            size: Bytes that it must have (two pixels each).
            progress: Told of each piece.
            cancelled: Asked after each piece.

        Returns:
            The image, which the caller wipes, and how it came.
        """
        clock = self.exchange.wire.clock
        started = clock.now()
        self._image_size, self._progress, self._cancelled = size, progress, cancelled
        try:
            self.get_fpdata("image")  # goes through `_get_data`, or raises
            received = self._received
        finally:
            self._progress, self._cancelled, self._received = ignore_progress, never, _NOTHING
        seconds = clock.now() - started
        return received.data, Transfer(1, seconds, received.packets, received.closed, received.twins)

    def _send_packet(self, data: list[int]) -> None:
        self.exchange.ask(data[0], bytes(data[1:]))

    def _get_packet(self, expected: int) -> list[int]:  # noqa: ARG002 the exchange knows what each command's answer is
        return list(self.exchange.answer())

    def _get_data(self, expected: int) -> bytearray:  # noqa: ARG002 the base class asks for a header's bytes
        self._received = self.exchange.image(self._image_size, self._progress, self._cancelled)
        return self._received.data


def accept(_module: Module) -> None:
    """The demand of a caller to whom any module is welcome."""


def ignore_progress(_done: int, _total: int) -> None:
    """The progress of a caller that does not ask."""


def never() -> bool:
    """The wish of a caller that does not break off."""
    return False
