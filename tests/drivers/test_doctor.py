"""What the doctor says of sensors, wires and images."""

import json
from collections import deque
from pathlib import Path

import pytest

import ridgekey
from drivers.doctor import Finding, Weight, about_image, candidates, examine_port, judge
from drivers.image import FingerImage, Transfer
from tests.drivers.fake import MARK, FakeModule, ack, answers, frame, parameters, r307

HELLO = frame(1, b"\x13\0\0\0\0")
Output = pytest.CaptureFixture[str]


def found(fake: FakeModule, options: str = "?baud=57600") -> dict[str, Finding]:
    return {finding.about: finding for finding in examine_port(f"serial:{fake.path}{options}")}


def test_a_sensor_as_from_the_factory() -> None:
    with FakeModule() as fake:
        findings = found(fake)
    assert findings["model"].words == "R503, serial number 00042: 192 x 192, 508 dpi"
    assert not [finding for finding in findings.values() if finding.weight is Weight.BAD]
    assert "provision" in findings["rate"].advice
    assert "provision" in findings["packets"].advice
    assert "--tag" in findings["tag"].advice


def test_a_provisioned_sensor_leaves_nothing_to_do() -> None:
    with FakeModule(baud=115200, packet_code=3, handlers={0x0F: lambda me, _: me.send(ack(0, told))}) as fake:
        told = parameters(packet_code=3, baud=12)
        fake.notepad[15] = b"ridgekey\0DOOR".ljust(32, b"\0")
        findings = found(fake, "")
    assert all(finding.weight is Weight.GOOD for finding in findings.values())
    assert "module=DOOR" in findings["tag"].advice


def test_templates_a_left_image_and_a_lying_rate_are_told() -> None:
    fake = r307(templates=2, status=12)
    fake.handlers[0x0F] = answers(ack(0, parameters(status=12, system_id=9, baud=12)))
    with fake:
        findings = list(examine_port(f"serial:{fake.path}?baud=57600"))
    words = {finding.about: finding.words for finding in findings}
    assert "2 stored" in words["templates"]
    assert "somebody" in words["image"]
    assert any("says that it is set to 115200" in finding.words for finding in findings)


def test_a_password_is_told() -> None:
    with FakeModule(handlers={0x13: answers(ack(0x13))}) as fake:
        assert found(fake)["password"].weight is Weight.BAD


def test_no_port() -> None:
    (finding,) = examine_port("serial:/dev/ttyNONE")
    assert (finding.about, finding.weight) == ("port", Weight.BAD)
    assert "wiring.md" in finding.advice


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "not one byte"),
        (HELLO, "our own bytes"),
        (b"\x55", "does not hear us"),
        (b"\r\nraspberrypi login: ", "a console speaks"),
        (b"\x00\x00", "held low"),
        (b"\x12\x99\x47", "no packet, at no rate"),
    ],
)
def test_what_comes_back_tells_of_the_wires(answer: bytes, words: str) -> None:
    fake = FakeModule()
    fake.handlers = {0x13: answers(answer)}
    with fake:
        findings = found(fake)
    assert words in findings["wires"].words
    assert findings["wires"].advice


def test_noise_at_a_wrong_rate_is_not_taken_for_silence() -> None:
    assert "no packet" in judge([(57600, b""), (115200, b"\x80\xf8")]).words
    assert "our own" in judge([(57600, b"\x80\xf8"), (115200, HELLO)]).words


def image(levels: bytes, transfer: Transfer | None = None) -> FingerImage:
    return FingerImage(bytearray(level * 17 for level in levels), len(levels), 1, 500, transfer)


def test_polarity() -> None:
    (finding,) = about_image(image(bytes([15] * 8 + [0] * 4)))
    assert finding.weight is Weight.GOOD
    (finding,) = about_image(image(bytes([15] * 4 + [0] * 8)))
    assert finding.weight is Weight.BAD


def test_a_noisy_line_is_told() -> None:
    transfer = Transfer(attempts=3, seconds=2.0, packets=144, closed=True)
    assert next(iter(about_image(image(bytes([15, 0]), transfer)))).weight is Weight.NOTE


def test_ports_are_found_once_by_their_first_name(tmp_path: Path) -> None:
    for name in ("ttyAMA0", "ttyUSB1", "tty1", "null"):
        (tmp_path / name).touch()
    (tmp_path / "fingerprint").symlink_to("ttyAMA0")
    assert candidates(tmp_path) == [str(tmp_path / "fingerprint"), str(tmp_path / "ttyUSB1")]


def test_the_command_for_a_person_and_for_a_machine(capsys: Output) -> None:
    with FakeModule(image=b"\xf8" * 18432) as fake:
        assert ridgekey.main(["sensor", "doctor", fake.path, "--finger"]) == 0
        out = capsys.readouterr().out
        assert "Fit for use" in out
        assert "dark ridges" in out
        assert ridgekey.main(["sensor", "doctor", fake.path, "--json"]) == 0
        findings = json.loads(capsys.readouterr().out)[fake.path]
        assert {"weight", "about", "words", "advice"} == set(findings[0])


def test_nothing_fit_for_use_is_exit_code_1(capsys: Output) -> None:
    assert ridgekey.main(["sensor", "doctor", "serial:/dev/ttyNONE"]) == 1
    assert "there is no serial port" in capsys.readouterr().out


# The other commands


def test_provision(capsys: Output) -> None:
    with FakeModule(baud=57600) as fake:
        assert ridgekey.main(["sensor", "provision", fake.path, "--tag", "A1", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {
            "written": ["packet size", "tag", "rate"],
            "power_cycle": False,
        }
        assert ridgekey.main(["sensor", "provision", fake.path, "--tag", "A1"]) == 0
        assert "nothing was written" in capsys.readouterr().out


def test_provision_asks_for_a_power_cycle(capsys: Output) -> None:
    with r307(baud=57600) as fake:
        assert ridgekey.main(["sensor", "provision", fake.path]) == 0
    assert "two seconds" in capsys.readouterr().out


def test_watch(capsys: Output) -> None:
    with FakeModule(fingers=deque([2, 0, 2])) as fake:
        assert ridgekey.main(["sensor", "watch", fake.path, "--seconds", "1.5", "--json"]) == 0
        events = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
        assert events == ["finger down", "finger up"]
        assert [light[0] for light in fake.lights] == [1, 3, 1, 4]


def test_watch_on_a_sensor_without_a_light(capsys: Output) -> None:
    with r307(fingers=deque([2, 0])) as fake:
        assert ridgekey.main(["sensor", "watch", fake.path, "--seconds", "0.5"]) == 0
        assert 0x35 not in fake.seen
    assert "finger down" in capsys.readouterr().out


def test_a_light_that_is_refused_is_no_error(capsys: Output) -> None:
    with FakeModule(fingers=deque([2]), handlers={0x35: answers(ack(1))}) as fake:
        assert ridgekey.main(["sensor", "watch", fake.path, "--seconds", "0.2"]) == 0


def test_an_image_is_saved_only_by_who_says_what_it_is(tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "me.pgm"
    with FakeModule(image=(MARK + b"\x0f") * 2633 + b"\0" * (18432 - 7 * 2633)) as fake:
        words = ["sensor", "capture", fake.path, "--save", str(file)]
        assert ridgekey.main(words) == 2
        assert "has it for good" in capsys.readouterr().err
        assert not file.exists()
        assert fake.seen == []
        assert ridgekey.main([*words, "--this-file-will-hold-my-fingerprint"]) == 0
        assert file.read_bytes().startswith(b"P5\n192 192\n255\n\xee\xff\x00\x11")
        assert file.stat().st_size == 15 + 192 * 192
        assert file.stat().st_mode & 0o777 == 0o600
        assert ridgekey.main([*words, "--this-file-will-hold-my-fingerprint"]) == 74
        assert "File exists" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["watch", "doctor", "provision"])
def test_help_teaches(command: str, capsys: Output) -> None:
    with pytest.raises(SystemExit) as ended:
        ridgekey.main(["sensor", command, "--help"])
    assert ended.value.code == 0
    assert "examples:" in capsys.readouterr().out
