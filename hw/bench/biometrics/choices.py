"""The parameters that `--tune` tried, as a table and for machines."""

from collections.abc import Sequence
from math import isfinite

from rich.table import Table

from hw.bench.biometrics.sets import ImageSet
from hw.bench.biometrics.summary import Figures
from hw.bench.biometrics.tables import GOALS
from hw.bench.biometrics.tune import Choice

SHOWN_CHOICES = 12


def choices_table(images: ImageSet, choices: Sequence[Choice]) -> Table:
    """The choices that are secure enough, those that accept most first; the best one is the one to take."""
    fas = GOALS[images.profile.name][2]
    table = Table(title=f"{images.name}, {images.profile.name}: parameters of at least {fas:.0f} bits")
    for name in ("k", "cell, px", "sectors", "kept", "enrolled", "accepted, one press", "FAS, bits"):
        table.add_column(name, justify="right")
    for choice in [choice for choice in choices if choice.fas >= fas][:SHOWN_CHOICES]:
        chosen = choice.parameters
        table.add_row(
            *(str(each) for each in (chosen.coefficients, chosen.cell_px, chosen.sectors, chosen.kept)),
            f"{choice.enrolled:.1%}",
            f"{choice.accepted:.1%}",
            f"{choice.fas:.1f}" if isfinite(choice.fas) else "none seen",
        )
    return table


def choice_figures(images: ImageSet, choice: Choice) -> Figures:
    """One choice, for machines."""
    chosen = choice.parameters
    return {
        "set": images.name,
        "sensor": images.profile.name,
        "coefficients": chosen.coefficients,
        "cell_px": chosen.cell_px,
        "sectors": chosen.sectors,
        "kept": chosen.kept,
        "enrolled": choice.enrolled,
        "accepted_one_press": choice.accepted,
        "fas_bits": choice.fas,
    }
