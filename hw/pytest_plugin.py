"""Tests of a fingerprint sensor that run on a simulated one and, unchanged, on a real one: a pytest plugin.

`--sensor sim:r503` starts a simulated sensor for the session; `--sensor serial:/dev/fingerprint` takes what
is plugged in, and asks the person at the terminal for each finger. Fixtures: `sensor_url`, `sensor_remote`
and `fingers`. A test marked `writes_flash` runs on a real sensor only with `--allow-flash-writes`: its flash
wears out, and a wrong setting may lock it.

The fixture `radio` is a Bluetooth without a radio (hw/radio): adapters hci0, hci1 and hci2 that hear each
other, on a D-Bus to which this process and its children are turned for the length of the test.

Nothing but pytest is loaded until a test asks for one of these.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hw.radio.radio import Radio
    from hw.simulator.remote import SensorRemote

SIMULATED = "sim:"
FLASH = (
    "would write to the flash of a real sensor, which wears out; "
    "--allow-flash-writes runs it, on a sensor that you can spare"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the plugin."""
    group = parser.getgroup("fingerprint sensor")
    group.addoption(
        "--sensor",
        default="sim:r503",
        metavar="URL",
        help="sim:PROFILE for a simulated sensor (default: sim:r503), serial:PORT for a real one",
    )
    group.addoption(
        "--allow-flash-writes",
        action="store_true",
        help="also run, on a real sensor, the tests that write to its flash",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "writes_flash: writes to the sensor's flash (opt-in on a real sensor)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what would write to a real sensor's flash, unless that is allowed."""
    if config.getoption("sensor").startswith(SIMULATED) or config.getoption("allow_flash_writes"):
        return
    for item in items:
        if item.get_closest_marker("writes_flash"):
            item.add_marker(pytest.mark.skip(reason=FLASH))


class Fingers:
    """Whoever puts fingers on the sensor: the simulator, or the person at the terminal.

    Args:
        remote: the simulated sensor's; None if there is a person.
        config: to speak with the person past pytest's capture.
    """

    def __init__(self, remote: "SensorRemote | None", config: pytest.Config) -> None:
        self._remote = remote
        self._config = config

    def place(self, finger: int = 1, impression: int = 1) -> None:
        """See to it that this finger lies on the sensor; to a person, any impression is just a press."""
        if self._remote is not None:
            self._remote.place(finger, impression)
        else:
            self._ask(f"Put finger {finger} on the sensor and keep it there")

    def lift(self) -> None:
        """See to it that no finger lies on the sensor."""
        if self._remote is not None:
            self._remote.lift()
        else:
            self._ask("Take the finger off the sensor")

    def _ask(self, what: str) -> None:
        capture = self._config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            input(f"\n{what}, then press Enter: ")


@pytest.fixture(scope="session")
def _sensor(pytestconfig: pytest.Config) -> Iterator[tuple[str, str]]:
    """The sensor's URL and, if it is simulated, its control socket (else nothing)."""
    url = pytestconfig.getoption("sensor")
    if not url.startswith(SIMULATED):
        yield url, ""
        return
    # Not in pytest's own directory: its names grow with the test's, and a socket's path is 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="ridgekey-sensor-") as directory:
        control, link = Path(directory, "control"), Path(directory, "port")
        process = _start(url.removeprefix(SIMULATED), control, link)
        try:
            yield f"serial:{link}", str(control)
        finally:
            process.terminate()
            status = process.wait()
    if status:
        pytest.fail(f"the simulated sensor ended with exit code {status}: was a forbidden instruction sent?")


@pytest.fixture
def sensor_url(_sensor: tuple[str, str], sensor_remote: "SensorRemote | None") -> str:  # noqa: ARG001 cleared first
    """The sensor as `drivers.open_sensor` takes it: serial:PORT."""
    return _sensor[0]


@pytest.fixture
def sensor_remote(_sensor: tuple[str, str]) -> "SensorRemote | None":
    """The far end of the simulated sensor, without a finger or a fault; None if the sensor is real."""
    if not _sensor[1]:
        return None
    from hw.simulator.remote import SensorRemote

    remote = SensorRemote(_sensor[1])
    remote.clear()
    remote.lift()
    return remote


@pytest.fixture
def fingers(sensor_remote: "SensorRemote | None", pytestconfig: pytest.Config) -> Fingers:
    """Whoever puts fingers on the sensor."""
    return Fingers(sensor_remote, pytestconfig)


@pytest.fixture
def radio(monkeypatch: pytest.MonkeyPatch) -> "Iterator[Radio]":
    """Bluetooth for the test; fails it if anything was cut or lost that a real BlueZ would not tell of."""
    if shutil.which("dbus-daemon") is None:
        pytest.skip("dbus-daemon is not installed; install Debian's package of that name")
    from hw.radio.radio import Radio

    with Radio() as running:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", running.address)
        yield running
        if running.complaints:
            pytest.fail(f"a real BlueZ would have gone wrong without a word: {running.complaints}")


def _start(profile: str, control: Path, link: Path) -> "subprocess.Popen[str]":
    """A running simulated sensor, as fast as the machine can."""
    words = [sys.executable, "-m", "ridgekey", "sensor", "simulate", "--profile", profile, "--no-pacing"]
    process = subprocess.Popen(
        [*words, "--control", str(control), "--link", str(link), "--json"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None  # noqa: S101 it is a pipe
    line = process.stdout.readline()
    if not line:
        pytest.exit(
            f"the simulated sensor of --sensor sim:{profile} did not start", returncode=process.wait()
        )
    return process
