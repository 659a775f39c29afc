"""How the distance between ridges gives way where they run apart, as it does in skin.

Ridges that fan out either stand wider or let new ridges in between. A model with an even distance lets in a
new ridge wherever the flow fans: its minutiae follow from the flow, stand in rows that point one way, and
coincide between strangers with a similar flow. In real prints the minutiae of a neighbourhood point either
way about equally often: most come from chance, so the distance must do most of the giving way.

Ridges without minutiae are the level lines of a phase whose gradient is g n, n the unit normal of the ridges
and g their frequency. A gradient has no curl, so along the ridges log g falls by as much as they diverge.
"""

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve

from hw.fingers.randomness import Field

COARSE = 5
"""The equation is solved on every fifth point in each direction, about 0.5 mm apart."""

SMOOTHNESS = 0.1
"""Weight of the change of log frequency in any direction against its error along the ridges."""

SIZE = 0.02
"""Weight of log frequency itself (mm^-2): keeps it near zero far from any fanning."""

STEEPEST = 1.0
"""Divergence (rad/mm) beyond which a point lies in a core or delta, where the equation has no meaning."""

LIMIT = 0.25
"""Ridges stand at most by about this much (log) wider or closer than on average."""


def widening(direction: Field, step: float) -> Field:
    """The logarithm of the ridge distance relative to its mean, same shape as `direction`.

    Args:
        direction: of the ridges, radians counter-clockwise from the x axis, rows from top to bottom.
        step: distance of neighbouring points in mm.
    """
    sparse_points = direction[::COARSE, ::COARSE]
    solved = _solve(sparse_points, step * COARSE)
    limited = LIMIT * np.tanh((np.mean(solved) - solved) / LIMIT)
    rows, columns = np.indices(direction.shape)
    return np.asarray(
        ndimage.map_coordinates(limited, (rows / COARSE, columns / COARSE), order=1, mode="nearest")
    )


def _solve(direction: Field, step: float) -> Field:
    """Log frequency: along the ridges it falls as they diverge (least squares), smooth and small."""
    height, width = direction.shape
    along_x = sparse.kron(sparse.eye_array(height), _difference(width, step))
    along_y = sparse.kron(-_difference(height, step), sparse.eye_array(width))
    cosine, sine = np.cos(direction).ravel(), np.sin(direction).ravel()
    along_ridge = sparse.diags_array(cosine) @ along_x + sparse.diags_array(sine) @ along_y
    normal = along_ridge.T @ along_ridge + SMOOTHNESS * (along_x.T @ along_x + along_y.T @ along_y)
    normal += SIZE * sparse.eye_array(height * width)
    solution = spsolve(normal.tocsc(), -along_ridge.T @ _divergence(direction, step).ravel())
    return np.asarray(np.round(solution, 6).reshape(height, width))  # a solver's last bits differ by machine


def _divergence(direction: Field, step: float) -> Field:
    """How fast neighbouring ridges run apart, rad/mm, seen along (cos, sin) of their direction."""
    change_x, change_y = _slope(direction, 1) / step, -_slope(direction, 0) / step
    divergence = -np.sin(direction) * change_x + np.cos(direction) * change_y
    return np.clip(divergence, -STEEPEST, STEEPEST)


def _slope(direction: Field, axis: int) -> Field:
    """Central difference of an angle modulo pi along `axis`."""
    twice = np.exp(2j * direction)
    before, after = np.roll(twice, 1, axis), np.roll(twice, -1, axis)
    slope = np.angle(after * np.conj(before)) / 4
    edge = [slice(None), slice(None)]
    for end in (0, -1):
        edge[axis] = slice(end, None) if end else slice(0, 1)
        slope[tuple(edge)] = 0
    return np.asarray(slope)


def _difference(count: int, step: float) -> sparse.csr_array:
    """The forward difference of neighbours along one axis; nothing beyond the last."""
    difference = np.eye(count, k=1) - np.eye(count)
    difference[-1] = 0
    return sparse.csr_array(difference / step)
