"""Faults of the finger: where it lies, how it is, and whether it is there at all."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from hw.simulator.commands import Answer
from hw.simulator.faults.fault import Call, Chance, Fault, Layer, Parameter, Proceed, Run, Seeing
from hw.simulator.opcodes import CAPTURES, Code
from hw.simulator.packets import HEADER
from hw.simulator.pixels import Pixels, unpack

WHITE = 255
PERIOD = 9
"""Pixels from ridge to ridge at 500 dpi: 0.46 mm."""

FALSE_ACK = HEADER + b"\xff\xff\xff\xff\x07\x00\x03\x00\x00\x0a"
"""A whole acknowledge packet, checksum and all."""


def pressed(change: Callable[[Pixels, Run], Pixels]) -> Seeing:
    """The fault that changes the image of a finger that lies on the glass."""

    def seeing(pixels: Pixels | None, run: Run) -> Pixels | None:
        return change(pixels, run) if pixels is not None and run.happens() else pixels

    return seeing


def dry(pixels: Pixels, run: Run) -> Pixels:
    """Faint ridges with gaps: little ink, and none at all in spots of two or three pixels."""
    ink = (WHITE - pixels.astype(np.float32)) * (1 - run.number("strength"))
    ink *= _spots(pixels.shape, run, 1.0) > np.float32(-0.3)
    return _grey(WHITE - ink)


def wet(pixels: Pixels, run: Run) -> Pixels:
    """Where the finger touches, ridges run wide and valleys fill up, to the brim in pools."""
    ink = WHITE - pixels.astype(np.float32)
    around = ndimage.gaussian_filter(ink, PERIOD)  # half of full ink where ridges are as wide as valleys
    pools = 1 + (_spots(pixels.shape, run, 2.0 * PERIOD) > 1.0)
    flood = np.clip(2 * around * run.number("strength") * pools, 0, WHITE)
    return _grey(WHITE - np.maximum(ndimage.maximum_filter(ink, size=3), flood))


def partial(pixels: Pixels, run: Run) -> Pixels:
    """Only the left part of the window covered."""
    covered = round(pixels.shape[1] * run.number("share"))
    cut = pixels.copy()
    cut[:, covered:] = WHITE
    return cut


def shift(pixels: Pixels, run: Run) -> Pixels:
    """The finger further to the right and further down."""
    right, down = run.whole("right"), run.whole("down")
    return _grey(ndimage.shift(pixels, (down, right), order=0, mode="constant", cval=WHITE))


def rotate(pixels: Pixels, run: Run) -> Pixels:
    """The finger turned about the middle of the window."""
    turned = ndimage.rotate(
        pixels, run.number("degrees"), reshape=False, order=1, mode="constant", cval=WHITE
    )
    return _grey(turned)


def invert(pixels: Pixels, _: Run) -> Pixels:
    """Light ridges on dark."""
    return np.asarray(WHITE - pixels, dtype=np.uint8)


def spell_header(pixels: Pixels, run: Run) -> Pixels:
    """Pixels that read, on the wire, as a whole acknowledge packet in the middle of the image."""
    height, width = pixels.shape
    spelt = unpack(FALSE_ACK, len(FALSE_ACK) * 2, 1)[0]
    row = run.dice.randrange(height)
    column = 2 * run.dice.randrange((width - spelt.size) // 2)
    image = pixels.copy()
    image[row, column : column + spelt.size] = spelt
    return image


def smudge(pixels: Pixels | None, run: Run) -> Pixels | None:
    """With nothing on the glass, a smear that the module takes for a finger."""
    if pixels is not None or not run.happens():
        return pixels
    return _grey(170 + 40 * _spots(_window(run), run, 12.0))


def residue(pixels: Pixels | None, run: Run) -> Pixels | None:
    """With nothing on the glass, what the last finger left there."""
    if pixels is not None:
        run.kept["print"] = pixels
        return pixels
    last = run.kept.get("print")
    if not isinstance(last, np.ndarray) or not run.happens():
        return None
    return _grey(WHITE - (WHITE - last.astype(np.float32)) * run.number("strength"))


def another(_: Pixels, run: Run) -> Pixels:
    """Another finger in place of the one that was placed."""
    assert run.press is not None  # noqa: S101 whoever sets this fault has it pressed first
    return run.press


def leave_during_capture(call: Call, proceed: Proceed, run: Run) -> Answer:
    """The finger leaves while the module takes its image; the buffer keeps what it held."""
    state = call.state
    if call.opcode not in CAPTURES or not state.window.touched() or not run.happens():
        return proceed()
    state.window.lift()
    return Answer(run.whole("code"), busy=state.profile.capture_seconds)


def leave_after_capture(call: Call, proceed: Proceed, run: Run) -> Answer:
    """The finger leaves when the module has its image, which it keeps."""
    answer = proceed()
    if call.opcode in CAPTURES and answer.code == Code.OK and run.happens():
        call.state.window.lift()
    return answer


def touch_dead(touched: bool, run: Run) -> bool:
    """The touch line shows no finger."""
    return touched and not run.happens()


def touch_stuck(touched: bool, run: Run) -> bool:
    """The touch line shows a finger."""
    return touched or run.happens()


def touch_bounce(touched: bool, run: Run) -> bool:
    """The touch line shows a finger and none, in turn."""
    return touched and not (run.happens() and run.happened % 2)


def _spots(
    shape: tuple[int, ...], run: Run, size: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Smooth noise of mean 0 and deviation 1, its spots about `size` pixels wide."""
    generator = np.random.default_rng(run.dice.getrandbits(64))
    noise = ndimage.gaussian_filter(generator.standard_normal(shape, dtype=np.float32), size, mode="wrap")
    return np.asarray((noise - noise.mean()) / noise.std(), dtype=np.float32)


def _grey(pixels: np.ndarray[tuple[int, ...], np.dtype[np.float32]] | Pixels) -> Pixels:
    """Within the sixteen grey levels that a module sends."""
    return np.asarray((np.clip(pixels, 0, 255).astype(np.uint8) >> 4) * 17, dtype=np.uint8)


def _window(run: Run) -> tuple[int, int]:
    width, height = run.size
    return height, width


def _finger(name: str, summary: str, sight: Seeing, **parameters: Parameter) -> Fault:
    return Fault(name, Layer.FINGER, summary, Chance.CAPTURE, parameters, times=0, sight=sight)


FAULTS = (
    Fault(
        "lift-during-capture",
        Layer.FINGER,
        "the finger leaves while its image is taken: code 03 (or 02), no new image",
        Chance.COMMAND,
        {"code": Parameter(Code.CAPTURE_FAILED.value, "the answer", 2, 3, hexadecimal=True)},
        answer=leave_during_capture,
    ),
    Fault(
        "lift-before-upload",
        Layer.FINGER,
        "the finger leaves after the capture and before the upload; the buffer keeps its image",
        Chance.COMMAND,
        answer=leave_after_capture,
    ),
    _finger(
        "dry",
        "faint, broken ridges",
        pressed(dry),
        strength=Parameter(0.7, "from 0 to 1", 0, 1),
    ),
    _finger(
        "wet",
        "wide ridges, valleys that fill up, pools",
        pressed(wet),
        strength=Parameter(0.8, "from 0 (wide ridges) to 2 (all valleys full)", 0, 2),
    ),
    _finger(
        "partial",
        "only a part of the window is covered",
        pressed(partial),
        share=Parameter(0.35, "of the window's width", 0, 1),
    ),
    _finger(
        "shifted",
        "the finger lies off the middle",
        pressed(shift),
        right=Parameter(60, "pixels to the right", -288, 288),
        down=Parameter(0, "pixels down", -288, 288),
    ),
    _finger(
        "rotated",
        "the finger is turned",
        pressed(rotate),
        degrees=Parameter(45.0, "anticlockwise", -180, 180),
    ),
    _finger("smudge", "nothing lies there, yet GenImg answers 00 with the image of a smear", smudge),
    _finger(
        "residue",
        "nothing lies there any more, yet GenImg answers 00 with what the last finger left",
        residue,
        strength=Parameter(0.3, "of the print that is left, from 0 to 1", 0, 1),
    ),
    Fault(
        "other-finger",
        Layer.FINGER,
        "from the second capture on, another finger is seen than the one placed",
        Chance.CAPTURE,
        {
            "finger": Parameter(2, "its number", 0, 999_999),
            "impression": Parameter(1, "its impression", 0, 999_999),
        },
        times=0,
        after=1,
        needs_press=True,
        sight=pressed(another),
    ),
    _finger("inverted", "light ridges on dark", pressed(invert)),
    _finger(
        "false-header",
        "the image itself holds the bytes of an acknowledge packet, which is legal",
        pressed(spell_header),
    ),
    Fault(
        "touch-dead",
        Layer.FINGER,
        "the touch line shows nothing when a finger is there",
        Chance.TOUCH,
        times=0,
        touch=touch_dead,
    ),
    Fault(
        "touch-stuck",
        Layer.FINGER,
        "the touch line shows a finger when there is none",
        Chance.TOUCH,
        times=0,
        touch=touch_stuck,
    ),
    Fault(
        "touch-bounce",
        Layer.FINGER,
        "the touch line of a finger goes on and off with each look",
        Chance.TOUCH,
        times=0,
        touch=touch_bounce,
    ),
)
