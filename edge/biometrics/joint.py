"""Two fingers in one polynomial: neither opens without the other's features, save by much luck.

Two records whose keys are combined are attacked one after the other, so a second one adds a single bit. Here
the features of both fingers, each tagged with its finger, are locked in *one* vault of more coefficients than
one finger's: whoever guesses must be right about both at the same time.

Each finger keeps frames of its own. A vault stands for a reference minutia of the first finger and one of the
second; unlocking pairs the frames of two presses. There are many pairs, so only a press's most central and
clearest minutiae are tried as references, as enrolment chose them by the same rule, and of each frame the
points most worth drawing.

What it does not give: somebody who *has* one of the fingers and also the record in clear needs few trials, as
one finger shows more features than there are coefficients. Against him, at the kiosk, stands `shares`: both
presses must have right points enough of their own. What one finger alone finds is refused only after all the
trials that a refusal takes: the time does not tell that it was right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from random import Random

import numpy as np
import numpy.typing as npt

from edge.biometrics import decoder, galois
from edge.biometrics.decoder import Frames, fill_urns, join
from edge.biometrics.enrolment import SYSTEM, Frame, fill_up
from edge.biometrics.joint_record import JointRecord, JointVault
from edge.biometrics.minutiae import Minutiae
from edge.biometrics.parameters import LARGE, Parameters
from edge.biometrics.protected_record import key_check
from edge.biometrics.quantisation import CELLS_PER_SIDE, Features, Lattice
from edge.biometrics.reliability import odds
from edge.biometrics.unlocking import STRONGEST, UNSTRETCHED, WAYS, all_relative, secret_behind
from edge.biometrics.vault import (
    SALT_BYTES,
    SECRET_BYTES,
    field_elements,
    filter_key,
    lock_elements,
    wipe,
)
from edge.biometrics.wiping import wiped

Array = npt.NDArray[np.float64]

FINGERS = 2
COEFFICIENTS = 13
"""Of a vault of two fingers on a large sensor; one less for each of a small one. Measured on pairs of U.are.U
fingers: 12 accept one point more and are worth 5 bits less."""

REFERENCES = 2
"""Reference minutiae of each finger, so four vaults; three each cost nine, and share the trials."""

CENTRAL = 24
"""Minutiae of a press tried as references; with 16 the right one is missing from one press in a hundred."""

POINTS = 32
"""Of each press's frame; two make the decoder's most, 64."""

TRIALS = 2**24
"""Over all pairs of frames together, as of one finger."""

LEAST_SHARE = 9
"""Right points that each press must have of its own: a finger's have some 20. Of a thousand presses of
strangers three have eight in some frame, and one has nine."""


@dataclass(frozen=True, slots=True)
class JointEnrolment:
    """What enrolment of two fingers gives.

    Attributes:
        record: to be sealed and stored.
        secret: the record's 32-byte secret; wiped by its user.
    """

    record: JointRecord
    secret: bytearray

    def __repr__(self) -> str:
        return "<joint enrolment>"


Locked = tuple[Parameters, Sequence[Frame]]
"""Of one finger, from `enrolment.frames_of_presses`."""


def bind_two(first: Locked, second: Locked, randomness: Random = SYSTEM) -> JointEnrolment:
    """Lock a fresh secret with the features of two fingers.

    Args:
        first: what enrolment makes of the first finger's presses; biometric, left to its owner to wipe.
        second: of the second's.
        randomness: where everything random is drawn from.
    """
    small = sum(parameters.coefficients < LARGE.coefficients for parameters, _ in (first, second))
    parameters = Parameters(COEFFICIENTS - small, LARGE.cell_px, LARGE.sectors, LARGE.kept)
    salt, secret = randomness.randbytes(SALT_BYTES), bytearray(randomness.randbytes(SECRET_BYTES))
    pairs = [(a, b) for a in first[1][:REFERENCES] for b in second[1][:REFERENCES]]
    vaults = tuple(
        _lock(secret, pair, parameters, salt, number, randomness) for number, pair in enumerate(pairs)
    )
    return JointEnrolment(JointRecord(parameters, salt, key_check(secret, salt), vaults), secret)


def _lock(
    secret: bytearray,
    pair: tuple[Frame, Frame],
    parameters: Parameters,
    salt: bytes,
    number: int,
    randomness: Random,
) -> JointVault:
    lattices = (pair[0][0], pair[1][0])
    permutation = field_elements(universe(parameters.sectors), salt, number)
    locked = []
    for finger, (lattice, features) in enumerate(pair):
        # Two features at the lattice's far ends could be clipped to one; random ones take their place.
        own = np.unique(tagged(features, lattice, finger)) - offset(parameters.sectors, finger)
        full = fill_up(own, offset(parameters.sectors, 1), parameters.kept, randomness)
        locked.append(permutation[full + offset(parameters.sectors, finger)])
        own.fill(0)
        full.fill(0)
    elements = np.concatenate(locked)
    try:
        vault = lock_elements(
            secret, lattices[0], elements, parameters.coefficients, salt, number, randomness
        )
        return JointVault(vault, lattices[1])
    finally:
        for secret_elements in (*locked, elements):
            wipe(secret_elements)


def side(sectors: int) -> int:
    """Cells along a side of the lattice that is left to each finger: so that both fit into the field.

    57 cells of 16 px reach 456 px from the reference; the diagonal of the largest sensor we know is 385.
    """
    return min(CELLS_PER_SIDE, isqrt(galois.GROUP_ORDER // (FINGERS * sectors)))


def universe(sectors: int) -> int:
    """How many tagged features there are."""
    return offset(sectors, FINGERS)


def offset(sectors: int, finger: int) -> int:
    """The first feature of a finger."""
    return finger * side(sectors) ** 2 * sectors


def tagged(features: Features, lattice: Lattice, finger: int) -> Features:
    """Features of one finger's frame as features of the pair: cropped to the middle cells, and numbered."""
    cells, sector = np.divmod(features, lattice.sectors)
    row, column = np.divmod(cells, CELLS_PER_SIDE)
    width = side(lattice.sectors)
    margin = (CELLS_PER_SIDE - width) // 2
    row, column = (np.clip(each - margin, 0, width - 1) for each in (row, column))
    return np.asarray(
        (row * width + column) * lattice.sectors + sector + offset(lattice.sectors, finger), dtype=np.int64
    )


def unlock_two(
    record: JointRecord,
    first: Minutiae,
    second: Minutiae,
    *,
    trials: int = TRIALS,
    cancel: bytearray | None = None,
) -> bytearray | None:
    """Open a joint record with a press of each finger.

    Args:
        record: of both.
        first: a press of the finger that was enrolled first, that passed the quality gate.
        second: of the other.
        trials: how many guesses before giving up.
        cancel: one zero byte; another thread that sets it ends the search.

    Returns:
        The record's 32-byte secret, to be wiped after use; None if these presses do not bring it out.
    """
    if min(len(first), len(second)) < LEAST_SHARE:
        return None
    sides = [Side.of(press) for press in (first, second)]
    try:
        return _open(record, sides, trials, bytearray(1) if cancel is None else cancel)
    finally:
        for each in sides:
            each.wipe()


def _open(record: JointRecord, sides: list["Side"], trials: int, cancel: bytearray) -> bytearray | None:
    k, salt = record.parameters.coefficients, record.salt
    parts = [joint_frames(joint, sides, salt, number) for number, joint in enumerate(record.vaults)]
    vault_of_frame = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    frames, judged = join(parts), False

    def both_have_their_share(frame: int, f: galois.Elements) -> bool:
        nonlocal judged
        judged, number = True, int(vault_of_frame[frame])
        return min(shares(record.vaults[number], sides, f, salt, number)) >= LEAST_SHARE

    try:
        found = decoder.search(frames, filter_key(salt), k, trials, cancel, accepts=both_have_their_share)
    finally:
        frames.wipe()
    if found is None:
        if not judged:
            # So that a refusal takes no longer where one finger alone gave something to be judged.
            shares(record.vaults[0], sides, np.zeros(k, dtype=np.uint16), salt, 0)
        return None
    number = int(vault_of_frame[found[0]])
    return secret_behind(record, record.vaults[number].vault, found[1], number)


@dataclass(frozen=True, slots=True)
class Side:
    """One press, in the frames of its most central minutiae; biometric.

    Attributes:
        relative: (frames, n, 3) minutiae in each frame.
        quality: (frames, n) their qualities.
    """

    relative: Array
    quality: Array

    @classmethod
    def of(cls, press: Minutiae) -> "Side":
        """All frames of a press that are tried."""
        table = press.table[:STRONGEST].astype(np.float64)
        with wiped(table):
            relative, quality = all_relative(table, WAYS[:UNSTRETCHED])
            chosen = (central(table)[:, np.newaxis] * UNSTRETCHED + np.arange(UNSTRETCHED)).ravel()
        with wiped(relative, quality):
            return cls(relative[chosen], quality[chosen])

    def __repr__(self) -> str:
        return f"<{len(self.relative)} frames of a press>"

    def wipe(self) -> None:
        """Overwrite the arrays."""
        self.relative.fill(0)
        self.quality.fill(0)

    def points(
        self, lattice: Lattice, finger: int, permutation: galois.Elements
    ) -> tuple[galois.Elements, Array]:
        """The points of each frame, those most worth drawing first.

        Returns:
            (frames, n) x, and (frames, n) odds; zero where another minutia stands for the same feature.
        """
        untagged = lattice.features(self.relative)
        with wiped(untagged):
            unsorted = tagged(untagged, lattice, finger), odds(lattice, self.relative, self.quality)
        with wiped(*unsorted):
            order = np.lexsort((-unsorted[1], unsorted[0]), axis=1)
            features = np.take_along_axis(unsorted[0], order, 1)
            weight = np.take_along_axis(unsorted[1], order, 1)
        with wiped(features, weight):
            weight[:, 1:] *= features[:, 1:] != features[:, :-1]
            order = np.argsort(-weight, axis=1, kind="stable")
            return permutation[np.take_along_axis(features, order, 1)], np.take_along_axis(weight, order, 1)


def central(table: Array) -> npt.NDArray[np.intp]:
    """Rows of the minutiae to be tried as references: central and clear, as `quantisation.references`."""
    distance = np.hypot(*(table[:, :2] - table[:, :2].mean(axis=0)).T)
    return np.argsort(distance - 60 * table[:, 3], kind="stable")[:CENTRAL]


def joint_frames(joint: JointVault, sides: Sequence[Side], salt: bytes, number: int) -> Frames:
    """Each frame of one press with each of the other, for one vault."""
    permutation = field_elements(universe(joint.vault.lattice.sectors), salt, number)
    xs: list[galois.Elements] = []
    weights: list[Array] = []
    for finger, (lattice, own) in enumerate(zip(joint.lattices, sides, strict=True)):
        x, weight = own.points(lattice, finger, permutation)
        xs.append(x[:, :POINTS])
        weights.append(weight[:, :POINTS])
    # One row for each pair of frames: the first press's frame changes slowest.
    rows = [grid.ravel() for grid in np.mgrid[: len(xs[0]), : len(xs[1])]]
    x = np.hstack([each[row] for each, row in zip(xs, rows, strict=True)])
    y = np.hstack([joint.vault.values(each)[row] for each, row in zip(xs, rows, strict=True)])
    weight = np.hstack([each[row] for each, row in zip(weights, rows, strict=True)])
    distinct = weight > 0
    place = np.cumsum(distinct, axis=1) - 1
    with wiped(*xs, *weights, x, y, weight):
        return Frames(
            points=np.stack((x[distinct], y[distinct]), axis=-1),
            bounds=np.concatenate(([0], np.cumsum(distinct.sum(axis=1)))).astype(np.uint32),
            urns=np.take_along_axis(place, fill_urns(weight), axis=1).astype(np.uint8),
            tags=np.full(len(x), joint.vault.tag, dtype=np.uint64),
        )


def shares(
    joint: JointVault, sides: Sequence[Side], f: galois.Elements, salt: bytes, number: int
) -> list[int]:
    """Right points of each press in its best frame, now that the polynomial is known."""
    permutation = field_elements(universe(joint.vault.lattice.sectors), salt, number)
    found = []
    for finger, (lattice, own) in enumerate(zip(joint.lattices, sides, strict=True)):
        x, weight = own.points(lattice, finger, permutation)
        with wiped(x, weight):
            right = (joint.vault.values(x) == galois.evaluate(f, x)) & (weight > 0)
        found.append(int(right.sum(axis=1).max()))
    return found
