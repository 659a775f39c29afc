"""The driver against the simulated sensor: another process, with its own reading of the manuals."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from drivers.errors import NoFingerError, TemplatesStoredError
from drivers.image import Proof
from drivers.opcodes import Opcode
from drivers.opening import open_sensor
from drivers.timing import Deadlines
from hw.simulator.pixels import pack
from hw.simulator.remote import SensorRemote

PATIENT = Deadlines(idle=2.0)
"""A busy machine may stall the simulated sensor in the middle of an image."""

ROOT = Path(__file__).parents[2]
pytest.importorskip("hw.simulator.cli")


@contextmanager
def simulated(*options: str) -> Iterator[dict[str, str]]:
    """A running simulated sensor; what it said when it was ready. It must end well, by our wish."""
    command = [sys.executable, "-m", "ridgekey", "sensor", "simulate", "--json", *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        assert process.poll() is None, "the simulated sensor stopped: a forbidden opcode?"
    finally:
        process.terminate()
        process.wait(10)


def place(control: str, *options: str) -> None:
    command = [sys.executable, "-m", "ridgekey", "sensor", "place", "--control", control, *options]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("profile", "width", "height", "dpi"), [("r307", 256, 288, 500), ("r503", 192, 192, 508)]
)
def test_a_finger_is_captured(profile: str, width: int, height: int, dpi: int, tmp_path: Path) -> None:
    log = tmp_path / "opcodes.jsonl"
    options = ("--profile", profile, "--baud", "115200", "--log", str(log))
    with simulated(*options) as ready, open_sensor(f"serial:{ready['port']}", deadlines=PATIENT) as sensor:
        assert (sensor.info.model, sensor.info.dpi) == (profile.upper(), dpi)
        assert sensor.info.baud == 115200
        assert sensor.wait_lifted(5)
        with pytest.raises(NoFingerError):
            sensor.capture(finger_timeout=0.1)
        place(ready["control"], "--finger", "7", "--impression", "1")
        with sensor.capture(finger_timeout=10) as image:
            assert (image.width, image.height) == (width, height)
            assert image.transfer is not None
            assert (image.transfer.attempts, image.transfer.closed) == (1, True)
            assert len(set(image.pixels)) > 4
        place(ready["control"], "--lift")
        assert sensor.wait_lifted(5)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    sent = {int(event["opcode"], 16) for event in events if event["event"] == "command"}
    assert {
        Opcode.VFY_PWD,
        Opcode.READ_SYS_PARA,
        Opcode.TEMPLETE_NUM,
        Opcode.GEN_IMG,
        Opcode.UP_IMAGE,
    } <= sent
    assert sent <= set(Opcode)


@pytest.mark.parametrize(
    ("profile", "model", "size"),
    [
        ("r308", "R308", (256, 288)),
        ("hlk", "HLK ZW1xx", (160, 160)),
        ("clone-no-end", "R307", (256, 288)),
        ("r503-early", "R503", (192, 192)),
    ],
)
def test_kin_give_their_images_too(profile: str, model: str, size: tuple[int, int]) -> None:
    with simulated("--profile", profile, "--no-pacing") as ready:
        remote = SensorRemote(ready["control"])
        remote.place(7)
        with open_sensor(f"serial:{ready['port']}", deadlines=PATIENT) as sensor:
            for _ in range(2):
                with sensor.capture() as image:
                    assert (image.width, image.height) == size
                    held = bytes(
                        pack(np.frombuffer(image.pixels, np.uint8).reshape(image.height, image.width))
                    )
                    assert hashlib.sha256(held).hexdigest() == remote.status()["uploaded_sha256"]
            assert sensor.info.model == model
            remote.lift()
            assert sensor.wait_lifted(5)


@pytest.mark.long
def test_at_the_pace_of_the_line_an_image_is_overwritten_in_two_transfers() -> None:
    with simulated("--profile", "r307") as ready:
        SensorRemote(ready["control"]).place(7)
        with open_sensor(f"serial:{ready['port']}", deadlines=PATIENT) as sensor:
            with sensor.capture() as image:
                assert image.transfer is not None
                once = image.transfer.seconds
            scrub = sensor.scrub()
            assert scrub.proof is Proof.READ_BACK
            assert scrub.seconds > 1.9 * once


@pytest.mark.parametrize("profile", ["r307", "r503"])
def test_no_image_stays_in_the_simulated_sensor(profile: str) -> None:
    with simulated("--profile", profile, "--no-pacing") as ready:
        remote = SensorRemote(ready["control"])
        remote.place(7)
        with open_sensor(f"serial:{ready['port']}", deadlines=PATIENT) as sensor:
            with sensor.capture() as image:
                assert image.transfer is not None
                quick = image.transfer.scrub
            assert (quick is None) == (profile == "r307")
            assert remote.status()["image_held"] == (profile == "r307")
            if quick is None:
                assert sensor.scrub().proof is Proof.READ_BACK
                left, _ = sensor._module.upload_image(sensor.info.image_bytes, lambda *_: None, lambda: False)
                assert set(left) == {0xFF}


def test_a_simulated_sensor_that_stores_templates_is_refused() -> None:
    options = ("--profile", "r503", "--templates", "2", "--no-pacing")
    with simulated(*options) as ready, pytest.raises(TemplatesStoredError):
        open_sensor(f"serial:{ready['port']}")
