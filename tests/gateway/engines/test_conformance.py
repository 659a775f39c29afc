"""The embedded ledger and anvil, given the same bytes, do the same: hash, status, gas, events, answers."""

from collections.abc import Iterator

import pytest

from contracts.hexes import to_hex
from contracts.registry import EVENT_OF, PUBLISHED, SKIPPED, event_topic
from gateway.audit.fetch import Wanted, fetch
from gateway.audit.verify import verify
from gateway.ledger.answers import receipt_bytes
from gateway.ledger.client import LedgerClient
from gateway.ledger.errors import RevertedError, RpcError
from hw.engines.engine import Engine
from tests.contracts.evm import calldata
from tests.gateway.engines.conftest import CHAIN_ID
from tests.gateway.engines.life import ENVIRONMENT, Life, play, questions
from tests.gateway.ledger.processes import running

Outcomes = list[tuple[str, dict[str, object]]]


@pytest.fixture(scope="module")
def ours(life: Life, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LedgerClient, Outcomes]]:
    options = ("--chain-id", str(CHAIN_ID), "--fund", to_hex(life.relayer.address))
    with running(tmp_path_factory.mktemp("ours"), *options) as node, node.client() as client:
        yield client, play(life, client)


@pytest.fixture(scope="module")
def theirs(life: Life, anvil_engine: Engine) -> Iterator[tuple[LedgerClient, Outcomes]]:
    with LedgerClient(anvil_engine.url) as client:
        yield client, play(life, client)


def test_the_life_has_everything_in_it(ours: tuple[LedgerClient, Outcomes]) -> None:
    """So that equality below says something: every event but a recovery's end, and every way to fail."""
    _, outcomes = ours
    topics = {log[1][0] for _, outcome in outcomes for log in outcome["logs"]}
    assert topics == {event_topic(name) for name in [*EVENT_OF.values(), PUBLISHED, SKIPPED]}
    failed = {name for name, outcome in outcomes if not outcome["status"]}
    assert failed == {name for name, _ in outcomes if "refused" in name or "without gas" in name}
    assert len(failed) == 6


def test_the_same_transactions_come_to_the_same(
    ours: tuple[LedgerClient, Outcomes], theirs: tuple[LedgerClient, Outcomes]
) -> None:
    for (name, our), (_, their) in zip(ours[1], theirs[1], strict=True):
        assert our == their, name
    print(f"\n{len(ours[1])} transactions equal in hash, status, gas and events")


def test_the_same_questions_get_the_same_answers(
    life: Life, ours: tuple[LedgerClient, Outcomes], theirs: tuple[LedgerClient, Outcomes]
) -> None:
    for name, data in questions(life):
        assert ours[0].call(life.contract, data) == theirs[0].call(life.contract, data), name
    assert ours[0].code(life.contract) == theirs[0].code(life.contract)
    address = life.relayer.address
    for block in ("latest", "pending"):
        assert ours[0].transaction_count(address, block) == theirs[0].transaction_count(address, block)


def test_the_same_call_is_refused_in_the_same_words(
    life: Life, ours: tuple[LedgerClient, Outcomes], theirs: tuple[LedgerClient, Outcomes]
) -> None:
    data = calldata("complete", (life.person.address, bytes(32)))
    reasons = []
    for client in (ours[0], theirs[0]):
        for ask in (client.call, client.estimate_gas):
            with pytest.raises(RevertedError) as refused:
                ask(life.contract, data, sender=life.relayer.address)
            reasons.append(refused.value.reason)
    assert set(reasons) == {"no such recovery"}


def test_what_is_no_good_is_refused_by_both(
    life: Life, ours: tuple[LedgerClient, Outcomes], theirs: tuple[LedgerClient, Outcomes]
) -> None:
    """A relay tells a transaction that is known or out of turn from one that it must send again."""
    _, known = life.transactions[0]
    for client in (ours[0], theirs[0]):
        for raw in (known, known[:-1], b"", b"\x02" + known[2:]):
            with pytest.raises(RpcError):
                client.send(raw)


def test_the_logs_are_found_by_the_same_filters(
    life: Life, ours: tuple[LedgerClient, Outcomes], theirs: tuple[LedgerClient, Outcomes]
) -> None:
    padded = life.person.address.rjust(32, b"\0")
    filters: list[list[list[bytes] | None]] = [
        [],
        [[event_topic("Granted"), event_topic("Skipped")]],
        [None, [padded]],
        [None, None, None, [padded]],
        [[event_topic("Granted")], [padded], [life.asked[0].hash_struct()]],
    ]
    for topics in filters:
        found = [
            [
                (log.topics, log.data, log.transaction)
                for log in client.logs(life.contract, 0, client.block_number(), topics)
            ]
            for client in (ours[0], theirs[0])
        ]
        assert found[0] == found[1]
        assert found[0]


@pytest.mark.parametrize("wanted", [Wanted(), Wanted(every_header=False), Wanted(proven=False)])
@pytest.mark.parametrize("engine", ["ours", "theirs"])
def test_the_audit_of_either_holds(
    life: Life, engine: str, wanted: Wanted, request: pytest.FixtureRequest
) -> None:
    client, _ = request.getfixturevalue(engine)
    report = verify(fetch(client, life.contract, wanted), ENVIRONMENT)
    assert report.holds, report.findings
    assert report.acts == 16


def test_receipts_put_together_from_json_are_those_of_the_header(ours: tuple[LedgerClient, Outcomes]) -> None:
    """As the audit does where a node does not serve them raw."""
    client, outcomes = ours
    for number in range(client.block_number() + 1):
        raw = client.request("debug_getRawReceipts", hex(number))
        json = client.request("eth_getBlockReceipts", hex(number))
        assert [to_hex(receipt_bytes(receipt)) for receipt in json] == raw
        header = client.block(number)
        assert header is not None
        assert to_hex(header.header) == client.request("debug_getRawHeader", hex(number))
    assert number == len(outcomes)
