"""A sensor set up once, so that no start ever has to: rate, packet size, tag and password, in its flash.

Flash wears out, so nothing is written that is right already, and what was written is read back. A new rate
counts from the next start of the module on most models, at once on some: both are tried.
"""

from collections.abc import Callable
from dataclasses import dataclass

from drivers import binding
from drivers.errors import CommandRefusedError, ProvisioningError, SensorError, SilentSensorError
from drivers.module import Module, Parameter
from drivers.opcodes import Level
from drivers.probing import BAUD_UNIT, find_rate, insist, start_again

BAUD = 115200
PACKET_SIZE = 256
"""The fastest that every manual of the family knows."""

_SMALLEST_PACKET = 32

Say = Callable[[str], None]
"""Told of each thing that was done."""


@dataclass(frozen=True)
class Plan:
    """What a sensor is to be.

    Attributes:
        baud: Its rate, a multiple of 9600 up to 115200.
        packet_size: Payload bytes of its data packets: 32, 64, 128 or 256.
        tag: Its name, in the notepad; None to leave it as it is.
        replace_tag: Whether a page that is taken may be written over.
        password: Four bytes; None to leave it as it is.
    """

    baud: int = BAUD
    packet_size: int = PACKET_SIZE
    tag: str | None = None
    replace_tag: bool = False
    password: bytes | None = None


@dataclass(frozen=True)
class Provisioned:
    """How a sensor stands after it.

    Attributes:
        written: Settings that were written to flash.
        power_cycle: True if a new rate counts only once the sensor has been without power.
    """

    written: tuple[str, ...]
    power_cycle: bool


def provision(module: Module, plan: Plan, say: Say) -> Provisioned:
    """Set a module up as planned, the rate last: it may stop answering at the old one.

    Raises:
        ProvisioningError: It does not keep a setting, or its notepad is taken.
        SensorError: Others of `drivers.errors`.
    """
    if not module.tells_parameters:
        raise ProvisioningError(
            "this sensor does not tell its settings, so none can be verified: leave it as it is"
        )
    written = []
    with module.exchange.at(Level.PROVISIONING):
        if set_packet_size(module, plan.packet_size):
            written.append("packet size")
            say(f"packets of {plan.packet_size} bytes: written and read back")
        if plan.tag is not None and set_tag(module, plan.tag, replace=plan.replace_tag):
            written.append("tag")
            say(f"tag {plan.tag}: written and read back")
        if plan.password is not None and bytes(module.password) != plan.password:
            set_password(module, plan.password)
            written.append("password")
            say("password: written and verified")
        if module.exchange.wire.rate.baud == plan.baud:
            return Provisioned(tuple(written), power_cycle=False)
        written.append("rate")
        answers = set_baud(module, plan.baud)
        say(f"{plan.baud} baud: written" + (", and it answers at that rate" if answers else ""))
    return Provisioned(tuple(written), power_cycle=not answers)


def set_packet_size(module: Module, size: int) -> bool:
    """Write the packet size; False if it was right already."""
    insist(module, module.read_sysparam)
    if module.exchange.wire.packet_size == size:
        return False
    code = (size // _SMALLEST_PACKET).bit_length() - 1
    _write(lambda: module.set_up(Parameter.PACKET_SIZE, code))
    insist(module, module.read_sysparam)
    if module.exchange.wire.packet_size != size:
        raise ProvisioningError(f"the sensor was told packets of {size} bytes, and keeps another size")
    return True


def set_tag(module: Module, tag: str, *, replace: bool) -> bool:
    """Write the tag; False if it was right already."""
    try:
        page = binding.encode_tag(tag)
    except ValueError as error:
        raise ProvisioningError(f"{tag!r} is no tag: {error}") from error
    before = _read_page(module)
    if before == page:
        return False
    if not replace and not binding.is_blank(before):
        own = binding.decode_tag(before)
        raise ProvisioningError(
            (
                f"the sensor is called {own}"
                if own
                else "the sensor's notepad holds something of another program"
            )
            + "; to write over it, say so"
        )
    _write(lambda: module.write_notepad(binding.PAGE, page))
    if _read_page(module) != page:
        raise ProvisioningError("the sensor was given a tag, and does not keep it")
    return True


def set_password(module: Module, password: bytes) -> None:
    """Write the password, and verify the module with it."""
    _write(lambda: module.set_password(password))
    start_again(module)


def set_baud(module: Module, baud: int) -> bool:
    """Write the rate; whether the module answers at it already, if need be after a reset."""
    before = module.exchange.wire.rate.baud
    _write(lambda: module.set_up(Parameter.BAUD, baud // BAUD_UNIT))
    if _answers(module, baud):
        return True
    if not _answers(module, before):
        raise SilentSensorError(
            f"the sensor answers neither at {before} nor at {baud} baud; take its power away for two "
            "seconds, then run `ridgekey sensor doctor`"
        )
    try:
        module.soft_reset()
    except SensorError:
        return False
    if _answers(module, baud):
        return True
    find_rate(module, [before])
    return False


def _answers(module: Module, baud: int) -> bool:
    try:
        find_rate(module, [baud])
    except SensorError:
        return False
    return True


def _read_page(module: Module) -> bytes:
    pages: list[bytes] = []

    def read() -> int:
        pages.append(module.read_notepad(binding.PAGE))
        return 0

    insist(module, read)
    return pages[-1]


def _write(command: Callable[[], None]) -> None:
    """Write once. A lost answer is no failure: what was written is read back anyway."""
    try:
        command()
    except CommandRefusedError:
        raise
    except SensorError:
        return
