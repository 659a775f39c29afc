"""Fingers as sets of minutiae, drawn rather than read from an image: fast, and free of any real person."""

import numpy as np

from edge.biometrics import Minutiae
from edge.biometrics.alignment import turning

WIDTH, HEIGHT = 256, 288


def finger(seed: int, count: int = 60) -> np.ndarray:
    """(count, 4) minutiae over a fingertip somewhat larger than the sensor, at least 14 px apart."""
    rng = np.random.default_rng(seed)
    places: list[np.ndarray] = []
    while len(places) < count:
        place = rng.uniform((-20, -20), (WIDTH + 20, HEIGHT + 20))
        if all(np.hypot(*(place - other)) > 14 for other in places):
            places.append(place)
    xy = np.array(places)
    bend = rng.uniform(-1, 1, 3)
    flow = bend[0] * xy[:, 0] / 100 + bend[1] * xy[:, 1] / 100 + bend[2] * np.pi
    direction = np.mod(flow + rng.integers(0, 2, count) * np.pi + rng.normal(0, 0.2, count), 2 * np.pi)
    return np.column_stack((xy, direction, rng.uniform(0.5, 1, count)))


def press(
    minutiae: np.ndarray, seed: int, *, turn: float | None = None, shown: float = 0.85, false: int = 4
) -> Minutiae:
    """One press: turned, shifted, jittered, cut to the sensor, some minutiae missing and some false."""
    rng = np.random.default_rng(seed)
    angle = np.radians(rng.uniform(-20, 20)) if turn is None else turn
    centre = np.array([WIDTH, HEIGHT]) / 2
    xy = (minutiae[:, :2] - centre) @ turning(angle).T + centre + rng.uniform(-12, 12, 2)
    xy += rng.normal(0, 1.5, xy.shape)
    direction = np.mod(minutiae[:, 2] + angle + rng.normal(0, np.radians(4), len(xy)), 2 * np.pi)
    quality = np.clip(minutiae[:, 3] + rng.normal(0, 0.05, len(xy)), 0.35, 1)
    inside = ((xy > 0) & (xy < (WIDTH, HEIGHT))).all(axis=1) & (rng.random(len(xy)) < shown)
    true = np.column_stack((xy, direction, quality))[inside]
    xy, direction = rng.uniform(0, (WIDTH, HEIGHT), (false, 2)), rng.uniform(0, 2 * np.pi, false)
    both = np.vstack((true, np.column_stack((xy, direction, rng.uniform(0.35, 0.6, false)))))
    return Minutiae(both[np.argsort(-both[:, 3])])
