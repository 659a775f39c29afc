"""The thread that looks after the kiosk: it goes on, whatever goes wrong on it."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.cose import kid_of
from contracts.eip712 import Domain
from contracts.messages import Action, Command, Outcome, report_of
from edge.biometrics.minutiae import MinutiaExtractor
from edge.journeys.visit import Desk
from edge.links.link import LinkState, LinkStatus
from edge.links.outbox import Outbox
from edge.sensor import KioskSensor
from edge.state.database import Database
from edge.steering.presence import Presences
from edge.steering.steward import Steward
from tests.edge.standin import until

KEY = Ed25519PrivateKey.generate()
KIOSK = kid_of(KEY.public_key())
KNOWN = {KIOSK: KEY.public_key()}


class Voice:
    """A link whose first report goes wrong in a way that nobody has foreseen."""

    def __init__(self) -> None:
        self.status = LinkStatus(LinkState.UP)
        self.healths: list[bytes] = []
        self.reports: list[bytes] = []
        self._broken = True

    def say_health(self, message: bytes) -> None:
        if self._broken:
            self._broken = False
            raise KeyError("unforeseen")
        self.healths.append(message)

    def say_report(self, message: bytes) -> None:
        self.reports.append(message)

    def reconnect(self) -> None:
        raise NotImplementedError


def test_the_steward_outlives_what_goes_wrong(tmp_path: Path) -> None:
    database = Database(tmp_path / "kiosk.sqlite")
    desk = Desk(
        sensor=cast("KioskSensor", SimpleNamespace(ready=True, info=SimpleNamespace(model="R503"))),
        extractor=cast("MinutiaExtractor", None),
        database=database,
        outbox=Outbox(database, limit=1000),
        state=tmp_path,
        device_key=KEY,
        domain=Domain(1, b"\x11" * 20, "test"),
        on_ledger=False,
        requesters={},
    )
    voice = Voice()
    steward = Steward(desk, Presences(database, KEY, "test"))
    steward.speak_over([voice])
    steward.start()
    try:
        steward.steer(Command("test", KIOSK, 1, Action.REPORT_HEALTH, 2**40))
        until(lambda: voice.reports and voice.healths)
    finally:
        steward.stop()
        database.close()
    _, outcome = report_of(voice.reports[0], KNOWN.get)
    assert isinstance(outcome, Outcome)
    assert outcome.number == 1
