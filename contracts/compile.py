"""Compiles ConsentRegistry.vy into ConsentRegistry.json: `python contracts/compile.py`, or `--check` to compare only.

A tool of the build, imported by nothing that runs. Vyper pins cbor2 below 6 and the project needs 6, so the compiler
lives in an environment of its own, `.venv-vyper` beside the project, made here where it is missing.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import venv
from pathlib import Path

VYPER = "0.4.3"
"""Pinned: the same compiler gives the same bytes, which is what `--check` and everybody's audit rest on."""

FOLDER = Path(__file__).resolve().parent
SOURCE = FOLDER / "ConsentRegistry.vy"
ARTIFACT = FOLDER / "ConsentRegistry.json"
ENVIRONMENT = FOLDER.parent / ".venv-vyper"

SECONDS_TO_INSTALL = 300
SECONDS_TO_COMPILE = 60


def compiler() -> Path:
    """The Vyper command of the pinned version, installed first if need be.

    Raises:
        subprocess.SubprocessError: if pip cannot install it.
    """
    command = ENVIRONMENT / "bin" / "vyper"
    if not command.exists() or not _output([command, "--version"], SECONDS_TO_COMPILE).startswith(
        VYPER + "+"
    ):
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        pip = [ENVIRONMENT / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
        _output([*pip, "install", "--quiet", f"vyper=={VYPER}"], SECONDS_TO_INSTALL)
    return command


def compiled(command: Path) -> dict[str, object]:
    """What the artifact must hold: ABI, deployment bytecode, and what they were made from and by."""
    output = _output([command, "-W", "error", "-f", "abi,bytecode", SOURCE.name], SECONDS_TO_COMPILE)
    abi, bytecode = output.splitlines()
    return {
        "contract": SOURCE.stem,
        "compiler": f"vyper {VYPER}",
        "source_sha256": hashlib.sha256(SOURCE.read_bytes()).hexdigest(),
        "abi": json.loads(abi),
        "bytecode": bytecode,
    }


def rendered(artifact: dict[str, object]) -> str:
    """The artifact's text, one line for each entry of the ABI, so that a change can be read in a diff."""
    abi = artifact["abi"]
    assert isinstance(abi, list)
    entries = ",\n".join("    " + json.dumps(entry) for entry in abi)
    others = {name: value for name, value in artifact.items() if name != "abi"}
    return json.dumps(others, indent=2)[:-2] + ',\n  "abi": [\n' + entries + "\n  ]\n}\n"


def main(argv: list[str]) -> int:
    """Compile, then write or compare; 0 if the artifact is, or now is, what the source gives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the artifact, change nothing")
    check = parser.parse_args(argv).check
    try:
        text = rendered(compiled(compiler()))
    except subprocess.SubprocessError as error:
        detail = getattr(error, "stderr", None) or str(error)
        print(f"compile: {detail.strip()}", file=sys.stderr)
        return 1
    if check:
        same = ARTIFACT.exists() and ARTIFACT.read_text(encoding="utf-8") == text
        print(
            f"{ARTIFACT.name} is {'what the source gives' if same else 'stale: run python contracts/compile.py'}"
        )
        return 0 if same else 1
    ARTIFACT.write_text(text, encoding="utf-8")
    print(f"{ARTIFACT.name}: {len(text)} characters")
    return 0


def _output(command: list[str | Path], seconds: float) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=FOLDER,
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
