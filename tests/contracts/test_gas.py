"""No act becomes dearer unnoticed, and the goals are met."""

import pytest

from hw.bench.gas import ours
from hw.bench.gas.cli import GOALS
from hw.bench.gas.evm import Evm

# A few per cent above what was measured.
BOUNDS = {
    "gas_deploy": 2_900_000,
    "gas_enrol": 78_000,
    "gas_register": 65_000,
    "gas_request": 64_000,
    "gas_grant": 53_500,
    "gas_renew": 47_000,
    "gas_withdraw": 40_000,
    "gas_deny": 40_000,
    "gas_entrust": 70_000,
    "gas_recover": 129_000,
    "gas_contest": 41_000,
    "gas_rotate": 45_000,
    "gas_deactivate": 44_000,
    "gas_batch_distinct": 34_500,
    "gas_batch_same": 28_000,
}


@pytest.fixture(scope="module")
def figures():
    return ours.measure(Evm())


def test_an_act_stays_within_its_gas(figures):
    assert list(figures) == list(BOUNDS)
    for name, gas in figures.items():
        assert 0.9 * BOUNDS[name] < gas <= BOUNDS[name], name


def test_the_goals_are_met(figures):
    assert all(figures[name] < goal for name, goal in GOALS.items())
