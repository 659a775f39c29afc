"""What is wrong with a sensor and its wires, as far as the wire shows, and what to do about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from drivers import urls
from drivers.errors import (
    NoSuchPortError,
    NotASensorError,
    SensorError,
    SensorLockedError,
    SilentSensorError,
)
from drivers.exchange import WAKE_UP
from drivers.image import LEVELS, FingerImage
from drivers.link import Link
from drivers.opcodes import Opcode
from drivers.opening import open_sensor
from drivers.packets import Kind, encode
from drivers.provisioning import BAUD, PACKET_SIZE
from drivers.sensor import Sensor
from drivers.timing import Deadlines
from drivers.wire import Wire

CANDIDATES = ("fingerprint", "ttyAMA*", "ttyUSB*", "ttyACM*", "ttyS0", "ttyTHS*")
"""Names under /dev that a sensor's port may have: the udev rule's, Raspberry Pi UARTs, USB adapters."""

QUICK = Deadlines(answer=0.3)
"""For looking at a port that may have nothing on it."""

_LISTEN_SECONDS = 0.3
_HELLO = encode(Kind.COMMAND, bytes([Opcode.VFY_PWD, 0, 0, 0, 0]))
_CONSOLE_WORDS = (b"login", b"console", b"Linux", b"boot", b"kernel", b"\r\n")
_BACKGROUND, _INK = range(LEVELS - 3, LEVELS), range(3)


class Weight(StrEnum):
    """How much a finding matters."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        weight: How much it matters.
        about: What it is about, one word.
        words: What was found.
        advice: What to do; empty if nothing.
    """

    weight: Weight
    about: str
    words: str
    advice: str = ""


def candidates(folder: Path = Path("/dev")) -> list[str]:
    """Ports that a sensor may be on; one that two names lead to is named once."""
    found: dict[Path, str] = {}
    for pattern in CANDIDATES:
        for path in sorted(folder.glob(pattern)):
            found.setdefault(path.resolve(), str(path))
    return list(found.values())


def examine_port(url: str) -> Iterator[Finding]:
    """Everything that can be found without a finger; the first finding is about the port."""
    try:
        with open_sensor(url, refuse_templates=False, deadlines=QUICK) as sensor:
            yield Finding(Weight.GOOD, "port", f"a sensor answers on {sensor.info.port}")
            yield from about_sensor(sensor)
    except (SilentSensorError, NotASensorError) as error:
        yield from about_wires(url, error)
    except SensorLockedError as error:
        yield Finding(Weight.GOOD, "port", f"a sensor answers on {urls.parse(url).path}")
        yield Finding(Weight.BAD, "password", str(error), "there is no way to reset or read a lost password")
    except NoSuchPortError as error:
        advice = "on a Raspberry Pi, switch the UART on (hw/wiring.md); with USB, look at `dmesg`"
        yield Finding(Weight.BAD, "port", str(error), advice)
    except SensorError as error:
        yield Finding(Weight.BAD, "port", str(error))


def about_sensor(sensor: Sensor) -> Iterator[Finding]:
    """What a sensor that answers tells of itself."""
    info = sensor.info
    serial = f", serial number {info.serial}" if info.serial else ""
    yield Finding(Weight.GOOD, "model", f"{info.model}{serial}: {info.width} x {info.height}, {info.dpi} dpi")
    provision = "run `ridgekey sensor provision` once"
    fast = info.baud >= BAUD
    yield Finding(
        Weight.GOOD if fast else Weight.NOTE,
        "rate",
        f"{info.baud} baud" + ("" if fast else f"; {BAUD} halves the time of an image"),
        "" if fast else provision,
    )
    if info.baud_told and info.baud_told != info.baud:
        yield Finding(
            Weight.NOTE,
            "rate",
            f"it says that it is set to {info.baud_told} baud, and speaks {info.baud}",
            "it may change at the next start; the rate is found by trying, so nothing need be done",
        )
    big = info.packet_size >= PACKET_SIZE
    yield Finding(
        Weight.GOOD if big else Weight.NOTE,
        "packets",
        f"{info.packet_size} bytes" + ("" if big else f"; {PACKET_SIZE} saves 4 % of the time"),
        "" if big else provision,
    )
    yield _templates(info.templates_stored)
    yield Finding(Weight.GOOD, "password", "it accepts ours")
    if info.holds_image:
        yield Finding(
            Weight.NOTE, "image", "it held somebody's image", "it is removed when the sensor is next used"
        )
    yield _tag(sensor)


def _templates(stored: int) -> Finding:
    if not stored:
        return Finding(Weight.GOOD, "templates", "none stored")
    return Finding(
        Weight.BAD,
        "templates",
        f"{stored} stored: ridgekey uses no sensor that stores anybody's finger",
        "erase its library with the tool that filled it, or take another sensor",
    )


def _tag(sensor: Sensor) -> Finding:
    try:
        tag = sensor.tag()
    except SensorError as error:
        return Finding(Weight.NOTE, "tag", f"its notepad cannot be read ({error})")
    if tag is None:
        return Finding(
            Weight.NOTE, "tag", "none: any sensor would be accepted in its place", "provision it with --tag"
        )
    return Finding(
        Weight.GOOD, "tag", tag, f"name it in the settings: serial:{sensor.info.port}?module={tag}"
    )


def about_wires(url: str, error: SensorError) -> Iterator[Finding]:
    """Why no sensor answers, judged from the bytes that come back when one is called."""
    where = urls.parse(url)
    try:
        heard = [(baud, listen(where.path, baud)) for baud in where.bauds]
    except SensorError as trouble:
        yield Finding(Weight.BAD, "port", str(trouble))
        return
    yield Finding(Weight.BAD, "port", str(error))
    yield judge(heard)


def listen(path: str, baud: int) -> bytes:
    """What comes back in a moment after VfyPwd was sent at this rate."""
    wire = Wire(Link.open(path, baud), QUICK)
    heard = b""
    try:
        wire.flush()
        wire.write(_HELLO)
        until = wire.clock.now() + _LISTEN_SECONDS
        while (left := until - wire.clock.now()) > 0 and len(heard) < 4096:
            if wire.pull(left):
                heard += wire.drop()
    finally:
        wire.close()
    return heard


def judge(heard: Sequence[tuple[int, bytes]]) -> Finding:
    """What the bytes heard at each rate say of the wires."""
    everything = b"".join(data for _, data in heard)
    if not everything:
        return Finding(
            Weight.BAD,
            "wires",
            "not one byte comes back",
            "check the supply (R503 3.3 V, R307 5 V) and ground; then swap TX and RX; see hw/wiring.md",
        )
    if any(_HELLO in data for _, data in heard):
        return Finding(
            Weight.BAD,
            "wires",
            "our own bytes come back",
            "TX and RX touch each other, or lead to each other",
        )
    if set(everything) == {WAKE_UP[0]}:
        return Finding(
            Weight.BAD,
            "wires",
            "the sensor announces its start, and does not hear us",
            "look at the wire from our TX to its RX: no divider belongs there. If it goes on announcing "
            "itself, its supply is too weak and it keeps starting",
        )
    if any(word in everything for word in _CONSOLE_WORDS):
        return Finding(
            Weight.BAD,
            "wires",
            "a console speaks on this port",
            "remove console=serial0,115200 from /boot/firmware/cmdline.txt and mask serial-getty@ for it",
        )
    if set(everything) <= {0x00, 0xFF}:
        return Finding(
            Weight.BAD, "wires", "the line is held low or floats", "check ground, and that TX reaches our RX"
        )
    return Finding(
        Weight.BAD,
        "wires",
        "something answers that is no packet, at no rate",
        "check ground and the length of the wires; on a Pi use the PL011, not the mini-UART (hw/wiring.md)",
    )


def about_image(image: FingerImage) -> Iterator[Finding]:
    """What an image of a finger says of the sensor: its transfer, and whether ridges are dark."""
    if image.transfer:
        again = image.transfer.attempts > 1
        yield Finding(
            Weight.NOTE if again else Weight.GOOD,
            "transfer",
            f"{image.transfer.seconds:.2f} s, {image.transfer.attempts} attempt{'s' * again}",
            "the line is noisy: shorter wires, better ground, another USB adapter" if again else "",
        )
    counts = image.histogram()
    light, dark = sum(counts[level] for level in _BACKGROUND), sum(counts[level] for level in _INK)
    if dark > light:
        yield Finding(
            Weight.BAD,
            "polarity",
            "dark prevails: light ridges on a dark ground, or a very wet finger",
            "dry the finger and try again; if it stays so, this module sends its images inverted",
        )
    else:
        yield Finding(Weight.GOOD, "polarity", "dark ridges on a light ground")
