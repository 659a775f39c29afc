"""`ridgekey sensor doctor`: find the sensor, look it over, and say in words what to do."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict

from rich.console import Console

from drivers.doctor import Finding, Weight, about_image, candidates, examine_port
from drivers.opening import open_sensor

_EXAMPLES = """\
examples:
  ridgekey sensor doctor                       looks at every port that may have a sensor
  ridgekey sensor doctor serial:/dev/ttyAMA0
  ridgekey sensor doctor /dev/ttyUSB0 --finger
        also takes an image, to see the line under load and which way round its grey is

Looking at a port sends a few bytes to whatever is on it. Nothing is written to a sensor; no image is kept.
Exit codes: 0 a sensor fit for use was found, 1 something needs to be done first."""

_COLOURS = {Weight.GOOD: "green", Weight.NOTE: "yellow", Weight.BAD: "red"}


def main(argv: list[str]) -> int:
    """Run the sub-command with the arguments after its words."""
    options = _parser().parse_args(argv)
    ports = options.sensor or candidates()
    console = Console(highlight=False, soft_wrap=True)
    examined = {port: list(_look(port, finger=options.finger)) for port in ports}
    if options.json:
        print(json.dumps({port: [asdict(finding) for finding in found] for port, found in examined.items()}))
    else:
        _print(console, examined)
    return 0 if any(_fit(findings) for findings in examined.values()) else 1


def _look(port: str, *, finger: bool) -> Iterator[Finding]:
    findings = list(examine_port(port))
    yield from findings
    if finger and _fit(findings):
        Console(stderr=True).print(f"{port}: place a finger")
        with open_sensor(port) as sensor, sensor.capture() as image:
            yield from about_image(image)


def _fit(findings: list[Finding]) -> bool:
    return bool(findings) and all(finding.weight is not Weight.BAD for finding in findings)


def _print(console: Console, examined: dict[str, list[Finding]]) -> None:
    if not examined:
        console.print(
            "There is no serial port that a sensor could be on. On a Raspberry Pi, switch the UART on "
            "(hw/wiring.md); with a USB adapter, plug it in and look at `dmesg`."
        )
    for port, findings in examined.items():
        console.print(port, style="bold", markup=False)
        for finding in findings:
            console.print(f"  {finding.weight:<5}", style=_COLOURS[finding.weight], end="")
            console.print(f"{finding.about:<10} {finding.words}", markup=False)
            if finding.advice:
                console.print(f"  {'':<5}{'':<10} -> {finding.advice}", markup=False)
    fit = [port for port, findings in examined.items() if _fit(findings)]
    if fit:
        console.print(f"Fit for use: {', '.join(fit)}", markup=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ridgekey sensor doctor",
        description="Find the sensor among the serial ports, see how it and its wires are, say what to do.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sensor", nargs="*", help="serial:PORT[?baud=N] (default: every likely port)")
    parser.add_argument("--finger", action="store_true", help="also take an image")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser
