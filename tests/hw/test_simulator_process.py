"""The simulated sensor as hosts meet it: a process on a pseudo-terminal."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
import serial

import ridgekey
from hw.errors import UnavailableError
from hw.simulator.control import MAX_LINE
from hw.simulator.remote import RefusedError, SensorRemote
from hw.simulator.remote import main as place
from tests.hw.sensor_bench import Host, Running, command, frame, known_images, on_the_wire, running

BOTH = pytest.mark.parametrize("profile", ["r307", "r503"])


def end(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Exit code and last line on standard error."""
    _, errors = process.communicate(timeout=20)
    return process.returncode, errors.strip().splitlines()[-1] if errors.strip() else ""


# Images


@BOTH
def test_image_arrives_bit_exact(profile: str, shared: Callable[[str], Running]) -> None:
    sensor = shared(profile)
    host = Host(sensor.port)
    for finger, pixels in sensor.images.items():
        sensor.remote.place(finger)
        assert host.command(0x01) == b"\x00"
        assert host.upload() == on_the_wire(pixels)


def test_product_info_tells_the_models_apart(r307: Running, r503: Running) -> None:
    info = Host(r503.port).command(0x3C)
    assert info[1:5] == b"R503"
    assert info[39:43] == bytes([0, 192, 0, 192])
    assert Host(r307.port).command(0x3C) == b"\x01"


# Line


def test_transfer_takes_at_least_the_time_of_the_line(tmp_path: Path) -> None:
    images = known_images(tmp_path, "r503")
    with running("r503", tmp_path, "--baud", "115200", paced=True) as sensor:
        host = Host(sensor.port, 115200)
        sensor.remote.place(1)
        started = time.monotonic()
        assert host.command(0x01) == b"\x00"
        captured = time.monotonic()
        assert captured - started >= 0.15
        assert host.upload() == on_the_wire(images[1])
        bytes_on_the_line = 12 + 12 + 144 * (128 + 11)
        assert time.monotonic() - captured >= bytes_on_the_line * 10 / 115200


def test_host_at_another_rate_is_not_heard(r307: Running) -> None:
    before = r307.remote.status()["commands"]
    host = Host(r307.port, 115200)
    assert host.hear(0x0F, quiet=0.3) == b""
    assert r307.remote.status()["host_baud"] == 115200
    assert r307.remote.status()["commands"] == before
    host.line.baudrate = 57600
    host.line.reset_input_buffer()  # 0.3 s have passed: the module has given up what it took for a frame
    assert host.command(0x0F)[0] == 0


def test_sensor_at_another_rate_is_not_understood(tmp_path: Path) -> None:
    known_images(tmp_path, "r307")
    with running("r307", tmp_path, paced=True) as sensor:
        host = Host(sensor.port, 57600)
        host.line.timeout = 0.5
        host.line.write(frame(0x01, b"\x01"))
        host.line.flush()
        while not sensor.remote.status()["commands"]:
            time.sleep(0.01)
        host.line.baudrate = 19200  # the answer comes after the capture time, when the host listens wrongly
        heard = host.line.read(12)
        assert heard
        assert not heard.startswith(b"\xef\x01")


def test_stored_baud_and_link(tmp_path: Path) -> None:
    known_images(tmp_path, "r307")
    link = tmp_path / "fingerprint"
    link.symlink_to("/dev/left-over")
    with running("r307", tmp_path, "--baud", "115200", "--link", str(link)) as sensor:
        assert sensor.port == str(link)
        assert Host(str(link), 115200).command(0x0F)[-2:] == b"\x00\x0c"
    assert not link.is_symlink()


def test_flush_before_a_command_is_seen(r307: Running) -> None:
    host = Host(r307.port)  # pyserial flushes when it opens
    host.command(0x0F)
    host.line.reset_input_buffer()
    host.command(0x0F)
    events = [entry["event"] for entry in r307.logged()]
    assert events[-4:] == ["host flushed its input", "command", "host flushed its input", "command"]


def test_bytes_that_a_paced_host_leaves_unread_are_lost_and_counted(tmp_path: Path) -> None:
    known_images(tmp_path, "r307")
    with running("r307", tmp_path, "--baud", "115200", paced=True) as sensor:
        host = Host(sensor.port, 115200)
        sensor.remote.place(1)
        host.command(0x01)
        host.line.write(frame(0x01, b"\x0a"))
        deadline = time.monotonic() + 20
        while not any(entry["event"] == "overrun" for entry in sensor.logged()):
            assert time.monotonic() < deadline
            time.sleep(0.05)


# Forbidden instructions


@pytest.mark.parametrize("opcode", [0x02, 0x08, 0x1A])
def test_forbidden_instruction_ends_the_run(opcode: int, tmp_path: Path) -> None:
    known_images(tmp_path, "r503")
    with running("r503", tmp_path) as sensor:
        host = Host(sensor.port)
        host.command(0x0F)
        host.line.write(frame(0x01, bytes([opcode, 1])))
        code, message = end(sensor.process)
        assert code == 76
        assert f"0x{opcode:02X}" in message
        assert message.startswith("ridgekey: stopped")
        last = sensor.logged()[-1]
        assert (last["event"], last["opcode"]) == ("forbidden", f"{opcode:02X}")


def test_log_names_instructions_and_holds_no_image(tmp_path: Path) -> None:
    images = known_images(tmp_path, "r307")
    with running("r307", tmp_path) as sensor:
        host = Host(sensor.port)
        sensor.remote.place(1)
        host.command(0x01)
        host.upload()
        named = [(entry["name"], entry["code"]) for entry in sensor.logged() if entry["event"] == "command"]
        assert named == [("GenImg", "00"), ("UpImage", "00")]
        text = sensor.log.read_text()
    assert len(text) < 2000
    assert on_the_wire(images[1])[:8].hex() not in text


# The finger


def test_finger_is_placed_changed_and_lifted_while_it_runs(r503: Running) -> None:
    host = Host(r503.port)
    assert host.command(0x01) == b"\x02"
    assert r503.remote.place(1)["finger"] == 1
    assert host.command(0x01) == b"\x00"
    assert r503.remote.place(2)["finger"] == 2
    assert host.command(0x01) == b"\x00"
    image = on_the_wire(r503.images[2])
    assert host.upload() == image
    assert r503.remote.status()["uploaded_sha256"] == sha256(image).hexdigest()
    assert r503.remote.lift()["finger"] is None
    assert host.command(0x01) == b"\x02"
    assert r503.remote.status()["image_held"]


def test_synthetic_fingers_are_there_by_default(tmp_path: Path) -> None:
    with running("r503", tmp_path, "--fingers", "synthetic") as sensor:
        host = Host(sensor.port)
        images = []
        for finger in (1, 2):
            sensor.remote.place(finger)
            assert host.command(0x28) == b"\x00"  # GetImageEx: and the image is not a poor one
            images.append(host.upload())
    assert len(images[0]) == 192 * 192 // 2
    assert images[0] != images[1]


def test_unknown_finger_is_refused_and_the_sensor_goes_on(r503: Running) -> None:
    with pytest.raises(RefusedError, match="no finger 9"):
        r503.remote.place(9)
    with pytest.raises(RefusedError, match="no impression 5"):
        r503.remote.place(1, 5)
    assert r503.remote.status()["finger"] is None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[1]",
        b'"place"',
        b'{"erase": {}}',
        b'{"place": {"finger": 1}}',
        b'{"place": {"finger": true, "impression": 1}}',
        b'{"place": {"finger": -1, "impression": 1}}',
        b'{"place": {"finger": 1e9, "impression": 1}}',
        b'{"lift": {"finger": 1}}',
        b'{"lift": {}, "status": {}}',
        b'{"fault": {}}',
        b'{"fault": {"name": "bad-luck"}}',
        b'{"fault": {"name": ["gap"]}}',
        b'{"fault": {"name": "gap", "seconds": NaN}}',
        b'{"fault": {"name": "gap", "second": 1}}',
        b'{"clear": {"name": "gap"}}',
        b'{"faults": {"name": "gap"}}',
        b'{"place": 3}',
        b"[" * (MAX_LINE - 1),
        b" " * MAX_LINE * 2,
    ],
)
def test_bad_request_gets_an_error(line: bytes, control: SensorRemote) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(control.path))
        connection.sendall(line + b"\n")
        answer = json.loads(connection.makefile("rb").readline())
    assert set(answer) == {"error", "exit_code"}
    assert control.status()["finger"] is None


@pytest.fixture
def control(r307: Running) -> SensorRemote:
    return r307.remote


def test_control_socket_is_private_and_removed(tmp_path: Path) -> None:
    known_images(tmp_path, "r307")
    path = tmp_path / "control"
    with running("r307", tmp_path, "--control", str(path)) as sensor:
        assert path.stat().st_mode & 0o777 == 0o600
        assert sensor.remote.path == path
        code, message = end(command("--profile", "r307", "--fingers", str(tmp_path), "--control", str(path)))
        assert code == 69
        assert "another simulated sensor" in message
        assert sensor.remote.status()["profile"] == "r307"
    assert not path.exists()


def test_socket_of_a_killed_sensor_is_taken_over(tmp_path: Path) -> None:
    known_images(tmp_path, "r307")
    path = tmp_path / "control"
    with running("r307", tmp_path, "--control", str(path)) as sensor:
        sensor.process.kill()
        sensor.process.wait()
        assert path.exists()
    with running("r307", tmp_path, "--control", str(path)) as sensor:
        assert sensor.remote.status()["profile"] == "r307"


def test_place_command(control: SensorRemote, capsys: pytest.CaptureFixture[str]) -> None:
    assert place(["--control", str(control.path), "--finger", "2"]) == 0
    assert "finger 2, impression 1" in capsys.readouterr().out
    assert place(["--control", str(control.path), "--lift", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["finger"] is None


def test_no_sensor_to_place_on(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="start one"):
        SensorRemote(tmp_path / "nothing").lift()


def test_sensor_that_stops_without_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "control"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=lambda: listener.accept()[0].close())
        thread.start()
        with pytest.raises(UnavailableError):
            SensorRemote(path).status()
        thread.join()


# Beginning and end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_well(number: int, tmp_path: Path) -> None:
    known_images(tmp_path, "r307")
    with running("r307", tmp_path) as sensor:
        with socket.socket(socket.AF_UNIX) as idle:  # a client that stays must not hold it up
            idle.connect(str(sensor.remote.path))
            sensor.process.send_signal(number)
            assert end(sensor.process) == (0, "")
        assert not os.path.lexists(sensor.port)
        assert not sensor.remote.path.parent.exists()


def test_a_human_is_told_what_to_do_next(tmp_path: Path) -> None:
    known_images(tmp_path, "r307")
    with command("--profile", "r307", "--fingers", str(tmp_path)) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        process.terminate()
    assert "/dev/pts/" in lines[0]
    assert "serial:/dev/pts/" in lines[1]
    assert "ridgekey sensor place --control" in lines[2]
    assert "--lift" in lines[3]


def test_stored_templates_can_be_pretended(tmp_path: Path) -> None:
    known_images(tmp_path, "r503")
    with running("r503", tmp_path, "--templates", "3") as sensor:
        assert Host(sensor.port).command(0x1D) == b"\x00\x00\x03"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--profile", "r307", "--fingers", "{folder}/missing"], 66, "no folder"),
        (["--profile", "r307", "--fingers", "{folder}/broken"], 65, "not a PNG"),
        (["--profile", "r307", "--baud", "57601"], 2, "baud"),
        (["--profile", "r503", "--baud", "48000"], 2, "baud"),
        (["--profile", "r503", "--templates", "201"], 2, "templates"),
        (["--profile", "r999"], 2, "r999"),
        (["--profile", "r307", "--fingers", "{folder}", "--log", "{folder}"], 74, "log"),
        (["--profile", "r307", "--fingers", "{folder}", "--control", "{folder}/001_1.png"], 74, "--control"),
        (
            ["--profile", "r307", "--fingers", "{folder}", "--control", "{folder}/" + "x" * 120],
            74,
            "--control",
        ),
        (["--profile", "r307", "--fingers", "{folder}", "--link", "{folder}/001_1.png"], 74, "--link"),
        (["--profile", "r307", "--fingers", "{folder}", "--link", "{folder}/missing/link"], 74, "link"),
    ],
)
def test_bad_input_gives_one_line(
    arguments: list[str], code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known_images(tmp_path, "r307")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "001_1.png").write_bytes(b"not an image")
    filled_in = [argument.replace("{folder}", str(tmp_path)) for argument in arguments]
    try:
        status: object = ridgekey.main(["sensor", "simulate", *filled_in])
    except SystemExit as usage_error:
        status = usage_error.code
    assert status == code
    output = capsys.readouterr()
    assert words in output.err.splitlines()[-1]
    assert output.out == ""


def test_full_disk_under_the_log_ends_the_run(tmp_path: Path) -> None:
    known_images(tmp_path, "r307")
    process = command("--profile", "r307", "--fingers", str(tmp_path), "--log", "/dev/full", "--json")
    assert process.stdout is not None
    port = json.loads(process.stdout.readline())["port"]
    with serial.Serial(port, 57600):
        code, message = end(process)
    assert code == 74
    assert message == "ridgekey: cannot write the log /dev/full: No space left on device"


@pytest.mark.parametrize("words", ["simulate", "place", "fault"])
def test_help_teaches(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        ridgekey.main(["sensor", words, "--help"])
    assert "examples:" in capsys.readouterr().out
