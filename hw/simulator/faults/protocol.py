"""Faults of the conversation: answers that come late, twice, for another command, or that are not true."""

from collections.abc import Callable
from dataclasses import replace

from hw.simulator.commands import PARAMETERS, PRODUCT_INFO, Answer
from hw.simulator.faults.fault import (
    ANY_OPCODE,
    Answering,
    Call,
    Chance,
    Fault,
    Layer,
    Parameter,
    Proceed,
    Run,
)
from hw.simulator.faults.link import KINDS, each_packet
from hw.simulator.opcodes import Code, Opcode
from hw.simulator.packets import ADDRESS_END, HEADER

OPCODE = {"opcode": Parameter(ANY_OPCODE, "only for this command; -1 for any", ANY_OPCODE, 0xFF)}
BUSY_BIT = 1


def hit(call: Call, run: Run) -> bool:
    """Whether the fault happens to this command."""
    return run.whole("opcode") in (ANY_OPCODE, call.opcode) and run.happens()


def afterwards(change: Callable[[Answer, Run], Answer]) -> Answering:
    """The fault that lets a command be obeyed and changes the answer."""

    def answering(call: Call, proceed: Proceed, run: Run) -> Answer:
        answer = proceed()
        return change(answer, run) if hit(call, run) else answer

    return answering


def instead(change: Callable[[Run], Answer]) -> Answering:
    """The fault that answers without the command being obeyed."""

    def answering(call: Call, proceed: Proceed, run: Run) -> Answer:
        return change(run) if hit(call, run) else proceed()

    return answering


def only(opcode: Opcode, change: Callable[[Answer, Run], Answer]) -> Answering:
    """The fault that changes successful answers to one command."""

    def answering(call: Call, proceed: Proceed, run: Run) -> Answer:
        answer = proceed()
        suits = call.opcode == opcode and answer.code == Code.OK
        return change(answer, run) if suits and run.happens() else answer

    return answering


def of_the_command_before(call: Call, proceed: Proceed, run: Run) -> Answer:
    """The answer to the command before, in place of the true one."""
    before, now = run.kept.get("before"), proceed()
    run.kept["before"] = now
    if not isinstance(before, Answer) or not hit(call, run):
        return now
    return replace(now, code=before.code, result=before.result)


def lose_session(call: Call, proceed: Proceed, run: Run) -> Answer:
    """A reboot that nobody asked for, noticed at the next command."""
    if call.opcode == Opcode.VFY_PWD or not hit(call, run):
        return proceed()
    call.state.start()
    call.state.insists = True
    announcement = b"\x55" if call.state.profile.announces_itself else b""
    return Answer(Code.MUST_VERIFY, before=announcement)


def ask_for_password(call: Call, proceed: Proceed, run: Run) -> Answer:
    """A module with a password of its own, in place of the factory's zeros."""
    if run.opportunities == 0:
        call.state.verified = False
    flash = call.state.flash
    own, flash.password = flash.password, bytes.fromhex(run.word("password")).rjust(4, b"\0")[-4:]
    try:
        answer = proceed()
    finally:
        flash.password = own
    if answer.code in (Code.MUST_VERIFY, Code.WRONG_PASSWORD):
        run.happens()
    return answer


def keep_busy(answer: Answer, _: Run) -> Answer:
    """The busy bit of the status register set."""
    return _with_parameter(answer, 0, lambda status: status | BUSY_BIT)


def lie_about_baud(answer: Answer, run: Run) -> Answer:
    """Another baud factor in the parameters."""
    return _with_parameter(answer, 6, lambda _: run.whole("factor"))


def _with_parameter(answer: Answer, index: int, change: Callable[[int], int]) -> Answer:
    fields = list(PARAMETERS.unpack(answer.result))
    fields[index] = change(fields[index])
    return replace(answer, result=PARAMETERS.pack(*fields))


def lie_about_product(answer: Answer, run: Run) -> Answer:
    """Another image size in the product info."""
    fields = list(PRODUCT_INFO.unpack(answer.result))
    fields[-4:-2] = run.whole("width"), run.whole("height")
    return replace(answer, result=PRODUCT_INFO.pack(*fields))


def shorten(answer: Answer, run: Run) -> Answer:
    """An upload without its end."""
    return replace(answer, upload=answer.upload[: -run.whole("bytes")])


def lengthen(answer: Answer, run: Run) -> Answer:
    """An upload with something after its end."""
    return replace(answer, upload=answer.upload + run.dice.randbytes(run.whole("bytes")))


def readdress(data: bytes, run: Run) -> bytes:
    """The same packet from another address; the checksum does not cover it."""
    return HEADER + run.whole("address").to_bytes(4, "big") + data[ADDRESS_END:]


FAULTS = (
    Fault(
        "ack-late",
        Layer.PROTOCOL,
        "an answer comes late: after the host has given up, it answers the next command",
        Chance.COMMAND,
        {"seconds": Parameter(1.5, "how late", 0, 3600), **OPCODE},
        answer=afterwards(lambda answer, run: replace(answer, pause=run.number("seconds"))),
    ),
    Fault(
        "ack-double",
        Layer.PROTOCOL,
        "an acknowledge packet comes twice",
        Chance.COMMAND,
        OPCODE,
        answer=afterwards(lambda answer, _: replace(answer, repeated=True)),
    ),
    Fault(
        "ack-other",
        Layer.PROTOCOL,
        "a command gets the answer to the command before",
        Chance.COMMAND,
        OPCODE,
        answer=of_the_command_before,
    ),
    Fault(
        "code-unknown",
        Layer.PROTOCOL,
        "a command is answered with a code that no manual has, and is not obeyed",
        Chance.COMMAND,
        {"code": Parameter(0x77, "the code", 0, 0xFF, hexadecimal=True), **OPCODE},
        answer=instead(lambda run: Answer(run.whole("code"))),
    ),
    Fault(
        "unsupported",
        Layer.PROTOCOL,
        "a command is answered with FC (unsupported)",
        Chance.COMMAND,
        OPCODE,
        times=0,
        answer=instead(lambda _: Answer(Code.UNSUPPORTED)),
    ),
    Fault(
        "bad-packet",
        Layer.PROTOCOL,
        "a command is answered with 01 (bad packet), this many times",
        Chance.COMMAND,
        OPCODE,
        times=2,
        answer=instead(lambda _: Answer(Code.BAD_PACKET)),
    ),
    Fault(
        "address-wrong",
        Layer.PROTOCOL,
        "a packet comes from another address",
        Chance.PACKET,
        {
            "address": Parameter(1, "the address", 0, 0xFFFFFFFF, hexadecimal=True),
            "packets": Parameter("ack", "which packets it can hit", choices=tuple(KINDS)),
        },
        sends=each_packet(readdress),
    ),
    Fault(
        "session-lost",
        Layer.PROTOCOL,
        "the module has rebooted by itself: 55 (where it announces itself), then 21 until VfyPwd; no image",
        Chance.COMMAND,
        OPCODE,
        answer=lose_session,
    ),
    Fault(
        "password-set",
        Layer.PROTOCOL,
        "the module has a password: 21 to everything, 13 to VfyPwd with another one",
        Chance.COMMAND,
        {"password": Parameter("01020304", "its four bytes")},
        times=0,
        answer=ask_for_password,
    ),
    Fault(
        "busy-stuck",
        Layer.PROTOCOL,
        "the busy bit of the status register is always set",
        Chance.COMMAND,
        times=0,
        answer=only(Opcode.READ_SYS_PARA, keep_busy),
    ),
    Fault(
        "baud-field",
        Layer.PROTOCOL,
        "the parameters tell another baud rate than the one in use",
        Chance.COMMAND,
        {"factor": Parameter(12, "the rate in multiples of 9600", 0, 0xFFFF)},
        times=0,
        answer=only(Opcode.READ_SYS_PARA, lie_about_baud),
    ),
    Fault(
        "packet-size",
        Layer.PROTOCOL,
        "an image comes in packets of another size than the parameters tell",
        Chance.COMMAND,
        {"size": Parameter(64, "payload bytes of a packet", 1, 256)},
        times=0,
        answer=only(Opcode.UP_IMAGE, lambda answer, run: replace(answer, packet_size=run.whole("size"))),
    ),
    Fault(
        "image-short",
        Layer.PROTOCOL,
        "an image ends, well marked, some bytes early",
        Chance.COMMAND,
        {"bytes": Parameter(128, "how many are missing", 1, 36_863)},
        answer=only(Opcode.UP_IMAGE, shorten),
    ),
    Fault(
        "image-long",
        Layer.PROTOCOL,
        "an image goes on beyond its size",
        Chance.COMMAND,
        {"bytes": Parameter(128, "how many are too many", 1, 65_536)},
        answer=only(Opcode.UP_IMAGE, lengthen),
    ),
    Fault(
        "product-wrong",
        Layer.PROTOCOL,
        "the product info tells another image size than the image has",
        Chance.COMMAND,
        {
            "width": Parameter(256, "pixels", 0, 0xFFFF),
            "height": Parameter(288, "pixels", 0, 0xFFFF),
        },
        times=0,
        answer=only(Opcode.READ_PROD_INFO, lie_about_product),
    ),
)
