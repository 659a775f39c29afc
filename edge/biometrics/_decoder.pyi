import numpy as np
import numpy.typing as npt

def search(
    points: npt.NDArray[np.uint16],
    bounds: npt.NDArray[np.uint32],
    urns: npt.NDArray[np.uint8],
    streams: npt.NDArray[np.uint64],
    tags: npt.NDArray[np.uint64],
    key: bytes,
    k: int,
    first: int,
    last: int,
    cancel: bytearray,
    coefficients: npt.NDArray[np.uint16],
    /,
) -> int: ...
def evaluate(
    coefficients: npt.NDArray[np.uint16], x: npt.NDArray[np.uint16], y: npt.NDArray[np.uint16], /
) -> None: ...
def order(keys: npt.NDArray[np.uint64], places: npt.NDArray[np.uint32], /) -> None: ...
