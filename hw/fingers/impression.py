"""One press of a finger: where and how hard it is put down, how moist it is, what the sensor makes of it."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from hw.fingers.frame import Pixels, quantise
from hw.fingers.master import ABOVE_MM, POINTS_PER_MM, WIDTH_MM, Skin
from hw.fingers.randomness import Field, SmoothField, stream

MM_PER_INCH = 25.4


@dataclass(frozen=True)
class Press:
    """What differs from press to press; lengths in mm, angles in radians."""

    shift: tuple[float, float]
    turn: float
    distortion: tuple[SmoothField, SmoothField]
    distortion_size: float
    contact_centre: tuple[float, float]
    contact_size: tuple[float, float]
    edge: SmoothField
    moisture: float
    uneven: SmoothField
    uneven_size: float
    blur: float
    gap_strength: float


def draw_press(random: np.random.RandomState) -> Press:
    """A press as people make them: mostly well placed, now and then far off, dry or wet."""
    return Press(
        shift=(random.normal(0, 0.8), random.normal(0, 1.0)),
        turn=random.normal(0, np.radians(5)),
        distortion=(SmoothField.draw(random, 11), SmoothField.draw(random, 11)),
        distortion_size=random.uniform(0.06, 0.15),
        contact_centre=(random.normal(0, 0.5), random.normal(0.5, 0.8)),
        contact_size=(random.uniform(5.6, 7.2), random.uniform(7.5, 10.0)),
        edge=SmoothField.draw(random, 2.5),
        moisture=random.normal(0, 0.3),
        uneven=SmoothField.draw(random, 7),
        uneven_size=random.uniform(0.1, 0.25),
        blur=random.uniform(0.6, 0.9),
        gap_strength=random.uniform(0.5, 2.0),
    )


def press(skin: Skin, seed: int, impression: int, width: int, height: int, dpi: float) -> Pixels:
    """The image, shape (height, width), that a sensor of `dpi` delivers of this press."""
    random = stream(seed, 1, impression)
    how = draw_press(random)
    step = MM_PER_INCH / dpi
    x = (np.arange(width) - (width - 1) / 2)[None, :] * step
    y = (np.arange(height) - (height - 1) / 2)[:, None] * step
    finger_x, finger_y = _onto_finger(how, x, y)
    relief, gaps = _sample(skin.relief, finger_x, finger_y), _sample(skin.gaps, finger_x, finger_y)
    pressure = _pressure(how, finger_x, finger_y, x, y)
    ink = _ink(relief, how.gap_strength * gaps, pressure, random)
    return quantise(_sensor(ink, how.blur * dpi / 500, random))


def _onto_finger(how: Press, x: Field, y: Field) -> tuple[Field, Field]:
    """The point of the finger that lies on each point of the sensor."""
    cosine, sine = np.cos(how.turn), np.sin(how.turn)
    turned_x = cosine * (x - how.shift[0]) + sine * (y - how.shift[1])
    turned_y = -sine * (x - how.shift[0]) + cosine * (y - how.shift[1])
    return (
        turned_x + how.distortion_size * how.distortion[0].at(turned_x, turned_y),
        turned_y + how.distortion_size * how.distortion[1].at(turned_x, turned_y),
    )


def _sample(skin: Field, x: Field, y: Field) -> Field:
    points = np.stack([(y + ABOVE_MM) * POINTS_PER_MM, (x + WIDTH_MM / 2) * POINTS_PER_MM])
    return np.asarray(ndimage.map_coordinates(skin, points, order=1, mode="nearest"))


def _pressure(how: Press, x: Field, y: Field, sensor_x: Field, sensor_y: Field) -> Field:
    """How closely the skin lies on the glass: even inside, quickly less at the ragged edge of the contact."""
    distance = np.hypot(
        (x - how.contact_centre[0]) / how.contact_size[0], (y - how.contact_centre[1]) / how.contact_size[1]
    )
    lift = np.maximum(distance + 0.03 * how.edge.at(x, y) - 0.93, 0) * 25
    return how.moisture + how.uneven_size * how.uneven.at(sensor_x, sensor_y) - lift


def _ink(relief: Field, gaps: Field, pressure: Field, random: np.random.RandomState) -> Field:
    """How dark each point is, 0 to 1: ridges touch the glass, the more so the moister the skin."""
    coarse = ndimage.gaussian_filter(random.normal(0, 1, relief.shape), 2.5) * 2.5 * 3.5
    fine = ndimage.gaussian_filter(random.normal(0, 1, relief.shape), 0.8) * 0.8 * 3.5
    height = relief + pressure + 0.25 * coarse + 0.3 * fine - gaps
    return np.asarray(1 / (1 + np.exp(-4 * height)))


def _sensor(ink: Field, blur: float, random: np.random.RandomState) -> Pixels:
    """Blur, gain and noise of the camera behind the glass."""
    grey = 245 - 205 * ndimage.gaussian_filter(ink, blur) + random.normal(0, 6, ink.shape)
    return np.clip(np.round(grey), 0, 255).astype(np.uint8)
