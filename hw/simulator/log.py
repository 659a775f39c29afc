"""The record of what a host asked of the sensor: JSON lines without any byte of an image."""

import json
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TextIO

from hw.errors import FileTroubleError


class OpcodeLog:
    """Appends entries to a file, to standard error, to both or to neither."""

    def __init__(self, path: Path | None, *, verbose: bool) -> None:
        """Open the file at `path`, if there is one.

        Raises:
            FileTroubleError: it cannot be opened.
        """
        self._path = path
        self._started = time.monotonic()
        self._outputs: list[TextIO] = [sys.stderr] if verbose else []
        self._file: TextIO | None = None
        if path is not None:
            try:
                self._file = path.open("a", encoding="utf-8")
            except OSError as error:
                raise FileTroubleError(f"cannot write the log {path}: {error.strerror}") from error
            self._outputs.append(self._file)

    def __enter__(self) -> "OpcodeLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            with suppress(OSError):  # what could not be written has been reported when it was recorded
                self._file.close()

    def record(self, entry: Mapping[str, object]) -> None:
        """Write one entry, with the seconds since the start before it.

        Raises:
            FileTroubleError: the file system is full or gone.
        """
        line = json.dumps({"at": round(time.monotonic() - self._started, 4), **entry})
        try:
            for output in self._outputs:
                print(line, file=output, flush=True)
        except OSError as error:
            raise FileTroubleError(f"cannot write the log {self._path}: {error.strerror}") from error
