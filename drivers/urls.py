"""How a sensor is named: `serial:/dev/ttyAMA0`, or `serial:/dev/ttyAMA0?baud=57600&module=DOOR-2`.

Options: `baud`, the rate; `module`, the tag or serial number that the module must have; `password`, the path
of a file with its password, eight hexadecimal digits; `confirm=yes`, to ask for each image twice and take it
only if both are the same; `touch` and `power`, pins such as gpiochip0:GPIO17 (see `drivers.pins`).
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from drivers.errors import SensorUrlError
from drivers.pins import Pin

SCHEME = "serial:"
BAUDS = (57600, 115200, 9600, 19200, 38400)
"""Rates to try where none is named: the factory's, the one a provisioned sensor has, then the rest of the
manuals'."""

OPTIONS = ("baud", "module", "password", "confirm", "touch", "power")


@dataclass(frozen=True)
class SerialUrl:
    """A serial port and how to speak on it.

    Attributes:
        path: The port's device file.
        bauds: Rates to try, in order; one if the URL names it.
        module: Tag or serial number that the module must have; None for any.
        password: Path of the file with the module's password; None for the factory's.
        confirm: Whether each image is asked for twice.
        touch: The touch line, if it is connected.
        power: The pin that switches the sensor's supply, if there is one.
    """

    path: str
    bauds: tuple[int, ...] = BAUDS
    module: str | None = None
    password: str | None = None
    confirm: bool = False
    touch: Pin | None = None
    power: Pin | None = None


def parse(url: str) -> SerialUrl:
    """Read a sensor's URL. A bare path is taken for a serial port's.

    Raises:
        SensorUrlError: It is not of the form above.
    """
    text = url if url.startswith(SCHEME) else SCHEME + url if url.startswith("/") else ""
    path, _, query = text.removeprefix(SCHEME).partition("?")
    if not path:
        raise SensorUrlError(
            f"{url!r} names no sensor: write it like serial:/dev/ttyAMA0 or serial:/dev/ttyUSB0?baud=57600"
        )
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name, value in options.items():
        if name not in OPTIONS:
            raise SensorUrlError(
                f"{url!r}: unknown option {name!r}; a serial sensor knows {', '.join(OPTIONS)}"
            )
        if not value:
            raise SensorUrlError(f"{url!r}: {name} needs a value")
    return SerialUrl(
        path,
        _bauds(options.get("baud"), url),
        options.get("module"),
        options.get("password"),
        confirm=_yes(options.get("confirm", "no"), url),
        touch=Pin.parse(options["touch"]) if "touch" in options else None,
        power=Pin.parse(options["power"]) if "power" in options else None,
    )


def _bauds(text: str | None, url: str) -> tuple[int, ...]:
    if text is None:
        return BAUDS
    if not text.isascii() or not text.isdigit() or not 1200 <= int(text[:9]) <= 1_000_000:
        raise SensorUrlError(f"{url!r}: baud must be a rate such as 57600 or 115200")
    return (int(text),)


def _yes(text: str, url: str) -> bool:
    if text not in ("yes", "no"):
        raise SensorUrlError(f"{url!r}: confirm must be yes or no")
    return text == "yes"
