"""Drivers that others wrote, unmodified, take the simulated sensor for a real one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import adafruit_fingerprint
import numpy as np
import pytest
import serial
from PIL import Image
from pyfingerprint.pyfingerprint import PyFingerprint

from hw.simulator.profiles import PROFILES
from tests.hw.sensor_bench import Running, on_the_wire


@pytest.fixture(params=["r307", "r503"])
def sensor(request: pytest.FixtureRequest, shared: Callable[[str], Running]) -> Running:
    return shared(request.param)


# adafruit-circuitpython-fingerprint


@pytest.fixture
def adafruit(sensor: Running) -> Iterator[adafruit_fingerprint.Adafruit_Fingerprint]:
    with serial.Serial(sensor.port, 57600, timeout=5) as line:
        yield adafruit_fingerprint.Adafruit_Fingerprint(line)


def test_adafruit_reads_the_parameters(
    sensor: Running, adafruit: adafruit_fingerprint.Adafruit_Fingerprint
) -> None:
    assert adafruit.library_size == PROFILES[sensor.profile].library_size
    assert adafruit.system_id == PROFILES[sensor.profile].system_id
    assert adafruit.count_templates() == adafruit_fingerprint.OK
    assert adafruit.template_count == 0


def test_adafruit_takes_an_image(
    sensor: Running, adafruit: adafruit_fingerprint.Adafruit_Fingerprint
) -> None:
    assert adafruit.get_image() == adafruit_fingerprint.NOFINGER
    sensor.remote.place(2)
    assert adafruit.get_image() == adafruit_fingerprint.OK
    assert bytes(adafruit.get_fpdata("image")) == on_the_wire(sensor.images[2])


def test_adafruit_drives_light_and_reset(r503: Running) -> None:
    with serial.Serial(r503.port, 57600, timeout=5) as line:
        module = adafruit_fingerprint.Adafruit_Fingerprint(line)
        assert module.set_led(color=2, mode=3) == adafruit_fingerprint.OK
        assert r503.remote.status()["led"] == "03800200"
        module.soft_reset()  # raises unless the module announces itself again
        assert module.read_sysparam() == adafruit_fingerprint.OK


def test_adafruit_knocks_at_the_r307(r307: Running) -> None:
    with serial.Serial(r307.port, 57600, timeout=5) as line:
        assert adafruit_fingerprint.Adafruit_Fingerprint(line).check_module()


def test_adafruit_takes_a_late_answer_for_that_of_the_next_command(r503: Running) -> None:
    r503.remote.place(1)
    with serial.Serial(r503.port, 57600, timeout=0.2) as line:
        module = adafruit_fingerprint.Adafruit_Fingerprint(line)
        r503.remote.fault("ack-late", opcode=0x01, seconds=0.4)
        with pytest.raises(RuntimeError):
            module.get_image()
        r503.remote.lift()
        line.timeout = 2
        assert module.get_image() == adafruit_fingerprint.OK  # and there is no finger


# pyfingerprint


@pytest.fixture
def pyfingerprint(sensor: Running) -> PyFingerprint:
    module = PyFingerprint(sensor.port, 57600)
    assert module.verifyPassword()
    return module


def test_pyfingerprint_reads_the_parameters(sensor: Running, pyfingerprint: PyFingerprint) -> None:
    profile = PROFILES[sensor.profile]
    status, system_id, capacity, security, address, packet_code, baud = pyfingerprint.getSystemParameters()
    assert status & 4  # the password has been verified
    assert (system_id, capacity, security) == (profile.system_id, profile.library_size, 3)
    assert (address, packet_code, baud) == (0xFFFFFFFF, 2, 6)
    assert pyfingerprint.getStorageCapacity() == profile.library_size
    assert pyfingerprint.getMaxPacketSize() == 128
    assert pyfingerprint.getBaudRate() == 57600
    assert pyfingerprint.getTemplateCount() == 0
    assert not any(pyfingerprint.getTemplateIndex(0))
    assert 0 <= pyfingerprint.generateRandomNumber() < 1 << 32


@pytest.mark.parametrize("size", [32, 256, 128])
def test_pyfingerprint_takes_an_image(size: int, r307: Running, tmp_path: Path) -> None:
    module = PyFingerprint(r307.port, 57600)
    module.setMaxPacketSize(size)
    assert module.getMaxPacketSize() == size
    assert not module.readImage()
    r307.remote.place(1)
    assert module.readImage()
    module.downloadImage(str(tmp_path / "image.bmp"))
    with Image.open(tmp_path / "image.bmp") as image:
        assert (np.asarray(image) == (r307.images[1] >> 4) * 17).all()


def test_pyfingerprint_notices_a_wrong_checksum(r307: Running, tmp_path: Path) -> None:
    module = PyFingerprint(r307.port, 57600)
    r307.remote.place(1)
    assert module.readImage()
    r307.remote.fault("flip-payload", after=287)
    with pytest.raises(Exception, match="checksum is wrong"):
        module.downloadImage(str(tmp_path / "image.bmp"))
    assert r307.happened("flip-payload") == 1


def test_pyfingerprint_is_told_of_a_password(r307: Running) -> None:
    r307.remote.fault("password-set")
    assert not PyFingerprint(r307.port, 57600).verifyPassword()
    assert PyFingerprint(r307.port, 57600, password=0x01020304).verifyPassword()
