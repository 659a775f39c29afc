"""A process tells its own memory, however much its parent had."""

import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

from hw.memory import peak_memory

LARGE = 512 << 20


def touch_then(end: str) -> int:
    """What a process that had a lot of memory prints at its end."""
    code = f"held = bytearray({LARGE})\nheld[::4096] = b'x' * len(held[::4096])\ndel held\n{end}"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)


def test_what_a_process_touched_is_told() -> None:
    assert touch_then("from hw.memory import peak_memory; print(peak_memory())") > LARGE


def test_a_child_does_not_tell_its_parent_s_memory() -> None:
    spawn = (
        "from tests.hw.test_memory import told_by_a_child\n"
        "print(told_by_a_child())"
    )  # fmt: skip
    assert touch_then(spawn) < LARGE // 2


def told_by_a_child() -> int:
    """The peak of a process that is spawned here, as the bench spawns the one that it times."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(peak_memory)


def test_a_module_is_run_as_by_itself_and_its_memory_written(tmp_path: Path) -> None:
    (tmp_path / "large.py").write_text(
        f"import sys\nheld = b'x' * {LARGE}\nprint(sys.argv[1:])\nsys.exit(3)\n"
    )
    command = [sys.executable, "-m", "hw.memory", str(tmp_path / "peak"), "large", "a", "--b"]
    done = subprocess.run(
        command, capture_output=True, check=False, env={"PYTHONPATH": f"{Path.cwd()}:{tmp_path}"}
    )
    assert (done.returncode, done.stdout) == (3, b"['a', '--b']\n")
    assert LARGE < int((tmp_path / "peak").read_text()) < 2 * LARGE
