"""The wheel as pip builds it: one for every Python from 3.11 on, with all files that the code reads."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEFT_OUT = ("*.so", "__pycache__", "build", "*.egg-info")
PACKAGES = ("contracts", "drivers", "edge", "gateway", "hw")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that nothing is left in the working tree."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for name in ("pyproject.toml", "README.md", "LICENSE", "ridgekey.py"):
        shutil.copy(ROOT / name, copy / name)
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--retries", "0", "-w", str(out)]
    built = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    if "No matching distribution found for setuptools" in built.stdout + built.stderr:
        pytest.skip("pip needs its index to fetch setuptools")
    assert built.returncode == 0, built.stderr
    [path] = out.iterdir()
    return path


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_one_wheel_serves_every_python(wheel):
    assert re.fullmatch(r"ridgekey-[\d.]+-cp311-abi3-linux_\w+\.whl", wheel.name)


def test_the_wheel_holds_what_the_code_reads_beside_itself(unpacked):
    suffixes = {".cddl", ".pyi", ".vy", ".json", ".h", ".toml", ".html", ".css", ".js", ".svg", ".typed"}
    for package in PACKAGES:
        wanted = {
            path.relative_to(ROOT)
            for path in (ROOT / package).rglob("*")
            if path.is_file() and path.suffix in suffixes | {".py"}
        }
        assert not [path for path in wanted if not (unpacked / path).is_file()]
    assert (unpacked / "edge" / "biometrics" / "_decoder.abi3.so").is_file()


def test_the_wheel_s_decoder_gives_what_the_reference_gives(unpacked):
    # As cibuildwheel's test-command does it, with the unpacked wheel before whatever is installed.
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["cibuildwheel"]
    python, *arguments = configured["test-command"].split()
    assert python == "python"
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=unpacked.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(unpacked) in done.stdout
    assert "0 of 40 searches differ" in done.stdout


def test_wheels_are_configured_for_both_machines():
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["cibuildwheel"]
    assert configured["build"] == "cp311-*"  # abi3: it serves the later ones, too
    assert configured["linux"]["archs"] == ["x86_64", "aarch64"]
