"""Everything that a bad day can do to a sensor, each as one entry of a table.

`fault` says what a fault is; `link`, `timing`, `protocol`, `finger` and `device` hold them; `table` has them
all by name; `active` are those that are set on a running module.
"""

from hw.simulator.faults.active import ActiveFaults
from hw.simulator.faults.fault import Fault, FaultError, Layer, Parameter
from hw.simulator.faults.table import FAULTS, as_markdown, as_text, find

__all__ = [
    "FAULTS",
    "ActiveFaults",
    "Fault",
    "FaultError",
    "Layer",
    "Parameter",
    "as_markdown",
    "as_text",
    "find",
]
