"""The figures as a table for a person."""

from collections.abc import Sequence

from rich.table import Table

from edge.biometrics.joint import LEAST_SHARE
from hw.bench.biometrics.counting import KS
from hw.bench.biometrics.presenting import REFUSED
from hw.bench.biometrics.shown import UNSEEN, Value, accepted, accepted_with_interval, shown
from hw.bench.biometrics.summary import Figures

GOALS = {"r307": (0.01, 0.001, 48.0), "r503": (0.05, 0.005, 40.0)}
"""Goals by sensor: FNMR of one press, FRR of three, FAS bits."""

PRESENTED = {
    "screen": "printer's screen",
    "line_art": "line art",
    "inverted": "light and dark exchanged",
    "residue": "faint print left on the glass",
}
"""Attacks on the sensor that are made up from the images, and their names for a person."""

REFUSED_BY_GATE = "refused by the quality gate"

UNLOCK_SECONDS_GOAL, DECODER_SECONDS_GOAL, MEMORY_GOAL_MB = 0.3, 0.1, 350
MB_PER_MIB = 1.048576
SECONDS = "{:.2f} s"


Row = tuple[str, str, str]
"""What is told: name, figure, goal."""


def rows(figures: Figures) -> list[Row]:
    """What is told of a set."""
    return [row for _, several in groups(figures) for row in several]


def groups(figures: Figures) -> list[tuple[str, list[Row]]]:
    """What is told of a set, under headings; a heading with nothing under it is left out."""
    told = [
        ("One finger", _recognition(figures)),
        ("Cost", _cost(figures) if "decoder_seconds_median" in figures else []),
        ("Quality gate and presentation", _gate(figures) if "gate_presses" in figures else []),
        ("Two fingers in one polynomial", _two_fingers(figures) if "two_fnmr_one_press" in figures else []),
        ("Attacks", _attacks(figures) if "weak_runs" in figures else []),
    ]
    return [(heading, several) for heading, several in told if several]


def _recognition(figures: Figures) -> list[Row]:
    fnmr, frr, fas = GOALS[str(figures["sensor"])]
    false_accepts = (
        f"{figures['false_accepts']} of {figures['impostor_transactions']:,} transactions "
        f"({figures['impostor_presses']:,} presses)"
    )
    seen, below, computed, per_transaction, seen_below = (
        shown(figures[name], "{:.1e}")
        for name in (
            "fmr_one_press",
            "fmr_one_press_high",
            "fmr_one_press_computed",
            "false_accepts_per_transaction_computed",
            "far_upper_95",
        )
    )
    return [
        ("fingers enrolled", f"{figures['enrolled']} of {figures['fingers']}", "99 %"),
        ("enrolments that failed, of all", shown(figures["fte_over_enrolments"], "{:.1%}"), ""),
        ("enrolled fingers of which no press opened", f"{figures['never_opened']}", "0"),
        ("accepted, one press", accepted_with_interval(figures, "fnmr_one_press"), f"{1 - fnmr:.1%}"),
        ("the same, expected over all enrolments", accepted(figures, "fnmr_one_press_computed"), ""),
        ("accepted, three presses", accepted_with_interval(figures, "frr_three_presses"), f"{1 - frr:.1%}"),
        (
            "of these, fingers with fewer presses than three",
            shown(figures.get("fingers_of_fewer_than_three_presses"), "{}"),
            "0",
        ),
        ("three presses, expected over all enrolments", accepted(figures, "frr_three_presses_computed"), ""),
        ("accepted, impression 1 to 2 (older protocol)", accepted(figures, "fnmr_impression_1_to_2"), ""),
        ("false accepts", false_accepts, "0"),
        ("false accepts per transaction, computed", f"{per_transaction}, seen below {seen_below}", "1e-6"),
        ("false accepts per press", f"{seen}, below {below}; computed {computed}", ""),
        ("FAS over all enrolments", security(figures), f"{fas:.0f}"),
        ("FAS of the one enrolment that was run", security(figures, "_one_enrolment"), ""),
        (
            "FAS, central and unturned frames alone",
            shown(figures["fas_bits_preferred_frames"], "{:.1f} bits"),
            "",
        ),
    ]


def security(figures: Figures, end: str = "") -> str:
    """FAS in words: bits, interval, and what it rests on."""
    bits = fas_bits(figures, end)
    return (
        bits if bits == UNSEEN else f"{bits} bits from {figures[f'fas_rests_on_presses{end}']} lucky presses"
    )


def fas_bits(figures: Figures, end: str = "") -> str:
    """FAS and its interval, of which some ends are unseen; ≥ where it is a lower bound."""
    bound = "≥ " if figures[f"fas_is_lower_bound{end}"] else ""
    low, high = (shown(figures[f"fas_bits{end}_{which}"], "{:.0f}") for which in ("low", "high"))
    return shown(figures[f"fas_bits{end}"], f"{bound}{{:.1f}} [{low}, {high}]")


def megabytes(mebibytes: Value) -> str:
    """Memory, as goals and docs give it."""
    return shown(mebibytes * MB_PER_MIB if isinstance(mebibytes, int | float) else mebibytes, "{:.0f} MB")


def _cost(figures: Figures) -> list[Row]:
    return [
        (
            "image to key, median",
            shown(figures["unlock_seconds_median"], SECONDS),
            f"{UNLOCK_SECONDS_GOAL} s",
        ),
        (
            "of which after the minutiae",
            shown(figures["decoder_seconds_median"], SECONDS),
            f"{DECODER_SECONDS_GOAL} s",
        ),
        ("a refusal, after the minutiae", shown(figures["refusal_seconds"], SECONDS), ""),
        ("peak memory", megabytes(figures["peak_rss_mib"]), f"{MEMORY_GOAL_MB} MB"),
    ]


def _attacks(figures: Figures) -> list[Row]:
    weak = (
        f"{figures['weak_opened']} of {figures['weak_runs']}, computed "
        f"{shown(figures['weak_opened_computed'], '{:.1f}')}"
    )
    return [
        ("linkage of records in clear, D_sys", shown(figures["d_sys"], "{:.3f}"), "0.05"),
        ("the same where nothing links", shown(figures["d_sys_of_chance"], "{:.3f}"), ""),
        ("linkage of sealed records, D_sys", shown(figures["d_sys_sealed"], "{:.3f}"), ""),
        (
            "brute force with the pepper, on two cores like these",
            shown(figures["core_years_with_pepper"], "{:.1e} years"),
            "",
        ),
        (f"weak records (k = {figures['weak_k']}) opened by a database", weak, ""),
        (
            "vaults of one record set against one another: longest leap",
            f"{figures['sibling_longest_leap']} in {figures['sibling_vault_pairs']:,} pairs",
            "2",
        ),
        (
            "changed records, sealed: read",
            f"{figures['changed_sealed_read']} of {figures['changed_sealed']}",
            "0",
        ),
        (
            "changed records, in clear: another secret",
            f"{figures['changed_opened_another_secret']} of {figures['changed_opened']}",
            "0",
        ),
    ]


def _gate(figures: Figures) -> list[Row]:
    """What the quality gate and the presentation checks said."""
    reasons = ", ".join(
        f"{name.removeprefix(REFUSED).replace('_', ' ')} {count}"
        for name, count in figures.items()
        if name.startswith(REFUSED)
    )
    refused = f"{figures['gate_refused']} of {figures['gate_presses']:,} presses"
    told = [
        (REFUSED_BY_GATE, f"{refused}: {reasons}" if reasons else refused, ""),
        (
            "taken for residue of the press before",
            f"{figures['residue_false_alarms']} of {figures['residue_pairs']:,} pairs",
            "0",
        ),
    ]
    for name, what in PRESENTED.items():
        if f"presented_{name}" in figures:
            seen = f"{figures[f'presented_{name}_noticed']} of {figures[f'presented_{name}']}"
            told.append((f"made-up presentation noticed: {what}", seen, ""))
    return told


def _two_fingers(figures: Figures) -> list[Row]:
    bound = "about " if figures["two_fas_is_extrapolated"] else ""
    alone = f"{figures['two_one_alone_accepts']} of {figures['two_one_alone_presses']}"
    share = (
        f"{figures['two_one_alone_presses_with_share']} of {figures['two_one_alone_presses_counted']:,}, "
        f"so below {shown(figures['two_one_alone_far_upper_95'], '{:.1e}')}"
    )
    return [
        (
            "two fingers: pairs enrolled",
            f"{shown(1 - float(figures['two_fte']), '{:.0%}')} of {figures['two_pairs']}",
            "",
        ),
        ("two fingers: accepted, one press of each", accepted(figures, "two_fnmr_one_press"), ""),
        ("two fingers: three presses of each", accepted(figures, "two_frr_three_presses"), ""),
        ("two fingers: FAS", shown(figures["two_fas_bits"], f"{bound}{{:.1f}} bits"), ""),
        (
            "two fingers: FAS for who has one of them",
            shown(figures["two_fas_bits_one_known"], "{:.1f} bits"),
            "",
        ),
        ("two fingers: opened with one and a stranger's", alone, "0"),
        (f"two fingers: strangers' presses with {LEAST_SHARE} right points", share, "0"),
        ("two fingers: to a key, after the minutiae", shown(figures["two_seconds_median"], SECONDS), ""),
        ("two fingers: a refusal, after the minutiae", shown(figures["two_refusal_seconds"], SECONDS), ""),
    ]


def figures_table(sets: list[Figures]) -> Table:
    """One column for each set."""
    table = Table(title="From a finger to a key: 95 % intervals by bootstrap over fingers")
    table.add_column("")
    for figures in sets:
        table.add_column(f"{figures['set']}\n{figures['sensor']}, {figures['part']} fingers")
    table.add_column("goal")
    told = [{name: (figure, goal) for name, figure, goal in rows(figures)} for figures in sets]
    for name in dict.fromkeys(name for lines in told for name in lines):
        shown = [lines.get(name, ("", "")) for lines in told]
        goals = dict.fromkeys(goal for _, goal in shown if goal)
        table.add_row(name, *(figure for figure, _ in shown), " / ".join(goals))
    return table


BY_K = ("set", "fingers", "k", "one press", "three presses", "FAS, bits", "lucky presses")
"""Columns of the curve of acceptance and security."""


def by_k_rows(figures: Figures) -> list[tuple[str, ...]]:
    """The curve of a set: what each k would accept, and be worth; that in use in brackets."""
    told: list[tuple[str, ...]] = []
    for k in (k for k in KS if f"fas_bits_of_k_{k}" in figures):
        end = f"_of_k_{k}"
        told.append(
            (
                f"{figures['set']}, {str(figures['sensor']).upper()}",
                str(figures["part"]),
                f"({k})" if k == figures["coefficients"] else f"{k}",
                accepted(figures, f"fnmr_one_press{end}"),
                accepted(figures, f"frr_three_presses{end}"),
                fas_bits(figures, end),
                f"{figures[f'fas_rests_on_presses{end}']}",
            )
        )
    return told


def by_k_table(sets: Sequence[Figures]) -> Table:
    """Acceptance against security, one row for each number of coefficients."""
    table = Table(title="One enrolment is not another: expected over all enrolments, by coefficients")
    for name in BY_K:
        table.add_column(name)
    for figures in sets:
        for row in by_k_rows(figures):
            table.add_row(*row)
        table.add_section()
    return table
