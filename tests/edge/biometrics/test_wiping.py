"""What comes of an image is overwritten on the way, and what was asked for comes out unharmed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from drivers.image import FingerImage
from edge.biometrics import alignment, enrolment, joint, minutiae, presentation, quality, unlocking, wiping
from tests.edge.biometrics.points import finger, press

HEIGHT, WIDTH = 96, 80


def grey() -> Any:
    return np.random.default_rng(1).integers(1, 255, (HEIGHT, WIDTH)).astype(np.float64)


def image() -> FingerImage:
    return FingerImage(bytearray(grey().astype(np.uint8).tobytes()), WIDTH, HEIGHT, 500)


def unlocked() -> object:
    made = enrolment.enrol([press(finger(1), seed) for seed in range(3)])
    return unlocking.unlock(made.record, press(finger(1), 9))


def framed_by_two() -> object:
    locked = [enrolment.frames_of_presses([press(finger(f), i) for i in range(3)]) for f in (1, 2)]
    record = joint.bind_two(*locked).record
    sides = [joint.Side.of(press(finger(f), 9)) for f in (1, 2)]
    return joint.joint_frames(record.vaults[0], sides, record.salt, 0).points


def light() -> Any:
    return grey() > 100


STEPS: dict[str, tuple[Any, Callable[[], object], int]] = {
    "rescale": (minutiae, lambda: minutiae.rescale(grey().astype(np.uint8), 500 / 508), HEIGHT * WIDTH),
    "structure": (quality, lambda: quality.structure(grey()), 5 * HEIGHT * WIDTH),
    "screen_peak": (presentation, lambda: presentation.screen_peak(grey()), HEIGHT * WIDTH),
    "extreme_share": (
        presentation,
        lambda: presentation.extreme_share(grey(), light()),
        HEIGHT * WIDTH // 2,
    ),
    "is_inverted": (presentation, lambda: presentation.is_inverted(grey(), light()), HEIGHT * WIDTH),
    "likeness": (presentation, lambda: presentation.Likeness.of(image()).detail, 9 * HEIGHT * WIDTH),
    "merge": (alignment, lambda: alignment.merge([press(finger(1), i) for i in range(3)], 9).table, 8 * 160),
    "unlock": (unlocking, unlocked, 5 * 7 * 40 * 40),
    "joint_frames": (joint, framed_by_two, 2 * 72 * 40 * 3),
}


@pytest.mark.parametrize(("module", "step", "least"), STEPS.values(), ids=STEPS.keys())
def test_each_step_overwrites_what_it_made_on_the_way(
    monkeypatch: pytest.MonkeyPatch, module: Any, step: Callable[[], Any], least: int
) -> None:
    seen: list[Any] = []

    def watched(*arrays: Any) -> Any:
        seen.extend(arrays)
        return wiping.wiped(*arrays)

    monkeypatch.setattr(module, "wiped", watched)
    result = step()
    assert sum(each.size for each in seen) >= least
    assert not any(each.any() for each in seen)
    assert np.any(result)


def test_arrays_are_overwritten_also_where_something_fails() -> None:
    first, second = np.ones(3), np.ones((2, 2), dtype=np.uint16)
    with pytest.raises(ZeroDivisionError), wiping.wiped(first, second):
        raise ZeroDivisionError
    assert not first.any()
    assert not second.any()
