"""An image out of the sensor, asked for again as often as is sensible, without a new touch."""

import logging
from dataclasses import replace

from drivers.codes import Code
from drivers.errors import (
    CommandRefusedError,
    DamagedPacketError,
    DeadlineError,
    ImageSizeError,
    OutOfStepError,
    UploadError,
)
from drivers.image import Transfer
from drivers.module import Module
from drivers.packets import wipe
from drivers.probing import SensorInfo
from drivers.profiles import BY_IMAGE, R503
from drivers.upload import Cancelled, Progress

UPLOADS = 3
"""Times that one image is asked for: twice more without a new touch, since the sensor still holds it."""

_log = logging.getLogger(__name__)


class Uploader:
    """Takes images from one sensor.

    Attributes:
        info: What the sensor is; the size of its image may be learnt from the first one.

    Args:
        module: The sensor.
        info: What `examine` found.
        confirm: Whether each image is asked for twice, and taken only if both are the same.
    """

    def __init__(self, module: Module, info: SensorInfo, *, confirm: bool) -> None:
        self.info = info
        self._module = module
        self._confirm = confirm
        self._never_marks = False  # a clone that never says which packet is the last

    def take(self, progress: Progress, cancelled: Cancelled) -> tuple[bytearray, Transfer]:
        """The image that the sensor holds, which the caller wipes, and how it came.

        One whose end is not marked, or in which a packet seems to have come twice, is asked for again.

        Raises:
            UploadError: It did not come whole, or not twice in the same way.
            ImageSizeError: It is always of another size.
            SensorError: Others of `drivers.errors`.
        """
        data, transfer = self._once(progress, cancelled)
        if not self._confirm and not self._doubtful(transfer):
            return data, transfer
        attempts = transfer.attempts
        for _ in range(UPLOADS):
            try:
                again, transfer = self._once(progress, cancelled)
            except BaseException:
                wipe(data)
                raise
            attempts += transfer.attempts
            same = again == data
            wipe(data)
            data = again
            self._never_marks = self._never_marks or (same and not transfer.closed)
            if same or (not self._confirm and not self._doubtful(transfer)):
                return data, replace(transfer, attempts=attempts)
        wipe(data)
        raise UploadError(f"the image came differently each of {UPLOADS + 1} times; check cable and power")

    def _doubtful(self, transfer: Transfer) -> bool:
        """Whether one packet may have come twice and another not at all, which a count does not show."""
        return transfer.twins or not (transfer.closed or self._never_marks)

    def _once(self, progress: Progress, cancelled: Cancelled) -> tuple[bytearray, Transfer]:
        got: int | None = None
        for attempt in range(1, UPLOADS + 1):
            try:
                data, transfer = self._module.upload_image(self.info.image_bytes, progress, cancelled)
                return data, replace(transfer, attempts=attempt)
            except (DamagedPacketError, DeadlineError, OutOfStepError, ImageSizeError) as error:
                _log.warning("upload %d of %d failed: %s", attempt, UPLOADS, error)
                if attempt == UPLOADS:
                    raise self._given_up(error) from error
                got, before = getattr(error, "got", None), got
                if got == before:
                    self._learn(got)
            except CommandRefusedError as error:
                if error.code != Code.BAD_PACKET or attempt == UPLOADS:
                    raise
        raise AssertionError("unreachable: the last try returns or raises")

    def _given_up(self, error: Exception) -> UploadError | ImageSizeError:
        if isinstance(error, ImageSizeError):
            return ImageSizeError(
                f"{error}, {UPLOADS} times in a row: is it really an {self.info.model}? "
                "If so, its cable loses packets"
            )
        return UploadError(
            f"the image did not come whole in {UPLOADS} tries ({error}); check cable and power"
        )

    def _learn(self, size: int | None) -> None:
        """Take a sensor that could be either for the one whose images are of this size, if there is one."""
        kin = BY_IMAGE.get(size or 0)
        if kin is not None and not self.info.size_told and self.info.model == R503.model:
            self.info = replace(self.info, model=kin.model, width=kin.width, height=kin.height, dpi=kin.dpi)
