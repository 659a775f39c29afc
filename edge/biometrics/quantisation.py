"""From minutiae to features: numbers that two presses of one finger share.

Minutiae are expressed in the frame of one of them, the reference minutia: its position is the origin and its
direction the x axis, so that turn and shift of the finger fall away and nothing needs to be stored for
alignment. There they are rounded to square cells and to sectors of direction. A minutia near a border of its
cell will often be rounded otherwise by the next press; the lattice is therefore moved, for each vault, to
where the finger's own minutiae lie far from the borders. Such an offset tells a little of the finger, and two
records of it would be alike; so the lattice is first turned by an angle, and the sectors by another, that are
drawn for each vault: offsets of lattices that lie at different angles have nothing in common.
"""

from dataclasses import dataclass
from math import erf, sqrt
from random import Random

import numpy as np
import numpy.typing as npt

from edge.biometrics.alignment import Template, turning
from edge.biometrics.parameters import Parameters

Array = npt.NDArray[np.float64]
Features = npt.NDArray[np.int64]

CELLS_PER_SIDE = 64
"""The lattice reaches 32 cells (576 px) from its reference in each direction: farther than any sensor of ours
sees."""

SHIFT_STEPS = 9
"""Lattice offsets tried along x and y: multiples of a ninth of a cell, 2 px."""

TURN_STEPS = 6
"""Offsets of the sectors that are drawn from: multiples of a sixth of a sector, 6 degrees."""

ANGLE_STEPS = 64
"""Turns of the lattice that are drawn from: multiples of a 64th of a quarter turn, 1.4 degrees."""

POSITION_JITTER_PX = 2.5
"""Standard deviation between two presses near the reference minutia."""

DISTANCE_JITTER = 0.03
"""... and its growth with the distance from the reference (skin distortion, and the reference's own
direction)."""

DIRECTION_JITTER = np.radians(6)


@dataclass(frozen=True, slots=True)
class Lattice:
    """Where the cell borders lie in a reference minutia's frame.

    Attributes:
        x_step: offset along x in 1 / SHIFT_STEPS of a cell.
        y_step: the same along y.
        turn_step: offset of the sectors in 1 / TURN_STEPS of a sector.
        cell_px: side of a cell in pixels.
        sectors: number of directions.
        angle_step: turn of the cells' borders against the reference's direction, in 1 / ANGLE_STEPS of a
            quarter turn.
    """

    x_step: int
    y_step: int
    turn_step: int
    cell_px: int
    sectors: int
    angle_step: int = 0

    @property
    def universe(self) -> int:
        """How many features there are."""
        return CELLS_PER_SIDE**2 * self.sectors

    def positions(self, relative: Array) -> Array:
        """Position on the lattice, in cells and sectors; whole numbers are borders.

        Args:
            relative: (..., 3 or more) x, y, direction in a reference's frame.

        Returns:
            (..., 3) x and y in cells, direction in sectors.
        """
        angle = self.angle_step * np.pi / 2 / ANGLE_STEPS
        cosine, sine = np.cos(angle) / self.cell_px, np.sin(angle) / self.cell_px
        x, y = relative[..., 0], relative[..., 1]
        return np.stack(
            (
                x * cosine + y * sine + self.x_step / SHIFT_STEPS,
                y * cosine - x * sine + self.y_step / SHIFT_STEPS,
                np.mod(relative[..., 2], 2 * np.pi) * (self.sectors / (2 * np.pi))
                + self.turn_step / TURN_STEPS,
            ),
            axis=-1,
        )

    def features(self, relative: Array) -> Features:
        """Number of the feature that each minutia falls in.

        Args:
            relative: (..., 3 or more) x, y, direction in a reference's frame.

        Returns:
            (...) int64, 0 <= feature < `universe`.
        """
        whole = np.floor(self.positions(relative)).astype(np.int64)
        half = CELLS_PER_SIDE // 2
        column = np.clip(whole[..., 0] + half, 0, CELLS_PER_SIDE - 1)
        row = np.clip(whole[..., 1] + half, 0, CELLS_PER_SIDE - 1)
        return (row * CELLS_PER_SIDE + column) * self.sectors + np.mod(whole[..., 2], self.sectors)


def in_frame_of(reference: Array, table: Array, extra_turn: float = 0.0) -> Array:
    """Express minutiae in the frame of a reference minutia.

    Args:
        reference: (3 or more,) x, y, direction.
        table: (n, 4) minutiae.
        extra_turn: radians added to the reference's direction, to try a direction that is slightly off.

    Returns:
        (n, 3) x, y, direction relative to the reference.
    """
    angle = float(reference[2]) + extra_turn
    return np.column_stack(
        ((table[:, :2] - reference[:2]) @ turning(angle), np.mod(table[:, 2] - angle, 2 * np.pi))
    )


def staying(distance_low: Array, width: Array | float, jitter: Array | float) -> Array:
    """Probability that a normally jittered value stays in its cell.

    Args:
        distance_low: distance from the cell's lower border, as a share of the cell (0..1).
        width: width of the cell over ...
        jitter: ... the standard deviation, both in the same unit.
    """
    scale = np.asarray(width, dtype=np.float64) / (np.asarray(jitter) * sqrt(2))
    return np.asarray(0.5 * (_erf(distance_low * scale) + _erf((1 - distance_low) * scale)))


_erf = np.vectorize(erf, otypes=[np.float64])


def choose_lattice(
    relative: Array, weight: Array, parameters: Parameters, randomness: Random
) -> tuple[Lattice, Array]:
    """Draw a lattice's angles, then move it to where the best minutiae are likeliest to stay in their cells.

    Args:
        relative: (n, 3) minutiae in the reference's frame.
        weight: (n,) probability that a press shows the minutia at all.
        parameters: size of the cells and sectors, and how many minutiae the vault will hold.
        randomness: where the angles are drawn from.

    Returns:
        The lattice, and for each minutia the probability (n,) that a press shows it in its cell.
    """
    cell, sectors = parameters.cell_px, parameters.sectors
    turn_step, angle_step = randomness.randrange(TURN_STEPS), randomness.randrange(ANGLE_STEPS)
    jitter = np.hypot(POSITION_JITTER_PX, DISTANCE_JITTER * np.hypot(relative[:, 0], relative[:, 1]))
    unmoved = Lattice(0, 0, turn_step, cell, sectors, angle_step).positions(relative)
    shifts = np.arange(SHIFT_STEPS)[:, np.newaxis] / SHIFT_STEPS
    along_x, along_y = (staying(np.mod(unmoved[:, i] + shifts, 1), cell, jitter) for i in range(2))
    around = staying(np.mod(unmoved[:, 2], 1), 2 * np.pi / sectors, DIRECTION_JITTER)
    chance = weight * around * along_x[:, np.newaxis] * along_y
    total = np.sort(chance, axis=-1)[..., -parameters.kept :].sum(axis=-1)
    x_step, y_step = (int(i) for i in np.unravel_index(int(total.argmax()), total.shape))
    return Lattice(x_step, y_step, turn_step, cell, sectors, angle_step), chance[x_step, y_step]


def most_stable(features: Features, chance: Array, kept: int) -> tuple[Features, Array]:
    """The `kept` features most likely to be seen again, each once, and their chances.

    Args:
        features: (n,) feature of each minutia; two minutiae may share one.
        chance: (n,) probability of each.
        kept: how many at most.
    """
    order = np.argsort(-chance, kind="stable")
    _, first = np.unique(features[order], return_index=True)
    best = order[np.sort(first)[:kept]]
    return features[best], chance[best]


def references(template: Template, count: int, apart_px: float) -> list[int]:
    """Rows of the minutiae to serve as reference: seen in most presses, central, far enough apart.

    Args:
        template: the finger's averaged minutiae.
        count: how many at most.
        apart_px: least distance between two of them.
    """
    table, seen = template.table, template.seen
    centre = table[seen == seen.max(), :2].mean(axis=0)
    distance = np.hypot(*(table[:, :2] - centre).T)
    chosen: list[int] = []
    for row in np.lexsort((distance - 60 * table[:, 3], -seen)):
        if all(np.hypot(*(table[row, :2] - table[other, :2])) > apart_px for other in chosen):
            chosen.append(int(row))
        if len(chosen) == count:
            break
    return chosen
