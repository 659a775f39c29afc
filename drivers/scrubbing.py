"""No finger stays in the sensor: its image buffer is emptied or overwritten, and that is proved.

Anyone on the wires may ask for the image that the sensor holds, until another takes its place or the power
goes. The cheapest way that works is taken: a reset where the module knows one (an R503 is back within 50 ms),
else a blank image, which takes the time of a transfer, and another one to read it back.
"""

import logging

from drivers.codes import Code
from drivers.errors import CommandRefusedError, ScrubError, SensorError
from drivers.image import Proof, Scrub, Way
from drivers.module import Module, ignore_progress, never
from drivers.packets import wipe
from drivers.probing import insist, start_again
from drivers.upload import Cancelled

BLANK = 0xFF
"""Two white pixels."""

_REFUSALS = {Code.UPLOAD_FAILED, Code.NO_VALID_IMAGE}


_RESET_TRIES = 2
"""Failures, one after the other, after which a module counts as one that does not know SoftRst."""

_log = logging.getLogger(__name__)


class Scrubber:
    """Removes images from one sensor.

    Attributes:
        holds: Whether the sensor may hold an image; whoever looks at the glass sets it.

    Args:
        module: The sensor.
        holds: Whether it may hold one now.
    """

    def __init__(self, module: Module, *, holds: bool) -> None:
        self.holds = holds
        self._module = module
        self._tries = _RESET_TRIES

    def soon(self) -> Scrub | None:
        """Remove the image if that is quick; no failure of it spoils what was done before."""
        if not self._tries:
            return None
        try:
            scrub = by_reset(self._module)
        except CommandRefusedError:
            self._tries = 0
            return None
        except SensorError as error:
            _log.warning("the sensor's image could not be removed yet: %s", error)
            scrub = None
        self._tries = _RESET_TRIES if scrub else self._tries - 1
        self.holds = scrub is None
        return scrub

    def surely(self, size: int, cancelled: Cancelled, hurry: Cancelled = never) -> Scrub:
        """Remove the image, whatever it costs.

        Args:
            size: Bytes of the sensor's image.
            cancelled: Asked many times a second; True breaks off.
            hurry: Asked before the blank image is read back; True leaves it at that, unproved.

        Raises:
            ScrubError: It is still there, or the sensor does not tell.
            SensorError: The line failed, or the caller broke off.
        """
        scrub = self.soon() or by_blank(self._module, size, cancelled, hurry)
        if scrub is None:
            raise ScrubError(
                "the image could not be removed from the sensor's memory; unplug it for two seconds"
            )
        self.holds = False
        return scrub


def by_reset(module: Module) -> Scrub | None:
    """Empty the buffer by SoftRst; None if the module still holds an image, or does not tell.

    Raises:
        CommandRefusedError: The module does not know the command.
        SensorError: The line failed, or the module is not the same afterwards.
    """
    clock = module.exchange.wire.clock
    started = clock.now()
    insist(module, module.read_sysparam)
    told = module.holds_image
    module.soft_reset()
    start_again(module)
    if told and not module.holds_image:
        # It had told of the image, so that its silence now means something.
        return Scrub(Way.RESET, Proof.STATUS, clock.now() - started)
    if not module.holds_image and _refuses(module):
        return Scrub(Way.RESET, Proof.REFUSED, clock.now() - started)
    return None


def by_blank(module: Module, size: int, cancelled: Cancelled, hurry: Cancelled) -> Scrub | None:
    """Overwrite the buffer with white, and read it back; None if it is not white then, or was not read.

    Args:
        module: The sensor.
        size: Bytes of its image.
        cancelled: Asked many times a second; True breaks off.
        hurry: Asked before the image is read back; True leaves that out.

    Raises:
        SensorError: The module does not take the image, or does not give it back.
    """
    clock = module.exchange.wire.clock
    started = clock.now()
    module.download_image(bytes([BLANK]) * size, cancelled)
    if hurry():
        return None
    data, _ = module.upload_image(size, ignore_progress, cancelled)
    white = data.count(BLANK) == size
    wipe(data)
    return Scrub(Way.BLANK, Proof.READ_BACK, clock.now() - started) if white else None


def _refuses(module: Module) -> bool:
    """Whether UpImage is refused for want of an image. If it is not, the next command waits the image out."""
    try:
        module.ask_for_image()
    except CommandRefusedError as error:
        return error.code in _REFUSALS
    except SensorError:
        return False
    return False
