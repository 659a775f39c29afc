"""The driver on a sensor: a simulated one, or with `--sensor serial:/dev/fingerprint` the one on the desk."""

from hashlib import sha256

import pytest

from drivers.errors import NoFingerError
from drivers.opening import open_sensor
from hw.pytest_plugin import Fingers
from hw.simulator.remote import SensorRemote

PATIENCE = 10.0
"""Seconds for a person to press better."""


def on_the_wire(pixels: bytearray) -> bytes:
    """The bytes that an upload of these pixels consists of: two of sixteen levels in each."""
    return bytes(
        left // 17 << 4 | right // 17 for left, right in zip(pixels[0::2], pixels[1::2], strict=True)
    )


def test_the_sensor_tells_what_it_is(sensor_url: str) -> None:
    with open_sensor(sensor_url) as sensor:
        info = sensor.info
    assert info.model in {"R307", "R503"}
    assert (info.width, info.height) in {(256, 288), (192, 192)}
    assert info.packet_size in {32, 64, 128, 256}
    assert info.templates_stored == 0


def test_without_a_finger_there_is_no_image(sensor_url: str, fingers: Fingers) -> None:
    fingers.lift()
    with open_sensor(sensor_url) as sensor, pytest.raises(NoFingerError):
        sensor.capture(finger_timeout=0.2)


def test_an_image_has_the_size_of_the_sensor(sensor_url: str, fingers: Fingers) -> None:
    with open_sensor(sensor_url) as sensor:
        fingers.place()
        with sensor.capture(finger_timeout=PATIENCE) as image:
            assert (image.width, image.height) == (sensor.info.width, sensor.info.height)
            assert len(image.pixels) == image.width * image.height
            assert set(image.pixels) <= {level * 17 for level in range(16)}
            assert len(set(image.pixels)) > 4


def test_the_image_is_what_the_sensor_held(
    sensor_url: str, fingers: Fingers, sensor_remote: SensorRemote | None
) -> None:
    if sensor_remote is None:
        pytest.skip("only a simulated sensor tells what it held")
    with open_sensor(sensor_url) as sensor:
        for impression in (1, 2):
            fingers.place(1, impression)
            with sensor.capture(finger_timeout=PATIENCE) as image:
                arrived = sha256(on_the_wire(image.pixels)).hexdigest()
            assert sensor_remote.status()["uploaded_sha256"] == arrived


def test_captures_can_be_repeated(sensor_url: str, fingers: Fingers) -> None:
    with open_sensor(sensor_url) as sensor:
        fingers.place()
        for _ in range(5):
            with sensor.capture(finger_timeout=PATIENCE) as image:
                assert image.transfer is not None
                assert len(image.pixels) == sensor.info.width * sensor.info.height


def test_a_lifted_finger_is_noticed(sensor_url: str, fingers: Fingers) -> None:
    with open_sensor(sensor_url) as sensor:
        fingers.place()
        assert not sensor.wait_lifted(0.2)
        fingers.lift()
        assert sensor.wait_lifted(PATIENCE)


def test_the_sensor_can_be_opened_again(sensor_url: str) -> None:
    with open_sensor(sensor_url) as sensor:
        first = sensor.info
    with open_sensor(sensor_url) as sensor:
        assert sensor.info == first
