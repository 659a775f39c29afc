"""One set, measured with all that the command line asks for."""

import math
from argparse import Namespace

from edge.biometrics.enrolment import PRESSES
from hw.bench.biometrics import attacks, pairs, presenting, timing
from hw.bench.biometrics.fingers import Job
from hw.bench.biometrics.page import Measured
from hw.bench.biometrics.peers import side_by_side
from hw.bench.biometrics.processes import in_processes
from hw.bench.biometrics.protocol import SetResult, measure_set
from hw.bench.biometrics.sets import ImageSet
from hw.bench.biometrics.summary import Figures, curves_of, figures_of
from hw.bench.biometrics.telling import Tell


def job_of(images: ImageSet, arguments: Namespace) -> Job:
    """What a set is measured with; enrolment is the kiosk's unless a number of impressions is given."""
    guided = arguments.enrol is None
    return Job(images, arguments.enrol or PRESSES, guided, 2**arguments.trials_log2, arguments.cache)


def measure(images: ImageSet, fingers: list[int], arguments: Namespace, progress: Tell) -> list[Measured]:
    """Measure a set: its fingers, and with `--part split` its halves beside them.

    Raises:
        BenchError: something failed on the way.
    """
    split, workers = arguments.part == "split", max(1, arguments.jobs)
    result = measure_set(job_of(images, arguments), fingers, progress, workers)
    figures = figures_of(result) | {"part": "all" if split else arguments.part}
    figures |= _cost(result, progress)
    figures |= presenting.figures_of(result, progress, workers, attack=arguments.attack)
    linked: list[attacks.Linked] = []
    if arguments.attack:
        found, linked = attacks.attack_set(result, progress, workers)
        figures |= found
    if arguments.pairs:
        figures |= pairs.figures_of(result, progress, workers)
    peers: dict[str, Figures] = {}
    if arguments.peers:
        peers = side_by_side.measure(result, progress, workers, arguments.fuzzy_extractor)
    parts = [("odd", result.part(1)), ("even", result.part(0))] if split else []
    return [
        Measured(figures, curves_of(result), linked, peers),
        *(
            Measured(figures_of(part) | {"part": name}, curves_of(part), [])
            for name, part in parts
            if len(part.fingers) > 1
        ),
    ]


def _cost(result: SetResult, progress: Tell) -> Figures:
    """Times and memory, from a process that does nothing else."""
    samples = [
        (finger.finger, finger.tried[0].impression, finger.enrolled.record)
        for finger in result.fingers
        if finger.enrolled
    ][: timing.PRESSES]
    if not samples:
        return {"unlock_seconds_median": math.nan, "peak_rss_mib": math.nan}
    stranger = result.densest_stranger(samples[0][0])
    task = (result.job, samples, (stranger[0], stranger[1].impression) if stranger else None)
    [cost] = in_processes(
        timing.measure,
        [task],
        1,
        lambda done, of: progress(f"{result.job.images.name}: time and memory", done, of),
        apart=True,
    )
    return {
        "unlock_seconds_median": cost.total,
        "decoder_seconds_median": cost.decoder,
        "refusal_seconds": cost.refused,
        "peak_rss_mib": cost.peak_rss_mib,
    }
