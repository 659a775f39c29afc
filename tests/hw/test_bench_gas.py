"""`ridgekey bench gas`: its figures, and what it says of a peer that is not to be had."""

import json

import pytest

from hw.bench.gas import artifacts, cli
from hw.bench.gas.artifacts import PeerMissingError
from hw.bench.gas.eas import PACKAGE

NAMES = {"gas_grant", "gas_withdraw", "gas_batch_distinct", "gas_batch_same"}


def test_without_peers_it_writes_our_figures(tmp_path, capsys):
    assert cli.main(["--no-peers", "--json", str(tmp_path / "gas.json")]) == 0
    content = json.loads((tmp_path / "gas.json").read_text())
    assert content["name"] == "gas"
    assert set(content["figures"]) >= NAMES
    assert content["peers"] == {}
    assert "EAS" not in capsys.readouterr().out


def test_a_peer_that_cannot_be_fetched_is_left_out(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(artifacts.shutil, "which", lambda _: None)
    assert cli.main(["--cache", str(tmp_path)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "EAS is left out: npm is not installed" in said
    assert "ERC-1056 is left out: npm is not installed" in said


def test_another_file_than_expected_is_refused(tmp_path):
    (tmp_path / PACKAGE.file).write_bytes(b"not a package")
    with pytest.raises(PeerMissingError, match="delete it"):
        artifacts.fetch(PACKAGE, tmp_path)


@pytest.mark.long
def test_beside_its_peers(tmp_path):
    assert cli.main(["--cache", str(tmp_path), "--json", str(tmp_path / "gas.json")]) == 0
    content = json.loads((tmp_path / "gas.json").read_text())
    if "EAS" in content["peers"]:
        assert set(content["peers"]["EAS"]) >= NAMES
        assert content["figures"]["eas_gas_grant"] > 4 * content["figures"]["gas_grant"]
    if "ERC-1056" in content["peers"]:
        assert content["figures"]["erc1056_gas_grant"] > content["figures"]["gas_grant"]
