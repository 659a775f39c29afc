"""How the parameters of a record are chosen: on some fingers, to be reported on others.

Each candidate size of cells, sectors and vaults is enrolled and counted for every number of coefficients at
once. Nothing is decoded: the counts say what the decoder would do, in a hundredth of the time. Of all
that are as secure as the goal, the one is chosen that accepts most presses of their owners.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from random import Random

import numpy as np

from edge.biometrics.parameters import Parameters
from hw.bench.biometrics import statistics
from hw.bench.biometrics.counting import KS, Locked, PressFrames, chances
from hw.bench.biometrics.fingers import Job, Press, draft_of
from hw.bench.biometrics.processes import in_processes
from hw.bench.biometrics.protocol import read_set

CELLS_PX, SECTORS, KEPT = (14, 16, 18), (10, 12), (30, 36, 44)
DRAWINGS = 2
"""Times that each finger is enrolled for the FAS: how the lattices fall moves it by some bits."""


@dataclass(frozen=True)
class Choice:
    """What one set of parameters does on the fingers it is tried on.

    Attributes:
        parameters: of the records.
        enrolled: share of the fingers that could be enrolled.
        accepted: expected share of their later presses that open, fingers that were not enrolled counted as
            refused.
        fas: bits.
    """

    parameters: Parameters
    enrolled: float
    accepted: float
    fas: float


def tune(
    job: Job, fingers: Sequence[int], progress: Callable[[str, int, int], None], workers: int
) -> list[Choice]:
    """Try all candidates on a set's fingers.

    Args:
        job: set and settings.
        fingers: those to choose on.
        progress: is told how far it is.
        workers: processes at a time.
    """
    name = job.images.name
    presses = read_set(job, fingers, progress, workers)
    candidates = [
        replace(job.parameters, cell_px=cell, sectors=sectors, kept=kept)
        for cell, sectors, kept in product(CELLS_PX, SECTORS, KEPT)
    ]
    tasks = [(replace(job, chosen=candidate), presses) for candidate in candidates]
    found = in_processes(choices_of, tasks, workers, partial(progress, f"{name}: candidates"))
    return sorted((choice for several in found for choice in several), key=lambda choice: -choice.accepted)


def choices_of(job: Job, presses: dict[int, list[Press]]) -> list[Choice]:
    """One candidate, with every number of coefficients."""
    frames = {finger: [PressFrames.of(press.table) for press in own] for finger, own in presses.items()}
    genuine, strange, enrolled = [], [], set()
    for drawing, (owner, own) in product(range(DRAWINGS), presses.items()):
        # Repeatable, and protects nobody.
        made, used = draft_of(job, own, Random(f"{job.images.name} {owner} {drawing}"))  # noqa: S311
        if made is None:
            continue
        enrolled.add(owner)
        locked = [Locked.of(frame) for frame in made.frames]
        tried = zip(own[used:], frames[owner][used:], strict=True)
        genuine.append(
            np.mean([chances(locked, each).accepted(job.trials) * press.fit for press, each in tried], axis=0)
        )
        for other, theirs in frames.items():
            if other != owner:
                strange.append(np.mean([chances(locked, each).one_trial for each in theirs], axis=0))
    if not genuine or not strange:
        return []
    share = len(enrolled) / len(presses)
    accepted, chance = np.mean(genuine, axis=0) * share, np.mean(strange, axis=0)
    return [
        Choice(replace(job.parameters, coefficients=k), share, float(accepted[i]), statistics.bits(chance[i]))
        for i, k in enumerate(KS)
    ]
