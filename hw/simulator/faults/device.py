"""Faults of the module itself: its power, its plug, its sensing part, its library."""

from dataclasses import replace

from hw.simulator.commands import Answer
from hw.simulator.faults.fault import Call, Chance, Fault, Layer, Parameter, Proceed, Run
from hw.simulator.opcodes import CAPTURES, Code, Opcode
from hw.simulator.sends import Reboot, Send, Unplug

LEFT = {"left": Parameter(40, "packets of the answer that still go out; it must have more", 0, 4096)}


def cut(sends: list[Send], run: Run, then: Reboot | Unplug) -> list[Send]:
    """What goes out before the answer breaks off in the middle of a packet, and what befalls the module."""
    count = run.whole("left")
    if len(sends) <= count or not run.happens():
        return sends
    broken = sends[count]
    half = replace(broken, data=broken.data[: len(broken.data) // 2], then=then)
    return [*sends[:count], half]


def brown_out(sends: list[Send], run: Run) -> list[Send]:
    """The supply sags: the module breaks off and starts anew."""
    return cut(sends, run, Reboot(forgetful=bool(run.whole("forgetful"))))


def unplug(sends: list[Send], run: Run) -> list[Send]:
    """The plug is pulled and put back."""
    return cut(sends, run, Unplug(run.number("seconds")))


def broken_sensor(call: Call, proceed: Proceed, run: Run) -> Answer:
    """The processor lives, the sensing part does not."""
    if call.opcode not in {Opcode.CHECK_SENSOR, *CAPTURES}:
        return proceed()
    answer = proceed()
    if answer.code == call.state.profile.unknown_code or not run.happens():
        return answer
    return Answer(Code.CAPTURE_FAILED if call.opcode in CAPTURES else Code.SENSOR_FAULT, busy=answer.busy)


def fill_library(call: Call, proceed: Proceed, run: Run) -> Answer:
    """Templates that somebody has stored."""
    if call.opcode not in (Opcode.TEMPLATE_NUM, Opcode.READ_INDEX_TABLE) or not run.happens():
        return proceed()
    flash = call.state.flash
    own, flash.templates = flash.templates, set(range(run.whole("count")))
    try:
        return proceed()
    finally:
        flash.templates = own


FAULTS = (
    Fault(
        "unplug",
        Layer.DEVICE,
        "the port vanishes in the middle of an answer, and its power with it, and comes back as another",
        Chance.ANSWER,
        {"seconds": Parameter(1.0, "until it is back", 0, 3600), **LEFT},
        sends=unplug,
    ),
    Fault(
        "brown-out",
        Layer.DEVICE,
        "the module breaks off an answer and starts anew: no image, password to be verified again",
        Chance.ANSWER,
        {"forgetful": Parameter(0, "1: baud rate and packet size as from the factory", 0, 1), **LEFT},
        sends=brown_out,
    ),
    Fault(
        "sensor-fault",
        Layer.DEVICE,
        "the sensing part is broken: 29 to CheckSensor, 03 to every capture",
        Chance.COMMAND,
        times=0,
        answer=broken_sensor,
    ),
    Fault(
        "templates-stored",
        Layer.DEVICE,
        "the library is not empty",
        Chance.COMMAND,
        {"count": Parameter(3, "templates in it", 1, 1000)},
        times=0,
        answer=fill_library,
    ),
)
