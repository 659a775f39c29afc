"""What befalls a link and its ends: each fault strikes at random while consents are captured, then ends."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hw.bench.crowd.premises import Premises
from hw.bench.links.crew import Member
from hw.bench.links.media import Medium

Sleep = Callable[[float], bool]
"""Waits so many seconds; whether the faults are to end."""

MONTH = 30 * 86_400.0


@dataclass(frozen=True)
class Scene:
    """What faults befall."""

    medium: Medium
    premises: Premises
    crew: Sequence[Member]
    dice: random.Random


Fault = Callable[[Scene, Sleep, float], None]
"""Strikes for about so many seconds, or until told to end, and leaves everything mended."""


def none(_: Scene, sleep: Sleep, seconds: float) -> None:
    """Nothing happens."""
    sleep(seconds)


def one_outage(scene: Scene, sleep: Sleep, seconds: float) -> None:
    """The broker dies (the gateway's radio is gone) in mid-stream, for a third of the time."""
    sleep(seconds / 3)
    scene.medium.kill()
    sleep(seconds / 3)
    scene.medium.revive()


def medium_killed(scene: Scene, sleep: Sleep, _: float) -> None:
    """The broker is killed (the gateway's radio pulled out) every few seconds, and is back a second later."""
    while not sleep(scene.dice.uniform(3, 9)):
        scene.medium.kill()
        sleep(1.0)
        scene.medium.revive()


def link_dropped(scene: Scene, sleep: Sleep, _: float) -> None:
    """Every moment some kiosk's link breaks."""
    while not sleep(scene.dice.uniform(0.2, 1.0)):
        scene.medium.drop(scene.dice)


def gateway_killed(scene: Scene, sleep: Sleep, _: float) -> None:
    """The gateway is killed with SIGKILL, and its ledger with it; it starts again at once."""
    while not sleep(scene.dice.uniform(4, 10)):
        scene.premises.gateway.part.kill()
        scene.premises.open()


def disk_full(scene: Scene, sleep: Sleep, _: float) -> None:
    """Some kiosk cannot write a byte, for a second or two."""
    while not sleep(scene.dice.uniform(0.2, 1.0)):
        member = scene.dice.choice(scene.crew)
        member.fill_disk()
        sleep(scene.dice.uniform(0.5, 2.0))
        member.free_disk()


def clock_jumped(scene: Scene, sleep: Sleep, _: float) -> None:
    """Some kiosk's clock is set to anything within a month before or after."""
    while not sleep(scene.dice.uniform(0.1, 0.5)):
        scene.dice.choice(scene.crew).skew = scene.dice.uniform(-MONTH, MONTH)


FAULTS: dict[str, Fault] = {
    "none": none,
    "one outage": one_outage,
    "medium killed": medium_killed,
    "link dropped": link_dropped,
    "gateway killed": gateway_killed,
    "disk full": disk_full,
    "clock jumped": clock_jumped,
}
"""In the order in which they come."""
