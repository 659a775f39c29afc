"""Several presses of one finger, laid over one another and averaged into one set of minutiae.

Two presses are aligned by their minutiae: every pair of minutiae, one from each press, proposes the turn and
shift that lays the one on the other; the proposal under which most minutiae find a partner wins and is
refined by least squares. The plan is the classical one of minutiae matching (Maltoni et al., Handbook of
Fingerprint Recognition, section 4.3); no reference point and no ridge flow is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.biometrics.minutiae import Minutiae
from edge.biometrics.wiping import wiped

Array = npt.NDArray[np.float64]

REACH_PX = 12.0
"""Two presses of one finger show a minutia within some 3 px where they are aligned; the skin stretches by the
rest."""

REACH_RADIANS = np.radians(20)
PROPOSERS = 40
"""Only the strongest minutiae of each press propose alignments: more cost time and find nothing new."""

REFINEMENTS = 4


@dataclass(frozen=True, slots=True)
class Alignment:
    """A turn about the origin, then a shift, that lays one press on another.

    Attributes:
        turn: radians, from the x axis towards the y axis.
        shift: (2,) pixels.
        partners: how many minutiae found a partner.
    """

    turn: float
    shift: Array
    partners: int

    def apply(self, table: Array) -> Array:
        """Move a table of minutiae (columns as in `Minutiae.table`)."""
        moved = table.copy()
        moved[:, :2] = table[:, :2] @ turning(self.turn).T + self.shift
        moved[:, 2] = np.mod(table[:, 2] + self.turn, 2 * np.pi)
        return moved


@dataclass(frozen=True, slots=True)
class Template:
    """The averaged minutiae of several presses, in the coordinates of one of them; wiped by its user.

    Attributes:
        table: (n, 4) x, y, direction, mean quality.
        seen: (n,) in how many presses the minutia was seen.
        presses: how many were averaged.
    """

    table: Array
    seen: npt.NDArray[np.intp]
    presses: int

    def __repr__(self) -> str:
        return f"<template of {len(self.table)} minutiae>"

    def wipe(self) -> None:
        """Overwrite the arrays."""
        self.table.fill(0)
        self.seen.fill(0)


def turning(angle: float) -> Array:
    """The 2 x 2 matrix that turns column vectors by `angle` radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def angle_between(first: Array, second: Array) -> Array:
    """Signed difference first - second of two directions, in [-π, π)."""
    return np.asarray(np.mod(first - second + np.pi, 2 * np.pi) - np.pi)


def headings(direction: Array) -> Array:
    """Unit vectors (..., 2) of directions; their scalar product is the cosine of the angle between them."""
    return np.stack((np.cos(direction), np.sin(direction)), axis=-1)


def align(moving: Array, fixed: Array) -> Alignment:
    """The alignment that gives most minutiae of `moving` a partner in `fixed`.

    Args:
        moving: (n, 4) minutiae, strongest first.
        fixed: (m, 4) minutiae, strongest first.
    """
    best = Alignment(0.0, np.zeros(2), 0)
    for proposer in moving[:PROPOSERS]:
        turns = angle_between(fixed[:PROPOSERS, 2], proposer[2])
        cosine, sine = np.cos(turns)[:, np.newaxis], np.sin(turns)[:, np.newaxis]
        offset = moving[:, :2] - proposer[:2]
        x = fixed[:PROPOSERS, 0, np.newaxis] + offset[:, 0] * cosine - offset[:, 1] * sine
        y = fixed[:PROPOSERS, 1, np.newaxis] + offset[:, 0] * sine + offset[:, 1] * cosine
        direction = moving[:, 2] + turns[:, np.newaxis]
        near = (
            (np.abs(x[:, :, np.newaxis] - fixed[:, 0]) < REACH_PX)
            & (np.abs(y[:, :, np.newaxis] - fixed[:, 1]) < REACH_PX)
            & (headings(direction) @ headings(fixed[:, 2]).T > np.cos(REACH_RADIANS))
        )
        partners = np.minimum(near.any(axis=2).sum(axis=1), near.any(axis=1).sum(axis=1))
        winner = int(np.argmax(partners))
        if partners[winner] > best.partners:
            shift = fixed[winner, :2] - turning(turns[winner]) @ proposer[:2]
            best = Alignment(float(turns[winner]), shift, int(partners[winner]))
    for _ in range(REFINEMENTS):
        best = refine(best, moving, fixed)
    return best


def refine(alignment: Alignment, moving: Array, fixed: Array) -> Alignment:
    """One step of iterated closest points: pair what lies together, then their best turn and shift."""
    pairs = partners_of(alignment.apply(moving), fixed)
    if len(pairs) < 2:
        return Alignment(alignment.turn, alignment.shift, len(pairs))
    source, target = moving[pairs[:, 0], :2], fixed[pairs[:, 1], :2]
    source_centre, target_centre = source.mean(axis=0), target.mean(axis=0)
    a, b = source - source_centre, target - target_centre
    turn = float(np.arctan2((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum(), (a * b).sum()))
    return Alignment(turn, target_centre - turning(turn) @ source_centre, len(pairs))


def partners_of(moved: Array, fixed: Array) -> npt.NDArray[np.intp]:
    """Pairs (row of `moved`, row of `fixed`) that are each other's nearest within reach.

    Returns:
        (p, 2) array of row numbers.
    """
    if not len(moved) or not len(fixed):
        return np.zeros((0, 2), dtype=np.intp)
    distance = np.hypot(*(moved[:, np.newaxis, :2] - fixed[np.newaxis, :, :2]).transpose(2, 0, 1))
    turned = np.abs(angle_between(moved[:, np.newaxis, 2], fixed[np.newaxis, :, 2]))
    distance[(distance > REACH_PX) | (turned > REACH_RADIANS)] = np.inf
    nearest = distance.argmin(axis=1)
    rows = np.arange(len(moved))
    mutual = (distance.argmin(axis=0)[nearest] == rows) & np.isfinite(distance[rows, nearest])
    return np.column_stack((rows[mutual], nearest[mutual]))


def merge(presses: Sequence[Minutiae], least: int) -> Template:
    """Average several presses of one finger.

    The press that agrees best with the others lends its coordinates. The others are laid on it one by one,
    each on the average of those before; a minutia joins the mean it is a mutual nearest partner of, or starts
    a new one.

    Args:
        presses: two or more presses.
        least: a press that finds fewer partners is of another finger, or another part of it, and left out.
    """
    tables = [press.table.astype(np.float64) for press in presses]
    agreement = np.zeros((len(tables), len(tables)), dtype=np.intp)
    for i, fixed in enumerate(tables):
        for j, moving in enumerate(tables[:i]):
            agreement[i, j] = agreement[j, i] = align(moving, fixed).partners
    base = int(agreement.sum(axis=0).argmax())
    order = [j for j in np.argsort(-agreement[base], kind="stable") if j != base]
    means, seen, count = tables[base], np.ones(len(tables[base]), dtype=np.intp), 1
    for j in order:
        alignment = align(tables[j], means)
        if alignment.partners >= least:
            moved = alignment.apply(tables[j])
            with wiped(means, moved):
                means, seen = add_press(means, seen, moved)
            count += 1
    strongest = np.lexsort((-means[:, 3], -seen))
    with wiped(*tables, means):
        return Template(means[strongest], seen[strongest], count)


def add_press(means: Array, seen: npt.NDArray[np.intp], moved: Array) -> tuple[Array, npt.NDArray[np.intp]]:
    """Fold one aligned press into the running means; what has no partner is appended."""
    pairs = partners_of(moved, means)
    means, seen = means.copy(), seen.copy()
    new, old = pairs[:, 0], pairs[:, 1]
    share = 1 / (seen[old] + 1)
    means[old, :2] += (moved[new, :2] - means[old, :2]) * share[:, np.newaxis]
    means[old, 2] = np.mod(means[old, 2] + angle_between(moved[new, 2], means[old, 2]) * share, 2 * np.pi)
    means[old, 3] += (moved[new, 3] - means[old, 3]) * share
    seen[old] += 1
    alone = np.setdiff1d(np.arange(len(moved)), new)
    with wiped(means):
        return np.vstack((means, moved[alone])), np.concatenate((seen, np.ones(len(alone), dtype=np.intp)))
