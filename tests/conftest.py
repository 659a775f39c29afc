"""What holds for the tests of all rooms."""

from random import Random

import pytest

from edge.biometrics.enrolment import SYSTEM

FIRST = (
    "test_fingers_strangers.py",
    "test_demo.py",
    "test_simulated.py",
    "test_bench_biometrics.py",
    "test_cli.py",
    "test_model.py",
)
"""The files that take longest: begun first, so that no worker is left alone with one at the end."""

DRAWS = ("getrandbits", "randbytes")
"""Of a source of random numbers, what all its other methods draw from."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files; within a file the order stays."""
    items.sort(key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """In this process enrolment draws the same numbers in each run of a test.

    A record opens to nearly every press of its finger, not to every one. What a test says of drawn fingers is
    true of the records that it sees, so it sees the same ones each time.
    """
    source = Random(item.nodeid)
    for name in DRAWS:
        setattr(SYSTEM, name, getattr(source, name))


@pytest.fixture
def system_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """As outside of the tests: from the operating system."""
    for name in DRAWS:
        monkeypatch.delattr(SYSTEM, name)
