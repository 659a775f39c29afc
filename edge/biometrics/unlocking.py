"""Unlocking: from a protected record and one press to the root secret, or nothing.

Nothing in the record says how the finger lay. So every minutia of the press is tried as the reference
minutia, as found and a little turned and stretched either way, and each such frame is decoded by guessing.
"""

import numpy as np
import numpy.typing as npt

from edge.biometrics import decoder, galois
from edge.biometrics.decoder import Frames, fill_urns, join
from edge.biometrics.joint_record import JointRecord
from edge.biometrics.minutiae import Minutiae
from edge.biometrics.protected_record import ProtectedRecord
from edge.biometrics.reliability import odds
from edge.biometrics.vault import Vault, field_elements, filter_key, unwrap, wipe
from edge.biometrics.wiping import wiped

Array = npt.NDArray[np.float64]

TRIALS = 2**24
"""Decoding trials over all frames together; half a second on two idle cores. Four times fewer cost a
point."""

WAYS = np.array([(0, 1), (-4, 1), (4, 1), (-2, 0.95), (2, 0.95), (-2, 1.05), (2, 1.05)])
"""Each minutia is tried as the reference in so many ways: degrees added to its direction, which differs by
some 4 degrees between presses, and a factor for all lengths, because skin stretches when it is pressed. The
stretched ones gain two points on sets of hard presses; more turns and factors gain no more."""

UNSTRETCHED = 3
"""Of these ways, the first ones."""

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
    key, k = filter_key(record.salt), record.parameters.coefficients
    if len(press) <= k:
        return None
    frames, vault_of_frame = frames_of(record, press)
    try:
        found = decoder.search(frames, key, k, trials, bytearray(1) if cancel is None else cancel)
    finally:
        frames.wipe()
    if found is None:
        return None
    number = int(vault_of_frame[found[0]])
    return secret_behind(record, record.vaults[number], found[1], number)


def secret_behind(
    record: ProtectedRecord | JointRecord, vault: Vault, f: galois.Elements, number: int
) -> bytearray | None:
    """A record's secret out of a vault of it, or None; wipes the polynomial, and a secret that is not its.

    Args:
        record: whose secret it should be.
        vault: of the record.
        f: (k,) what the decoder found.
        number: of the vault.
    """
    secret = unwrap(vault, f, record.salt, number)
    wipe(f)
    # The filter lets one wrong polynomial in 2^64 pass; the wrapping does not.
    if secret is None or record.matches(secret):
        return secret
    wipe(secret)
    return None


def frames_of(record: ProtectedRecord, press: Minutiae) -> tuple[Frames, npt.NDArray[np.intp]]:
    """All frames of a press for all vaults of a record.

    Returns:
        The frames, and the number of each frame's vault.
    """
    table = press.table[:STRONGEST].astype(np.float64)
    with wiped(table):
        relative, quality = all_relative(table)
    with wiped(relative, quality):
        parts = [
            vault_frames(vault, relative, quality, record.salt, number)
            for number, vault in enumerate(record.vaults)
        ]
    return join(parts), np.repeat(np.arange(len(parts)), [len(part) for part in parts])


def all_relative(table: Array, ways: Array = WAYS) -> tuple[Array, Array]:
    """The minutiae of a press in each of its frames.

    Args:
        table: (n, 4) minutiae.
        ways: (w, 2) degrees and factors, as `WAYS`.

    Returns:
        (n * w, n - 1, 3) x, y and direction of the others in the frame of each minutia in each way, and
        (n * w, n - 1) their qualities.
    """
    n = len(table)
    others = np.nonzero(~np.eye(n, dtype=bool))[1].reshape(n, max(n - 1, 0))
    angle = (table[:, 2, np.newaxis] + np.radians(ways[:, 0]))[..., np.newaxis]
    apart = table[others, :2] - table[:, np.newaxis, :2]
    with wiped(apart):
        offset = apart[:, np.newaxis] * ways[:, 1, np.newaxis, np.newaxis]
    x = offset[..., 0] * np.cos(angle) + offset[..., 1] * np.sin(angle)
    y = offset[..., 1] * np.cos(angle) - offset[..., 0] * np.sin(angle)
    direction = np.mod(table[others, 2][:, np.newaxis] - angle, 2 * np.pi)
    with wiped(offset, x, y, direction):
        relative = np.stack((x, y, direction), axis=-1).reshape(n * len(ways), max(n - 1, 0), 3)
    return relative, np.repeat(table[others, 3], len(ways), axis=0)


def vault_frames(vault: Vault, relative: Array, quality: Array, salt: bytes, number: int) -> Frames:
    """The frames of a press for one vault: the points (x, V(x)), and urns to draw them from.

    Where two minutiae share a feature, the more reliable one stands for it.
    """
    lattice = vault.lattice
    unsorted = lattice.features(relative), odds(lattice, relative, quality)
    with wiped(*unsorted):
        order = np.lexsort((-unsorted[1], unsorted[0]), axis=1)
        features = np.take_along_axis(unsorted[0], order, axis=1)
        weight = np.take_along_axis(unsorted[1], order, axis=1)
    distinct = np.ones(features.shape, dtype=bool)
    distinct[:, 1:] = features[:, 1:] != features[:, :-1]
    weight *= distinct
    x = field_elements(lattice.universe, salt, number)[features[distinct]]
    place = np.cumsum(distinct, axis=1) - 1
    with wiped(features, weight, x):
        return Frames(
            points=np.stack((x, vault.values(x)), axis=-1),
            bounds=np.concatenate(([0], np.cumsum(distinct.sum(axis=1)))).astype(np.uint32),
            urns=np.take_along_axis(place, fill_urns(weight), axis=1).astype(np.uint8),
            tags=np.full(len(features), vault.tag, dtype=np.uint64),
        )
