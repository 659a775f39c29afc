"""How long one kiosk takes from image to key, and how much memory: alone, in a process of its own."""

import math
import time
from dataclasses import dataclass

from edge.biometrics import Minutiae, MinutiaExtractor, ProtectedRecord, assess, unlock
from hw.bench.biometrics.fingers import Job, image_folder, read_image
from hw.fingers.folder import ImageFolder
from hw.memory import peak_memory

PRESSES = 24
"""Presses that are timed: the median settles well before."""


@dataclass(frozen=True)
class Cost:
    """Seconds and memory of unlocking.

    Attributes:
        total: median seconds from image to key: minutiae, gate and decoder.
        decoder: median seconds of the part after the minutiae.
        refused: seconds of that part for a press that opens nothing: all trials are run.
        peak_rss_mib: most memory that the process ever had, the bench's own libraries included.
    """

    total: float
    decoder: float
    refused: float
    peak_rss_mib: float


Sample = tuple[int, int, ProtectedRecord]
"""Finger, impression, and the record of the finger: no more than a kiosk holds."""


def measure(job: Job, samples: list[Sample], stranger: tuple[int, int] | None) -> Cost:
    """Time presses of enrolled fingers, one after the other.

    Args:
        job: set and settings.
        samples: presses that should open, at most `PRESSES`.
        stranger: finger and impression of a rich press that opens the first sample's record in no case.
    """
    source, extractor = image_folder(job.images), MinutiaExtractor()
    _, _, first = samples[0]
    totals, decoders = [], []
    for finger, impression, record in samples:
        total, decoder = _one(job, source, extractor, finger, impression, record)
        totals.append(total)
        decoders.append(decoder)
    refused = math.nan
    if stranger:
        _, refused = _one(job, source, extractor, *stranger, first)
    return Cost(_median(totals), _median(decoders), refused, peak_memory() / 2**20)


def _one(
    job: Job,
    source: ImageFolder,
    extractor: MinutiaExtractor,
    finger: int,
    impression: int,
    record: ProtectedRecord,
) -> tuple[float, float]:
    with read_image(job.images, source, finger, impression) as image:
        start = time.perf_counter()
        minutiae: Minutiae = extractor.extract(image)
        assess(image, minutiae)
        half_way = time.perf_counter()
        unlock(record, minutiae, trials=job.trials)
        end = time.perf_counter()
    return end - start, end - half_way


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
