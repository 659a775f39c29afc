import pytest
from hypothesis import HealthCheck, settings

from tests.contracts.world import World

# How long an example takes says how busy the machine is, and nothing of the formats.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture
def world() -> World:
    return World()
