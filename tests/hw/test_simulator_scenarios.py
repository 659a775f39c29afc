"""Bad days from files, from the command line, and for the tests of others."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ridgekey
from hw.errors import BenchError
from hw.simulator.faults import FAULTS, Fault, as_markdown
from hw.simulator.profiles import PROFILES
from hw.simulator.scenario import FOLDER, Step, included, load, parse
from tests.hw.sensor_bench import Host, Running, known_images, on_the_wire, running

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
INCLUDED = sorted(path.stem for path in FOLDER.glob("*.toml"))


# Scenarios


@pytest.mark.parametrize("name", INCLUDED)
def test_included_scenario_loads(name: str) -> None:
    scenario = load(name)
    assert scenario.profile in PROFILES
    assert scenario.title
    assert any(step.command == "fault" for step in scenario.steps)
    assert any(step.command == "place" for step in scenario.steps)


def test_included_scenarios_are_listed_by_their_titles(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        set(included()) == set(INCLUDED) >= {"noisy-line", "brown-out", "wet-finger", "stale-ack", "unplug"}
    )
    with pytest.raises(SystemExit, match="0"):
        ridgekey.main(["sensor", "simulate", "--help"])
    text = capsys.readouterr().out
    assert all(title in text for title in included().values())


def test_steps_come_in_the_order_of_time() -> None:
    text = """
        [[step]]
        at = 2
        lift = {}
        [[step]]
        place = { finger = 1, impression = 2 }
        [[step]]
        at = 0.5
        fault = { name = "unsupported", opcode = 0x0F }
    """
    assert parse(tomllib.loads(text)).steps == (
        Step(0.0, "place", {"finger": 1, "impression": 2}),
        Step(0.5, "fault", {"name": "unsupported", "opcode": 15}),
        Step(2.0, "lift", {}),
    )


BAD = {
    "not TOML": ("step =", "TOML"),
    "not text": (b"\xff\xfe", "TOML"),
    "unknown key": ("speed = 3", "'speed'"),
    "title a number": ("title = 3", "title"),
    "baud a text": ('baud = "fast"', "baud"),
    "seed below zero": ("seed = -1", "seed"),
    "one step": ("[step]\nlift = {}", "[[step]]"),
    "step a number": ("step = [3]", "[[step]]"),
    "two commands": ("[[step]]\nlift = {}\nclear = {}", "step 1"),
    "no command": ("[[step]]\nlift = {}\n[[step]]\nat = 3", "step 2"),
    "unknown command": ("[[step]]\nerase = {}", "step 1"),
    "status": ("[[step]]\nstatus = {}", "step 1"),
    "time before the start": ("[[step]]\nat = -1\nlift = {}", "at must"),
    "time true": ("[[step]]\nat = true\nlift = {}", "at must"),
    "time that never comes": ("[[step]]\nat = inf\nlift = {}", "at must"),
    "unknown fault": ('[[step]]\nfault = { name = "bad-luck" }', "bad-luck"),
    "fault without a name": ("[[step]]\nfault = { rate = 1 }", "name"),
    "unknown parameter": ('[[step]]\nfault = { name = "gap", second = 1 }', "'second'"),
    "parameter out of range": ('[[step]]\nfault = { name = "gap", rate = 2 }', "rate must be from 0 to 1"),
    "parameter no number": ('[[step]]\nfault = { name = "gap", rate = "often" }', "must be a number"),
    "parameter not whole": ('[[step]]\nfault = { name = "gap", times = 1.5 }', "whole number"),
    "parameter no word": ('[[step]]\nfault = { name = "gap", packets = "some" }', "data or ack or any"),
    "password no digits": ('[[step]]\nfault = { name = "password-set", password = "secret" }', "hexadecimal"),
    "finger a text": ('[[step]]\nplace = { finger = "thumb", impression = 1 }', "finger"),
    "too large": ("#" * 70_000, "too large"),
}


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=BAD.keys())
def test_bad_scenario_gives_one_line(
    content: str | bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert ridgekey.main(["sensor", "simulate", "--scenario", str(file)]) == 65
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"ridgekey: {file}")
    assert words in line


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--scenario", "no-such-day"], 66, "noisy-line"),
        (["--scenario", "/"], 66, "cannot read"),
        ([], 2, "name a profile"),
        (["--scenario", "{folder}/martian.toml"], 2, "name a profile"),
        (["--scenario", "{folder}/fast.toml"], 2, "baud"),
        (
            ["--profile", "r503", "--scenario", "{folder}/gone.toml", "--fingers", "{folder}"],
            66,
            "no finger 9",
        ),
    ],
)
def test_bad_choice_gives_one_line(
    arguments: list[str], code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known_images(tmp_path, "r503")
    (tmp_path / "martian.toml").write_text('profile = "r9"')
    (tmp_path / "fast.toml").write_text('profile = "r503"\nbaud = 48000')
    (tmp_path / "gone.toml").write_text("profile = 'r503'\n[[step]]\nplace = { finger = 9, impression = 1 }")
    try:
        status: object = ridgekey.main(
            ["sensor", "simulate", *(word.replace("{folder}", str(tmp_path)) for word in arguments)]
        )
    except SystemExit as usage_error:
        status = usage_error.code
    assert status == code
    assert words in capsys.readouterr().err.splitlines()[-1]


def test_a_scenario_plays(tmp_path: Path) -> None:
    images = known_images(tmp_path, "r503")
    file = tmp_path / "day.toml"
    file.write_text(
        'profile = "r503"\nbaud = 115200\ntemplates = 4\nseed = 7\n'
        "[[step]]\nplace = { finger = 2, impression = 1 }\n"
        '[[step]]\nfault = { name = "bad-packet", times = 1 }\n'
        '[[step]]\nat = 0.2\nfault = { name = "sensor-fault", seed = 9 }\n'
    )
    with running("r503", tmp_path, "--scenario", str(file)) as sensor:
        host = Host(sensor.port, 115200)
        assert host.command(0x01) == b"\x01"
        while "sensor-fault" not in sensor.remote.faults():
            assert sensor.process.poll() is None
        assert host.command(0x36) == b"\x29"
        sensor.remote.clear("sensor-fault")
        assert host.command(0x1D) == b"\x00\x00\x04"
        assert host.command(0x01) == b"\x00"
        assert host.upload() == on_the_wire(images[2])
        assert sensor.remote.faults()["bad-packet"]["values"]["seed"] == 7


# The command


def test_faults_are_set_counted_and_cleared_by_the_command(
    r503: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    def fault(*words: str) -> str:
        assert ridgekey.main(["sensor", "fault", "--control", str(r503.remote.path), *words]) == 0
        return capsys.readouterr().out

    assert fault() == "no fault is set\n"
    fault("unsupported", "opcode=0x0F", "rate=1.0")
    host = Host(r503.port)
    assert host.command(0x0F) == b"\xfc"
    assert "unsupported  has happened 1 times" in fault()
    fault("password-set", "password=0a0b0c0d", "seed=3")
    counts = json.loads(fault("--json"))
    assert set(counts) == {"unsupported", "password-set"}
    assert counts["password-set"]["values"]["password"] == "0a0b0c0d"
    assert "unsupported" in fault("unsupported", "--clear")
    assert "unsupported" not in fault("--clear")
    assert host.command(0x0F)[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bad-luck"], "no fault 'bad-luck'"),
        (["gap", "0.5"], "name=value"),
        (["gap", "second=1"], "no parameter 'second'"),
        (["gap", "seconds=soon"], "must be a number"),
        (["gap", "seconds=nan"], "must be from"),
        (["gap", "times=0.5"], "whole number"),
        (["unsupported", "opcode=256"], "from -1 to 255"),
        (["--clear", "gap"], "'gap' is not set"),
    ],
)
def test_bad_fault_gives_one_line(
    words: list[str], message: str, r503: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ridgekey.main(["sensor", "fault", "--control", str(r503.remote.path), *words]) == 65
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert r503.remote.faults() == {}


def test_the_help_lists_every_fault_and_parameter(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        ridgekey.main(["sensor", "fault", "--help"])
    text = capsys.readouterr().out
    for fault in FAULTS.values():
        assert f"{fault.name} " in text
        assert fault.summary in text
        assert all(f"{name}=" in text for name in fault.parameters)


def test_the_readme_has_the_table_as_it_is() -> None:
    assert as_markdown() in (ROOT / "hw/simulator/README.md").read_text()


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_each_fault_has_one_work_and_sound_defaults(fault: Fault) -> None:
    works = (fault.heard, fault.answer, fault.sends, fault.sight, fault.touch)
    assert sum(work is not None for work in works) == 1
    assert fault.check({}) == fault.parse({name: str(value) for name, value in fault.check({}).items()})
    with pytest.raises(BenchError):
        fault.check({"nothing": 1})


# The pytest plugin

TESTS = """
    import pytest

    def test_simulated(sensor_url, sensor_remote, fingers):
        assert sensor_url.startswith("serial:")
        fingers.place(3)
        assert sensor_remote.status()["finger"] == 3
        sensor_remote.fault("gap")

    def test_next_one_begins_anew(sensor_remote):
        assert sensor_remote.status()["finger"] is None
        assert sensor_remote.faults() == {}

    @pytest.mark.writes_flash
    def test_flash():
        pass
"""

REAL = """
    import pytest

    def test_real(sensor_url, sensor_remote):
        assert (sensor_url, sensor_remote) == ("serial:/dev/null", None)

    @pytest.mark.writes_flash
    def test_flash(sensor_url):
        pass
"""


def test_plugin_on_the_simulated_sensor(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess("--sensor", "sim:r307", "--strict-markers")
    result.assert_outcomes(passed=3)


def test_plugin_on_a_real_sensor(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(REAL)
    on_a_real_one = ("--sensor", "serial:/dev/null", "-rs")
    careful = pytester.runpytest_subprocess(*on_a_real_one)
    careful.assert_outcomes(passed=1, skipped=1)
    careful.stdout.fnmatch_lines(["*--allow-flash-writes*"])
    pytester.runpytest_subprocess(*on_a_real_one, "--allow-flash-writes").assert_outcomes(passed=2)


def test_plugin_names_a_profile_that_does_not_exist(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess("--sensor", "sim:r9")
    result.stdout.fnmatch_lines(["*sim:r9 did not start*"])


def test_a_forbidden_instruction_fails_the_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import serial

        def test_stores_a_template(sensor_url):
            with serial.Serial(sensor_url.removeprefix("serial:"), 57600, timeout=5) as line:
                line.write(bytes.fromhex("EF01 FFFFFFFF 01 0004 02 01 0008"))
                try:
                    line.read(12)
                except serial.SerialException:
                    pass
        """
    )
    result = pytester.runpytest_subprocess("--sensor", "sim:r503")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*was a forbidden instruction sent*"])


def test_plugin_loads_nothing_heavy() -> None:
    heavy = {"numpy", "scipy", "serial", "hw.simulator"}
    code = f"import hw.pytest_plugin, sys; print(*{heavy} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == ""
