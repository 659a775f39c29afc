"""Work done in several processes, which are told the records of a set once."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any, TypeVar

from hw.bench.biometrics.fingers import Enrolled
from hw.errors import UnavailableError

Records = dict[tuple[int, int], Enrolled]
"""By the number of their finger and of its enrolment."""

R = TypeVar("R")

RECORDS: Records = {}
"""In a worker: the records of the set, sent once and not with each task."""


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_processes(
    task: Callable[..., R],
    arguments: Sequence[tuple[Any, ...]],
    workers: int,
    progress: Callable[[int, int], None],
    setup: Records | None = None,
    *,
    apart: bool = False,
    weights: Sequence[int] | None = None,
) -> list[R]:
    """Results of a function for each tuple of arguments, in the order in which they come.

    Args:
        task: the function.
        arguments: what to call it with.
        workers: processes at a time; a single one is this one.
        progress: is told how many are done, of how many.
        setup: records that every process should have.
        apart: whether even a single worker must be a process of its own, to be measured.
        weights: what each task counts in the progress, such as its presses; by default one.

    Raises:
        UnavailableError: a process died.
    """
    shares = [1] * len(arguments) if weights is None else weights
    if workers == 1 and not apart:
        return _here(task, arguments, progress, setup or {}, shares)
    with _pool(workers, setup or {}) as pool:
        done, total = 0, sum(shares)
        progress(done, total)
        futures = {pool.submit(task, *each): share for each, share in zip(arguments, shares, strict=True)}
        results = []
        try:
            for future in as_completed(futures):
                results.append(future.result())
                done += futures[future]
                progress(done, total)
        except BrokenProcessPool as error:
            raise UnavailableError(
                "a measuring process died; is there memory enough? try --jobs 1"
            ) from error
        return results


def _here(
    task: Callable[..., R],
    arguments: Sequence[tuple[Any, ...]],
    progress: Callable[[int, int], None],
    setup: Records,
    shares: Sequence[int],
) -> list[R]:
    RECORDS.update(setup)
    try:
        done, total = 0, sum(shares)
        progress(done, total)
        results = []
        for each, share in zip(arguments, shares, strict=True):
            results.append(task(*each))
            done += share
            progress(done, total)
        return results
    finally:
        RECORDS.clear()


@contextmanager
def _pool(workers: int, setup: Records) -> Iterator[ProcessPoolExecutor]:
    """Processes that leave at once when we are interrupted."""
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin, (setup,))
    try:
        yield pool
    except BaseException:
        # Ours alone, and only those: a pool that is shut down would first finish what it has begun.
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    pool.shutdown()


def _begin(setup: Records) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    Thread(target=_leave_with_parent, daemon=True).start()
    RECORDS.update(setup)


def _leave_with_parent() -> None:
    """A parent that was killed has not said so."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
