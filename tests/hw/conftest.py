"""One simulated sensor of each kind for all tests that need none of their own: a start takes a second."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.hw.sensor_bench import Running, known_images, running


@pytest.fixture(scope="session")
def _started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Running]]:
    sensors: dict[str, Running] = {}
    with ExitStack() as stack:

        def start(profile: str) -> Running:
            if profile not in sensors:
                folder = tmp_path_factory.mktemp(profile)
                images = known_images(folder, profile)
                link = folder / "port"
                sensors[profile] = stack.enter_context(running(profile, folder, "--link", str(link)))
                sensors[profile].images = images
            return sensors[profile]

        yield start


@pytest.fixture
def shared(_started: Callable[[str], Running]) -> Callable[[str], Running]:
    """The sensor of a profile, without a finger, a fault, or a session that a test before has opened."""

    def fetch(profile: str) -> Running:
        sensor = _started(profile)
        sensor.remote.clear()
        sensor.remote.lift()
        return sensor

    return fetch


@pytest.fixture
def r503(shared: Callable[[str], Running]) -> Running:
    return shared("r503")


@pytest.fixture
def r307(shared: Callable[[str], Running]) -> Running:
    return shared("r307")
