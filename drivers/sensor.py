"""The sensor as the rest of the program sees it: take an image, wait for the finger to leave."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Self

from drivers import binding
from drivers.codes import Code, meaning
from drivers.errors import (
    CaptureCancelledError,
    CommandRefusedError,
    NoFingerError,
    SensorError,
    SensorRebootedError,
    TemplatesStoredError,
)
from drivers.idle import WhenIdle
from drivers.image import FingerImage, Scrub, unpack
from drivers.light import Light, show
from drivers.module import Module, ignore_progress, never
from drivers.packets import wipe
from drivers.pins import TouchLine
from drivers.probing import SensorInfo, examine, insist, start_again
from drivers.profiles import R503
from drivers.provisioning import Plan, Provisioned, provision
from drivers.scrubbing import Scrubber
from drivers.upload import Cancelled, Progress
from drivers.uploading import Uploader

CAPTURES = 2
"""Times that the glass is scanned for one image: once more if the sensor has lost it before it was sent."""

POLL = 0.05
"""Seconds between two looks for a finger: quicker than a person, and the sensor's light may rest."""

IDLE_SCRUB = 5.0
"""Seconds without a call after which an image that the sensor may still hold is overwritten: longer than
between two presses of one person, whose next image takes the place of the last one anyway."""

_IMAGE_LOST = {Code.UPLOAD_FAILED, Code.NO_VALID_IMAGE}
_log = logging.getLogger(__name__)


class Sensor:
    """An open sensor; use it in a `with` block. Calls from several threads wait for each other.

    Args:
        module: Its commands.
        info: What `examine` found.
        idle_scrub: Seconds without a call after which a thread overwrites an image that may still be in the
            sensor; None for never.
        confirm: Whether each image is asked for twice, and taken only if both are the same. Packets carry no
            number: without it, two that changed places on the way would go unnoticed. A wire cannot do that;
            a serial port over a network might.
        touch: A hint that something lies on the sensor; the sensor owns and closes it.
    """

    def __init__(
        self,
        module: Module,
        info: SensorInfo,
        *,
        idle_scrub: float | None = IDLE_SCRUB,
        confirm: bool = False,
        touch: TouchLine | None = None,
    ) -> None:
        self._uploader = Uploader(module, info, confirm=confirm)
        self._module = module
        self._clock = module.exchange.wire.clock
        self._turn = threading.RLock()
        self._waiting = 0  # calls that wait for their turn
        self._later = WhenIdle(idle_scrub, self._scrub_later) if idle_scrub is not None else None
        self._closed = False
        self._touch = touch
        self._scrubber = Scrubber(module, holds=info.holds_image)  # whoever used it before may have left one
        self._lit = info.model == R503.model

    @property
    def info(self) -> SensorInfo:
        """What it is."""
        return self._uploader.info

    def bind(self, name: str) -> None:
        """Go on only with the module of that tag or serial number, now and after each of its starts.

        Raises:
            WrongModuleError: It is another one.
        """
        tells = self.info.serial is not None
        self._module.recognise = lambda module: binding.require(module, name, tells_product=tells)
        insist(self._module, lambda: self._module.recognise(self._module) or 0)

    def provision(self, plan: Plan, say: Callable[[str], None]) -> Provisioned:
        """Write settings into the sensor's flash, once; see `drivers.provisioning`.

        Args:
            plan: What it is to be.
            say: Told of each thing that was done.

        Raises:
            SensorError: It does not keep them.
        """
        with self._turn_taken():
            done = provision(self._module, plan, say)
            self._uploader.info = examine(self._module)
            return done

    def tag(self) -> str | None:
        """The name that the sensor was given when it was provisioned, if it was."""
        with self._turn_taken():
            return binding.read_tag(self._module)

    def require_empty(self) -> None:
        """Make sure that the sensor stores nobody's fingerprint.

        Raises:
            TemplatesStoredError: It does.
        """
        stored = self.info.templates_stored
        if stored:
            raise TemplatesStoredError(
                f"the sensor on {self.info.port} stores {stored} fingerprint template{'s' * (stored > 1)}; "
                "ridgekey uses no sensor that stores any: erase its library with the tool that filled it, "
                "or take another sensor"
            )

    def capture(
        self,
        *,
        progress: Progress | None = None,
        finger_timeout: float = 30.0,
        cancelled: Cancelled = never,
    ) -> FingerImage:
        """Wait for a finger and take its image.

        A transfer that went wrong is repeated without a new touch, since the sensor still holds the image.
        Then the sensor's copy is removed, if that costs no time that a person would notice: the image's
        `transfer.scrub` tells. Else it is done later, when the sensor has been left alone for a while.

        Args:
            progress: Called with (bytes that have come, their total); begins at 0 when the finger has been
                seen, and again when a transfer is repeated.
            finger_timeout: Seconds to wait for a usable touch.
            cancelled: Asked many times a second; True breaks off.

        Raises:
            NoFingerError: There was none in that time.
            CaptureCancelledError: The caller broke off.
            UploadError: The image did not come whole in three tries.
            SensorError: Others of `drivers.errors`.
        """
        self.require_empty()
        with self._turn_taken():
            return self._capture(progress or ignore_progress, finger_timeout, cancelled)

    def _capture(self, progress: Progress, finger_timeout: float, cancelled: Cancelled) -> FingerImage:
        until = self._clock.now() + finger_timeout
        for left in reversed(range(CAPTURES)):
            self._await_finger(until, cancelled)
            try:
                data, transfer = self._uploader.take(progress, cancelled)
                break
            except SensorRebootedError:
                if not left:
                    raise
                _log.warning("the sensor has started anew; taking the image again")
                start_again(self._module)
            except CommandRefusedError as error:
                if not left or error.code not in _IMAGE_LOST:
                    raise
                _log.warning("the sensor has lost the image; taking it again")
        try:
            transfer = replace(transfer, scrub=self._scrubber.soon())
            return FingerImage(unpack(data), self.info.width, self.info.height, self.info.dpi, transfer)
        finally:
            wipe(data)

    def wait_lifted(self, timeout: float, cancelled: Cancelled = never) -> bool:
        """Wait until no finger is on the sensor.

        Args:
            timeout: Seconds to wait.
            cancelled: Asked many times a second; True breaks off.

        Returns:
            True once it is lifted, False if it is still there after that time.

        Raises:
            CaptureCancelledError: The caller broke off.
        """
        until = self._clock.now() + timeout
        with self._turn_taken():
            while self._look() != Code.NO_FINGER:
                if cancelled():
                    raise CaptureCancelledError("the wait was called off")
                if self._clock.now() > until:
                    return False
                self._clock.sleep(POLL)
            if self._scrubber.holds:  # looking for the finger has taken its image once more
                self._scrubber.soon()
            return True

    def wait_finger(self, timeout: float, cancelled: Cancelled = never) -> bool:
        """Wait until a finger lies on the sensor; takes its image into the sensor only.

        Args:
            timeout: Seconds to wait.
            cancelled: Asked many times a second; True breaks off.

        Returns:
            True once it is there, False if none is after that time.

        Raises:
            CaptureCancelledError: The caller broke off.
        """
        until = self._clock.now() + timeout
        with self._turn_taken():
            while self._look() == Code.NO_FINGER:
                if cancelled():
                    raise CaptureCancelledError("the wait was called off")
                if self._clock.now() > until:
                    return False
                self._pause()
            return True

    def light(self, light: Light) -> bool:
        """Show something by the sensor's light.

        Returns:
            False on a sensor that has none, which is no error.
        """
        with self._turn_taken():
            self._lit = self._lit and show(self._module, light)
            return self._lit

    def scrub(self, cancelled: Cancelled = never) -> Scrub:
        """Remove the image that the sensor may hold, whatever it costs: up to two transfers.

        Args:
            cancelled: Asked many times a second; True breaks off.

        Raises:
            ScrubError: It is still there, or the sensor does not tell.
            CaptureCancelledError: The caller broke off.
            SensorError: Others of `drivers.errors`.
        """
        with self._turn_taken():
            return self._scrubber.surely(self.info.image_bytes, lambda: self._closed or cancelled())

    def close(self) -> None:
        """Give the port back."""
        self._closed = True
        if self._later:
            self._later.call_off()
        with self._turn:
            if self._touch:
                self._touch.close()
            self._module.close_uart()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _look(self) -> int:
        """GenImg: try to take an image into the sensor's own buffer."""
        held, self._scrubber.holds = self._scrubber.holds, True
        code = insist(self._module, self._module.get_image)
        if code == Code.NO_FINGER:
            self._scrubber.holds = held
        return code

    @contextmanager
    def _turn_taken(self) -> Iterator[None]:
        """One call at a time; if it leaves an image in the sensor, that is removed later."""
        if self._later:
            self._later.call_off()
        self._waiting += 1
        with self._turn:
            self._waiting -= 1
            try:
                yield
            finally:
                if self._later and self._scrubber.holds and not self._closed:
                    self._later.put_off()

    def _scrub_later(self) -> None:
        with self._turn:
            if self._closed or not self._scrubber.holds:
                return
            try:
                done = self._scrubber.surely(
                    self.info.image_bytes, lambda: self._closed, lambda: self._waiting > 0
                )
                _log.info("the sensor's image was removed in %.1f s: %s", done.seconds, done.proof)
            except SensorError as error:
                if not self._waiting:  # else the next image takes its place anyway
                    _log.warning("the sensor's image could not be removed: %s", error)

    def _pause(self) -> None:
        """Wait before the next look for a finger; less often while the touch line shows none."""
        self._clock.sleep(self._touch.pause(POLL) if self._touch else POLL)

    def _await_finger(self, until: float, cancelled: Cancelled) -> None:
        said: int = Code.NO_FINGER
        while (code := self._look()) != Code.DONE:
            said = code if code != Code.NO_FINGER else said
            if cancelled():
                raise CaptureCancelledError("the capture was called off")
            if self._clock.now() > until:
                if said != Code.NO_FINGER:
                    raise NoFingerError(f"no usable touch in time; the sensor said: {meaning(said)}")
                raise NoFingerError("no finger was placed in time")
            self._pause()
