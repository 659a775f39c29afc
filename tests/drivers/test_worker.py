"""The sensor in a thread of its own: one owner, cancel, progress, and a plug that is pulled and put back."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from drivers.errors import CaptureCancelledError, LinkLostError, NoFingerError, NoSuchPortError, SensorError
from drivers.worker import SensorThread
from tests.drivers.fake import FakeModule, ack, answers, data_packets, unpacked


def url(path: object) -> str:
    return f"serial:{path}?baud=57600"


def test_an_image_and_its_progress() -> None:
    seen: list[tuple[int, int]] = []
    with FakeModule() as fake, SensorThread(url(fake.path)) as sensor:
        with sensor.capture(progress=lambda done, total: seen.append((done, total))).result(20) as image:
            assert bytes(image.pixels) == unpacked(fake.image)
        assert seen[-1] == (18432, 18432)


def test_the_sensor_belongs_to_one_thread() -> None:
    threads: set[int] = set()
    with FakeModule() as fake, SensorThread(url(fake.path)) as sensor:
        futures = [sensor.capture(progress=lambda *_: threads.add(threading.get_ident())) for _ in range(3)]
        for future in futures:
            future.result(20).wipe()
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_what_is_being_done_and_what_waits_is_called_off_and_the_next_is_not() -> None:
    fake = FakeModule(fingers=deque([2]))
    with fake, SensorThread(url(fake.path)) as sensor:
        futures = [sensor.capture(), sensor.capture()]
        sensor.cancel()
        for future in futures:
            with pytest.raises((CaptureCancelledError, CancelledError)):
                future.result(20)
        assert sensor.wait_lifted(5).result(20)
        with pytest.raises(NoFingerError):
            sensor.capture(finger_timeout=0.1).result(20)
        assert fake.seen.count(0x3C) <= 2, "no error of the sensor, so it stays open"


def test_closing_breaks_off() -> None:
    with FakeModule(fingers=deque([2])) as fake:
        with SensorThread(url(fake.path)) as sensor:
            future = sensor.capture(finger_timeout=600)
        with pytest.raises(CaptureCancelledError):
            future.result(0)
        with SensorThread(url(fake.path)) as sensor:
            assert sensor.wait_lifted(1).result(20), "the port was given back"


def test_unplugged_in_mid_transfer_and_back_under_another_name(tmp_path: Path) -> None:
    def pulled(me: FakeModule, _arguments: bytes) -> None:
        me.send(ack(0), *data_packets(me.image)[:50])
        me.unplug()

    link = tmp_path / "fingerprint"
    with FakeModule().then(0x0A, pulled) as first, FakeModule() as second, SensorThread(url(link)) as sensor:
        link.symlink_to(first.path)
        with pytest.raises(LinkLostError):
            sensor.capture().result(20)
        link.unlink()
        with pytest.raises(NoSuchPortError):
            sensor.capture().result(20)
        link.symlink_to(second.path)
        with sensor.capture().result(20) as image:
            assert bytes(image.pixels) == unpacked(second.image)


def test_an_error_of_the_sensor_reaches_the_caller() -> None:
    fake = FakeModule(handlers={0x0A: answers(ack(0x19))})
    with fake, SensorThread(url(fake.path)) as sensor, pytest.raises(SensorError):
        sensor.capture().result(20)


def test_opening_is_left_to_the_thread() -> None:
    def opening(_url: str) -> object:
        raise SensorError(threading.current_thread().name)

    opened: Callable[[str], object] = opening
    with SensorThread("x", opened) as sensor, pytest.raises(SensorError, match="sensor"):  # type: ignore[arg-type]  # never returns
        sensor.capture().result(20)
