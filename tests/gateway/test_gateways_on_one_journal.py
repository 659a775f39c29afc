"""Two gateways on one journal: one is killed, one sleeps, the database goes; nothing is lost or doubled."""

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from contracts.acts import Enrol
from contracts.messages import Receipt, ReceiptStatus, from_gateway
from gateway.journal.postgres import LEASE_SECONDS
from tests.gateway.actors import Person
from tests.gateway.cluster import Cluster
from tests.gateway.pair import PATIENCE, Pair, deliver, running_pair
from tests.gateway.running import RunningGateway, ridgekey, run_here

ACTS = 24
TAKEOVER_SECONDS = LEASE_SECONDS + 20
"""The lease, until the next look, and what the work itself takes where others run."""


@dataclass
class Team:
    """Two gateways, and the database that they share."""

    pair: Pair
    cluster: Cluster
    url: str

    @property
    def gateways(self) -> list[RunningGateway]:
        return self.pair.gateways

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        return self.cluster.ask(statement, self.url)

    def carry(self, act: Enrol, person: Person, to: RunningGateway) -> bytes | None:
        """Bring an act to a gateway's HTTP, as a phone would: its digest once it is in the journal."""
        kiosk = self.pair.kiosk.identity
        message = person.message(act, self.gateways[1].domain).sign(kiosk.key)
        try:
            answer = httpx.post(f"{to.ready['http']}/messages/{kiosk.id}", content=message, timeout=1)
        except httpx.HTTPError:
            return None
        return act.digest(self.gateways[1].domain) if answer.status_code == 202 else None

    def receipt(self, digest: bytes, within: float) -> Receipt:
        """What the second gateway has to say of an act."""
        second, end = self.gateways[1], time.monotonic() + within
        while True:
            answer = httpx.get(f"{second.ready['http']}/receipts/0x{digest.hex()}")
            if answer.status_code == 200:
                receipt = from_gateway(answer.content, second.key)
                assert isinstance(receipt, Receipt)
                return receipt
            assert time.monotonic() < end, answer.text
            time.sleep(0.1)

    def hand_over(self, how: signal.Signals) -> tuple[list[bytes], float]:
        """Let the first gateway take acts, and send it a signal in the middle; those it took, and when."""
        with ThreadPoolExecutor(4) as pool:
            people = [Person() for _ in range(ACTS)]
            work = [pool.submit(self.carry, each.enrol(), each, self.gateways[0]) for each in people]
            self.wait_until_done(work, ACTS // 3)
            ledger = self.pair.node._process.pid
            os.kill(ledger, signal.SIGSTOP)  # from here on none of them is over, however slow this test is
            self.wait_until_done(work, ACTS * 2 // 3)
            os.kill(self.gateways[0].process.pid, how)
            os.kill(ledger, signal.SIGCONT)
            since = time.monotonic()
        taken = [digest for digest in (each.result() for each in work) if digest is not None]
        assert len(taken) >= ACTS // 2
        return taken, since

    def wait_until_done(self, work: list[Future[bytes | None]], count: int) -> None:
        while sum(each.done() for each in work) < count:
            time.sleep(0.001)

    def give_up(self, gateway: RunningGateway) -> None:
        """Let the lease of a gateway run out, sooner than the clock would."""
        keys = run_here("gateway", "keys", "list", "--config", str(gateway.config), "--json")
        address = json.loads(keys.stdout)[0]["address"].removeprefix("0x")
        self.ask(f"UPDATE gateways SET alive_until = now() WHERE relayer = decode('{address}', 'hex')")

    def under_way(self) -> int:
        ((count,),) = self.ask("SELECT count(*) FROM entries WHERE state NOT IN ('final', 'rejected')")
        assert isinstance(count, int)
        return count

    def everything(self) -> list[object]:
        tables = ("entries", "shipments", "candidates", "rates", "enrolments", "facts", "objects")
        return [self.ask(f"SELECT * FROM {table} ORDER BY 1") for table in tables]


@pytest.fixture(scope="module")
def team(postgres: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    url = postgres.place()
    with running_pair(tmp_path_factory.mktemp("team"), journal=url) as pair:
        yield Team(pair, postgres, url)


def ended(gateway: RunningGateway) -> tuple[int, str]:
    """A gateway that ends by itself: its exit code and what it said."""
    _, words = gateway.process.communicate(timeout=30)
    return gateway.process.returncode, words


def test_one_is_killed_and_the_other_has_all_its_acts_within_the_lease(team: Team) -> None:
    before = team.pair.effects()
    taken, since = team.hand_over(signal.SIGKILL)
    team.gateways[0].process.wait()
    assert team.under_way() > 0, "it was killed too late to test anything"
    receipts = [team.receipt(digest, PATIENCE) for digest in taken]
    assert time.monotonic() - since < TAKEOVER_SECONDS
    assert {receipt.status for receipt in receipts} == {ReceiptStatus.FINAL}
    assert (team.under_way(), team.pair.effects() - before) == (0, len(team.ask("TABLE entries")))

    team.gateways[0].start()
    people = [Person() for _ in range(8)]
    again = deliver(team.pair, [(person, person.enrol()) for person in people])
    assert {receipt.status for receipt in again} == {ReceiptStatus.FINAL}
    assert len(team.ask("SELECT DISTINCT sender FROM shipments WHERE number > (SELECT max(number) - 6 FROM"
                        " shipments)")) == 2, "both do their share"  # fmt: skip


def test_a_kiosk_notices_nothing_when_one_is_killed(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the broker: what the dead one had not acknowledged the kiosk brings again, to the other."""
    acts = [(person, person.enrol()) for person in [Person() for _ in range(ACTS)]]
    before = team.pair.effects()
    kill = team.gateways[0].kill
    monkeypatch.setattr(team.gateways[0], "kill", lambda: (kill(), team.give_up(team.gateways[0])))
    receipts = deliver(team.pair, acts, kill_after=4)
    assert {receipt.status for receipt in receipts} == {ReceiptStatus.FINAL}
    assert team.pair.effects() - before == ACTS
    team.gateways[0].start()
    again = deliver(team.pair, acts)
    assert sorted(map(repr, again)) == sorted(map(repr, receipts)), "one journal gives one answer"
    assert team.pair.effects() - before == ACTS


def test_one_that_sleeps_past_its_lease_can_write_nothing_when_it_wakes_up(team: Team) -> None:
    before, known = team.pair.effects(), len(team.ask("TABLE entries"))
    taken, _ = team.hand_over(signal.SIGSTOP)
    team.give_up(team.gateways[0])
    receipts = [team.receipt(digest, PATIENCE) for digest in taken]
    assert {receipt.status for receipt in receipts} == {ReceiptStatus.FINAL}
    while team.under_way():  # of some it had not told that it took them
        time.sleep(0.1)
    kept = team.everything()

    os.kill(team.gateways[0].process.pid, signal.SIGCONT)
    code, words = ended(team.gateways[0])
    assert (code, "Traceback" in words) == (74, False), words
    assert "no sign of this gateway" in words or "idle-in-transaction" in words
    assert team.everything() == kept
    assert team.pair.effects() - before == len(kept[0]) - known
    team.gateways[0].start()


def test_the_database_goes_away_and_comes_back(team: Team) -> None:
    acts = [(person, person.enrol()) for person in [Person() for _ in range(4)]]
    receipts = deliver(team.pair, acts)
    team.cluster.stop()
    try:
        for gateway in team.gateways:
            code, words = ended(gateway)
            assert code == 74, words
            (line,) = [line for line in words.splitlines() if "on PostgreSQL" in line]
            assert "check the server, then start again" in line
            assert "Traceback" not in words
    finally:
        team.cluster.start()
    team.ask("UPDATE facts SET value = 'test, chain 1, contract 0x12' WHERE name = 'domain'")
    refused = ridgekey("gateway", "run", "--config", str(team.gateways[0].config))
    assert (refused.returncode, "give it another database" in refused.stderr) == (78, True), refused.stderr
    team.ask("DELETE FROM facts WHERE name = 'domain'")
    for gateway in team.gateways:
        gateway.start()
    again = deliver(team.pair, acts)
    assert sorted(map(repr, again)) == sorted(map(repr, receipts))


def test_commands_read_the_shared_journal(team: Team) -> None:
    person = Person()
    (receipt,) = deliver(team.pair, [(person, person.enrol())])
    config = str(team.gateways[1].config)
    shown = run_here("gateway", "journal", "show", f"0x{receipt.digest.hex()}", "--config", config, "--json")
    assert (shown.returncode, json.loads(shown.stdout)["state"]) == (0, "final")
    listed = run_here("gateway", "journal", "list", "--config", config, "--json")
    assert (listed.returncode, listed.stderr) == (0, "")


@pytest.mark.long
def test_killed_again_and_again_at_any_moment(team: Team) -> None:
    """Ten rounds, each of which kills either gateway somewhere between its first act and its last."""
    before, count = team.pair.effects(), 0
    for _ in range(10):
        victim = random.choice(team.gateways)
        acts = [(person, person.enrol()) for person in [Person() for _ in range(ACTS)]]
        team.pair.gateways.sort(key=lambda gateway: gateway is not victim)
        receipts = deliver(team.pair, acts, kill_after=random.randrange(1, ACTS - 1))
        assert {receipt.status for receipt in receipts} == {ReceiptStatus.FINAL}
        count += ACTS
        assert team.pair.effects() - before == count
        victim.start()
