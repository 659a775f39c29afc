"""The records attacked, by running the attacks: what comes out of them stands in docs/biometrics.md.

Who holds what, in the terms of ISO/IEC 24745:

    sealed    the thief of a database: sealed records, no pepper
    opened    the thief of the whole card: records and pepper, so the auxiliary data AD in clear
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from random import Random
from time import perf_counter

import numpy as np

from edge.biometrics import Minutiae, ProtectedRecord, RecordError, unlock
from edge.biometrics.enrolment import bind
from edge.biometrics.parameters import Parameters
from hw.bench.biometrics import linkage, statistics
from hw.bench.biometrics.counting import KS
from hw.bench.biometrics.fingers import Enrolled, FingerResult, Press, records_of
from hw.bench.biometrics.processes import in_processes
from hw.bench.biometrics.protocol import SetResult
from hw.bench.biometrics.summary import Figures, fas_of

PEPPER, OTHER_PEPPER = b"p" * 32, b"q" * 32
RECORDS = 3
THREE = "_of_three"
WANTED_SPLITS, MOST_SPLITS = 130, 8
"""Ways in which presses are dealt to three records: over all fingers, and at most of one."""

WANTED_DEALS, MOST_AGAIN = 600, 8
"""Times three records, over all fingers: each way is enrolled several times. A tenth of it, and D_sys of
records that share nothing comes out at 0.1."""

WEAK_K = KS[0]
"""Coefficients of the records that brute force is let loose on: few enough that it succeeds."""

WEAK_TRIALS = 2**21
WEAK_RUNS = 40
CHANGES = 24
"""Altered records that a genuine press is tried on."""

SECONDS_PER_YEAR = 365.25 * 86400


@dataclass(frozen=True)
class Linked:
    """Scores of a linkage attack, for its plot.

    Attributes:
        name: of the attack.
        mated: scores of pairs of records of one finger.
        strange: of two fingers.
        d_sys: what they give away.
        chance: what as many scores without any information would give.
    """

    name: str
    mated: list[float]
    strange: list[float]
    d_sys: float
    chance: float


def of(name: str, mated: list[float], strange: list[float]) -> Linked:
    """Measure what scores give away."""
    return Linked(
        name, mated, strange, statistics.linkage(mated, strange), statistics.chance_linkage(mated, strange)
    )


Attack = Callable[[Enrolled, Enrolled], float]

SLOW = ("recovery", "recovery_without_permutation")
"""Attacks that run on some of the deals only: 25 pairs of vaults for each pair of records."""

SLOW_DEALS, MOST_SLOW = 60, 6
"""Over all fingers, and at most of one; from a sixth of it one chance leap more on one side comes out as a
D_sys of 0.1."""

ATTACKS: dict[str, Attack] = {
    "form": lambda a, b: linkage.form(a.record, b.record),
    "lattices": lambda a, b: linkage.lattices(a.record, b.record),
    "recovery": lambda a, b: linkage.recovery(a.record, b.record),
    "sealed": lambda a, b: linkage.alike(a.record.seal(PEPPER), b.record.seal(OTHER_PEPPER)),
    "recovery_without_permutation": lambda a, b: linkage.recovery_without_permutation(
        a.locked, b.locked, a.k
    ),
}
OPENED = ("form", "lattices", "recovery")
"""Attacks on records as they are, in clear; `sealed` is for the thief without the pepper, and the last one
has records that ridgekey does not make."""


def attack_set(
    result: SetResult, progress: Callable[[str, int, int], None], workers: int
) -> tuple[Figures, list[Linked]]:
    """Run all attacks on a set.

    Returns:
        The figures, and the scores of the linkage attacks.
    """
    name = result.job.images.name
    fingers = [finger for finger in result.fingers if finger.enrolled]
    if len(fingers) < 2:
        return {"d_sys": float("nan")}, []
    splits = int(np.clip(-(-WANTED_SPLITS // max(1, len(fingers))), 1, MOST_SPLITS))
    again = min(-(-WANTED_DEALS // max(1, len(fingers) * splits)), MOST_AGAIN)
    dealt = dict(
        in_processes(
            records_of_splits,
            [(f, splits, again, result.job.parameters) for f in fingers],
            workers,
            partial(progress, f"{name}: more records"),
        )
    )
    slow = min(-(-SLOW_DEALS // max(1, len(fingers))), MOST_SLOW)
    pairs = [(dealt[finger.finger], dealt[fingers[i - 1].finger], slow) for i, finger in enumerate(fingers)]
    scores = in_processes(linkage_scores, pairs, workers, partial(progress, f"{name}: linkage"))
    linked = [
        of(
            attack,
            [s for each in scores for s in each[attack][0]],
            [s for each in scores for s in each[attack][1]],
        )
        for attack in scores[0]
    ]
    told = partial(progress, f"{name}: brute force, changed records")
    [figures] = in_processes(attack_records, [(result,)], 1, told)
    opened = [each for each in linked if each.name.removesuffix(THREE) in OPENED]
    worst = max(opened, key=lambda each: np.nan_to_num(each.d_sys))
    figures |= {"d_sys": worst.d_sys, "d_sys_of_chance": worst.chance}
    for each in linked:
        figures |= {f"d_sys_{each.name}": each.d_sys, f"d_sys_{each.name}_of_chance": each.chance}
    return figures, linked


def records_of_splits(
    finger: FingerResult, splits: int, again: int, parameters: Parameters
) -> tuple[int, list[list[Enrolled]]]:
    """A finger's presses dealt at random into three hands, a record of each, in so many ways.

    Returns:
        The finger's number, and the records of each way; a hand that makes no record is left out.
    """
    rng, found = np.random.default_rng(finger.finger), []
    randomness = Random(finger.finger)  # noqa: S311  # repeatable, and protects nobody
    for _ in range(splits):
        hands = np.array_split(rng.permutation(len(finger.presses)), RECORDS)
        several = [
            records_of([finger.presses[i] for i in hand], parameters, randomness, again)
            if len(hand) > 1
            else []
            for hand in hands
        ]
        found += [[records[i] for records in several if records] for i in range(again)]
    return finger.finger, found


def linkage_scores(
    mine: list[list[Enrolled]], theirs: list[list[Enrolled]], slow: int
) -> dict[str, tuple[list[float], list[float]]]:
    """Scores of two, and of three, records: all of one finger, or the last of another.

    Args:
        mine: records of one finger, from `records_of_splits`.
        theirs: of another.
        slow: deals that the slow attacks run on.

    Returns:
        For each attack the mated and the non-mated scores.
    """
    scores = {}
    every = mine, theirs
    for name, attack in ATTACKS.items():
        mine, theirs = (deals[:slow] if name in SLOW else deals for deals in every)
        mated = [attack(a, b) for own in mine for a, b in combinations(own, 2)]
        strange = [attack(a, b) for own, their in zip(mine, theirs, strict=True) for a in own for b in their]
        scores[name] = mated, strange
        if name in OPENED:
            whole = [
                (own, their)
                for own, their in zip(mine, theirs, strict=True)
                if len(own) == len(their) == RECORDS
            ]
            scores[name + THREE] = (
                [max(attack(own[0], own[2]), attack(own[1], own[2])) for own, _ in whole],
                [max(attack(own[0], their[2]), attack(own[1], their[2])) for own, their in whole],
            )
    return scores


def attack_records(result: SetResult) -> Figures:
    """Brute force, and changed records."""
    genuine = [
        (finger.enrolled, press)
        for finger in result.fingers
        if finger.enrolled
        for press, accepted in zip(finger.tried, finger.accepted, strict=True)
        if accepted
    ]
    if not genuine:
        return {}
    owner = next(finger for finger in result.fingers if any(finger.accepted))
    stranger = result.densest_stranger(owner.finger)
    rate = trials_per_second(genuine[0][0], stranger[1]) if stranger else float("nan")
    fas = fas_of(result).bits
    return {
        **brute_force(result),
        **siblings(list(result.enrolled.values())),
        "trials_per_second": rate,
        "core_years_with_pepper": 2**fas / rate / SECONDS_PER_YEAR,
        **changed_records(genuine[:CHANGES], result.job.trials),
    }


def siblings(enrolled: list[Enrolled]) -> Figures:
    """The vaults of one record, set against one another: do they help who has them all?

    They hold the same finger in the frames of different reference minutiae, each under a permutation of its
    own. Partial recovery looks for what two of them have in common; a leap of two comes by chance once in
    some thousand pairs, a leap of more would be a find.
    """
    leaps = [
        linkage.leap(np.append(a.locked, np.uint16(1)), np.append(b.locked, np.uint16(1)))
        for each in enrolled
        for a, b in combinations(each.record.vaults, 2)
    ]
    return {"sibling_vault_pairs": len(leaps), "sibling_longest_leap": max(leaps, default=0)}


def brute_force(result: SetResult) -> Figures:
    """The database attack, run where it succeeds: records of few coefficients, against the count.

    The luckiest presses of strangers are let loose on records of the same features that have `WEAK_K`
    coefficients. As many should open as were computed, or the FAS is not to be believed.
    """
    strangers = result.as_run.strangers
    chance = np.array([stranger.chances.one_trial[KS.index(WEAK_K)] for stranger in strangers])
    chosen = np.argsort(-chance, kind="stable")[:WEAK_RUNS]
    presses = {(f.finger, i): press for f in result.fingers for i, press in enumerate(f.presses)}
    weak: dict[int, Enrolled] = {}
    opened, expected = 0, 0.0
    for stranger in (strangers[i] for i in chosen):
        if stranger.record not in weak:
            frames = [
                (locked.lattice, np.flatnonzero(locked.member).astype(np.int64))
                for locked in result.enrolled[stranger.record].locked
            ]
            randomness = Random(stranger.record)  # noqa: S311  # repeatable, and protects nobody
            weak[stranger.record] = Enrolled.of(
                bind(frames, Parameters(coefficients=WEAK_K), randomness), frames
            )
        press = presses[stranger.finger, stranger.press]
        opened += weak[stranger.record].opens(replace(press, fit=True), WEAK_TRIALS)
        expected += float(stranger.chances.accepted(WEAK_TRIALS)[KS.index(WEAK_K)])
    return {
        "weak_k": WEAK_K,
        "weak_runs": len(chosen),
        "weak_opened": opened,
        "weak_opened_computed": expected,
    }


def trials_per_second(enrolled: Enrolled, press: Press) -> float:
    """How fast the decoder tries on two threads; not-a-number if the press makes no frames, or opens.

    Args:
        enrolled: of one finger.
        press: of another, of as many minutiae as can be: from k on down no trial is made at all.
    """
    trials, start = 2**20, perf_counter()
    found = unlock(enrolled.record, Minutiae(press.table), trials=trials)
    seconds = perf_counter() - start
    return trials / seconds if found is None and len(press.table) > enrolled.k else float("nan")


def changed_records(genuine: list[tuple[Enrolled, Press]], trials: int) -> Figures:
    """Records altered on the disk, sealed and in clear; what a genuine press then brings out.

    A thief without the pepper changes one byte of the sealed record. One with the pepper changes a
    coefficient, or puts in another record's vaults, or the whole record of his own finger.
    """
    rng = np.random.default_rng(0)
    sealed = genuine[0][0].record.seal(PEPPER)
    read = sum(
        _reads(sealed[:i] + bytes((sealed[i] ^ (1 << int(rng.integers(8))),)) + sealed[i + 1 :])
        for i in range(len(sealed))
    )
    another = refused = same = 0
    for number, (enrolled, press) in enumerate(genuine):
        found = unlock(
            changed(enrolled.record, genuine[number - 1][0].record, number, rng),
            Minutiae(press.table),
            trials=trials,
        )
        refused += found is None
        same += found is not None and bytes(found) == enrolled.secret
        another += found is not None and bytes(found) != enrolled.secret
    return {
        "changed_sealed": len(sealed),
        "changed_sealed_read": read,
        "changed_opened": len(genuine),
        "changed_opened_refused": refused,
        "changed_opened_same_secret": same,
        "changed_opened_another_secret": another,
    }


def changed(
    own: ProtectedRecord, other: ProtectedRecord, how: int, rng: np.random.Generator
) -> ProtectedRecord:
    """An altered record: in turn coefficients, the salt, the vaults of another record, or its check."""
    if how % 4 == 0:
        vaults = []
        for vault in own.vaults:
            locked = vault.locked.copy()
            locked[rng.integers(len(locked))] ^= np.uint16(rng.integers(1, 2**16))
            vaults.append(replace(vault, locked=locked))
        return replace(own, vaults=tuple(vaults))
    if how % 4 == 1:
        return replace(own, salt=rng.bytes(len(own.salt)))
    if how % 4 == 2:
        return replace(own, vaults=other.vaults)
    return replace(own, check=other.check)


def _reads(blob: bytes) -> bool:
    try:
        ProtectedRecord.open(blob, PEPPER)
    except RecordError:
        return False
    return True
