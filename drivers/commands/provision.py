"""`ridgekey sensor provision`: set a sensor up once; its flash keeps it."""

import argparse
import json
import sys

from drivers.commands import DEFAULT_SENSOR
from drivers.opening import open_sensor
from drivers.passwords import read_password
from drivers.provisioning import BAUD, PACKET_SIZE, Plan

_EXAMPLES = """\
examples:
  ridgekey sensor provision serial:/dev/ttyAMA0
  ridgekey sensor provision serial:/dev/ttyAMA0 --tag DOOR-2
        from then on `serial:/dev/ttyAMA0?module=DOOR-2` refuses any other sensor on that port
  ridgekey sensor provision serial:/dev/ttyAMA0 --password-file sensor.password
        eight hexadecimal digits. A lost password is a lost sensor: nobody can read it back or reset it

Writes to the sensor's flash, which wears out: only what is not right already, and reads it back.
Exit codes: as `ridgekey sensor info`, and 76 the sensor does not keep a setting."""


def main(argv: list[str]) -> int:
    """Run the sub-command with the arguments after its words."""
    options = _parser().parse_args(argv)
    plan = Plan(
        baud=options.baud,
        packet_size=options.packet_size,
        tag=options.tag,
        replace_tag=options.replace_tag,
        password=read_password(options.password_file) if options.password_file else None,
    )
    with open_sensor(options.sensor) as sensor:
        done = sensor.provision(plan, lambda text: print(text, file=sys.stderr))
    if options.json:
        print(json.dumps({"written": list(done.written), "power_cycle": done.power_cycle}))
    elif done.power_cycle:
        print(
            f"Take the sensor's power away for two seconds: from then on it speaks {plan.baud} baud. "
            "Then run this once more, to see that it does."
        )
    else:
        print("provisioned" if done.written else "provisioned already; nothing was written")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ridgekey sensor provision",
        description="Set a sensor up once: its rate, packet size, name and password, in its own flash.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "sensor", nargs="?", default=DEFAULT_SENSOR, help="serial:PORT[?baud=N] (default: %(default)s)"
    )
    parser.add_argument(
        "--baud", type=int, choices=(9600, 19200, 57600, 115200), default=BAUD, help="default: %(default)s"
    )
    parser.add_argument(
        "--packet-size",
        type=int,
        choices=(32, 64, 128, 256),
        default=PACKET_SIZE,
        help="default: %(default)s",
    )
    parser.add_argument("--tag", help="name it, so that a kiosk can refuse any other")
    parser.add_argument(
        "--replace-tag", action="store_true", help="write over another name or program's data"
    )
    parser.add_argument("--password-file", metavar="FILE", help="give it the password in this file")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser
