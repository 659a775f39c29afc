"""The figures as a table for a person."""

from rich.table import Table

from hw.bench.biometrics.summary import Figures

GOALS = {"r307": (0.01, 0.001, 48.0), "r503": (0.05, 0.005, 40.0)}
"""Goals by sensor: FNMR of one press, FRR of three, FAS bits."""

UNLOCK_SECONDS_GOAL, DECODER_SECONDS_GOAL, MEMORY_GOAL_MIB = 0.3, 0.1, 350


def rows(figures: Figures) -> list[tuple[str, str, str]]:
    """What is told of a set: name, figure and goal."""
    fnmr, frr, fas = GOALS[str(figures["sensor"])]
    old = 1 - float(figures["fnmr_impression_1_to_2"])
    computed = figures["false_accepts_per_transaction_computed"]
    false_accepts = (
        f"{figures['false_accepts']} of {figures['impostor_transactions']:,} transactions "
        f"({figures['impostor_presses']:,} presses)"
    )
    security = (
        f"{'≥ ' if figures['fas_is_lower_bound'] else ''}{figures['fas_bits']:.1f} bits "
        f"[{figures['fas_bits_low']:.0f}, {figures['fas_bits_high']:.0f}], "
        f"from {figures['fas_rests_on_presses']} lucky presses"
    )
    told = [
        ("fingers enrolled", f"{figures['enrolled']} of {figures['fingers']}", "99 %"),
        ("accepted, one press", _with_interval(figures, "fnmr_one_press"), f"{1 - fnmr:.1%}"),
        ("accepted, three presses", _with_interval(figures, "frr_three_presses"), f"{1 - frr:.1%}"),
        ("accepted, impression 1 to 2 (older protocol)", f"{old:.1%}", ""),
        ("false accepts", false_accepts, "0"),
        ("false accepts per transaction, computed", f"{computed:.1e}", "1e-6"),
        ("FAS", security, f"{fas:.0f}"),
    ]
    if "unlock_seconds_median" in figures:
        told += [
            ("image to key, median", f"{figures['unlock_seconds_median']:.2f} s", f"{UNLOCK_SECONDS_GOAL} s"),
            (
                "of which after the minutiae",
                f"{figures['decoder_seconds_median']:.2f} s",
                f"{DECODER_SECONDS_GOAL} s",
            ),
            ("a refusal, after the minutiae", f"{figures['refusal_seconds']:.2f} s", ""),
            ("peak memory", f"{figures['peak_rss_mib']:.0f} MiB", f"{MEMORY_GOAL_MIB}"),
        ]
    if "d_sys" in figures:
        told += [
            ("linkage of records in clear, D_sys", f"{figures['d_sys']:.3f}", "0.05"),
            ("the same where nothing links", f"{figures['d_sys_of_chance']:.3f}", ""),
            ("linkage of sealed records, D_sys", f"{figures['d_sys_sealed']:.3f}", ""),
            (
                "brute force with the pepper",
                f"{figures['core_years_with_pepper']:.1e} years on two cores",
                "",
            ),
            (
                f"weak records (k = {figures['weak_k']}) opened by a database",
                f"{figures['weak_opened']}, computed {figures['weak_opened_computed']:.1f}",
                "",
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
    return told


def _with_interval(figures: Figures, name: str) -> str:
    rate, low, high = (1 - float(figures[name + end]) for end in ("", "_high", "_low"))
    return f"{rate:.1%} [{low:.1%}, {high:.1%}]"


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
