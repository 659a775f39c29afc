"""The gateway on three geth nodes that seal by proof of authority, of which one is killed and one is cut off.

Run by `make test-network`. Whatever becomes of the nodes, in the end every act stands on the ledger once, and
every receipt is borne out by it.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from contracts.envelope import commitment
from contracts.hexes import from_hex, to_hex
from gateway.audit.fetch import fetch
from gateway.audit.verify import verify
from gateway.ledger.client import LedgerClient
from gateway.ledger.registry import Registry
from hw import broker
from hw.bench.chaos.life import Book, Life
from hw.bench.chaos.run import Crowd
from hw.bench.chaos.verdict import judge
from hw.bench.crowd.kiosk import Kiosk, Wire
from hw.bench.crowd.people import Person, Requester
from hw.bench.crowd.premises import ENVIRONMENT, Running
from hw.engines import geth
from hw.engines.geth import GethNode, Network, block_hash, head, network, wait_until
from hw.engines.tools import GETH_VERSION, ToolMissingError
from hw.processes import Part
from tests.gateway.engines.life import play, whole_life
from tests.gateway.ledger.processes import running

pytestmark = [pytest.mark.network, pytest.mark.timeout(1800)]

NODES = 3
PEOPLE = 12
CONFIRMATIONS = geth.confirmations(NODES)
BLOCKS_AWAY = 6
"""That the others seal while a node is dead or cut off: more than any confirmation waits for."""

ATTEMPTS = 8
"""To cut a node off until the block that it seals alone holds acts: it may have to let others go first."""


@pytest.fixture(scope="module")
def tool() -> Path:
    try:
        return geth.geth()
    except ToolMissingError as error:
        pytest.skip(str(error))


@dataclass
class Scene:
    """Nodes, a gateway on them, and people who act without pause."""

    net: Network
    gateway: Running
    book: Book
    crowd: Crowd

    def say(self, text: str) -> None:
        print(f"  {text}", flush=True)

    def health(self) -> dict[str, object]:
        answer: dict[str, object] = httpx.get(f"{self.gateway.http}/health", timeout=30).json()
        return answer

    def node_in_use(self) -> GethNode:
        """The node that the gateway asks now."""
        url = self.health()["ledger"]
        return next(node for node in self.net.nodes if node.url == url)

    def answered(self) -> int:
        return len(self.book.receipts)

    def wait_for_answers(self, count: int) -> float:
        """Until so many more acts have their receipt; the seconds that it took."""
        goal = self.answered() + count
        return wait_until(lambda: self.answered() >= goal, f"{count} more acts are answered")


@contextmanager
def gateway_on(directory: Path, net_of: "NetworkOf", kiosks: list[Kiosk], wire: str) -> Iterator[Running]:
    """A gateway as its operator sets it up: keys first, then funds for its account, then the nodes' URLs."""
    state = directory / "gateway"
    made = subprocess.run(
        [sys.executable, "-m", "ridgekey", "gateway", "init", "--state", str(state), "--json"],
        capture_output=True, check=True,
    )  # fmt: skip
    net = net_of.start(from_hex(json.loads(made.stdout)["relayer"], 20))
    config = directory / "gateway.toml"
    config.write_text(
        f"""\
state = {json.dumps(str(state))}
environment = "{ENVIRONMENT}"
broker = "{wire}"
listen = "127.0.0.1:0"
ledger = {json.dumps([node.url for node in net.nodes])}
chain_id = {geth.CHAIN_ID}
confirmations = {CONFIRMATIONS}

[relay]
kiosk_per_minute = 0
person_per_minute = 0
requests_per_minute = 0

[kiosks]
"""
        + "".join(f'"{kiosk.id}" = "{kiosk.public_key}"\n' for kiosk in kiosks)
    )
    words = ["gateway", "run", "--config", str(config), "--json"]
    with Part("gateway", words, directory / "gateway.log") as part:
        yield Running(part, part.wait_ready())
    print((directory / "gateway.log").read_text()[-2000:])


class NetworkOf:
    """The network, which begins when it is known whose account owns its funds."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open = None
        self.net: Network

    def start(self, funded: bytes) -> Network:
        self._open = network(self._directory, NODES, funded)
        self.net = self._open.__enter__()
        return self.net

    def __enter__(self) -> "NetworkOf":
        return self

    def __exit__(self, *_: object) -> None:
        if self._open is not None:
            self._open.__exit__(None, None, None)


@pytest.fixture(scope="module")
def scene(tool: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("network")
    kiosks = [Kiosk() for _ in range(2)]
    book = Book()
    with (
        broker.start(directory / "broker") as wire,
        NetworkOf(directory) as net_of,
        gateway_on(directory, net_of, kiosks, wire.url) as gateway,
        Wire(wire.url, kiosks, gateway.key, book.hear) as post,
    ):
        crowd = Crowd(_people(kiosks, gateway, post, book))
        crowd.meet(gateway)
        crowd.start()
        yield Scene(net_of.net, gateway, book, crowd)


def _people(kiosks: list[Kiosk], gateway: Running, post: Wire, book: Book) -> list[Life]:
    """People on the ledger with a record each."""
    deadline = int(time.time()) + 7 * 86_400
    people = [Person(f"network person {n}", deadline) for n in range(PEOPLE)]
    lives = [
        Life(
            person, kiosks[n % len(kiosks)], Requester(f"network requester {n}", deadline, deadline),
            gateway.domain, post.publish, book,
        )
        for n, person in enumerate(people)
    ]  # fmt: skip
    for person, life in zip(people, lives, strict=True):
        life.begin(person.enrol())
    _await_answers(lives)
    for person, life in zip(people, lives, strict=True):
        document = person.document()
        life.begin(person.register(commitment(document)), document)
    _await_answers(lives)
    return lives


def _await_answers(lives: list[Life]) -> None:
    def all_answered() -> bool:
        with httpx.Client() as http:
            for life in lives:
                life.again(http, time.monotonic())
        return all(life.is_answered for life in lives)

    wait_until(all_answered, "the first acts are answered")


def test_nothing_is_lost_or_doubled_whatever_becomes_of_the_nodes(scene: Scene) -> None:
    print(f"\n{NODES} nodes of geth {GETH_VERSION}, {CONFIRMATIONS} confirmations, {PEOPLE} people")
    scene.say(f"{30 / scene.wait_for_answers(30):.1f} acts a second while all is well")
    _kill(scene)
    undone = _cut_off(scene)
    _kill(scene)
    assert scene.crowd.come_to_rest(300), "somebody still waits for an answer"
    height = scene.net.agree()
    _judge(scene, height)
    assert undone > 0


def _kill(scene: Scene) -> None:
    """The node in use dies; the gateway goes on with another; the node comes back and catches up."""
    node = scene.node_in_use()
    node.kill()
    seconds = scene.wait_for_answers(10)
    scene.say(
        f"{node.name}, in use, killed: 10 acts answered {seconds:.1f} s later by {scene.node_in_use().name}"
    )
    assert scene.node_in_use() is not node
    scene.net.wait_for_blocks(scene.node_in_use(), BLOCKS_AWAY)
    node.start()
    scene.net.connect()
    seconds = wait_until(lambda: head(node) + 1 >= head(scene.node_in_use()), f"{node.name} catches up")
    scene.say(f"{node.name} is back and has caught up after {seconds:.1f} s")
    scene.wait_for_answers(10)


def _cut_off(scene: Scene) -> int:
    """The node in use is cut off until a block of its own is undone that held acts; how many transactions."""
    for attempt in range(1, ATTEMPTS + 1):
        node = scene.node_in_use()
        other = next(each for each in scene.net.running if each is not node)
        scene.net.cut_off(node)
        scene.net.wait_for_blocks(other, BLOCKS_AWAY)
        numbers = range(head(node) - 3, head(node) + 1)
        mine = [(block_hash(node, number), _transactions(node, number)) for number in numbers]
        begun = time.monotonic()
        scene.net.connect()
        scene.net.agree()
        theirs = [block_hash(node, number) for number in numbers]
        undone = [count for (before, count), after in zip(mine, theirs, strict=True) if before != after]
        scene.wait_for_answers(10)
        if sum(undone):
            seconds = time.monotonic() - begun
            scene.say(
                f"{node.name}, in use, cut off (attempt {attempt}): {len(undone)} block with {sum(undone)}"
                f" transactions undone when it came back; 10 acts answered {seconds:.1f} s later"
            )
            return sum(undone)
    return 0


def _transactions(node: GethNode, number: int) -> int:
    with node.client() as client:
        return int(client.request("eth_getBlockTransactionCountByNumber", hex(number)), 16)


def _judge(scene: Scene, height: int) -> None:
    domain = scene.gateway.domain
    for node in scene.net.nodes:
        with node.client() as client:
            verdict = judge(scene.book, Registry(client, domain.contract), domain)
            report = verify(fetch(client, domain.contract), ENVIRONMENT)
        scene.say(f"{node.name}: {verdict}; the audit of {report.acts} acts holds: {report.holds}")
        assert verdict.is_clean
        assert report.holds
        assert report.acts == len(scene.book.sent)
    scene.say(f"height {height}, sendings {scene.book.sendings}, gateway: {scene.health()['counts']}")


def test_geth_takes_and_refuses_what_the_embedded_ledger_does(tool: Path, tmp_path: Path) -> None:
    """Its rules are older, so gas differs a little; what counts and what is told does not."""
    life = whole_life(geth.CHAIN_ID)
    options = ("--chain-id", str(geth.CHAIN_ID), "--fund", to_hex(life.relayer.address))
    with running(tmp_path / "ours", *options) as node, node.client() as client:
        ours = play(life, client)
    with network(tmp_path, 1, life.relayer.address) as net, LedgerClient(net.nodes[0].url) as client:
        theirs = play(life, client)
    for (name, our), (_, their) in zip(ours, theirs, strict=True):
        assert {**our, "gas": 0} == {**their, "gas": 0}, name
