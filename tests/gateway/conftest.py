"""One whole house for the tests that need nothing of their own."""

from collections.abc import Iterator

import pytest

from hw import broker
from tests.gateway.actors import KioskKey, WireKiosk
from tests.gateway.house import House
from tests.gateway.running import RunningGateway, ridgekey, write_config


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("house")
    identity = KioskKey()
    assert ridgekey("gateway", "init", "--state", str(directory / "state")).returncode == 0
    with broker.start(directory / "broker") as running:
        gateway = RunningGateway(write_config(directory, running.url, [identity]))
        kiosk = WireKiosk(running.port, identity, gateway.key)
        requester = directory / "requester"
        done = ridgekey(
            "requester", "init", "--state", str(requester), "--name", "Bank",
            "--gateway", gateway.ready["http"], "--ledger", gateway.ready["ledger"],
            "--contract", gateway.ready["contract"], "--json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        yield House(gateway, kiosk, requester)
        kiosk.close()
        code, words = gateway.stop()
    assert code == 0, words
    assert "Traceback" not in words
