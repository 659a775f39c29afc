"""Finding out what is on the wire: its rate, its model, its state.

Wrong guesses are not harmless on these modules (some opcodes mean another thing on kin), so only these are
sent, in this order: VfyPwd, ReadSysPara, TempleteNum; then, where the system id leaves the model open,
HandShake, GetEcho, CheckSensor, ReadProdInfo. The baud field of ReadSysPara is not believed: a module that
answers has proved the rate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from drivers.codes import Code
from drivers.errors import (
    CommandRefusedError,
    DamagedPacketError,
    DeadlineError,
    NotASensorError,
    OutOfStepError,
    SensorFaultError,
    SensorRebootedError,
    SilentSensorError,
)
from drivers.module import Module
from drivers.profiles import OPTICAL_SYSTEM_ID, R307, R308, R503, Product, Profile, parse_product

BAUD_UNIT = 9600
"""Modules count their rate in multiples of this."""

_ROUNDS = 2
"""Times that each rate is tried: a module needs up to 0.5 s after power-up, and noise at a wrong rate may
swallow the first command at the right one."""

_IDLE_LIMIT = 10.0
"""Seconds to wait for a port to fall silent: a module whose last user broke off sends its image to the end,
which takes 7 s at the factory's rate."""

_TRIES = 3
"""Times that a command is sent which does no harm when it is repeated."""

_TRIES_UNSURE = 2
"""Times that a command is sent which the module may not know."""

T = TypeVar("T")


@dataclass(frozen=True)
class SensorInfo:
    """What a sensor is and how it stands.

    Attributes:
        model: Its name, such as "R307" or "R503".
        width: Pixels in a row of its image.
        height: Rows of its image.
        dpi: Resolution of its image, pixels per inch.
        port: The serial port's device file.
        baud: Rate at which it answers.
        packet_size: Payload bytes of its data packets.
        templates_stored: Templates in its own library; must be 0.
        library_size: Templates that its library could hold.
        system_id: The number that ReadSysPara gives for the kind of sensor.
        serial: Its serial number, where it tells one.
        holds_image: Whether its status register told of an image when it was opened.
        baud_told: The rate that it says it is set to; not always the one it speaks. 0 if it says nothing.
        size_told: Whether it told the size of its image itself; else it is its model's.
    """

    model: str
    width: int
    height: int
    dpi: int
    port: str
    baud: int
    packet_size: int
    templates_stored: int
    library_size: int
    system_id: int
    serial: str | None
    holds_image: bool
    baud_told: int
    size_told: bool

    @property
    def image_bytes(self) -> int:
        """Bytes of an image on the wire, two pixels each."""
        return self.width * self.height // 2


def find_rate(module: Module, bauds: Sequence[int]) -> None:
    """Set the port to the rate at which a module answers VfyPwd.

    Raises:
        SilentSensorError: Nothing was heard at any rate.
        NotASensorError: Something was heard, but no answer of a fingerprint sensor.
        SensorLockedError: The module answers and wants a password.
    """
    wire = module.exchange.wire
    for baud in _ROUNDS * tuple(bauds):
        _fall_silent(module, baud)
        try:
            module.verify_password()
        except (DeadlineError, DamagedPacketError, OutOfStepError, SensorRebootedError, CommandRefusedError):
            continue
        return  # a late answer to an earlier try would be noticed at the next command, whose answer is longer
    tried = ", ".join(map(str, bauds))
    if not wire.heard:
        raise SilentSensorError(
            f"nothing answers on {wire.path} (tried {tried} baud); "
            "check its power, and that TX and RX are not swapped"
        )
    raise NotASensorError(
        f"what answers on {wire.path} is not a fingerprint sensor of this family (tried {tried} baud); "
        "is it the right port?"
    )


def examine(module: Module) -> SensorInfo:
    """Read what the module is and how it stands, on a line whose rate is found.

    Raises:
        SensorFaultError: It says that its sensing part is broken.
        NotASensorError: It is of the family, but of a model that this driver does not know.
    """
    _read_parameters(module)
    holds_image = module.holds_image
    insist(module, module.count_templates)
    profile, product = _identify(module)
    wire = module.exchange.wire
    return SensorInfo(
        model=profile.model,
        width=product.width if product else profile.width,
        height=product.height if product else profile.height,
        dpi=profile.dpi,
        port=wire.path,
        baud=wire.rate.baud,
        packet_size=wire.packet_size,
        templates_stored=module.template_count,
        library_size=module.library_size,
        system_id=module.system_id,
        serial=product.serial or None if product else None,
        holds_image=holds_image,
        baud_told=module.baudrate * BAUD_UNIT,
        size_told=product is not None,
    )


def insist(module: Module, command: Callable[[], int]) -> int:
    """Run a command that may be repeated without harm, up to three times if the line is bad.

    A reboot in between is answered with VfyPwd, since the module has forgotten that it was verified.

    Args:
        module: Whose command it is.
        command: GenImg, ReadSysPara or TempleteNum; never UpImage, since a reboot takes its image away.

    Returns:
        The confirmation code.
    """
    for left in reversed(range(_TRIES)):
        try:
            return command()
        except (DeadlineError, DamagedPacketError, OutOfStepError):
            if not left:
                raise
        except CommandRefusedError as error:
            if error.code != Code.BAD_PACKET or not left:
                raise
        except SensorRebootedError:
            if not left:
                raise
            start_again(module)
    raise AssertionError("unreachable: the last try returns or raises")


def start_again(module: Module) -> None:
    """What a module needs after a reboot: VfyPwd, and ReadSysPara to know its state from now on.

    Raises:
        SensorLockedError: It wants a password.
        WrongModuleError: It is another one than before.
    """
    for left in reversed(range(_TRIES)):
        try:
            module.verify_password()
            module.read_sysparam()
            module.recognise(module)
            return
        except (DeadlineError, DamagedPacketError, OutOfStepError, SensorRebootedError):
            if not left:
                raise


def _fall_silent(module: Module, baud: int) -> None:
    try:
        module.exchange.start_over(baud, _IDLE_LIMIT)
    except OutOfStepError as error:
        raise NotASensorError(
            f"{error}: it is no fingerprint sensor, or one still busy with an image; try again in a minute"
        ) from error


def _read_parameters(module: Module) -> None:
    """ReadSysPara; an R308 does not know it, and says so by calling it a damaged packet."""
    try:
        insist(module, module.read_sysparam)
    except CommandRefusedError as error:
        if error.code not in (Code.BAD_PACKET, Code.UNSUPPORTED):
            raise
        module.do_without_parameters()


def _identify(module: Module) -> tuple[Profile, Product | None]:
    """The model, and the module's own description where it gives one."""
    if not module.tells_parameters:
        return R308, None
    if module.system_id == OPTICAL_SYSTEM_ID:
        return R307, None
    if _understood(module.shake_hands) is not None:
        _require_health(module)
        description = _understood(module.read_product)
        return R503, parse_product(description) if description else None
    if _understood(module.check_module) is not None:
        return R307, None
    raise NotASensorError(
        f"the sensor on {module.exchange.wire.path} (system id 0x{module.system_id:04X}) is neither an R307 "
        "nor an R503; this driver does not know its image"
    )


def _understood(command: Callable[[], T]) -> T | None:
    """The result of a command that the module may not know, or None if it does not.

    Older modules answer unknown commands with some code, with something else, or not at all. Silence and
    damage may also be the line's fault, so they are given another chance.
    """
    for left in reversed(range(_TRIES_UNSURE)):
        try:
            return command()
        except CommandRefusedError:
            return None
        except (DeadlineError, OutOfStepError, DamagedPacketError):
            if not left:
                return None
    return None


def _require_health(module: Module) -> None:
    """CheckSensor; a module that lacks it counts as healthy."""
    try:
        module.check_sensor()
    except (DeadlineError, OutOfStepError, DamagedPacketError):
        return
    except CommandRefusedError as error:
        if error.code == Code.SENSOR_FAULT:
            raise SensorFaultError("the sensor reports a fault: replace it") from error
