"""Segmentation, and the gate that says why a capture is too weak to judge.

A block of the image belongs to the print where its grey varies and where its gradients agree on a direction:
the coherence of the structure tensor (Bazen and Gerez, "Segmentation of fingerprint images", ProRISC 2001;
Kass and Witkin 1987 for the tensor). Ridges cover about half of a good print; a dry finger leaves fewer and
lighter ones, a wet one fills the valleys. The gate errs on the side of letting a press through: its limits
refuse none of the 752 captures of three public optical sets, but blanks, noise and fingertips that barely
touch. What it lets through and does not unlock may still be a poor press.

This is no liveness detection: a good copy of a finger passes. What the image itself tells against it being a
finger on the glass is in `presentation`.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from drivers.image import FingerImage
from edge.biometrics import presentation
from edge.biometrics.minutiae import Minutiae
from edge.biometrics.parameters import Parameters
from edge.biometrics.wiping import wiped

Array = npt.NDArray[np.float64]

BLOCK_PX = 16
"""Nearly two ridge periods at 500 dpi: enough to see a direction in."""

MM_PER_INCH = 25.4
LEAST_DEVIATION = 12.0
"""Grey levels of 255; a blank sensor's noise stays below one step of 16 levels, 17, in most of a block's
pixels."""

LEAST_COHERENCE = 0.25
"""Parallel ridges give 0.6 to 0.9 and white noise about 0.1 in a block."""


LEAST_CONTACT_MM2 = 8.0
"""Below this nothing lies on the glass but dirt."""

FULL_CONTACT_MM2 = 40.0
"""Captures of real fingers on these sensors hold 50 to 190 mm²; less than this shows a dozen minutiae at
best."""

LEAST_RIDGE_SHARE = 0.25
"""Of the contact; real captures, poor ones too, have 0.35 and more, noise has none."""

EDGE_OFF_CENTRE = 0.3
LEAST_MINUTIAE = 12
"""The vault asks for ten right ones, on a small sensor for nine. With twelve a press opens only where nearly
all are right: the gate lets it be tried, and `is_conclusive` keeps a failure from being called a wrong
finger."""

CONCLUSIVE_FOR_EACH_COEFFICIENT = 2
"""Minutiae of a press for each that must be right: about half of a good press's are found again, each in its
own cell. Of 31 presses of right fingers, real and synthetic, that showed fewer on a small window 4 opened
nothing, of 92 others one. Strangers are rare at a kiosk, so such a failure is more likely the press's."""

DRY_MEAN, WET_MEAN = 200.0, 90.0
"""Greys beyond which a press that shows too little is called dry or wet: a reason to give, never one to
refuse by."""

SMEARED = 0.7
"""Agreement of *all* gradients on one direction, beyond which a press that shows too little is called moved:
what slides across the glass keeps the ridges along its way and loses the others. A reason to give, too."""

RICH_MINUTIAE, RICH_RIDGES_MM2 = 30.0, 90.0
"""Sum of the minutiae's qualities, and area of ridges, that earn the full score."""


class Reason(Enum):
    """Why a capture, or an enrolment, was refused; each has a sentence for the person."""

    NO_FINGER = "no finger was seen on the sensor: place it flat on the glass"
    NOT_A_FINGER = "what lies on the sensor does not look like a finger: clean the glass and place a finger"
    TOO_LITTLE_CONTACT = (
        "too little of the finger touches the glass: lay it down flat and press a little more"
    )
    PARTIAL = "only the edge of the finger is on the glass: move it to the middle"
    TOO_DRY = "the finger is too dry: breathe on it or moisten it a little, and press again"
    TOO_WET = "the finger is too wet, or pressed too hard: wipe it dry and press more lightly"
    MOVED = "the finger moved while it was read: lay it down and hold it still until you are asked to lift it"
    RESIDUE = "the last print is still on the glass: wipe the glass, and press again"
    REPEATED = "this is an earlier image once more, and no new press: lift the finger and press again"
    INVERTED = "light and dark are exchanged in this image: clean the glass, or have the sensor looked at"
    PRINTED = "this looks like a printed picture: press the finger itself"
    TOO_FEW_MINUTIAE = "too few details can be read: lay the finger down flat, hold it still and press again"
    PRESSES_DIFFER = "the presses have too little in common: use the same part of the same finger each time"

    SHOW_MORE = "more of the finger is needed: move it a little to one side, and press again"

    @property
    def sentence(self) -> str:
        """What the person is told."""
        return self.value


@dataclass(frozen=True, slots=True)
class Quality:
    """How fit a capture is.

    Attributes:
        score: 0 (useless) to 100.
        reasons: why it is refused; empty if it is not.
    """

    score: int
    reasons: tuple[Reason, ...]

    @property
    def acceptable(self) -> bool:
        """Whether the press may be judged; a refused one says nothing about whose finger it is."""
        return not self.reasons


@dataclass(frozen=True, slots=True)
class Surface:
    """What the segmentation measured.

    Attributes:
        contact_mm2: area of the blocks that vary like a print.
        ridges_mm2: area of those whose gradients also agree on a direction.
        mean: mean grey of the contact, 0..255.
        off_centre: distance of the contact's centre from the image's, in half sides of the image (0..1).
        one_way: how much all gradients of the contact agree on one direction (0..1).
        inverted: whether light and dark are exchanged.
        printed: whether it is a printed picture.
    """

    contact_mm2: float
    ridges_mm2: float
    mean: float
    off_centre: float
    one_way: float = 0.0
    inverted: bool = False
    printed: bool = False


def assess(image: FingerImage, minutiae: Minutiae) -> Quality:
    """Whether a capture is fit to be enrolled or judged, and if not, why.

    Args:
        image: the capture.
        minutiae: found in it.
    """
    surface = segment(image)
    richness = min(1.0, float(minutiae.table[:, 3].sum()) / RICH_MINUTIAE)
    area = min(1.0, surface.ridges_mm2 / RICH_RIDGES_MM2)
    return Quality(round(100 * (richness * area) ** 0.5), reasons_against(surface, len(minutiae)))


def is_conclusive(minutiae: Minutiae, parameters: Parameters) -> bool:
    """Whether a press that opens nothing speaks for another finger.

    It is decided by the press alone: what the person is told tells nothing of the record.

    Args:
        minutiae: of a press that passed the gate.
        parameters: those for the sensor.
    """
    return len(minutiae) >= CONCLUSIVE_FOR_EACH_COEFFICIENT * parameters.coefficients


def reasons_against(surface: Surface, minutiae: int) -> tuple[Reason, ...]:
    """The first thing that the person should change; none if the press is fit."""
    if surface.contact_mm2 < LEAST_CONTACT_MM2:
        return (Reason.NO_FINGER,)
    if surface.inverted:
        return (Reason.INVERTED,)
    if surface.printed:
        return (Reason.PRINTED,)
    if surface.ridges_mm2 < LEAST_RIDGE_SHARE * surface.contact_mm2:
        return (Reason.NOT_A_FINGER,)
    if surface.contact_mm2 < FULL_CONTACT_MM2:
        return (Reason.PARTIAL if surface.off_centre > EDGE_OFF_CENTRE else Reason.TOO_LITTLE_CONTACT,)
    if minutiae < LEAST_MINUTIAE:
        if surface.mean > DRY_MEAN:
            return (Reason.TOO_DRY, Reason.TOO_FEW_MINUTIAE)
        if surface.mean < WET_MEAN:
            return (Reason.TOO_WET, Reason.TOO_FEW_MINUTIAE)
        if surface.one_way > SMEARED:
            return (Reason.MOVED, Reason.TOO_FEW_MINUTIAE)
        return (Reason.TOO_FEW_MINUTIAE,)
    return ()


def segment(image: FingerImage) -> Surface:
    """Tell print from background, block by block."""
    grey = np.frombuffer(image.pixels, dtype=np.uint8).reshape(image.height, image.width).astype(np.float64)
    try:
        means = blocks(grey).mean(axis=(1, 3))
        contact = blocks(grey).std(axis=(1, 3)) > LEAST_DEVIATION
        tensor = structure(grey)
        ridges = contact & (agreement(*tensor) > LEAST_COHERENCE)
        block_mm2 = (BLOCK_PX * MM_PER_INCH / image.dpi) ** 2
        if not contact.any():
            return Surface(0, 0, float(means.mean()), 0)
        rows, columns = np.nonzero(contact)
        whole = grey[: contact.shape[0] * BLOCK_PX, : contact.shape[1] * BLOCK_PX]
        covered = contact.repeat(BLOCK_PX, axis=0).repeat(BLOCK_PX, axis=1)
        centre = np.array([rows.mean() + 0.5, columns.mean() + 0.5]) / contact.shape
        return Surface(
            contact_mm2=float(contact.sum() * block_mm2),
            ridges_mm2=float(ridges.sum() * block_mm2),
            mean=float(means[contact].mean()),
            off_centre=float(np.abs(centre * 2 - 1).max()),
            one_way=float(agreement(*(part[contact].sum() for part in tensor))),
            inverted=presentation.is_inverted(whole, covered),
            printed=presentation.is_printed(whole, covered),
        )
    finally:
        grey.fill(0)


def blocks(grey: Array) -> Array:
    """View an image as (rows, BLOCK_PX, columns, BLOCK_PX); what does not fill a block is left out."""
    rows, columns = grey.shape[0] // BLOCK_PX, grey.shape[1] // BLOCK_PX
    return grey[: rows * BLOCK_PX, : columns * BLOCK_PX].reshape(rows, BLOCK_PX, columns, BLOCK_PX)


def coherence(grey: Array) -> Array:
    """How much the gradients of each block agree on a direction: 0 (not at all) to 1."""
    return agreement(*structure(grey))


def structure(grey: Array) -> tuple[Array, Array, Array]:
    """The structure tensor of each block: squared gradients along x and y, and their product, summed."""
    down, across = np.asarray(np.gradient(grey, axis=0)), np.asarray(np.gradient(grey, axis=1))
    with wiped(down, across):
        products = across**2, down**2, across * down
    with wiped(*products):
        xx, yy, xy = (blocks(product).sum(axis=(1, 3)) for product in products)
    return xx, yy, xy


def agreement(xx: npt.ArrayLike, yy: npt.ArrayLike, xy: npt.ArrayLike) -> Array:
    """Coherence of a structure tensor."""
    xx, yy, xy = (np.asarray(part, dtype=np.float64) for part in (xx, yy, xy))
    return np.asarray(np.hypot(xx - yy, 2 * xy) / np.maximum(xx + yy, 1e-9))
