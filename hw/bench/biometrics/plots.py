"""Plots as inline SVG: lines, points with intervals, histograms. No library, no script, dark and light."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, isfinite, log10

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 88, 30, 44
COLOURS = ("#4269d0", "#efb118", "#ff725c", "#3ca951", "#a463f2", "#6cc5b0", "#9c6b4e")
MOST_TICKS = 8
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """One line of a plot.

    Attributes:
        name: written beside the plot.
        points: x and y; points that are not finite are left out.
        intervals: low and high for each point, drawn as a bar; or empty.
        strong: whether it is the one that matters.
    """

    name: str
    points: Sequence[Point]
    intervals: Sequence[Point] = ()
    strong: bool = False


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        label: what it shows.
        low: where it begins.
        high: where it ends.
        log: whether it is logarithmic, to the base ten.
        show: turns a value into the text of its tick.
    """

    label: str
    low: float
    high: float
    log: bool = False
    show: Callable[[float], str] = "{:g}".format

    def place(self, value: float) -> float:
        """Where a value stands: 0 at the beginning, 1 at the end; beyond the ends it stays there."""
        low, high, here = self.low, self.high, value
        if self.log:
            low, high, here = log10(low), log10(high), log10(max(value, self.low))
        return min(1.0, max(0.0, (here - low) / (high - low)))

    def ticks(self) -> list[float]:
        """Round values along it."""
        if self.log:
            first, last = ceil(log10(self.low) - 1e-9), floor(log10(self.high) + 1e-9)
            every = max(1, ceil((last - first) / MOST_TICKS))
            return [10.0**exponent for exponent in range(first, last + 1, every)]
        raw = (self.high - self.low) / MOST_TICKS
        unit = 10.0 ** floor(log10(raw))
        step = next(unit * whole for whole in (1, 2, 5, 10) if unit * whole >= raw * 0.999)
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def power_of_ten(value: float) -> str:
    """A tick of a logarithmic axis: 10⁻⁶."""
    return "10" + f"{round(log10(value)):d}".translate(SUPERSCRIPTS)


def lines(title: str, x: Axis, y: Axis, drawn: Sequence[Line]) -> str:
    """A plot of lines, with their names beside it; what lies left of the plot is left out."""
    parts: list[str] = []
    labels: list[tuple[float, str, str]] = []
    for number, line in enumerate(drawn):
        colour = COLOURS[number % len(COLOURS)]
        points = [(a, b) for a, b in line.points if isfinite(a) and isfinite(b) and a >= x.low * 0.999]
        if not points:
            continue
        places = [(_across(x, a), _down(y, b)) for a, b in points]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        width = 3 if line.strong else 1.6
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>')
        for (a, b), (low, high) in zip(places, line.intervals, strict=False):
            top, bottom = _down(y, min(high, y.high)), _down(y, low)
            parts.append(f'<path d="M{a:.1f} {top:.1f}V{bottom:.1f}" stroke="{colour}" stroke-width="1.2"/>')
            parts.append(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.2" fill="{colour}"/>')
        labels.append((TOP + 8.0 + 16 * len(labels), line.name, colour))
    return _frame(title, x, y, parts + _labels(labels))


def histogram(title: str, x: Axis, groups: Sequence[tuple[str, Sequence[float]]], bars: int = 30) -> str:
    """Shares of several groups of values over one axis."""
    parts, labels = [], []
    shares = []
    for _, values in groups:
        counts = [0] * bars
        for value in values:
            counts[min(bars - 1, int(x.place(value) * bars))] += 1
        shares.append([count / max(1, len(values)) for count in counts])
    most = max((max(each) for each in shares), default=1) or 1
    y = Axis("share of pairs", 0, most * 1.05, show="{:.0%}".format if most > 0.1 else "{:.1%}".format)
    width = (WIDTH - LEFT - RIGHT) / bars
    for number, ((name, _), share) in enumerate(zip(groups, shares, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        for i, height in enumerate(share):
            if height:
                top = _down(y, height)
                parts.append(
                    f'<rect x="{LEFT + i * width:.1f}" y="{top:.1f}" width="{width:.1f}" '
                    f'height="{HEIGHT - BOTTOM - top:.1f}" fill="{colour}" fill-opacity="0.5"/>'
                )
        labels.append((TOP + 14.0 + 16 * number, name, colour))
    return _frame(title, x, y, parts + _labels(labels))


def _across(x: Axis, value: float) -> float:
    return LEFT + x.place(value) * (WIDTH - LEFT - RIGHT)


def _down(y: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - y.place(value) * (HEIGHT - TOP - BOTTOM)


def _labels(labels: list[tuple[float, str, str]]) -> list[str]:
    """Names at the right edge, each in its colour."""
    return [
        f'<text x="{WIDTH - RIGHT + 8}" y="{height + 4:.1f}" style="fill:{colour};font-weight:600">'
        f"{escape(name)}</text>"
        for height, name, colour in labels
    ]


def _frame(title: str, x: Axis, y: Axis, inside: list[str]) -> str:
    bottom, right, parts = HEIGHT - BOTTOM, WIDTH - RIGHT, []
    for value in x.ticks():
        place = _across(x, value)
        parts.append(f'<path class="grid" d="M{place:.1f} {TOP}V{bottom}"/>')
        parts.append(f'<text x="{place:.1f}" y="{bottom + 16}" text-anchor="middle">{x.show(value)}</text>')
    for value in y.ticks():
        place = _down(y, value)
        parts.append(f'<path class="grid" d="M{LEFT} {place:.1f}H{right}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{place + 4:.1f}" text-anchor="end">{y.show(value)}</text>')
    middle = (LEFT + right) / 2
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f'<text x="{LEFT}" y="18" class="title">{escape(title)}</text>'
        + "".join(parts)
        + "".join(inside)
        + f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x.label)}</text>'
        + f'<text transform="translate(13 {(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">'
        + f"{escape(y.label)}</text></svg>"
    )
