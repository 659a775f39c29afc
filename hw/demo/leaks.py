"""Searches everything that the run wrote for what must not be kept, by `ridgekey edge scan`."""

import json
import subprocess
from collections.abc import Iterable

from hw.demo.stage import Stage
from hw.errors import BenchError
from hw.processes import COMMAND
from hw.simulator.profiles import PROFILES

SHOWN = 3
"""Traces that are named when there are any."""


def search(stage: Stage, presses: Iterable[tuple[int, int]]) -> str:
    """Look for traces of `presses`, (finger, impression), in every file of the run; says what was searched.

    The images are grown or read anew and piped to the scan, so that they are in no file by our own doing.

    Raises:
        BenchError: a trace was found, or the scan did not recognise the person and so searched too little.
    """
    profile = PROFILES[stage.cast.profile]
    distinct = sorted(set(presses))
    images = b"".join(
        b"P5\n%d %d\n255\n" % (profile.width, profile.height)
        + stage.source.press(*press, profile.width, profile.height, profile.dpi).tobytes()
        for press in distinct
    )
    argv = ["edge", "scan", str(stage.directory), "--dpi", str(profile.dpi), *stage.kiosk, "--json"]
    ended = subprocess.run([*COMMAND, *argv], input=images, capture_output=True, check=False)
    if not ended.stdout:
        raise BenchError(f"the scan failed: {ended.stderr.decode(errors='replace').strip()}")
    found = json.loads(ended.stdout)
    if found["traces"]:
        named = "; ".join(f"{each['what']} in {each['path']}" for each in found["traces"][:SHOWN])
        raise BenchError(f"{len(found['traces'])} traces of the finger were kept: {named}")
    if not found["unlocked"]:
        raise BenchError("the scan could not derive the person's keys, so it could not search for them")
    return (
        f"{found['searched']:,} bytes searched for {len(distinct)} images, their minutiae and the keys: none"
    )
