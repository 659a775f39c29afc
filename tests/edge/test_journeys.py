"""The whole way through the kiosk with real parts: sensor process, biometrics, broker, signed receipts."""

import base64

from contracts.acts import Enrol
from tests.edge.conftest import World


def test_enrol(world: World) -> None:
    person = world.person(1)
    done = world.ask(person, "enrol")
    print(done, person.names())
    print((world.directory / "agent.log").read_text())
    assert done["state"] == "final"
