"""What is written to the sensor's flash works; on a real sensor only with `--allow-flash-writes`."""

import pytest

from drivers.opening import open_sensor
from hw.pytest_plugin import Fingers
from tests.hw.sensor_bench import Host

PACKET_CODES = {32: 0, 64: 1, 128: 2, 256: 3}


@pytest.mark.writes_flash
def test_an_image_comes_in_packets_of_any_size(sensor_url: str, fingers: Fingers) -> None:
    with open_sensor(sensor_url) as sensor:
        before = sensor.info
    fingers.place()
    try:
        for size, code in PACKET_CODES.items():
            set_packet_code(before.port, before.baud, code)
            with open_sensor(sensor_url) as sensor, sensor.capture(finger_timeout=10) as image:
                assert sensor.info.packet_size == size
                assert image.transfer is not None
                assert image.transfer.packets == before.width * before.height // 2 // size
    finally:
        set_packet_code(before.port, before.baud, PACKET_CODES[before.packet_size])


def set_packet_code(port: str, baud: int, code: int) -> None:
    host = Host(port, baud)
    with host.line:
        assert host.command(0x0E, 6, code) == b"\x00"
