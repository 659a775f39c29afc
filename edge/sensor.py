"""The kiosk's sensor over the days: opened at start, and opened anew for the next person after it failed."""

import logging

from drivers.errors import CaptureCancelledError, NoFingerError, SensorError
from drivers.image import FingerImage
from drivers.opening import open_sensor
from drivers.probing import SensorInfo
from drivers.sensor import Sensor
from drivers.upload import Cancelled, Progress

log = logging.getLogger(__name__)

NOT_ITS_FAULT = (NoFingerError, CaptureCancelledError)
"""Ends of a capture after which the sensor is as good as before."""


class KioskSensor:
    """A sensor that comes back when it is plugged in again."""

    def __init__(self, url: str) -> None:
        """Open the sensor.

        Raises:
            SensorError: there is none, it is another device, its port is taken, or it stores templates.
        """
        self._url = url
        self._sensor: Sensor | None = open_sensor(url)
        self.info: SensorInfo = self._sensor.info
        """What was found when it was last opened."""

    @property
    def ready(self) -> bool:
        """Whether it worked when it was last used."""
        return self._sensor is not None

    def capture(self, *, progress: Progress, finger_timeout: float, cancelled: Cancelled) -> FingerImage:
        """As `drivers.Sensor.capture`."""
        sensor = self._opened()
        try:
            return sensor.capture(progress=progress, finger_timeout=finger_timeout, cancelled=cancelled)
        except SensorError as error:
            self._note(error)
            raise

    def wait_lifted(self, timeout: float, cancelled: Cancelled) -> bool:
        """As `drivers.Sensor.wait_lifted`."""
        sensor = self._opened()
        try:
            return sensor.wait_lifted(timeout, cancelled)
        except SensorError as error:
            self._note(error)
            raise

    def close(self) -> None:
        """Give the port back."""
        if self._sensor is not None:
            self._sensor.close()
            self._sensor = None

    def _opened(self) -> Sensor:
        if self._sensor is None:
            self._sensor = open_sensor(self._url)
            self.info = self._sensor.info
            log.info("sensor %s opened again", self.info.model)
        return self._sensor

    def _note(self, error: SensorError) -> None:
        if not isinstance(error, NOT_ITS_FAULT):
            log.warning("sensor: %s", error)
            self.close()
