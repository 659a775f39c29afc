"""From the name of a sensor to a sensor that is known, fit for use, and the right one."""

import logging
from collections.abc import Sequence

from drivers import urls
from drivers.errors import SilentSensorError
from drivers.exchange import Exchange
from drivers.link import Link
from drivers.module import Module
from drivers.passwords import FACTORY_PASSWORD, read_password
from drivers.pins import PowerPin, TouchLine
from drivers.probing import examine, find_rate
from drivers.sensor import IDLE_SCRUB, Sensor
from drivers.timing import Deadlines
from drivers.wire import Wire

_log = logging.getLogger(__name__)


def open_sensor(url: str, *, refuse_templates: bool = True, deadlines: Deadlines | None = None) -> Sensor:
    """Open the sensor on a port of this machine and make sure that it is one, and fit for use.

    Args:
        url: "serial:/dev/ttyX", or with options as `drivers.urls` has them; without a rate the usual ones are
            tried in turn.
        refuse_templates: Raise if the sensor's own library holds templates. Without it the sensor may be
            looked at, but it still takes no image.
        deadlines: How long to wait for it.

    Raises:
        SensorError: One of `drivers.errors`, with one line that says what to do.
    """
    where = urls.parse(url)
    try:
        return _open(where, refuse_templates, deadlines)
    except SilentSensorError as error:
        if where.power is None:
            raise
        _log.warning("%s; taking its power away for a moment", error)
    PowerPin(where.power).cycle()
    return _open(where, refuse_templates, deadlines)


def _open(where: urls.SerialUrl, refuse_templates: bool, deadlines: Deadlines | None) -> Sensor:
    password = read_password(where.password) if where.password else FACTORY_PASSWORD
    touch = TouchLine(where.touch) if where.touch else None
    try:
        return open_on(
            Link.open(where.path, where.bauds[0]),
            where.bauds,
            module_name=where.module,
            confirm=where.confirm,
            password=password,
            touch=touch,
            refuse_templates=refuse_templates,
            deadlines=deadlines,
        )
    except BaseException:
        if touch:
            touch.close()
        raise


def open_on(
    link: Link,
    bauds: Sequence[int] = urls.BAUDS,
    *,
    module_name: str | None = None,
    confirm: bool = False,
    password: bytes = FACTORY_PASSWORD,
    refuse_templates: bool = True,
    deadlines: Deadlines | None = None,
    idle_scrub: float | None = IDLE_SCRUB,
    touch: TouchLine | None = None,
) -> Sensor:
    """As `open_sensor`, on a line that is open already; it is closed if there is no sensor fit for use.

    Args:
        link: The line.
        bauds: Rates to try, in order.
        module_name: Tag or serial number that the module must have; None for any.
        confirm: As `Sensor` takes it.
        password: The module's, four bytes.
        refuse_templates: As `open_sensor` takes it.
        deadlines: As `open_sensor` takes it.
        idle_scrub: As `Sensor` takes it.
        touch: As `Sensor` takes it.
    """
    wire = Wire(link, deadlines or Deadlines())
    try:
        module = Module(Exchange(wire))
        module.password = tuple(password)
        find_rate(module, bauds)
        info = examine(module)
        sensor = Sensor(module, info, idle_scrub=idle_scrub, confirm=confirm, touch=touch)
        if module_name is not None:
            sensor.bind(module_name)
        if refuse_templates:
            sensor.require_empty()
    except BaseException:
        wire.close()
        raise
    return sensor
