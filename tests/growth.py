"""Whether what runs for long keeps memory: what Python holds at its end, not the peak on the way.

The peak that the system counts for a process never falls, and hides what is kept as long as it stays under an
earlier one.
"""

import gc
import tracemalloc
from typing import Self

MOST = 1 << 20
"""Bytes that may be held more at the end of a million inputs: caches, and what limits allow. Whoever kept a
byte of each input would be at the bound."""


class Growth:
    """Fails if Python holds much more memory at the end of a `with` than at its beginning.

    Attributes:
        bytes: how much more it was, at the end.
    """

    def __init__(self, most: int = MOST) -> None:
        self.bytes = 0
        self._most = most

    def __enter__(self) -> Self:
        gc.collect()
        tracemalloc.start()
        self._before = tracemalloc.get_traced_memory()[0]
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        gc.collect()
        self.bytes = tracemalloc.get_traced_memory()[0] - self._before
        tracemalloc.stop()
        assert kind is not None or self.bytes < self._most, f"grew by {self.bytes} bytes"
