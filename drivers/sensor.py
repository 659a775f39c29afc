"""The sensor as the rest of the program sees it: open it, take an image, wait for the finger to leave."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from drivers import urls
from drivers.codes import Code
from drivers.errors import (
    CaptureCancelledError,
    CommandRefusedError,
    DamagedPacketError,
    DeadlineError,
    ImageSizeError,
    NoFingerError,
    OutOfStepError,
    SensorRebootedError,
    TemplatesStoredError,
    UploadError,
)
from drivers.exchange import Exchange
from drivers.image import FingerImage, Transfer, unpack
from drivers.link import Link
from drivers.module import Module, ignore_progress, never
from drivers.packets import wipe
from drivers.probing import SensorInfo, examine, find_rate, insist, start_again
from drivers.timing import Deadlines
from drivers.upload import Cancelled, Progress
from drivers.wire import Wire

UPLOADS = 3
"""Times that one image is asked for: twice more without a new touch, since the sensor still holds it."""

CAPTURES = 2
"""Times that the glass is scanned for one image: once more if the sensor has lost it before it was sent."""

POLL = 0.05
"""Seconds between two looks for a finger: quicker than a person, and the sensor's light may rest."""

_IMAGE_LOST = {Code.UPLOAD_FAILED, Code.NO_VALID_IMAGE}
_log = logging.getLogger(__name__)


def open_sensor(url: str, *, refuse_templates: bool = True, deadlines: Deadlines | None = None) -> "Sensor":
    """Open the sensor on a port of this machine and make sure that it is one, and fit for use.

    Args:
        url: "serial:/dev/ttyX", or "serial:/dev/ttyX?baud=57600"; without a rate the usual ones are tried in
            turn.
        refuse_templates: Raise if the sensor's own library holds templates. Without it the sensor may be
            looked at, but it still takes no image.
        deadlines: How long to wait for it.

    Raises:
        SensorError: One of `drivers.errors`, with one line that says what to do.
    """
    where = urls.parse(url)
    link = Link.open(where.path, where.bauds[0])
    return open_on(link, where.bauds, refuse_templates=refuse_templates, deadlines=deadlines)


def open_on(
    link: Link,
    bauds: Sequence[int] = urls.BAUDS,
    *,
    refuse_templates: bool = True,
    deadlines: Deadlines | None = None,
) -> "Sensor":
    """As `open_sensor`, on a line that is open already; it is closed if there is no sensor fit for use."""
    wire = Wire(link, deadlines or Deadlines())
    try:
        module = Module(Exchange(wire))
        find_rate(module, bauds)
        sensor = Sensor(module, examine(module))
        if refuse_templates:
            sensor.require_empty()
    except BaseException:
        wire.close()
        raise
    return sensor


class Sensor:
    """An open sensor; use it in a `with` block. Not for several threads at once.

    Attributes:
        info: What it is.

    Args:
        module: Its commands.
        info: What `examine` found.
    """

    def __init__(self, module: Module, info: SensorInfo) -> None:
        self.info = info
        self._module = module
        self._clock = module.exchange.wire.clock

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
        until = self._clock.now() + finger_timeout
        for left in reversed(range(CAPTURES)):
            self._await_finger(until, cancelled)
            try:
                data, transfer = self._upload(progress or ignore_progress, cancelled)
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
        while self._look() != Code.NO_FINGER:
            if cancelled():
                raise CaptureCancelledError("the wait was called off")
            if self._clock.now() > until:
                return False
            self._clock.sleep(POLL)
        return True

    def close(self) -> None:
        """Give the port back."""
        self._module.close_uart()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _look(self) -> int:
        """GenImg: try to take an image into the sensor's own buffer."""
        return insist(self._module, self._module.get_image)

    def _await_finger(self, until: float, cancelled: Cancelled) -> None:
        while self._look() != Code.DONE:
            if cancelled():
                raise CaptureCancelledError("the capture was called off")
            if self._clock.now() > until:
                raise NoFingerError("no finger was placed in time")
            self._clock.sleep(POLL)

    def _upload(self, progress: Progress, cancelled: Cancelled) -> tuple[bytearray, Transfer]:
        """The image that the sensor holds, asked for again if the line spoilt it."""
        for attempt in range(1, UPLOADS + 1):
            try:
                data, transfer = self._module.upload_image(self.info.image_bytes, progress, cancelled)
                return data, replace(transfer, attempts=attempt)
            except (DamagedPacketError, DeadlineError, OutOfStepError, ImageSizeError) as error:
                _log.warning("upload %d of %d failed: %s", attempt, UPLOADS, error)
                if attempt == UPLOADS and isinstance(error, ImageSizeError):
                    raise ImageSizeError(
                        f"{error}, {UPLOADS} times in a row: is it really an {self.info.model}? "
                        "If so, its cable loses packets"
                    ) from error
                if attempt == UPLOADS:
                    raise UploadError(
                        f"the image did not come whole in {UPLOADS} tries ({error}); check cable and power"
                    ) from error
            except CommandRefusedError as error:
                if error.code != Code.BAD_PACKET or attempt == UPLOADS:
                    raise
        raise AssertionError("unreachable: the last try returns or raises")
