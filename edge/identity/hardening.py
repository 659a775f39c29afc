"""Keep the process's memory to itself: no core dump, no debugger of the same user."""

import ctypes
import sys

PR_SET_DUMPABLE = 4  # linux/prctl.h


def forbid_core_dumps() -> None:
    """Set RLIMIT_CORE to zero, so that a crash writes no memory to disk; absent on systems without limits."""
    try:
        import resource
    except ModuleNotFoundError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def forbid_tracing() -> bool:
    """Make the process undumpable: no ptrace and no /proc/PID/mem for others of the same user. Linux only.

    Returns:
        Whether the kernel agreed.
    """
    if not sys.platform.startswith("linux"):
        return False
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return int(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) == 0


def harden() -> None:
    """Both of the above; called once, before the first secret is read."""
    forbid_core_dumps()
    forbid_tracing()
