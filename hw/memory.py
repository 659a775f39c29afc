"""How much memory a process had at most.

On Linux `ru_maxrss` will not do: it survives fork and exec, so that of a child is at least its parent's.

    python -m hw.memory FILE MODULE ARGUMENTS...        run a module; the bytes that it had at most go to FILE
"""

import resource
import runpy
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")
PEAK = "VmHWM:"


def peak_memory() -> int:
    """Bytes that this process had at most."""
    if STATUS.exists():
        [line] = [line for line in STATUS.read_text().splitlines() if line.startswith(PEAK)]
        return int(line.split()[1]) << 10
    unit = 1 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main() -> None:
    """Run a module as `python -m` does, its exit code included."""
    file, *sys.argv = sys.argv[1:]
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    finally:
        Path(file).write_text(str(peak_memory()))


if __name__ == "__main__":
    main()
