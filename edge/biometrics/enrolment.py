"""Enrolment: from several presses of a finger to its protected record and a fresh root secret."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.biometrics.alignment import Template, merge
from edge.biometrics.minutiae import Minutiae
from edge.biometrics.parameters import POOR, RICH, RICH_FEATURES, Parameters
from edge.biometrics.protected_record import ProtectedRecord, key_check
from edge.biometrics.quality import Reason
from edge.biometrics.quantisation import (
    Features,
    Lattice,
    choose_lattice,
    in_frame_of,
    most_stable,
    references,
)
from edge.biometrics.vault import SALT_BYTES, SECRET_BYTES, lock
from edge.errors import EdgeError

PRESSES = 3
"""Impressions that enrolment asks for; a fourth gives a point or two and costs the person's time."""

REFERENCES = 3
"""Two, three or four differ little; each more costs frames, among which the trials are shared."""

REFERENCES_APART_PX = 30.0
LEAST_PARTNERS = 9
"""Two presses of one finger share fewer in one pair of a hundred. Strangers share 7 in the median pair under
their best alignment, sometimes more: the limit notices most mixed fingers, and slipped ones."""

LEAST_KEPT = 18
"""A vault of fewer features would open to too few of the finger's own presses, and be cheaper to guess."""

SHOWN_AGAIN = np.array([0.0, 0.35, 0.75, 0.92])
"""Chance that a further press shows a minutia that none, one, two or three presses showed."""


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


def enrol(presses: Sequence[Minutiae]) -> Enrolment:
    """Make a protected record out of presses of one finger.

    Args:
        presses: three (at least two) presses that passed the quality gate.

    Raises:
        EnrolmentError: the presses show too little in common, or too little at all.
    """
    parameters, frames = frames_of_presses(presses)
    try:
        return bind(frames, parameters)
    finally:
        for _, features in frames:
            features.fill(0)


def frames_of_presses(presses: Sequence[Minutiae]) -> tuple[Parameters, Sequence[Frame]]:
    """What to lock of these presses, and the parameters that fit: biometric, wiped by its user.

    Raises:
        EnrolmentError: the presses show too little in common, or too little at all.
    """
    if len(presses) < 2:
        raise ValueError("enrolment needs at least two presses")
    if min(map(len, presses)) < LEAST_PARTNERS:
        raise EnrolmentError(Reason.TOO_FEW_MINUTIAE)
    template, partners = merge(presses)
    try:
        if partners < LEAST_PARTNERS:
            raise EnrolmentError(Reason.PRESSES_DIFFER)
        return choose_frames(template)
    finally:
        template.wipe()


def choose_frames(template: Template) -> tuple[Parameters, Sequence[Frame]]:
    """What to lock: the features of the finger in the frame of each reference minutia, filled up.

    Raises:
        EnrolmentError: the finger shows too little.
    """
    chosen = references(template, REFERENCES, REFERENCES_APART_PX)
    frames = [frame_features(template, reference, RICH) for reference in chosen]
    least = min(len(features) for _, features in frames)
    parameters = RICH if least >= RICH_FEATURES else POOR
    filled = [(lattice, fill_up(features, lattice.universe, parameters.kept)) for lattice, features in frames]
    for _, features in frames:
        features.fill(0)
    if least < LEAST_KEPT:
        raise EnrolmentError(Reason.TOO_FEW_MINUTIAE)
    return parameters, filled


def fill_up(features: Features, universe: int, kept: int) -> Features:
    """Add random features until there are `kept`.

    The size of a vault would tell how rich the finger is, and so link the records of a poor one. A random
    feature is one of 40,000: no press meets it but by such a chance.
    """
    filled = features.tolist()
    while len(filled) < kept:
        extra = secrets.randbelow(universe)
        if extra not in filled:
            filled.append(extra)
    return np.array(filled, dtype=np.int64)


def bind(frames: Sequence[Frame], parameters: Parameters) -> Enrolment:
    """Lock a fresh root secret with the features of a finger, once for each frame.

    Args:
        frames: from `choose_frames`.
        parameters: those that fit them.
    """
    salt = secrets.token_bytes(SALT_BYTES)
    secret = bytearray(secrets.token_bytes(SECRET_BYTES))
    vaults = tuple(
        lock(secret, lattice, features, parameters.coefficients, salt, number)
        for number, (lattice, features) in enumerate(frames)
    )
    return Enrolment(ProtectedRecord(parameters, salt, key_check(secret, salt), vaults), secret)


def frame_features(template: Template, reference: int, parameters: Parameters) -> Frame:
    """The features to lock in one reference minutia's frame, most stable first, and their lattice.

    The reference itself would be the same feature in every frame, so it stays out.
    """
    others = np.arange(len(template.table)) != reference
    relative = in_frame_of(template.table[reference], template.table[others])
    weight = SHOWN_AGAIN[np.minimum(template.seen[others], len(SHOWN_AGAIN) - 1)]
    lattice, chance = choose_lattice(relative, weight, parameters)
    try:
        return lattice, most_stable(lattice.features(relative), chance, parameters.kept)
    finally:
        relative.fill(0)
