"""A hardened process leaves no core and lets nobody look in; tried on a process of its own."""

import subprocess
import sys

import pytest

PROBE = """
import ctypes, resource
from edge.identity.hardening import harden
before = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)  # PR_GET_DUMPABLE
harden()
print(before, ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl is Linux's")
def test_no_core_dump_and_no_tracing() -> None:
    probe = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert probe.stdout.split() == ["1", "0", "0", "0"]
