"""No act becomes dearer unnoticed."""

import pytest

from tests.contracts.gas import PEERS, measure, table

# A few per cent above what was measured; calldata differs by some gas with the zeros in a signature.
BOUNDS = {
    "deploy": 2_650_000,
    "enrol": 78_000,
    "register": 65_000,
    "request": 61_500,
    "grant": 53_500,
    "withdraw": 40_000,
    "deny": 40_000,
}


@pytest.fixture(scope="module")
def figures() -> dict[str, int]:
    return measure()


@pytest.mark.parametrize("act", BOUNDS)
def test_an_act_stays_within_its_gas(figures, act):
    assert 21_000 < figures[act] <= BOUNDS[act]


def test_the_table_has_a_line_for_each_act_and_its_peers(figures):
    lines = table(figures).splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(BOUNDS)
    assert sum("EAS" in line for line in lines) == len(PEERS)
