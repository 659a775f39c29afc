"""The shipped ABI and bytecode are what the pinned compiler makes of the source."""

import hashlib
import json

import pytest

from contracts import compile as build
from contracts import registry


def test_the_artifact_names_its_source_and_compiler():
    source_sha256 = hashlib.sha256(build.SOURCE.read_bytes()).hexdigest()
    assert source_sha256 == registry.SOURCE_SHA256
    assert registry.COMPILER.startswith(f"vyper {build.VYPER}+")


@pytest.fixture(scope="module")
def recompiled():
    try:
        command = build.compiler()
    except build.CompilerMissingError as error:
        pytest.skip(str(error))
    return build.compiled(command)


def test_compiling_again_gives_the_same_abi_and_bytecode(recompiled):
    assert recompiled == json.loads(build.ARTIFACT.read_text(encoding="utf-8"))
    assert recompiled["abi"] == registry.ABI
    assert recompiled["bytecode"] == "0x" + registry.BYTECODE.hex()


def test_the_code_fits_a_public_chain():
    """EIP-170 bounds the runtime code, which the deployment code holds."""
    assert 1_000 < len(registry.BYTECODE) < 24_576


def test_another_source_gives_other_bytes(recompiled, tmp_path, monkeypatch):
    source = build.SOURCE.read_text(encoding="utf-8")
    changed = source.replace("block.timestamp <= convert(deadline", "block.timestamp < convert(deadline")
    assert changed != source
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    monkeypatch.setattr(build, "SOURCE", tmp_path / build.SOURCE.name)
    build.SOURCE.write_text(changed, encoding="utf-8")
    assert build.compiled(build.compiler())["bytecode"] != recompiled["bytecode"]
