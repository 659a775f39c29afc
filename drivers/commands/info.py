"""`ridgekey sensor info`: which sensor is on the wire, and is it fit for use."""

import argparse
import json
from dataclasses import asdict

from drivers.commands import DEFAULT_SENSOR
from drivers.opening import open_sensor
from drivers.probing import SensorInfo

_EXAMPLES = """\
examples:
  ridgekey sensor info serial:/dev/ttyAMA0
  ridgekey sensor info 'serial:/dev/ttyUSB0?baud=115200' --json

Without a baud rate the usual ones are tried in turn. Nothing is written to the sensor, and no image is taken.
Exit codes: 0 fit for use, 66 no such port, 69 busy or silent, 76 not a sensor that ridgekey knows, 78 locked,
or it stores fingerprint templates.
"""


def main(argv: list[str]) -> int:
    """Run the sub-command with the arguments after its words."""
    options = _parser().parse_args(argv)
    with open_sensor(options.sensor, refuse_templates=False) as sensor:
        if options.json:
            print(json.dumps(asdict(sensor.info)))
        else:
            print(describe(sensor.info))
        sensor.require_empty()
    if not options.json:
        print("fit for use")
    return 0


def describe(info: SensorInfo) -> str:
    """What a person wants to know of a sensor, one line each."""
    lines = {
        "model": info.model + (f", serial number {info.serial}" if info.serial else ""),
        "image": f"{info.width} x {info.height} pixels, {info.dpi} dpi",
        "line": f"{info.port}, {info.baud} baud, {info.packet_size} bytes a packet",
        "templates": f"{info.templates_stored} stored (room for {info.library_size})",
    }
    return "\n".join(f"{name:<10} {text}" for name, text in lines.items())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ridgekey sensor info",
        description="Find out which fingerprint sensor is on a serial port, at which rate it speaks, and "
        "whether it is fit for use: its own template library must be empty.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "sensor", nargs="?", default=DEFAULT_SENSOR, help="serial:PORT[?baud=N] (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser
