"""A whole set: every finger against itself, then every press of every finger against every other's record."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from hw.bench.biometrics.counting import KS, Chances, PressFrames, chances
from hw.bench.biometrics.fingers import (
    Counted,
    Enrolled,
    FingerResult,
    Job,
    Press,
    image_folder,
    measure_finger,
    read_press,
)
from hw.bench.biometrics.processes import RECORDS, in_processes
from hw.bench.biometrics.telling import Tell


@dataclass(frozen=True)
class Stranger:
    """One press of another finger against a record that it had a chance with.

    Attributes:
        record: number of the finger whose record it was.
        enrolment: which of that finger's; presses are decoded on number 0 and counted on all.
        finger: whose press it was.
        press: number of the press among that finger's, from 0.
        chances: what it could do.
        accepted: whether the decoder, run for real, opened the record.
    """

    record: int
    enrolment: int
    finger: int
    press: int
    chances: Chances
    accepted: bool


@dataclass(frozen=True)
class SetResult:
    """All that was seen on a set.

    Attributes:
        job: what it was measured with.
        fingers: each against itself.
        strangers: the presses that had a frame of at least `KS[0]` right points; all others had no chance.
    """

    job: Job
    fingers: list[FingerResult]
    strangers: list[Stranger]

    @property
    def enrolled(self) -> dict[int, Enrolled]:
        """Records by the number of their finger."""
        return {result.finger: result.enrolled for result in self.fingers if result.enrolled}

    @property
    def counted(self) -> dict[int, dict[int, Counted]]:
        """All enrolments by the number of their finger, and by their own; no finger without any."""
        return {result.finger: result.counted for result in self.fingers if result.counted}

    @property
    def as_run(self) -> "SetResult":
        """The same with the one enrolment of each finger whose record was run."""
        return replace(
            self,
            fingers=[
                replace(finger, counted={0: finger.counted[0]} if finger.enrolled else {})
                for finger in self.fingers
            ],
            strangers=[s for s in self.strangers if s.enrolment == 0],
        )

    def densest_stranger(self, finger: int) -> tuple[int, Press] | None:
        """Another finger and its press of most minutiae that the gate lets pass; None if there is none."""
        fit = [(f.finger, p) for f in self.fingers if f.finger != finger for p in f.presses if p.fit]
        return max(fit, key=lambda each: len(each[1].table), default=None)

    def part(self, remainder: int) -> "SetResult":
        """The same for the odd-numbered (1) or even-numbered (0) fingers alone."""
        return replace(
            self,
            fingers=[finger for finger in self.fingers if finger.finger % 2 == remainder],
            strangers=[s for s in self.strangers if s.record % 2 == s.finger % 2 == remainder],
        )


def measure_set(job: Job, fingers: Sequence[int], progress: Tell, workers: int) -> SetResult:
    """Measure a set.

    Args:
        job: set and settings.
        fingers: numbers of the fingers.
        progress: is told how far it is.
        workers: processes at a time.
    """
    presses = read_set(job, fingers, progress, workers)
    counts = [len(presses[finger]) for finger in fingers]
    tell = partial(progress, f"{job.images.name}: own presses on records")
    owned = [(job, finger, presses[finger]) for finger in fingers]
    results = sorted(
        in_processes(measure_finger, owned, workers, tell, weights=counts), key=lambda result: result.finger
    )
    records = {
        (result.finger, number): each.enrolled
        for result in results
        for number, each in result.counted.items()
    }
    tell = partial(progress, f"{job.images.name}: strangers' presses on records")
    tasks = [(result.finger, result.presses, job.trials) for result in results]
    counts = [len(result.presses) for result in results]
    found = in_processes(_try_on_others, tasks, workers, tell, setup=records, weights=counts)
    return SetResult(job, results, sorted((stranger for each in found for stranger in each), key=_place))


def read_set(job: Job, fingers: Sequence[int], progress: Tell, workers: int) -> dict[int, list[Press]]:
    """All presses of some fingers of a set, by finger; each press is a task, so that it is seen to go on."""
    source = image_folder(job.images)
    tasks = [(job, finger, number) for finger in fingers for number in source.numbers(finger)]
    tell = partial(progress, f"{job.images.name}: presses read")
    presses: dict[int, list[Press]] = {finger: [] for finger in fingers}
    for finger, press in in_processes(read_press, tasks, workers, tell):
        presses[finger].append(press)
    return {finger: sorted(own, key=lambda press: press.impression) for finger, own in presses.items()}


def _place(stranger: Stranger) -> tuple[int, int, int, int]:
    return stranger.record, stranger.enrolment, stranger.finger, stranger.press


def _try_on_others(finger: int, presses: list[Press], trials: int) -> list[Stranger]:
    """Every press of a finger against every other finger's records.

    A press without a frame of k right points cannot interpolate the polynomial; it is counted as refused and
    not decoded. The others are, on the first record.
    """
    found = []
    for number, press in enumerate(presses):
        frames = PressFrames.of(press.table)
        for (owner, enrolment), enrolled in RECORDS.items():
            if owner == finger:
                continue
            counted = chances(enrolled.locked, frames)
            if counted.right >= KS[0]:
                run = enrolment == 0 and counted.right >= enrolled.k
                accepted = run and enrolled.opens(press, trials)
                found.append(Stranger(owner, enrolment, finger, number, counted, accepted))
    return found
