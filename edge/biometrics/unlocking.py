"""Unlocking: from a protected record and one press to the root secret, or nothing.

Nothing in the record says how the finger lay. So every minutia of the press is tried as the reference minutia, with
its direction as found and turned a little either way, and each such frame is decoded by guessing.
"""

import numpy as np
import numpy.typing as npt

from edge.biometrics import decoder
from edge.biometrics.decoder import Frames
from edge.biometrics.minutiae import Minutiae
from edge.biometrics.protected_record import ProtectedRecord
from edge.biometrics.quantisation import Lattice
from edge.biometrics.vault import Vault, field_elements, filter_key, unwrap, wipe

TRIALS = 2**22
"""Decoding trials over all frames together; a third of a second on two cores. Four times fewer cost a point."""

TURNS = np.radians([0.0, -4.0, 4.0])
"""Added to a reference's direction, which differs by some 4 degrees between presses; nine turns do no better."""

STRONGEST = 64
"""Minutiae of a press that are used; the decoder's limit for the points of a frame."""


def unlock(
    record: ProtectedRecord,
    press: Minutiae,
    *,
    trials: int = TRIALS,
    cancel: bytearray | None = None,
) -> bytearray | None:
    """Open a record with a press.

    Args:
        record: of the finger that should be pressed.
        press: minutiae of a capture that passed the quality gate.
        trials: how many guesses before giving up.
        cancel: one zero byte; another thread that sets it ends the search, which then finds nothing.

    Returns:
        The 32-byte root secret, to be wiped after use; None if this press does not bring it out.
    """
    frames, vault_of_frame = frames_of(record, press)
    key, k = filter_key(record.salt), record.parameters.coefficients
    try:
        found = decoder.search(frames, key, k, trials, bytearray(1) if cancel is None else cancel)
    finally:
        frames.wipe()
    if found is None:
        return None
    frame, f = found
    number = int(vault_of_frame[frame])
    secret = unwrap(record.vaults[number], f, record.salt, number)
    wipe(f)
    # The filter lets one wrong polynomial in 2^64 pass; the wrapping does not.
    return secret if secret is not None and record.matches(secret) else None


def frames_of(record: ProtectedRecord, press: Minutiae) -> tuple[Frames, npt.NDArray[np.intp]]:
    """All frames of a press for all vaults of a record, the strongest reference minutiae first.

    Returns:
        The frames, and the number of each frame's vault.
    """
    relative = all_relative(press.table[:STRONGEST].astype(np.float64))
    parts = [points_of(vault, relative, record.salt, number) for number, vault in enumerate(record.vaults)]
    sizes = np.array([[len(points) for points in part] for part in parts], dtype=np.uint32)
    # References outermost, vaults innermost: points and sizes in the same order.
    points = [part[i] for i in range(len(relative)) for part in parts]
    try:
        return Frames(
            np.concatenate([np.zeros((0, 2), dtype=np.uint16), *points]),
            np.concatenate(([0], np.cumsum(sizes.T.ravel()))).astype(np.uint32),
            np.tile(np.array([vault.tag for vault in record.vaults], dtype=np.uint64), len(relative)),
        ), np.tile(np.arange(len(record.vaults)), len(relative))
    finally:
        for buffer in (relative, *points):
            buffer.fill(0)


def all_relative(table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The minutiae of a press in each of its frames.

    Args:
        table: (n, 4) minutiae.

    Returns:
        (n * turns, n - 1, 3) x, y and direction of the others in the frame of each minutia under each turn.
    """
    n = len(table)
    others = np.array([[j for j in range(n) if j != i] for i in range(n)], dtype=np.intp).reshape(
        n, max(n - 1, 0)
    )
    angle = (table[:, 2, np.newaxis] + TURNS)[..., np.newaxis]
    offset = (table[others, :2] - table[:, np.newaxis, :2])[:, np.newaxis]
    x = offset[..., 0] * np.cos(angle) + offset[..., 1] * np.sin(angle)
    y = offset[..., 1] * np.cos(angle) - offset[..., 0] * np.sin(angle)
    direction = np.mod(table[others, 2][:, np.newaxis] - angle, 2 * np.pi)
    return np.stack((x, y, direction), axis=-1).reshape(n * len(TURNS), max(n - 1, 0), 3)


def points_of(
    vault: Vault, relative: npt.NDArray[np.float64], salt: bytes, number: int
) -> list[npt.NDArray[np.uint16]]:
    """The points (x, V(x)) of each frame, one for each distinct feature."""
    lattice: Lattice = vault.lattice
    features = np.sort(lattice.features(relative), axis=1)
    distinct = np.ones(features.shape, dtype=bool)
    distinct[:, 1:] = features[:, 1:] != features[:, :-1]
    x = field_elements(lattice.universe, salt, number)[features]
    points = np.stack((x, vault.values(x)), axis=-1)
    try:
        return [frame[mask] for frame, mask in zip(points, distinct, strict=True)]
    finally:
        for buffer in (features, x, points):
            buffer.fill(0)
