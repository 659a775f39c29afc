"""Compiles ConsentRegistry.vy into ConsentRegistry.json: `python contracts/compile.py [--check]`.

A tool of the build, imported by nothing that runs. Vyper pins cbor2 below 6 and the project needs 6, so the
compiler lives in an environment of its own, `.venv-vyper` beside the project, made here where it is missing.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

VYPER = "0.4.3"
"""Pinned: the same compiler gives the same bytes, which is what `--check` and everybody's audit rest on."""

FOLDER = Path(__file__).resolve().parent
SOURCE = FOLDER / "ConsentRegistry.vy"
ARTIFACT = FOLDER / "ConsentRegistry.json"
ENVIRONMENT = FOLDER.parent / ".venv-vyper"

SECONDS_TO_INSTALL = 300
SECONDS_TO_COMPILE = 60


class CompilerMissingError(Exception):
    """pip could not install the compiler: no network, perhaps."""


def compiler() -> Path:
    """The Vyper command of the pinned version, installed first if need be."""
    command = ENVIRONMENT / "bin" / "vyper"
    if not command.exists():
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        pip: list[str | Path] = [ENVIRONMENT / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
        try:
            _output([*pip, "install", "--quiet", f"vyper=={VYPER}"], SECONDS_TO_INSTALL)
        except subprocess.SubprocessError as error:
            raise CompilerMissingError(f"pip cannot install vyper {VYPER}: {_last_line(error)}") from error
    return command


def compiled(command: Path) -> dict[str, object]:
    """What the artifact must hold: ABI, deployment bytecode, and what they were made from and by.

    Raises:
        subprocess.CalledProcessError: if the source does not compile, or compiles with a warning.
    """
    output = _output([command, "-W", "error", "-f", "abi,bytecode", SOURCE.name], SECONDS_TO_COMPILE)
    abi, bytecode = output.splitlines()
    return {
        "contract": SOURCE.stem,
        "compiler": f"vyper {_output([command, '--version'], SECONDS_TO_COMPILE).strip()}",
        "source_sha256": hashlib.sha256(SOURCE.read_bytes()).hexdigest(),
        "bytecode": bytecode,
        "abi": json.loads(abi),
    }


def rendered(artifact: dict[str, object]) -> str:
    """The artifact's text."""
    return json.dumps(artifact, indent=1) + "\n"


def main(argv: list[str]) -> int:
    """Compile, then write or compare; 0 if the artifact is, or now is, what the source gives."""
    parser = argparse.ArgumentParser(description="Compile the contract into the artifact that is shipped.")
    parser.add_argument("--check", action="store_true", help="compare with the artifact, change nothing")
    check = parser.parse_args(argv).check
    try:
        text = rendered(compiled(compiler()))
    except CompilerMissingError as error:
        print(f"compile: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(error.stderr, file=sys.stderr)
        return 1
    if not check:
        ARTIFACT.write_text(text, encoding="utf-8")
        return 0
    same = ARTIFACT.exists() and ARTIFACT.read_text(encoding="utf-8") == text
    verdict = "is what the source gives" if same else "is stale: run python contracts/compile.py"
    print(f"{ARTIFACT.name} {verdict}")
    return 0 if same else 1


def _output(command: Sequence[str | Path], seconds: float) -> str:
    words = [str(word) for word in command]
    return subprocess.run(
        words, cwd=FOLDER, check=True, capture_output=True, text=True, timeout=seconds
    ).stdout


def _last_line(error: subprocess.SubprocessError) -> str:
    lines = str(getattr(error, "stderr", None) or error).strip().splitlines()
    return lines[-1] if lines else "no reason given"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
