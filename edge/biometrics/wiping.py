"""Overwriting what was derived from a finger, as soon as it has served."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy.typing as npt


@contextmanager
def wiped(*arrays: npt.NDArray[Any]) -> Iterator[None]:
    """Overwrite these arrays with zeros when the `with` ends, however it ends."""
    try:
        yield
    finally:
        for array in arrays:
            array.fill(0)
