"""The benchmark of the relay, on few consents: its figures are there and fit together."""

import json
from pathlib import Path

import pytest

from contracts.registry import MAX_BATCH
from hw.bench.relay import cli


def test_a_short_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "SIZES", (20,))
    monkeypatch.setattr(cli, "LATENCIES", 2)
    code = cli.main(["--consents", "24", "--json", str(tmp_path / "relay.json")])
    figures = json.loads((tmp_path / "relay.json").read_text())["figures"]
    assert code == int(figures["throughput_ratio"] < 0.85)
    assert [each["consents"] for each in figures["growth"]] == [20]
    for way in ("alone", "batched"):
        share = figures[f"consents_per_second_{way}"] / figures[f"ceiling_per_second_{way}"]
        assert figures[f"throughput_ratio_{way}"] == pytest.approx(share, abs=0.02)
    assert figures["throughput_ratio"] <= figures["throughput_ratio_alone"]
    assert figures["latency_seconds_median"] > 0


def measured(consents: int, alone: float, batched: float, latency: float = 0.1) -> cli.Measured:
    """A size at which the relay has these shares of a ceiling of 100 consents a second."""
    ceiling = {1: 100.0, MAX_BATCH: 100.0}
    return cli.Measured(consents, ceiling, {1: 100 * alone, MAX_BATCH: 100 * batched}, latency)


@pytest.mark.parametrize(
    ("second", "good"),
    [
        (measured(5_000, 0.9, 0.9), True),
        (measured(5_000, 0.85, 0.85), True),
        (measured(5_000, 0.9, 0.84), False),
        (measured(5_000, 0.84, 0.9), False),
    ],
)
def test_what_is_good(second: cli.Measured, good: bool) -> None:
    first = measured(1_000, 0.9, 0.88)
    for order in ([first, second], [second, first]):
        assert cli._is_good(cli._figures(order)) is good


def test_the_figures_are_those_of_the_size_at_which_the_relay_is_worst() -> None:
    figures = cli._figures([measured(1_000, 0.9, 0.85, 0.1), measured(5_000, 0.8, 0.9, 0.2)])
    assert (figures["throughput_ratio_alone"], figures["throughput_ratio_batched"]) == (0.8, 0.85)
    assert (figures["consents_per_second_alone"], figures["consents_per_second_batched"]) == (80, 85)
    assert (figures["throughput_ratio"], figures["latency_seconds_median"]) == (0.8, 0.2)
