import pytest

from tests.contracts.world import World


@pytest.fixture
def world() -> World:
    return World()
