"""What the person at the terminal is told while a set is measured."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

SECONDS = 15.0
"""Between two plain lines."""

Tell = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, of how many."""


def warn(console: Console, line: str) -> None:
    """One yellow line, however long; brackets in the names of files are no markup."""
    console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress(console: Console) -> Iterator[Tell]:
    """A bar for each thing that is done; where there is no terminal, a plain line now and then."""
    if not console.is_terminal:
        yield Lines(console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=of)
            bars.update(tasks[what], completed=done)

        yield tell


class Lines:
    """Says how far it is when something is done, and in between each `SECONDS`."""

    def __init__(self, console: Console, clock: Callable[[], float] = monotonic) -> None:
        """On a console, by a clock that gives seconds."""
        self._console, self._clock, self._said = console, clock, clock()

    def __call__(self, what: str, done: int, of: int) -> None:
        """Say it, if it is time to."""
        if done < of and self._clock() - self._said < SECONDS:
            return
        self._said = self._clock()
        self._console.print(f"{what}: {done} of {of}", markup=False, highlight=False, soft_wrap=True)
