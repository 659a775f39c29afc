"""The gateway as a process: what keeps it from starting, what kills it, and what it survives."""

import json
import os
import re
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.acts import Act
from contracts.messages import Receipt, ReceiptStatus
from hw import broker
from hw.broker import Broker
from tests.gateway.actors import KioskKey, Person, WireKiosk
from tests.gateway.house import PATIENCE, House
from tests.gateway.running import RunningGateway, ridgekey, run_here, write_config

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with broker.start(tmp_path_factory.mktemp("broker")) as started:
        yield started


@pytest.fixture
def state(tmp_path: Path) -> Path:
    assert run_here("gateway", "init", "--state", str(tmp_path / "state")).returncode == 0
    return tmp_path


def fails(config: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and the one line of a gateway that does not start."""
    done = ridgekey("gateway", "run", "--config", str(config), *arguments)
    lines = [line for line in done.stderr.splitlines() if line.startswith("ridgekey: ")]
    assert (done.stdout, len(lines)) == ("", 1), done.stderr
    assert "Traceback" not in done.stderr
    return done.returncode, lines[0]


def test_init_makes_two_keys_for_its_owner_alone(state: Path) -> None:
    for name in ("gateway.pem", "relayer.json", "relayer.passphrase"):
        assert (state / "state" / name).stat().st_mode & 0o777 == 0o600
    done = run_here("gateway", "init", "--state", str(state / "state"))
    assert (done.returncode, done.stderr.count("\n")) == (78, 1)


def test_a_missing_configuration(tmp_path: Path) -> None:
    assert fails(tmp_path / "nothing.toml")[0] == 78


def test_a_state_without_keys(tmp_path: Path) -> None:
    code, line = fails(write_config(tmp_path, "mqtt://127.0.0.1:9", []))
    assert code == 78
    assert "gateway init" in line


def test_keys_that_others_can_read(state: Path) -> None:
    (state / "state" / "gateway.pem").chmod(0o644)
    code, line = fails(write_config(state, "mqtt://127.0.0.1:9", []))
    assert code == 78
    assert "chmod 600" in line


def test_a_stopped_broker(state: Path) -> None:
    code, line = fails(write_config(state, "mqtt://127.0.0.1:9", []))
    assert code == 69
    assert "no MQTT broker answers at 127.0.0.1:9" in line


def test_a_busy_port(state: Path, running: Broker) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, line = fails(write_config(state, running.url, [], listen=f"127.0.0.1:{port}"))
        assert (code, f"127.0.0.1:{port}" in line) == (78, True)
        code, line = fails(write_config(state, running.url, [], ledger_listen=f"127.0.0.1:{port}"))
        assert (code, "embedded ledger does not start" in line) == (78, True)


def test_a_wrong_ledger_url(state: Path, running: Broker) -> None:
    code, line = fails(write_config(state, running.url, []), "--ledger", NOWHERE)
    assert code == 69
    assert "no ledger answers" in line


def test_something_else_than_a_ledger(state: Path, running: Broker, house: House) -> None:
    code, line = fails(write_config(state, running.url, []), "--ledger", house.gateway.ready["http"])
    assert code == 76
    assert "is not a ledger" in line


def test_another_chain(state: Path, running: Broker, house: House) -> None:
    config = write_config(state, running.url, [], ledger=house.gateway.ready["ledger"], chain_id=7)
    code, line = fails(config)
    assert code == 78
    assert "chain id" in line


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"contract": "0x" + "11" * 20}, "no contract", id="none"),
        pytest.param({"environment": "live"}, "another environment", id="of another environment"),
    ],
)
def test_a_contract_that_is_not_ours(
    state: Path, running: Broker, house: House, settings: dict[str, str], words: str
) -> None:
    ready = house.gateway.ready
    settings = {"ledger": ready["ledger"], "contract": ready["contract"], **settings}
    code, line = fails(write_config(state, running.url, [], **settings))
    assert code == 78
    assert words in line


def test_a_second_gateway_on_the_same_state(house: House) -> None:
    code, line = fails(house.gateway.config)
    assert code == 78
    assert "another gateway" in line


class Life:
    """A gateway of one test's own, and a kiosk that talks to it."""

    def __init__(self, directory: Path, running: Broker) -> None:
        self.identity = KioskKey()
        self.gateway = RunningGateway(write_config(directory, running.url, [self.identity]))
        self.kiosk = WireKiosk(running.port, self.identity, self.gateway.key)

    def publish(self, person: Person, act: Act) -> None:
        self.kiosk.publish(person.message(act, self.gateway.domain).sign(self.identity.key))

    def receipt(self) -> Receipt:
        return self.kiosk.receipts.get(timeout=PATIENCE)

    def enrol(self) -> None:
        person = Person()
        self.publish(person, person.enrol())
        assert self.receipt().status is ReceiptStatus.FINAL

    def ledger_process(self) -> int:
        """Process id of the embedded ledger."""
        found = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.gateway.process.pid)],
            capture_output=True,
            text=True,
            check=True,
        )
        return int(found.stdout.split()[0])

    def close(self) -> None:
        self.kiosk.close()
        code, words = self.gateway.stop()
        assert (code, "Traceback" in words) == (0, False), words


@pytest.fixture
def life(state: Path, running: Broker) -> Iterator[Life]:
    life = Life(state, running)
    yield life
    life.close()


def test_killed_it_comes_back_with_its_contract_and_everything_it_had_taken(life: Life) -> None:
    life.enrol()
    before = life.gateway.ready
    people = [Person() for _ in range(10)]
    acts = [person.enrol() for person in people]
    for person, act in zip(people, acts, strict=True):
        life.publish(person, act)
    life.gateway.kill()
    life.gateway.start()
    assert {name: life.gateway.ready[name] for name in ("contract", "gateway_key")} == {
        name: before[name] for name in ("contract", "gateway_key")
    }
    for person, act in zip(people, acts, strict=True):
        life.publish(person, act)  # as the kiosk's outbox does
    waiting = {act.digest(life.gateway.domain) for act in acts}
    deadline = time.monotonic() + PATIENCE
    while waiting:
        assert time.monotonic() < deadline
        receipt = life.receipt()
        assert receipt.status is ReceiptStatus.FINAL, receipt.reason
        waiting.discard(receipt.digest)
    registry = life.gateway.registry()
    assert len(registry.logs(0, registry.client.block_number())) == 1 + len(people)


def test_a_ledger_that_dies_is_started_again_where_it_was(life: Life) -> None:
    life.enrol()
    os.kill(life.ledger_process(), signal.SIGKILL)
    life.enrol()
    assert life.gateway.registry().client.block_number() == 3  # the contract and two people


def test_a_full_disk_ends_it_with_one_line_and_what_was_not_kept_comes_again(
    state: Path, running: Broker
) -> None:
    life = Life(state, running)
    life.enrol()
    # Its files cannot grow any more; the embedded ledger is another process and goes on.
    resource.prlimit(life.gateway.process.pid, resource.RLIMIT_FSIZE, (0, 0))
    person = Person()
    act = person.enrol()
    life.publish(person, act)
    _, words = life.gateway.process.communicate(timeout=PATIENCE)
    lines = [line for line in words.splitlines() if line.startswith("ridgekey: ")]
    assert (life.gateway.process.returncode, len(lines)) == (74, 1), words
    assert "check the disk" in lines[0]
    assert "Traceback" not in words
    life.gateway.start()
    life.publish(person, act)
    assert life.receipt().status is ReceiptStatus.FINAL
    life.close()


def test_help_teaches() -> None:
    for arguments in (["gateway"], ["gateway", "run"], ["requester"], ["requester", "request"]):
        done = run_here(*arguments, "--help")
        assert done.returncode == 0
        assert re.search(r"examples:\n  ridgekey ", done.stdout)


def test_relayers_that_were_added_share_the_work_on_a_ledger_of_its_own(state: Path, running: Broker) -> None:
    life = Life(state, running)
    life.enrol()
    assert life.gateway.stop()[0] == 0
    config = str(life.gateway.config)
    added = json.loads(run_here("gateway", "keys", "add", "--config", config, "--json").stdout)["address"]
    (old, _) = json.loads(run_here("gateway", "keys", "list", "--config", config, "--json").stdout)
    with Path(config).open("a") as file:
        file.write(f'[relay]\nretired = ["{old["address"]}"]\n')
    life.gateway.start()
    life.enrol()
    by = {key["address"]: key for key in json.loads(
        run_here("gateway", "keys", "list", "--config", config, "--json").stdout
    )}  # fmt: skip
    assert by[added]["spent_gwei"] > 0
    life.close()
