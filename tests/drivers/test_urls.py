"""Sensor URLs."""

import pytest

from drivers.errors import SensorUrlError
from drivers.urls import BAUDS, SerialUrl, parse


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("serial:/dev/ttyAMA0", SerialUrl("/dev/ttyAMA0", BAUDS)),
        ("serial:/dev/ttyUSB0?baud=115200", SerialUrl("/dev/ttyUSB0", (115200,))),
        ("/dev/fingerprint", SerialUrl("/dev/fingerprint", BAUDS)),
        ("/dev/fingerprint?baud=9600", SerialUrl("/dev/fingerprint", (9600,))),
        (
            "serial:/dev/x?module=A1&password=/etc/p&confirm=yes&baud=9600",
            SerialUrl("/dev/x", (9600,), "A1", "/etc/p", confirm=True),
        ),
        ("serial:/dev/x?confirm=no", SerialUrl("/dev/x")),
    ],
)
def test_good_urls(url: str, expected: SerialUrl) -> None:
    assert parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "serial:",
        "serial:?baud=9600",
        "usb:/dev/ttyUSB0",
        "ttyUSB0",
        "serial:/dev/x?baud=",
        "serial:/dev/x?baud=fast",
        "serial:/dev/x?baud=-9600",
        "serial:/dev/x?baud=0",
        "serial:/dev/x?baud=99999999999999999999",
        "serial:/dev/x?baud=٥٧٦٠٠",
        "serial:/dev/x?speed=9600",
        "serial:/dev/x?confirm=maybe",
        "serial:/dev/x?module=",
    ],
)
def test_bad_urls(url: str) -> None:
    with pytest.raises(SensorUrlError):
        parse(url)
