"""`ridgekey bench audit` on a small ledger: every figure, and that it tells a bad result from a good one."""

import json
from pathlib import Path

import pytest

from hw.bench.audit import cli, measure
from hw.bench.audit.ledger import acts_for, written
from hw.errors import FileTroubleError


def test_a_small_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state, path = tmp_path / "state", tmp_path / "audit.json"
    words = ["--consents", "20", "--altered", "4", "--state", str(state), "--json", str(path)]
    assert cli.main(words) == 0
    figures = json.loads(path.read_text())["figures"]
    assert figures["acts"] == figures["acts_found"] == acts_for(20) == 44
    assert (figures["consents"], figures["holds"]) == (20, 1)
    assert (figures["altered"], figures["altered_found"]) == (4, 4)
    assert figures["audit_file_seconds"] > 0
    assert "4 of 4" in capsys.readouterr().out

    # The same ledger serves again; another number of consents wants another one.
    assert written(state, 20, pytest.fail).acts == 44
    with pytest.raises(FileTroubleError, match="another ledger"):
        written(state, 21, pytest.fail)

    # A byte that was not altered is not found to be.
    assert not measure._is_found(state / measure.HISTORY_FILE)


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"altered_found": 3}, False),
        ({"acts_found": 43}, False),
        ({"holds": 0}, False),
        ({"audit_seconds": 61}, True),
        ({"audit_seconds": 61, "consents": 50_000}, False),
    ],
)
def test_what_is_good(change: dict[str, float], good: bool) -> None:
    figures = {
        "consents": 20, "acts": 44, "acts_found": 44, "holds": 1, "audit_seconds": 1.0,
        "altered": 4, "altered_found": 4,
    }  # fmt: skip
    assert cli._is_good(figures | change) is good
