"""All faults by name, and the table in words."""

from hw.simulator.faults import device, finger, link, protocol, timing
from hw.simulator.faults.fault import Fault, FaultError, Layer, Parameter

PARTS = (link.FAULTS, timing.FAULTS, protocol.FAULTS, finger.FAULTS, device.FAULTS)
FAULTS = {fault.name: fault for part in PARTS for fault in part}
"""Every fault that a simulated sensor can have."""

COMMON = """\
Every fault also takes rate (share of its opportunities at which it happens, default 1), times (how often it
happens at most, default 1, 0 for no end), after (opportunities that it lets pass first) and seed (the same
seed makes the same bad day). Where it is listed, packets says what can be hit (data, ack or any), and opcode
names the one command that can (-1 for any)."""

SHARED = ("packets", "opcode")
"""Parameters that mean the same wherever they are found, said once."""


def find(name: str) -> Fault:
    """The fault of this name.

    Raises:
        FaultError: there is none.
    """
    if name not in FAULTS:
        raise FaultError(f"there is no fault {name!r}; `ridgekey sensor fault --help` lists them all")
    return FAULTS[name]


def as_text() -> str:
    """The table for a terminal: one line for each fault, one for each parameter that is its alone."""
    lines = []
    for layer in Layer:
        lines += ["", f"{layer} faults:"]
        for fault in _of(layer):
            shared = "".join(
                f" [{name}={parameter}]" for name, parameter in fault.parameters.items() if name in SHARED
            )
            times = f" [times={fault.times}]" if fault.times != 1 else ""
            lines.append(f"  {fault.name:<20} {fault.summary}{shared}{times}")
            lines += [
                f"  {'':<20}   {name}={parameter}  {_explained(parameter)}"
                for name, parameter in fault.parameters.items()
                if name not in SHARED
            ]
    return "\n".join(lines).lstrip()


def as_markdown() -> str:
    """The table for a document."""
    lines = []
    for layer in Layer:
        lines += [
            "",
            f"**{layer.capitalize()}**",
            "",
            "| fault | what it does | parameters | opportunity | times |",
        ]
        lines.append("|---|---|---|---|---|")
        for fault in _of(layer):
            own = ", ".join(f"`{name}={parameter}`" for name, parameter in fault.parameters.items())
            times = fault.times or "no end"
            lines.append(f"| `{fault.name}` | {fault.summary} | {own} | {fault.chance} | {times} |")
    return "\n".join(lines).lstrip()


def _of(layer: Layer) -> list[Fault]:
    return [fault for fault in FAULTS.values() if fault.layer == layer]


def _explained(parameter: Parameter) -> str:
    return parameter.summary + (f" ({', '.join(parameter.choices)})" if parameter.choices else "")
