"""How a sensor is named: `serial:/dev/ttyAMA0`, or `serial:/dev/ttyAMA0?baud=57600&module=DOOR-2`.

Options: `baud`, the rate; `module`, the tag or serial number that the module must have; `password`, the path
of a file with its password, eight hexadecimal digits; `confirm=yes`, to ask for each image twice and
take it only if both are the same.
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from drivers.errors import SensorUrlError

SCHEME = "serial:"
BAUDS = (57600, 115200, 9600, 19200, 38400)
"""Rates to try where none is named: the factory's, the one a provisioned sensor has, then the rest of the
manuals'."""


@dataclass(frozen=True)
class SerialUrl:
    """A serial port and how to speak on it.

    Attributes:
        path: The port's device file.
        bauds: Rates to try, in order; one if the URL names it.
        module: Tag or serial number that the module must have; None for any.
        password: Path of the file with the module's password; None for the factory's.
        confirm: Whether each image is asked for twice.
    """

    path: str
    bauds: tuple[int, ...] = BAUDS
    module: str | None = None
    password: str | None = None
    confirm: bool = False


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
    baud, module, password = (options.pop(name, None) for name in ("baud", "module", "password"))
    confirm = options.pop("confirm", "no")
    if options:
        raise SensorUrlError(
            f"{url!r}: unknown option {next(iter(options))!r}; "
            "a serial sensor knows baud, module, password and confirm"
        )
    if "" in (module, password):
        raise SensorUrlError(f"{url!r}: an option without a value")
    if confirm not in ("yes", "no"):
        raise SensorUrlError(f"{url!r}: confirm must be yes or no")
    twice = confirm == "yes"
    if baud is None:
        return SerialUrl(path, BAUDS, module, password, twice)
    if not baud.isascii() or not baud.isdigit() or not 1200 <= int(baud[:9]) <= 1_000_000:
        raise SensorUrlError(f"{url!r}: baud must be a rate such as 57600 or 115200")
    return SerialUrl(path, (int(baud),), module, password, twice)
