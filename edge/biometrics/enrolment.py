"""Enrolment: from several presses of a finger to its protected record and a fresh root secret.

Three presses do where they agree; where they show too little in common, or one of them is of another part of
the finger, more are asked for, up to six. A press that does not fit the others is left out.

All that is drawn at random comes from a source that the caller may give: the operating system's, but for
measurements and tests that must be repeatable.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import numpy as np

from edge.biometrics.alignment import Template, merge
from edge.biometrics.minutiae import Minutiae
from edge.biometrics.parameters import LARGE, Parameters
from edge.biometrics.protected_record import ProtectedRecord, key_check
from edge.biometrics.quality import Reason
from edge.biometrics.quantisation import (
    Array,
    Features,
    Lattice,
    choose_lattice,
    in_frame_of,
    most_stable,
    references,
)
from edge.biometrics.vault import SALT_BYTES, SECRET_BYTES, lock
from edge.errors import EdgeError

PRESSES, MOST_PRESSES = 3, 6
"""Impressions that enrolment asks for at first, and at most."""

REFERENCES = 5
"""Reference minutiae, each with a vault: three cost a point, six gain none."""

REFERENCES_APART_PX = 50.0
"""So that a press of one side of the finger still shows one of them, with its surroundings."""

LEAST_PARTNERS = 9
"""A press that shares fewer minutiae with the others is left out. Strangers share 7 in the median pair under
their best alignment, sometimes more: the limit notices most mixed fingers, and slipped ones."""

LEAST_KEPT = 18
"""A vault of fewer features would open to too few of the finger's own presses, and be cheaper to guess."""

ENOUGH_FOR_EACH_COEFFICIENT = 1.3
"""Features that a press is expected to meet again, for each that it must: with fewer, more presses are asked
for. More than three presses gained points only there."""

LEAST_FOR_EACH_COEFFICIENT = 0.8
"""With fewer after all presses, hardly any press would open the record: better said at enrolment."""

SYSTEM = secrets.SystemRandom()
"""The operating system's random numbers."""

Frame = tuple[Lattice, Features]
"""The features of a finger in one reference minutia's frame, most stable first, and their lattice."""


class EnrolmentError(EdgeError):
    """The presses do not make a record.

    Attributes:
        reason: why, in words for the person.
    """

    exit_code = 1

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"this finger was not enrolled: {reason.sentence}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What enrolment gives.

    Attributes:
        record: to be sealed and stored.
        secret: the 32-byte root secret; wipe it after deriving keys.
    """

    record: ProtectedRecord
    secret: bytearray

    def __repr__(self) -> str:
        return "<enrolment>"


@dataclass(frozen=True, slots=True)
class Draft:
    """What could be locked of some presses; biometric, wiped by its user.

    Attributes:
        parameters: that it was made with.
        frames: the features in the frame of each reference minutia, filled up to one size.
        expected: how many of a vault's features a further press is expected to meet, the mean over vaults.
    """

    parameters: Parameters
    frames: Sequence[Frame] = field(repr=False)
    expected: float

    @property
    def too_little(self) -> bool:
        """Whether the record would hardly ever open."""
        return self.expected < LEAST_FOR_EACH_COEFFICIENT * self.parameters.coefficients

    @property
    def enough(self) -> bool:
        """Whether more presses are not worth the person's time."""
        return self.expected >= ENOUGH_FOR_EACH_COEFFICIENT * self.parameters.coefficients

    def wipe(self) -> None:
        """Overwrite the features."""
        for _, features in self.frames:
            features.fill(0)


def enrol(
    presses: Sequence[Minutiae], parameters: Parameters = LARGE, randomness: Random = SYSTEM
) -> Enrolment:
    """Make a protected record out of presses of one finger.

    Args:
        presses: three to six (at least two) presses that passed the quality gate.
        parameters: those for the sensor.
        randomness: where everything random is drawn from.

    Raises:
        EnrolmentError: the presses show too little in common, or too little at all.
    """
    made = draft(presses, parameters, randomness)
    try:
        return bind(made.frames, parameters, randomness)
    finally:
        made.wipe()


def draft(presses: Sequence[Minutiae], parameters: Parameters = LARGE, randomness: Random = SYSTEM) -> Draft:
    """What to lock of these presses; as `enrol`.

    Raises:
        EnrolmentError: the presses show too little in common, or too little at all.
    """
    template = template_of(presses)
    try:
        return choose_frames(template, parameters, randomness)
    finally:
        template.wipe()


def template_of(presses: Sequence[Minutiae]) -> Template:
    """The presses averaged, those left out that do not fit; biometric, wiped by its user.

    Raises:
        EnrolmentError: too few of them fit together.
    """
    if len(presses) < 2:
        raise ValueError("enrolment needs at least two presses")
    if min(map(len, presses)) < LEAST_PARTNERS:
        raise EnrolmentError(Reason.TOO_FEW_MINUTIAE)
    template = merge(presses, LEAST_PARTNERS)
    if template.presses < min(len(presses), PRESSES):
        template.wipe()
        raise EnrolmentError(Reason.PRESSES_DIFFER)
    return template


def frames_of_presses(
    presses: Sequence[Minutiae], parameters: Parameters = LARGE, randomness: Random = SYSTEM
) -> tuple[Parameters, Sequence[Frame]]:
    """The parameters and frames of a `draft`; biometric, wiped by its user."""
    made = draft(presses, parameters, randomness)
    return made.parameters, made.frames


def choose_frames(template: Template, parameters: Parameters = LARGE, randomness: Random = SYSTEM) -> Draft:
    """What to lock: the features of the finger in the frame of each reference minutia, filled up.

    Raises:
        EnrolmentError: the finger shows too little.
    """
    chosen = references(template, REFERENCES, REFERENCES_APART_PX)
    # A record of fewer vaults than others would be known again: a small print's minutiae serve twice.
    found = [
        frame_features(template, chosen[i % len(chosen)], parameters, randomness) for i in range(REFERENCES)
    ]
    try:
        if min(len(features) for _, features, _ in found) < LEAST_KEPT:
            raise EnrolmentError(Reason.TOO_FEW_MINUTIAE)
        frames = [
            (lattice, fill_up(features, lattice.universe, parameters.kept, randomness))
            for lattice, features, _ in found
        ]
        made = Draft(parameters, frames, float(np.mean([chance.sum() for _, _, chance in found])))
    finally:
        for _, features, _ in found:
            features.fill(0)
    if made.too_little:
        made.wipe()
        raise EnrolmentError(Reason.TOO_FEW_MINUTIAE)
    return made


def fill_up(features: Features, universe: int, kept: int, randomness: Random = SYSTEM) -> Features:
    """Add random features until there are `kept`.

    The size of a vault would tell how rich the finger is, and so link the records of a poor one. A random
    feature is one of 40,000: no press meets it but by such a chance.
    """
    filled = features.tolist()
    while len(filled) < kept:
        extra = randomness.randrange(universe)
        if extra not in filled:
            filled.append(extra)
    return np.array(filled, dtype=np.int64)


def bind(frames: Sequence[Frame], parameters: Parameters, randomness: Random = SYSTEM) -> Enrolment:
    """Lock a fresh root secret with the features of a finger, once for each frame.

    Args:
        frames: from `draft`.
        parameters: those that fit them.
        randomness: where salt, secret and polynomials are drawn from.
    """
    salt = randomness.randbytes(SALT_BYTES)
    secret = bytearray(randomness.randbytes(SECRET_BYTES))
    vaults = tuple(
        lock(secret, lattice, features, parameters.coefficients, salt, number, randomness)
        for number, (lattice, features) in enumerate(frames)
    )
    return Enrolment(ProtectedRecord(parameters, salt, key_check(secret, salt), vaults), secret)


def shown_again(seen: Features, presses: int) -> Array:
    """Chance that a further press shows a minutia which `seen` of so many presses showed.

    One of three gives 0.2, two 0.6, three 0.95: measured on other fingers' later presses, against those seen
    in all.
    """
    return np.asarray(np.clip((seen - 0.5) / (presses - 0.35), 0.02, 0.97))


def frame_features(
    template: Template, reference: int, parameters: Parameters, randomness: Random
) -> tuple[Lattice, Features, Array]:
    """The features to lock in one reference minutia's frame, most stable first, with their chances.

    The reference itself would be the same feature in every frame, so it stays out.
    """
    others = np.arange(len(template.table)) != reference
    relative = in_frame_of(template.table[reference], template.table[others])
    weight = shown_again(template.seen[others], template.presses)
    lattice, chance = choose_lattice(relative, weight, parameters, randomness)
    try:
        return lattice, *most_stable(lattice.features(relative), chance, parameters.kept)
    finally:
        relative.fill(0)
