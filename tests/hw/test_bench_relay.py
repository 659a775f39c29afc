"""The benchmark of the relay, on few consents: its figures are there and fit together."""

import json
from pathlib import Path

import pytest

from hw.bench.relay import cli


def test_a_short_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "SIZES", (20,))
    monkeypatch.setattr(cli, "LATENCIES", 2)
    assert cli.main(["--consents", "24", "--json", str(tmp_path / "relay.json")]) in (0, 1)
    figures = json.loads((tmp_path / "relay.json").read_text())["figures"]
    assert [each["consents"] for each in figures["growth"]] == [20]
    for way in ("alone", "batched"):
        share = figures[f"consents_per_second_{way}"] / figures[f"ceiling_per_second_{way}"]
        assert figures[f"throughput_ratio_{way}"] == pytest.approx(share, abs=0.02)
    assert figures["throughput_ratio"] <= figures["throughput_ratio_alone"]
    assert figures["latency_seconds_median"] > 0
