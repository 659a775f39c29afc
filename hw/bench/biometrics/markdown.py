"""The tables of docs/biometrics.md, out of the JSON files of one run for each set.

    python -m hw.bench.biometrics.markdown uareu.json crossmatch.json ...

Every line of a table is one set's, so the tables of further sets can be set below these.
"""

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hw.bench.biometrics import tables
from hw.bench.biometrics.attacks import OPENED, THREE
from hw.bench.biometrics.peers.side_by_side import PACKAGE, THIMBLE, THIMBLE_GIVEN
from hw.bench.biometrics.shown import accepted, shown
from hw.bench.biometrics.summary import Figures

LEAST_PART = 10
"""Fingers of an odd or even half that is worth a line."""

CHOSEN_ON = {
    ("crossmatch", "all"): "all, odd ones tuned on",
    ("crossmatch", "odd"): "odd, tuned on",
    ("crossmatch", "even"): "even, held out but for k",
    ("uareu", "all"): "all, odd ones trained the odds",
    ("uareu", "odd"): "odd, trained the odds",
    ("uareu", "even"): "even, held out but for k",
    ("fvc2000-db1", "all"): "all, tuned on",
    ("fvc2002-db1", "all"): "all, held out but for k",
    ("fvc2002-db3", "all"): "all, held out but for k",
}
"""What the parameters in use have to do with the fingers of a set; see "How it is measured" in the docs."""

LINKAGE = {
    "form": "form",
    "lattices": "lattices",
    "recovery": "partial recovery",
    "sealed": "sealed records",
    "recovery_without_permutation": "*partial recovery, had all records one permutation*",
}

Cell = Callable[[Figures], str]
Table = tuple[Sequence[str], list[list[str]]]
"""Names of the columns, and the lines."""


def main(paths: Sequence[str]) -> int:
    """Print all tables that the files have figures for."""
    contents = [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths]
    figures = [_numbers(each) for content in contents for each in content["figures"]]
    peers: dict[str, list[Figures]] = {}
    for content in contents:
        for name, several in content["peers"].items():
            peers.setdefault(name, []).extend(map(_numbers, several))
    print("\n\n".join(document(figures, peers)))
    return 0


def _numbers(figures: dict[str, Any]) -> Figures:
    """JSON's null is a number that is not finite."""
    return {name: math.nan if value is None else value for name, value in figures.items()}


def document(figures: Sequence[Figures], peers: dict[str, list[Figures]]) -> Iterator[str]:
    """Each table under the name of its place in the docs; one that would be empty is left out."""
    whole = [each for each in figures if each["part"] == "all"]
    shown = [each for each in figures if each["part"] == "all" or float(each["fingers"]) >= LEAST_PART]
    attacked = [each for each in whole if "weak_runs" in each]
    found = {
        "Results": _table(RESULTS, shown),
        "Cost": _table(COST, [each for each in whole if "refusal_seconds" in each]),
        "By coefficients": (tables.BY_K, [_spaced(row) for each in shown for row in tables.by_k_rows(each)]),
        "Two fingers": _table(TWO, [each for each in whole if "two_fas_bits" in each]),
        "Gate": _table(GATE, [each for each in whole if "gate_presses" in each]),
        "Attacks": _table(ATTACKS, attacked),
        "Linkage": linkage_table([each for each in whole if "d_sys_form" in each]),
        "Peers": peers_table(whole, peers),
    }
    for heading, (names, rows) in found.items():
        if rows:
            yield f"{heading}:\n\n{markdown(names, rows)}"
    impressions = ", ".join(f"{_name(each)} {each['impressions_enrolled']:.1f}" for each in whole)
    yield f"Impressions enrolled: {impressions}."
    if attacked:
        yield f"Each set once: {totals(list({each['set']: each for each in reversed(attacked)}.values()))}."


def _table(columns: dict[str, Cell], sets: Iterable[Figures]) -> Table:
    """A line for each set."""
    return tuple(columns), [[cell(each) for cell in columns.values()] for each in sets]


def _spaced(row: Sequence[str]) -> list[str]:
    return [cell.replace("%", " %") for cell in row]


def markdown(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as GitHub reads it."""
    return "\n".join("| " + " | ".join(line) + " |" for line in (names, ["---"] * len(names), *rows))


def _name(figures: Figures) -> str:
    return f"{figures['set']}, {str(figures['sensor']).upper()}"


def _share(name: str) -> Cell:
    """What is accepted, from what is refused."""
    return lambda each: accepted(each, name).replace("%", " %")


def _rate(name: str) -> Cell:
    def cell(each: Figures) -> str:
        rate, low, high = (100 * (1 - float(each[name + end])) for end in ("", "_high", "_low"))
        return shown(rate, f"{{:.1f}} % [{low:.0f}, {high:.0f}]")

    return cell


def _of(count: str, of: str) -> Cell:
    return lambda each: f"{each[count]} of {each[of]:,}" if of in each else "–"


def _shown(name: str, form: str) -> Cell:
    return lambda each: shown(each[name], form)


def _seconds(name: str) -> Cell:
    return _shown(name, tables.SECONDS)


def _refused_by_gate(each: Figures) -> str:
    told = next(figure for name, figure, _ in tables.rows(each) if name == tables.REFUSED_BY_GATE)
    return told.replace(" presses", "")


RESULTS: dict[str, Cell] = {
    "set, sensor": _name,
    "fingers": lambda each: CHOSEN_ON.get((str(each["set"]), str(each["part"])), str(each["part"])),
    "enrolled; never opened": lambda each: f"{each['enrolled']} of {each['fingers']}; {each['never_opened']}",
    "one press, run": _rate("fnmr_one_press"),
    "one press, expected": _share("fnmr_one_press_computed"),
    "three presses, run": _rate("frr_three_presses"),
    "three presses, expected": _share("frr_three_presses_computed"),
    "false accepts, of transactions": _of("false_accepts", "impostor_transactions"),
    "computed per transaction": _shown("false_accepts_per_transaction_computed", "{:.0e}"),
    "FAS, bits; lucky presses": lambda each: f"{tables.fas_bits(each)}; {each['fas_rests_on_presses']}",
    "of the one run": lambda each: (
        f"{tables.fas_bits(each, '_one_enrolment')}; {each['fas_rests_on_presses_one_enrolment']}"
    ),
    "central frames alone": _shown("fas_bits_preferred_frames", "{:.1f}"),
    "impression 1 to 2": _share("fnmr_impression_1_to_2"),
}

COST: dict[str, Cell] = {
    "set, sensor": _name,
    "image to key, median": _seconds("unlock_seconds_median"),
    "of which after the minutiae": _seconds("decoder_seconds_median"),
    "a refusal, after the minutiae": _seconds("refusal_seconds"),
    "peak memory": lambda each: tables.megabytes(each["peak_rss_mib"]),
}

TWO: dict[str, Cell] = {
    "set, sensor": _name,
    "pairs": lambda each: f"{each['two_pairs']}",
    "one press of each": _share("two_fnmr_one_press"),
    "three presses of each": _share("two_frr_three_presses"),
    "FAS, bits": lambda each: shown(
        each["two_fas_bits"], ("about " if each["two_fas_is_extrapolated"] else "") + "{:.1f}"
    ),
    "FAS with one finger known": _shown("two_fas_bits_one_known", "{:.1f}"),
    "one finger and a stranger's, at the kiosk": _of("two_one_alone_accepts", "two_one_alone_presses"),
    "strangers' presses with nine right points": _of(
        "two_one_alone_presses_with_share", "two_one_alone_presses_counted"
    ),
    "so one alone is let in below": _shown("two_one_alone_far_upper_95", "{:.0e}"),
    "two strangers": _of("two_false_accepts", "two_stranger_presses"),
    "to a key; a refusal": lambda each: (
        f"{shown(each['two_seconds_median'], tables.SECONDS)}; "
        f"{shown(each['two_refusal_seconds'], tables.SECONDS)}"
    ),
}

GATE: dict[str, Cell] = {
    "set, sensor": _name,
    "refused by the gate": _refused_by_gate,
    "taken for residue": _of("residue_false_alarms", "residue_pairs"),
    **{
        what: _of(f"presented_{name}_noticed", f"presented_{name}") for name, what in tables.PRESENTED.items()
    },
}

ATTACKS: dict[str, Cell] = {
    "set, sensor": _name,
    "records of six coefficients that strangers opened": _of("weak_opened", "weak_runs"),
    "computed": _shown("weak_opened_computed", "{:.1f}"),
    "longest leap, of pairs of sibling vaults": _of("sibling_longest_leap", "sibling_vault_pairs"),
    "trials a second": _shown("trials_per_second", "{:.1e}"),
    "years to the FAS": _shown("core_years_with_pepper", "{:.1g}"),
    "sealed bytes changed: read": _of("changed_sealed_read", "changed_sealed"),
    "changed in clear: the same secret": _of("changed_opened_same_secret", "changed_opened"),
    "none": _of("changed_opened_refused", "changed_opened"),
    "another": _of("changed_opened_another_secret", "changed_opened"),
}


def totals(sets: Sequence[Figures]) -> str:
    """The sums that the threat model quotes."""

    def over(name: str) -> float:
        return sum(float(each[name]) for each in sets)

    return (
        f"{over('false_accepts'):,.0f} accepted of {over('impostor_transactions'):,.0f} transactions; "
        f"{over('weak_opened'):.0f} of {over('weak_runs'):.0f} weak records opened, computed "
        f"{over('weak_opened_computed'):.1f}; of {over('changed_opened'):.0f} altered records "
        f"{over('changed_opened_same_secret'):.0f} gave the enrolled secret, "
        f"{over('changed_opened_refused'):.0f} none, {over('changed_opened_another_secret'):.0f} another; "
        f"longest leap {max((float(each['sibling_longest_leap']) for each in sets), default=0):.0f} over "
        f"{over('sibling_vault_pairs'):,.0f} pairs"
    )


def linkage_table(sets: Sequence[Figures]) -> Table:
    """D_sys of each attack, and what chance gives with as many scores."""
    attacks = [*LINKAGE.items(), *((name + THREE, f"{LINKAGE[name]}, three records") for name in OPENED)]
    rows = [
        [
            _name(each),
            *(
                f"{shown(each[f'd_sys_{attack}'], '{:.3f}')} "
                f"({shown(each[f'd_sys_{attack}_of_chance'], '{:.3f}')})"
                for attack, _ in attacks
            ),
        ]
        for each in sets
    ]
    return ["set, sensor", *(what for _, what in attacks)], rows


def peers_table(sets: Sequence[Figures], peers: dict[str, list[Figures]]) -> Table:
    """Ours and others', three lines for each set."""
    rows = []
    for each in sets:
        others = [
            next((peer for peer in peers.get(name, []) if _name(peer) == _name(each)), None)
            for name in (THIMBLE, THIMBLE_GIVEN, PACKAGE)
        ]
        if any(others):
            rows += [
                [_name(each), told, *(show(one) if one and name in one else "–" for one in (each, *others))]
                for told, name, show in (
                    ("one press accepted", "fnmr_one_press", _share("fnmr_one_press")),
                    ("three presses", "frr_three_presses", _share("frr_three_presses")),
                    ("FAS, bits", "fas_bits", _shown("fas_bits", "{:.1f}")),
                )
            ]
    return ("set, sensor", "figure", "ridgekey", THIMBLE, THIMBLE_GIVEN, PACKAGE), rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
