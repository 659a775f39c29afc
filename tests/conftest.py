"""What holds for the tests of all rooms."""

import pytest

FIRST = (
    "test_fingers_strangers.py",
    "test_demo.py",
    "test_simulated.py",
    "test_bench_biometrics.py",
    "test_cli.py",
    "test_model.py",
)
"""The files that take longest: begun first, so that no worker is left alone with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files; within a file the order stays."""
    items.sort(key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST))
