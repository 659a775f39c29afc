"""`ridgekey sensor info` and `ridgekey sensor capture`, through the command itself."""

import json
from collections import deque

import pytest

import ridgekey
from tests.drivers.fake import FakeModule, ack, answers, data_packets, r307

Output = pytest.CaptureFixture[str]


def run(*argv: str) -> int:
    return ridgekey.main(["sensor", *argv])


def test_info_for_a_person(capsys: Output) -> None:
    with FakeModule() as fake:
        assert run("info", f"serial:{fake.path}") == 0
    out = capsys.readouterr().out
    assert "R503, serial number 00042" in out
    assert "192 x 192 pixels, 508 dpi" in out
    assert out.endswith("fit for use\n")


def test_info_for_a_machine(capsys: Output) -> None:
    with r307() as fake:
        assert run("info", fake.path, "--json") == 0
        info = json.loads(capsys.readouterr().out)
        assert info == {
            "model": "R307",
            "width": 256,
            "height": 288,
            "dpi": 500,
            "port": fake.path,
            "baud": 57600,
            "packet_size": 128,
            "templates_stored": 0,
            "library_size": 200,
            "system_id": 9,
            "serial": None,
            "holds_image": False,
            "baud_told": 57600,
            "size_told": False,
        }


def test_info_shows_a_sensor_that_stores_templates_and_fails(capsys: Output) -> None:
    with FakeModule(templates=3) as fake:
        assert run("info", fake.path) == 78
    captured = capsys.readouterr()
    assert "3 stored" in captured.out
    assert "fit for use" not in captured.out
    assert captured.err.startswith("ridgekey: ")
    assert "stores 3 fingerprint templates" in captured.err


def test_capture_for_a_machine(capsys: Output) -> None:
    with FakeModule(image=b"\x0f" * 18432, fingers=deque([2, 0])) as fake:
        assert run("capture", fake.path, "--json") == 0
    captured = capsys.readouterr()
    figures = json.loads(captured.out)
    assert figures.pop("seconds") > 0
    assert figures.pop("attempts") >= 1
    assert figures == {
        "width": 192,
        "height": 192,
        "dpi": 508,
        "mean_grey": 127.5,
        "contrast": 127.5,
        "packets": 144,
        "closed": True,
        "twins": False,
        "scrub": "the status register tells of no image any more",
    }
    assert "place a finger" in captured.err


def test_capture_for_a_person(capsys: Output) -> None:
    with FakeModule(image=b"\xff" * 18432) as fake:
        assert run("capture", fake.path) == 0
    out = capsys.readouterr().out
    assert "mean grey 255.0, contrast 0.0" in out
    assert "The image was not kept." in out


@pytest.mark.parametrize(
    ("handlers", "argv", "exit_code", "words"),
    [
        ({0x13: answers(ack(0x13))}, ["info"], 78, "locked with another password"),
        ({0x01: answers(ack(2))}, ["capture", "--timeout", "0.1"], 1, "no finger was placed"),
        ({0x0A: lambda me, _: me.send(ack(0), *data_packets(b"\0" * 12800))}, ["capture"], 76, "12800 bytes"),
        ({0x0A: answers(ack(0), b"\0")}, ["capture"], 74, "check cable"),
        ({0x13: answers(b"hello\r\n")}, ["info"], 76, "not a fingerprint sensor"),
        ({0x13: lambda me, _: me.unplug()}, ["info"], 74, "unplugged"),
    ],
)
def test_each_trouble_is_one_line_and_an_exit_code(
    handlers: dict[int, object], argv: list[str], exit_code: int, words: str, capsys: Output
) -> None:
    with FakeModule(handlers=handlers) as fake:  # type: ignore[arg-type]  # lambdas in a table
        assert run(argv[0], f"serial:{fake.path}?baud=57600", *argv[1:]) == exit_code
    captured = capsys.readouterr()
    assert captured.out == ""
    last = captured.err.splitlines()[-1]
    assert last.startswith("ridgekey: ")
    assert words in last
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    ("sensor", "exit_code"),
    [
        ("serial:/dev/ttyNONE", 66),
        ("serial:/dev/null", 66),
        ("/", 66),
        ("bluetooth:x", 2),
        ("serial:/dev/x?baud=1", 2),
    ],
)
def test_a_bad_name_of_a_sensor(sensor: str, exit_code: int, capsys: Output) -> None:
    assert run("info", sensor) == exit_code
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("command", ["info", "capture"])
def test_help_teaches(command: str, capsys: Output) -> None:
    with pytest.raises(SystemExit) as ended:
        run(command, "--help")
    assert ended.value.code == 0
    assert "examples:" in capsys.readouterr().out
