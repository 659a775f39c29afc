"""`ridgekey bench biometrics --tune`: candidates are counted, and a larger k is never less secure."""

from pathlib import Path

import numpy as np

from edge.biometrics.parameters import LARGE, SMALL
from hw.bench.biometrics import tune
from hw.bench.biometrics.choices import choice_figures
from hw.bench.biometrics.fingers import Job, Press
from hw.bench.biometrics.sets import ImageSet
from hw.simulator.profiles import PROFILES
from tests.edge.biometrics.points import finger, press


def job(sensor: str) -> Job:
    images = ImageSet("drawn", Path(), PROFILES[sensor])
    return Job(images, enrol=3, guided=False, trials=2**20, cache=None)


def drawn(seed: int) -> list[Press]:
    tables_of_presses = [press(finger(seed), 10 * seed + i, shown=0.75).table for i in range(5)]
    return [Press(i, table, fit=True) for i, table in enumerate(tables_of_presses)]


def test_a_candidate_is_counted_for_every_k():
    choices = tune.choices_of(job("r307"), {seed: drawn(seed) for seed in (1, 2, 3)})
    k = [choice.parameters.coefficients for choice in choices]
    assert k == sorted(k)
    accepted, fas = ([getattr(choice, name) for choice in choices] for name in ("accepted", "fas"))
    assert accepted == sorted(accepted, reverse=True)
    assert fas == sorted(fas)
    assert {choice.enrolled for choice in choices} == {1.0}
    assert 0.5 < accepted[0] <= 1
    figures = choice_figures(job("r307").images, choices[0])
    assert figures["coefficients"] == k[0]


def test_fingers_that_make_no_record_make_no_choice():
    nothing = [Press(i, np.zeros((0, 4), dtype=np.float32), fit=False) for i in range(5)]
    assert tune.choices_of(job("r307"), {1: nothing, 2: nothing}) == []


def test_parameters_go_by_the_sensor():
    assert job("r307").parameters == LARGE
    assert job("r503").parameters == SMALL
