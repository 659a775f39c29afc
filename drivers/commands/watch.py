"""`ridgekey sensor watch`: fingers that come and go, as they do."""

import argparse
import json
import time
from datetime import datetime

from drivers.commands import DEFAULT_SENSOR
from drivers.light import Light
from drivers.opening import open_sensor
from drivers.sensor import Sensor

_EXAMPLES = """\
examples:
  ridgekey sensor watch serial:/dev/ttyAMA0
  ridgekey sensor watch --seconds 10 --json

Ends with Ctrl-C. No image leaves the sensor, and what each look takes inside it is removed. The ring of
an R503 breathes blue while it waits and is purple under a finger."""

_STEP = 1.0  # seconds of one wait, so that the end is not waited past


def main(argv: list[str]) -> int:
    """Run the sub-command with the arguments after its words."""
    options = _parser().parse_args(argv)
    until = time.monotonic() + options.seconds if options.seconds else float("inf")
    with open_sensor(options.sensor) as sensor:
        try:
            _watch(sensor, until, as_json=options.json)
        finally:
            sensor.light(Light.OFF)
    return 0


def _watch(sensor: Sensor, until: float, *, as_json: bool) -> None:
    there = False
    sensor.light(Light.PLACE)
    while (left := until - time.monotonic()) > 0:
        wait = sensor.wait_lifted if there else sensor.wait_finger
        if not wait(min(_STEP, left)):
            continue
        there = not there
        at = datetime.now().astimezone().isoformat(timespec="milliseconds")
        event = "finger down" if there else "finger up"
        print(json.dumps({"at": at, "event": event}) if as_json else f"{at}  {event}", flush=True)
        sensor.light(Light.KEEP if there else Light.PLACE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ridgekey sensor watch",
        description="Show when a finger is placed on the sensor and when it is lifted.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "sensor", nargs="?", default=DEFAULT_SENSOR, help="serial:PORT[?baud=N] (default: %(default)s)"
    )
    parser.add_argument("--seconds", type=float, metavar="N", help="stop by itself after so long")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser
