"""Which way the ridges of a finger run: the zero-pole model, with each finger's own deviations from it.

B. Sherlock and D. Monro, "A model for interpreting fingerprint topology", Pattern Recognition 26 (1993): the
direction at a point is half the sum of the angles to the cores minus half the sum of those to the deltas.
Taken alone it makes strangers too alike, so each finger bends the plane before the model sees it, and turns
the direction a little afterwards.

Coordinates are millimetres from the middle of the pattern, y down (towards the palm).
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from hw.fingers.randomness import Field, SmoothField


class PatternClass(Enum):
    """The classes of Galton and Henry, each with its share among fingers.

    Shares: C. Wilson, G. Candela, C. Watson, "Neural network fingerprint classification", 1994.
    """

    ARCH = 0.037
    TENTED_ARCH = 0.029
    LEFT_LOOP = 0.338
    RIGHT_LOOP = 0.317
    WHORL = 0.279


@dataclass(frozen=True)
class Singularity:
    """A core or a delta, at `place` = x - iy, so that the imaginary part grows towards the tip.

    In the plain model the direction turns evenly around a core; in skin it turns fast over the loop's head
    and slowly between its legs (P. Vizcaya and L. Gerhardt, Pattern Recognition 29, 1996). `bow` (radians)
    says how unevenly, `axis` (radians from the tip's direction) where the head points.
    """

    place: complex
    bow: float
    axis: float

    def turn(self, z: NDArray[np.complex128]) -> Field:
        """The angle from the singularity to each point, counted from the tip's direction."""
        angle = np.angle((z - self.place) / 1j)
        return angle + self.bow * np.sin(angle - self.axis)


@dataclass(frozen=True)
class Pattern:
    """The flow of one finger's ridges.

    Attributes:
        pattern_class: arch, loop or whorl.
        cores: where ridges turn around.
        deltas: where three flows meet.
        arch_height: steepness of a plain arch, which has neither cores nor deltas.
        tilt: of the whole pattern, radians.
        bend: along x and y, how the plane is bent before the model sees it ...
        bend_size: ... and by how much, mm.
        wander: how the direction departs from the model ...
        wander_size: ... and by how much, radians.
        mean_period: from ridge to ridge, mm.
        stretch: how the period varies for no reason of flow ...
        stretch_size: ... and by how much, as a logarithm.
        give: how far the period follows the flow: 0 not at all, 1 as `hw.fingers.spacing` has it.
    """

    pattern_class: PatternClass
    cores: tuple[Singularity, ...]
    deltas: tuple[Singularity, ...]
    arch_height: float
    tilt: float
    bend: tuple[SmoothField, SmoothField]
    bend_size: float
    wander: SmoothField
    wander_size: float
    mean_period: float
    stretch: SmoothField
    stretch_size: float
    give: float

    def direction(self, x: Field, y: Field) -> Field:
        """The ridges' direction modulo pi: radians counter-clockwise from the x axis, as seen on a screen."""
        bent_x = x + self.bend_size * self.bend[0].at(x, y)
        bent_y = y + self.bend_size * self.bend[1].at(x, y)
        return self._ideal(bent_x, bent_y) + self.tilt + self.wander_size * self.wander.at(x, y)

    def period(self, x: Field, y: Field) -> Field:
        """From one ridge to the next in mm, before the spacing gives way to the flow."""
        return self.mean_period * np.exp(self.stretch_size * self.stretch.at(x, y))

    def _ideal(self, x: Field, y: Field) -> Field:
        if self.pattern_class is PatternClass.ARCH:
            return _arch(x, y, self.arch_height)
        z = x - 1j * y
        turns = sum(core.turn(z) for core in self.cores) - sum(delta.turn(z) for delta in self.deltas)
        return np.asarray(turns / 2)


def _arch(x: Field, y: Field, height: float) -> Field:
    """Ridges that rise to the middle and fall again, the steeper the nearer to the arch's foot."""
    steepness = height * np.exp(-(((y - 3) / 6) ** 2))
    return np.arctan(-steepness * np.sin(np.clip(x / 9, -1, 1) * np.pi) * np.exp(-((x / 9) ** 2)))


def draw_pattern(random: np.random.RandomState) -> Pattern:
    """A finger's pattern, its class as frequent as in nature."""
    shares = np.cumsum([kind.value for kind in PatternClass])
    kind = list(PatternClass)[int(np.searchsorted(shares, random.uniform(0, shares[-1])))]
    cores, deltas = _singularities(kind, random)
    return Pattern(
        pattern_class=kind,
        cores=cores,
        deltas=deltas,
        arch_height=random.uniform(0.6, 1.3),
        tilt=random.normal(0, np.radians(5)),
        bend=(SmoothField.draw(random, 10), SmoothField.draw(random, 10)),
        bend_size=random.uniform(0.3, 0.7),
        wander=SmoothField.draw(random, 5),
        wander_size=np.radians(random.uniform(2, 5)),
        mean_period=random.normal(0.46, 0.025),
        stretch=SmoothField.draw(random, 3.5),
        stretch_size=random.uniform(0.04, 0.08),
        give=random.uniform(0.6, 1.0),
    )


def _singularities(
    kind: PatternClass, random: np.random.RandomState
) -> tuple[tuple[Singularity, ...], tuple[Singularity, ...]]:
    """Cores and deltas of a finger of this class."""
    middle = complex(random.normal(0, 0.8), random.normal(0, 0.8))

    def core(place: complex) -> Singularity:
        return Singularity(place, random.uniform(0.5, 0.95), random.normal(0, 0.25))

    def delta(angle: float) -> Singularity:
        place = middle + random.uniform(4.5, 8.5) * np.exp(1j * np.radians(angle - 90))
        return Singularity(complex(place), random.uniform(0.1, 0.5), random.normal(0, 0.25))

    if kind is PatternClass.TENTED_ARCH:
        return (core(middle),), (delta(random.normal(0, 6)),)
    if kind is PatternClass.LEFT_LOOP:
        return (core(middle),), (delta(random.uniform(25, 60)),)
    if kind is PatternClass.RIGHT_LOOP:
        return (core(middle),), (delta(-random.uniform(25, 60)),)
    if kind is PatternClass.WHORL:
        other = middle + complex(random.normal(0, 0.9), -random.uniform(0.6, 3.5))
        return (core(middle), core(other)), (delta(random.uniform(25, 60)), delta(-random.uniform(25, 60)))
    return (), ()
