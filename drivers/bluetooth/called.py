"""Whom this program has called itself.

BlueZ does not tell which end began a connection, and what services a device shows is its own word, which a
stranger can give as well.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class Called:
    """The devices whose client this program is, by D-Bus path; for any thread."""

    def __init__(self) -> None:
        self._paths: list[str] = []

    def __contains__(self, path: object) -> bool:
        return path in self._paths

    @contextmanager
    def calling(self, path: str) -> Iterator[None]:
        """Note a device from before the connection until after its end."""
        self._paths.append(path)
        try:
            yield
        finally:
            self._paths.remove(path)
