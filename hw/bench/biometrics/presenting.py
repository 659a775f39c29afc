"""The quality gate and the presentation checks, measured: false alarms on real presses, made-up attacks.

Each impression of a set is judged as the kiosk judges it, and compared with the one before it of the same
finger, as two presses in a row at the kiosk are. With the attacks, some impressions are presented once more:
printed with a screen, drawn in black and white, exchanged in light and dark, faint as they stay on the glass.
They are computed from the images, not printed on paper, so they say what the checks are for and no more.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from drivers.image import FingerImage
from edge.biometrics.presentation import SAME_PLACE, Likeness
from edge.biometrics.quality import Reason, reasons_against, segment
from hw.bench.biometrics.fingers import FingerResult, Job, image_folder, read_image
from hw.bench.biometrics.processes import in_processes
from hw.bench.biometrics.protocol import SetResult
from hw.bench.biometrics.summary import Figures
from hw.fingers.frame import quantise

Array = npt.NDArray[np.float64]

SCREENS_PX = (3.0, 4.0, 5.0)
SCREEN_DEGREES = 45.0
FAINT, FAINT_NOISE = 0.4, 8.0
"""Contrast that stays on the glass, and the sensor's noise over it, in grey levels."""

EVERY = 4
"""Of a finger's impressions one of so many is attacked with."""

PRINTED, LINE_ART, INVERTED, LEFT_OVER = "screen", "line_art", "inverted", "residue"
ATTACKS = {PRINTED: Reason.PRINTED, LINE_ART: Reason.PRINTED, INVERTED: Reason.INVERTED}


REFUSED = "gate_refused_"
"""Begins the names of the figures that count refusals, one for each reason."""


@dataclass(frozen=True)
class Gate:
    """What the gate said of one finger's presses.

    Attributes:
        presses: how many there were.
        refused: of them, by the first reason.
        in_a_row: pairs of presses one after the other.
        likest: largest correlation of such a pair.
        taken_for_residue: pairs that would have been refused.
        tried: attacks, by name.
        noticed: of them refused for the right reason.
    """

    presses: int
    refused: Counter[Reason]
    in_a_row: int
    likest: float
    taken_for_residue: int
    tried: Counter[str]
    noticed: Counter[str]


def figures_of(
    result: SetResult, progress: Callable[[str, int, int], None], workers: int, *, attack: bool
) -> Figures:
    """Measure the gate on all presses of a set."""
    tell = partial(progress, f"{result.job.images.name}: quality gate")
    tasks = [(result.job, finger, attack) for finger in result.fingers]
    gates: Sequence[Gate] = in_processes(
        judge, tasks, workers, tell, weights=[len(finger.presses) for finger in result.fingers]
    )
    refused: Counter[Reason] = sum((gate.refused for gate in gates), Counter())
    figures: Figures = {
        "gate_presses": sum(gate.presses for gate in gates),
        "gate_refused": refused.total(),
        **{f"{REFUSED}{reason.name.lower()}": count for reason, count in sorted(refused.items(), key=_name)},
        "residue_pairs": sum(gate.in_a_row for gate in gates),
        "residue_false_alarms": sum(gate.taken_for_residue for gate in gates),
        "residue_likest_pair": max((gate.likest for gate in gates), default=0.0),
    }
    tried: Counter[str] = sum((gate.tried for gate in gates), Counter())
    noticed: Counter[str] = sum((gate.noticed for gate in gates), Counter())
    for name in sorted(tried):
        figures |= {f"presented_{name}": tried[name], f"presented_{name}_noticed": noticed[name]}
    return figures


def _name(item: tuple[Reason, int]) -> str:
    return item[0].name


def why_none_enrolled(figures: Figures) -> str | None:
    """One line on a set of which no finger could be enrolled, with what the gate said of it; else None."""
    if figures["enrolled"]:
        return None
    refused = {name: int(count) for name, count in figures.items() if name.startswith(REFUSED)}
    if refused:
        commonest = max(refused, key=refused.__getitem__)
        reason = commonest.removeprefix(REFUSED).replace("_", " ")
        why = (
            f"the quality gate refused {figures['gate_refused']} of {figures['gate_presses']} presses, "
            f"most often for: {reason} ({refused[commonest]})"
        )
    else:
        why = "the quality gate refused none, but the presses of a finger show too little in common"
    return f"{figures['set']}: no finger could be enrolled: {why}"


def judge(job: Job, finger: FingerResult, attack: bool) -> Gate:
    """Judge a finger's presses one after the other, and what is made of some of them."""
    source = image_folder(job.images)
    refused: Counter[Reason] = Counter()
    tried: Counter[str] = Counter()
    noticed: Counter[str] = Counter()
    before: Likeness | None = None
    correlations = []
    for number, press in enumerate(finger.presses):
        with read_image(job.images, source, finger.finger, press.impression) as image:
            reasons = reasons_against(segment(image), len(press.table))
            refused.update(reasons[:1])
            likeness = Likeness.of(image)
            if before is not None:
                correlations.append(likeness.correlation(before))
                before.wipe()
            if attack and number % EVERY == 0 and not reasons:
                for name, seen in _attacks(image, len(press.table), number):
                    tried[name] += 1
                    noticed[name] += seen
            before = likeness
    if before is not None:
        before.wipe()
    return Gate(
        len(finger.presses),
        refused,
        len(correlations),
        max(correlations, default=0.0),
        sum(each > SAME_PLACE for each in correlations),
        tried,
        noticed,
    )


def _attacks(image: FingerImage, minutiae: int, seed: int) -> list[tuple[str, bool]]:
    """Whether each made-up presentation of an image is noticed."""
    grey = np.frombuffer(image.pixels, dtype=np.uint8).reshape(image.height, image.width).astype(np.float64)
    pictures = [(PRINTED, screened(grey, period)) for period in SCREENS_PX]
    pictures += [(LINE_ART, np.where(grey > np.median(grey), 255.0, 0.0)), (INVERTED, 255 - grey)]
    found = []
    for name, picture in pictures:
        with _image(picture, image.dpi) as presented:
            found.append((name, ATTACKS[name] in reasons_against(segment(presented), minutiae)))
    with _image(left_over(grey, seed), image.dpi) as faint:
        found.append((LEFT_OVER, Likeness.of(image).correlation(Likeness.of(faint)) > SAME_PLACE))
    return found


def screened(grey: Array, period: float) -> Array:
    """The picture in a printer's dots: black where it is darker than a screen of two cosines."""
    rows, columns = np.mgrid[: grey.shape[0], : grey.shape[1]].astype(np.float64)
    angle = np.radians(SCREEN_DEGREES)
    along = (columns * np.cos(angle) + rows * np.sin(angle)) * 2 * np.pi / period
    across = (rows * np.cos(angle) - columns * np.sin(angle)) * 2 * np.pi / period
    return np.where(grey > 127.5 + 63 * (np.cos(along) + np.cos(across)), 240.0, 20.0)


def left_over(grey: Array, seed: int) -> Array:
    """What stays on the glass: the same picture, faint and noisy, read out one pixel aside."""
    noise = np.random.default_rng(seed).normal(0, FAINT_NOISE, grey.shape)
    ground = np.percentile(grey, 90)
    return np.roll(ground - (ground - grey) * FAINT + noise, (1, 1), (0, 1))


def _image(grey: Array, dpi: int) -> FingerImage:
    pixels = quantise(np.clip(grey, 0, 255).astype(np.uint8))
    return FingerImage(bytearray(pixels.tobytes()), grey.shape[1], grey.shape[0], dpi)
