"""One press of a finger: where and how hard it is put down, how moist it is, what the sensor makes of it."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from hw.fingers.frame import Pixels, quantise
from hw.fingers.master import ABOVE_MM, POINTS_PER_MM, WIDTH_MM, Skin
from hw.fingers.randomness import Field, SmoothField, stream

MM_PER_INCH = 25.4

USUAL_SIDE_MM = 256 * MM_PER_INCH / 500
"""Shorter side of an R307's window, for which places are drawn; at a smaller one people aim better."""


@dataclass(frozen=True)
class Press:
    """What differs from press to press; lengths in mm, angles in radians.

    Attributes:
        shift: of the pattern's middle from the sensor's, along x and y.
        turn: of the finger on the sensor.
        distortion: how the skin is dragged along x and y ...
        distortion_size: ... and how far.
        contact_centre: middle of the touching part, on the finger.
        contact_size: its half axes.
        edge: raggedness of its border.
        moisture: positive for a moist or firmly pressed finger, negative for a dry or light one; ridges have
            height 1.
        uneven: how moisture varies over the contact ...
        uneven_size: ... and by how much.
        blur: of the sensor's optics.
        gap_strength: depth of pores and scars.
    """

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


def draw_press(random: np.random.RandomState, aim: float) -> Press:
    """A press as people make them: mostly well placed, now and then far off, dry or wet.

    Args:
        random: the press's own stream.
        aim: how far off the place is, relative to a usual sensor.
    """
    lightness = random.uniform(0.8, 1.0) if random.uniform() < 0.8 else random.uniform(0.6, 0.8)
    return Press(
        shift=(aim * random.normal(0, 1.0), aim * random.normal(0, 1.3)),
        turn=random.normal(0, np.radians(7)),
        distortion=(SmoothField.draw(random, 11), SmoothField.draw(random, 11)),
        distortion_size=random.uniform(0.06, 0.18),
        contact_centre=(random.normal(0, 0.6), random.normal(0.5, 1.0)),
        contact_size=(lightness * random.uniform(6.8, 8.2), lightness * random.uniform(9.0, 10.5)),
        edge=SmoothField.draw(random, 2.5),
        moisture=random.normal(0, 0.4),
        uneven=SmoothField.draw(random, 7),
        uneven_size=random.uniform(0.1, 0.25),
        blur=random.uniform(0.03, 0.046),
        gap_strength=random.uniform(0.5, 2.0),
    )


def press(skin: Skin, seed: int, impression: int, width: int, height: int, dpi: float) -> Pixels:
    """The image, shape (height, width), that a sensor of `dpi` delivers of this press."""
    random = stream(seed, 1, impression)
    step = MM_PER_INCH / dpi
    how = draw_press(random, aim=min(1.0, min(width, height) * step / USUAL_SIDE_MM))
    x = np.linspace(-0.5, 0.5, width)[None, :] * (width - 1) * step
    y = np.linspace(-0.5, 0.5, height)[:, None] * (height - 1) * step
    finger_x, finger_y = _onto_finger(how, x, y)
    relief, gaps = _sample(skin.relief, finger_x, finger_y), _sample(skin.gaps, finger_x, finger_y)
    pressure = _pressure(how, finger_x, finger_y, x, y)
    ink = _ink(relief - how.gap_strength * gaps + pressure, step, random)
    return quantise(_sensor(ink, how.blur / step, random))


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
    from_centre = y - how.contact_centre[1]
    below = np.where(from_centre > 0, 0.6, 1.0)  # a fingertip is round at the tip, straight towards the joint
    distance = np.hypot(
        (x - how.contact_centre[0]) / how.contact_size[0], below * from_centre / how.contact_size[1]
    )
    lift = np.maximum(distance + 0.03 * how.edge.at(x, y) - 0.93, 0) * 25
    return np.asarray(how.moisture + how.uneven_size * how.uneven.at(sensor_x, sensor_y) - lift)


def _ink(height: Field, step: float, random: np.random.RandomState) -> Field:
    """How dark each point is, 0 to 1: what stands out touches the glass, but for sweat and dirt."""
    uneven = height + 0.25 * _noise(height, 0.127 / step, random) + 0.3 * _noise(height, 0.04 / step, random)
    return np.asarray(1 / (1 + np.exp(-4 * uneven)))


def _noise(like: Field, size: float, random: np.random.RandomState) -> Field:
    """Noise of standard deviation one in the shape of `like`, in grains of `size` points."""
    smooth = ndimage.gaussian_filter(random.normal(0, 1, like.shape), size)
    return np.asarray(smooth * (2 * np.sqrt(np.pi) * size))  # what the filter takes from white noise


def _sensor(ink: Field, blur: float, random: np.random.RandomState) -> Pixels:
    """Blur, gain and noise of the camera behind the glass."""
    grey = 245 - 205 * ndimage.gaussian_filter(ink, blur) + random.normal(0, 6, ink.shape)
    return np.asarray(np.clip(np.round(grey), 0, 255), dtype=np.uint8)
