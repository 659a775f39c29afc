"""Peers on the presses that ridgekey was measured with, by the names of its figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.biometrics.alignment import align
from hw.bench.biometrics import statistics
from hw.bench.biometrics.fingers import FingerResult, Job, Press, image_folder, read_image
from hw.bench.biometrics.peers import package, thimble
from hw.bench.biometrics.peers.prealignment import Reference, reference
from hw.bench.biometrics.processes import in_processes
from hw.bench.biometrics.protocol import SetResult
from hw.bench.biometrics.statistics import TRANSACTION
from hw.bench.biometrics.summary import Figures

Array = npt.NDArray[np.float64]

THIMBLE = "THIMBLE's parameters, aligned by the ridge flow"
THIMBLE_GIVEN = "THIMBLE's parameters, alignment given"
PACKAGE = "fuzzy-extractor (PyPI)"
"""Names in the JSON's `peers`."""


@dataclass(frozen=True)
class Reduced:
    """A finger as the peers take it: biometric, in the bench's memory alone.

    Attributes:
        finger: its number.
        used: how many presses ridgekey's enrolment took; those after them are tried.
        enrolled: place among its presses of the one that is enrolled; None if no core was found in any.
        prealigned: each press in the finger's own coordinates; None where no core was found or the press is
            unfit.
        given: each press laid on the enrolled one by its minutiae, in that one's coordinates: what a perfect
            pre-alignment would give.
    """

    finger: int
    used: int
    enrolled: int | None
    prealigned: list[Array | None] = field(repr=False)
    given: list[Array | None] = field(repr=False)


def measure(
    result: SetResult, progress: Callable[[str, int, int], None], workers: int, python: Path
) -> dict[str, Figures]:
    """All peers on one set.

    Args:
        result: what ridgekey did on it.
        progress: is told how far it is.
        workers: processes at a time.
        python: an interpreter that has the package fuzzy-extractor.
    """
    tell = partial(progress, f"{result.job.images.name}: peers")
    tasks = [(result.job, finger) for finger in result.fingers]
    counts = [len(finger.presses) for finger in result.fingers]
    fingers = sorted(in_processes(reduce, tasks, workers, tell, weights=counts), key=lambda each: each.finger)
    return {
        THIMBLE: thimble_figures(result, fingers, lambda each: each.prealigned),
        THIMBLE_GIVEN: thimble_figures(result, fingers, lambda each: each.given, strangers=False),
        PACKAGE: package_figures(result, fingers, python),
    }


def reduce(job: Job, finger: FingerResult) -> Reduced:
    """Read a finger's images once more, for their ridge flow."""
    references = [_reference(job, finger, press) for press in finger.presses]
    found = next(((i, each) for i, each in enumerate(references[: finger.used]) if each), None)
    if found is None:
        return Reduced(finger.finger, finger.used, None, [], [])
    enrolled, origin = found
    return Reduced(
        finger.finger,
        finger.used,
        enrolled,
        [
            own.prealigned(press.table) if own else None
            for own, press in zip(references, finger.presses, strict=True)
        ],
        [_given(press, finger.presses[enrolled], origin) for press in finger.presses],
    )


def _reference(job: Job, finger: FingerResult, press: Press) -> Reference | None:
    if not press.fit:
        return None
    with read_image(job.images, image_folder(job.images), finger.finger, press.impression) as image:
        return reference(image)


def _given(press: Press, enrolled: Press, origin: Reference) -> Array | None:
    if not press.fit or not len(press.table) or not len(enrolled.table):
        return None
    moved = align(press.table.astype(np.float64), enrolled.table.astype(np.float64))
    return origin.prealigned(moved.apply(press.table.astype(np.float64)).astype(np.float32))


def thimble_figures(
    result: SetResult,
    fingers: Sequence[Reduced],
    table_of: Callable[[Reduced], list[Array | None]],
    *,
    strangers: bool = True,
) -> Figures:
    """THIMBLE's vault: one impression enrolled, the presses that ridgekey was tried with tried.

    Args:
        result: names the set and its protocol.
        fingers: as reduced.
        table_of: which of their coordinates to use.
        strangers: whether strangers' presses are in coordinates of their own, so that they can be tried.
    """
    rng, used = np.random.default_rng(0), {each.finger: each.used for each in fingers}
    features = {
        each.finger: [None if table is None else thimble.quantise(table) for table in table_of(each)]
        for each in fingers
    }
    vaults = {}
    for each in fingers:
        own = None if each.enrolled is None else features[each.finger][each.enrolled]
        vault = None if own is None else thimble.lock(own, rng)
        if vault:
            vaults[each.finger] = vault
    accepted = {
        owner: [press is not None and thimble.opens(vault, press) for press in features[owner][used[owner] :]]
        for owner, vault in vaults.items()
    }
    figures = _genuine(result, list(accepted.values()))
    if not strangers:
        return figures
    return figures | _thimble_strangers(vaults, features)


def _thimble_strangers(
    vaults: Mapping[int, thimble.Vault], features: Mapping[int, Sequence[thimble.Features | None]]
) -> Figures:
    """All presses of all other fingers on each vault: what opened, and what the count expects."""
    opened: list[list[bool]] = []
    chances: list[float] = []
    for owner, vault in vaults.items():
        for presses in (each for other, each in features.items() if other != owner and each):
            chances.append(
                float(np.mean([0 if press is None else thimble.chance(vault, press) for press in presses]))
            )
            opened.append([press is not None and thimble.opens(vault, press) for press in presses])
    several = [own[i : i + TRANSACTION] for own in opened for i in range(0, len(own), TRANSACTION)]
    return {
        "impostor_transactions": len(several),
        "false_accepts": sum(map(any, several)),
        "fas_bits": statistics.bits(float(np.mean(chances))) if chances else float("nan"),
    }


def _genuine(result: SetResult, accepted: Sequence[Sequence[bool]]) -> Figures:
    return {
        "set": result.job.images.name,
        "sensor": result.job.images.profile.name,
        "impressions_enrolled": 1,
        "fte": 1 - len(accepted) / max(1, len(result.fingers)),
        "fnmr_one_press": statistics.mean_with_interval([1 - sum(own) / len(own) for own in accepted])[0],
        "frr_three_presses": statistics.mean_with_interval(
            [statistics.refused_transaction(own) for own in accepted]
        )[0],
    }


def package_figures(result: SetResult, fingers: Sequence[Reduced], python: Path) -> Figures:
    """The package on 128 bits of each press: chances for all by its own rule, and runs of some."""
    bits = {
        each.finger: [None if table is None else package.bits_of(table) for table in each.prealigned]
        for each in fingers
        if each.enrolled is not None
    }
    first = {each.finger: bits[each.finger][each.enrolled] for each in fingers if each.enrolled is not None}
    used = {each.finger: each.used for each in fingers}
    total = package.BYTES * 8
    helpers = package.helpers_for(total, package.ERRORS)

    def differing(owner: int, press: package.Bits | None) -> float:
        mine = first[owner]
        return np.inf if press is None or mine is None else float((mine != press).sum())

    genuine = [
        [differing(owner, press) for press in presses[used[owner] :]] for owner, presses in bits.items()
    ]
    strange = [
        np.array([differing(owner, press) for press in presses])
        for owner in bits
        for other, presses in bits.items()
        if other != owner
    ]
    chance = [package.accepted(own, helpers) for own in genuine]
    seen = [each for own in genuine for each in own if np.isfinite(each)]
    figures: Figures = {
        "set": result.job.images.name,
        "sensor": result.job.images.profile.name,
        "impressions_enrolled": 1,
        "bits": total,
        "errors_allowed": package.ERRORS,
        "helpers": helpers,
        "fte": 1 - len(bits) / max(1, len(result.fingers)),
        "bits_that_differ_median": float(np.median(seen)) if seen else float("nan"),
        "fnmr_one_press": float(1 - np.mean([own.mean() for own in chance])) if chance else float("nan"),
        "frr_three_presses": _refused(chance),
        "fmr_one_press_computed": _mean([package.accepted(each, helpers) for each in strange]),
        "fas_bits": statistics.bits(_mean([package.one_helper(each) for each in strange])),
    }
    return figures | _package_runs(first, {owner: bits[owner][used[owner] :] for owner in bits}, python)


def _package_runs(
    first: Mapping[int, package.Bits | None], later: Mapping[int, Sequence[package.Bits | None]], python: Path
) -> Figures:
    """The package itself, on the first two of each finger's later presses, and what its rule expects."""
    pairs = [
        (mine, press)
        for place in range(2)
        for owner, mine in first.items()
        for press in later[owner][place : place + 1]
        if mine is not None and press is not None
    ][: package.RUNS]
    ran = package.run(python, pairs)
    if isinstance(ran, str):
        return {"ran_presses": 0, "why_not": ran}
    computed = [float(package.accepted((a != b).sum(), ran.helpers)) for a, b in pairs]
    return {
        "version": ran.version,
        "stand_ins": ", ".join(ran.replaced),
        "helper_bytes": ran.helper_bytes,
        "ran_presses": len(pairs),
        "ran_accepted": sum(ran.reproduced),
        "ran_accepted_computed": sum(computed),
    }


def _mean(each: Sequence[Array]) -> float:
    return float(np.mean(np.concatenate(each))) if each else float("nan")


def _refused(chances: Sequence[Array]) -> float:
    """Mean chance that three presses of a finger are all refused, over all choices of three."""
    refused = [statistics.refused_transaction_computed(own) for own in chances]
    return float(np.mean(refused)) if refused else float("nan")
