"""Tools that may not be there: a test that wants one says so and is skipped."""

from collections.abc import Iterator

import pytest

from hw.engines.anvil import anvil
from hw.engines.engine import Engine
from hw.engines.tools import ToolMissingError, npm_tool
from tests.gateway.engines.life import Life, whole_life

CHAIN_ID = 20_022


@pytest.fixture(scope="session")
def life() -> Life:
    return whole_life(CHAIN_ID)


@pytest.fixture(scope="session")
def anvil_engine(life: Life, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    try:
        npm_tool("anvil")
    except ToolMissingError as error:
        pytest.skip(str(error))
    with anvil(tmp_path_factory.mktemp("anvil"), CHAIN_ID, life.relayer.address) as engine:
        yield engine
